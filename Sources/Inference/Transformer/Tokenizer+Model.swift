internal import Architectures
internal import Checkpoints
internal import FileAccess

extension Transformer {
  /// The tokenizer that the model's file or folder carries.
  ///
  /// - Throws: where it carries none, or it is damaged.
  public func loadTokenizer() throws(InferenceError) -> Tokenizer {
    if checkpoint.format == .gguf { return try Tokenizer(gguf: checkpoint) }
    let folder = checkpoint.folderFiles.path
    do {
      guard let json = try checkpoint.folderFiles.config(),
        let name = json["architectures"]?.elements.first?.string, let family = Architecture.named(name)
      else { throw InferenceError(folder, "has no config.json that says what model it is") }
      if let merged = try Vocabulary.mergedPieces(folder: folder, config: json) { return try Tokenizer(merged) }
      return try Tokenizer(try Vocabulary.huggingFace(folder: folder, config: json, style: family.vocabulary))
    } catch let error as CheckpointError {
      throw InferenceError(error.file, error.reason)
    } catch let error as InferenceError {
      throw error
    } catch {
      throw InferenceError(folder, "\(error)")
    }
  }
}

extension Vocabulary {
  /// SentencePiece's pairs of a folder that has them in tokenizer.json alone: their order is that of its merges, where
  /// GGUF's form, which has none, could not keep it.
  ///
  /// - Returns: `nil` for a folder with another tokenizer, or with `tokenizer.model`.
  static func mergedPieces(folder: String, config: JSONValue) throws(CheckpointError) -> Vocabulary? {
    guard let json = try JSONValue(path: "\(folder)/tokenizer.json"), let model = json["model"],
      model["type"]?.string == "BPE"
    else { return nil }
    var vocabulary = try huggingFace(folder: folder, config: config, style: .llama)
    // tokenizer.model has scores of its own.
    guard vocabulary.model == .sentencePiece, vocabulary.scores.allSatisfy({ $0 == -1000 }) else { return nil }
    var ids: [[UInt8]: Int] = [:]
    for (id, token) in vocabulary.tokens.enumerated() where ids[token] == nil { ids[token] = id }
    vocabulary.scores = vocabulary.scores.map { _ in -.infinity }
    for (rank, merge) in (model["merges"]?.elements ?? []).enumerated() {
      // A pair, or in older files one text with a space between.
      let whole = merge.string.map { $0.filter { $0 != " " } } ?? merge.elements.compactMap(\.string).joined()
      if let id = ids[Array(whole.utf8)] { vocabulary.scores[id] = max(vocabulary.scores[id], -Float(rank)) }
    }
    let isNormalized = prepends(json["normalizer"])
    vocabulary.addsSpacePrefix = isNormalized || prepends(json["pre_tokenizer"])
    // Metaspace puts a mark before what has none; the normalizer before everything.
    vocabulary.keepsFirstSpace = !isNormalized
    if let metaspace = metaspace(json["pre_tokenizer"]) {
      vocabulary.prefixesFirstAlone = !isNormalized && metaspace["prepend_scheme"]?.string == "first"
      vocabulary.splitsAtSpaces = metaspace["split"]?.bool ?? true
    }
    return vocabulary
  }

  /// The step that makes U+2581 of spaces.
  private static func metaspace(_ step: JSONValue?) -> JSONValue? {
    if step?["type"]?.string == "Metaspace" { return step }
    return (step?["pretokenizers"]?.elements ?? []).lazy.compactMap { metaspace($0) }.first
  }

  /// Whether a step puts U+2581 before the text.
  private static func prepends(_ step: JSONValue?) -> Bool {
    switch step?["type"]?.string {
    case "Sequence"?:
      return ((step?["normalizers"] ?? step?["pretokenizers"])?.elements ?? []).contains { prepends($0) }
    case "Prepend"?: return true
    case "Metaspace"?:
      return step?["prepend_scheme"]?.string.map { $0 != "never" } ?? step?["add_prefix_space"]?.bool ?? true
    default: return false
    }
  }
}
