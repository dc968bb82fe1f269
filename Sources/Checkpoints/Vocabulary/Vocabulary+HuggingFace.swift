public import FileAccess

/// The tokenizer's files of a Hugging Face folder.
struct TokenizerFiles {
  let folder: String
  let tokenizer: JSONValue?
  let settings: JSONValue?
  let config: JSONValue

  init(folder: String, config: JSONValue) throws(CheckpointError) {
    self.folder = folder
    self.config = config
    tokenizer = try JSONValue(path: "\(folder)/tokenizer.json")
    settings = try JSONValue(path: "\(folder)/tokenizer_config.json")
  }

  /// Tokens beside the model's own vocabulary.
  var addedTokens: [(id: Int, text: String, isSpecial: Bool)] {
    (tokenizer?["added_tokens"]?.elements ?? []).compactMap { token in
      guard let id = token["id"]?.int, let text = token["content"]?.string else { return nil }
      return (id, text, token["special"]?.bool ?? false)
    }
  }

  /// How many tokens the embedding has rows for, where the config says.
  var vocabularySize: Int? { (config["vocab_size"] ?? config["text_config"]?["vocab_size"])?.int }
}

extension Vocabulary {
  /// What a vocabulary of a Hugging Face folder is like.
  public enum Style: Sendable {
    /// `tokenizer.model` where it is there, else byte pairs with bytes for what is unknown, else GPT-2's byte pairs.
    case llama
    case bytePairs
    case sentencePiece
    case wordPiece
  }

  /// Reads a folder's tokenizer.
  ///
  /// - Returns: a vocabulary of the model `none` where there is no tokenizer.
  /// - Throws: where a file is damaged, or the tokenizer is of a kind that llama.cpp's converter does not take.
  public static func huggingFace(
    folder: String, config: JSONValue, style: Style
  ) throws(CheckpointError) -> Vocabulary {
    let files = try TokenizerFiles(folder: folder, config: config)
    var vocabulary: Vocabulary
    if style != .wordPiece, let model = try SentencePieceModel(path: "\(folder)/tokenizer.model") {
      vocabulary = try sentencePiece(model, files)
    } else if let tokenizer = files.tokenizer {
      let form = TokenizerForm(tokenizer)
      switch (style, tokenizer["model"]?["type"]?.string) {
      case (.wordPiece, _): vocabulary = try wordPiece(files)
      case (_, "BPE"?) where form.kind == .pieces: vocabulary = try byteFallback(files)
      case (_, "BPE"?) where form.kind == .byteLevel: vocabulary = try bytePairs(files)
      case (_, "BPE"?):
        throw CheckpointError(
          file: "\(folder)/tokenizer.json",
          "says by its pre-tokenizer and decoder neither that it is of bytes (ByteLevel) nor of pieces (Metaspace)")
      case (_, let type):
        throw CheckpointError(
          file: "\(folder)/tokenizer.json", "is a \(type ?? "(missing)") tokenizer; byte pairs expected for this model")
      }
    } else {
      vocabulary = Vocabulary(model: .none, splitting: "default")
      vocabulary.notes.append("\(folder): no tokenizer.json or tokenizer.model: the file has no tokenizer")
      return vocabulary
    }
    vocabulary.addSpecials(files)
    if vocabulary.model == .bytePairs || vocabulary.scores.allSatisfy({ $0 == -1000 }), style != .wordPiece {
      let form = TokenizerForm(files.tokenizer)
      vocabulary.composes = form.composes
      vocabulary.doubts += form.doubts
    }
    switch style {
    case .llama: vocabulary.addsSpacePrefix = files.settings?["add_prefix_space"]?.bool
    case .sentencePiece where vocabulary.model == .sentencePiece: vocabulary.addsSpacePrefix = false
    default: break
    }
    return vocabulary
  }

  /// The most tokens that a vocabulary of so many entries may be filled up to: embeddings have some rows more, and memory
  /// goes by what is there, not by what is claimed.
  private static func mostTokens(_ entries: Int) -> Int { max(1 << 20, 2 * entries) }

  // MARK: - Kinds

  private static func plain(_ files: TokenizerFiles) throws(CheckpointError) -> (
    tokens: [[UInt8]], kinds: [TokenKind]
  ) {
    let path = "\(files.folder)/tokenizer.json"
    guard let members = files.tokenizer?["model"]?["vocab"]?.members, !members.isEmpty else {
      throw CheckpointError(file: path, "has no vocabulary")
    }
    let added = files.addedTokens
    let largest = max(0, (members.compactMap { $0.value.int } + added.map(\.id)).max() ?? 0)
    guard largest < Int.max, largest < files.vocabularySize ?? .max else {
      throw CheckpointError(
        file: path,
        "has the token \(largest)" + (files.vocabularySize.map { ", but config.json a vocabulary of \($0)" } ?? ""))
    }
    let size = files.vocabularySize ?? largest + 1
    guard size <= mostTokens(members.count + added.count) else {
      throw CheckpointError(file: path, "has \(members.count + added.count) tokens for a vocabulary of \(size)")
    }
    var tokens = (0..<size).map { Array("[PAD\($0)]".utf8) }
    var kinds = [TokenKind](repeating: .unused, count: size)
    for member in members {
      guard let id = member.value.int, id >= 0 else {
        throw CheckpointError(file: path, "has the token \(printable(member.key)) without a number")
      }
      (tokens[id], kinds[id]) = (Array(member.key.utf8), .normal)
    }
    for (id, text, isSpecial) in added where id >= 0 {
      let isControl = isSpecial || looksSpecial(text)
      tokens[id] = Array((isControl ? text : text.replacing("\u{2581}", with: " ")).utf8)
      kinds[id] = isControl ? .control : .userDefined
    }
    return (tokens, kinds)
  }

  private static func bytePairs(_ files: TokenizerFiles) throws(CheckpointError) -> Vocabulary {
    let splitting = Splitting(files.tokenizer)
    var vocabulary = Vocabulary(model: .bytePairs, splitting: splitting.name ?? "default")
    vocabulary.ignoresMerges = files.tokenizer?["model"]?["ignore_merges"]?.bool
    if splitting.name == nil {
      vocabulary.doubts.append("divides texts by a pattern that is not known here")
      vocabulary.notes.append(
        "\(files.folder)/tokenizer.json: llama.cpp's name for its pre-tokenizer is not known: written as \"default\"")
    }
    (vocabulary.tokens, vocabulary.kinds) = try plain(files)
    vocabulary.merges = (files.tokenizer?["model"]?["merges"]?.elements ?? []).compactMap { merge in
      // Newer files have pairs; a space within a part is written as GPT-2's printable space.
      if let text = merge.string { return text }
      let parts = merge.elements.compactMap { $0.string?.replacing(" ", with: "\u{120}") }
      return parts.count == 2 ? parts.joined(separator: " ") : nil
    }
    return vocabulary
  }

  private static func byteFallback(_ files: TokenizerFiles) throws(CheckpointError) -> Vocabulary {
    var vocabulary = Vocabulary(model: .sentencePiece, splitting: "default")
    (vocabulary.tokens, vocabulary.kinds) = try plain(files)
    vocabulary.scores = [Float](repeating: -1000, count: vocabulary.tokens.count)
    for (id, token) in vocabulary.tokens.enumerated() where vocabulary.kinds[id] == .normal && isByte(token) {
      vocabulary.kinds[id] = .byte
    }
    return vocabulary
  }

  private static func wordPiece(_ files: TokenizerFiles) throws(CheckpointError) -> Vocabulary {
    var vocabulary = Vocabulary(model: .wordPiece, splitting: "bert-bge")
    let (normalizer, before) = (files.tokenizer?["normalizer"], files.tokenizer?["pre_tokenizer"])
    if let type = normalizer?["type"]?.string, type != "BertNormalizer" {
      vocabulary.doubts.append("normalises texts by \(type)")
    }
    if normalizer?["clean_text"]?.bool == false || normalizer?["handle_chinese_chars"]?.bool == false {
      vocabulary.doubts.append("keeps control characters, or Chinese ones together")
    }
    if let type = before?["type"]?.string, type != "BertPreTokenizer" {
      vocabulary.doubts.append("divides texts by \(type)")
    }
    (vocabulary.tokens, vocabulary.kinds) = try plain(files)
    vocabulary.tokenTypes = files.config["type_vocab_size"]?.int ?? 1
    for (id, token) in vocabulary.tokens.enumerated() where vocabulary.kinds[id] != .control {
      // Pieces within a word lose their mark; the others get that of a word's beginning.
      vocabulary.tokens[id] = token.starts(with: "##".utf8) ? Array(token.dropFirst(2)) : Array("\u{2581}".utf8) + token
    }
    return vocabulary
  }

  private static func sentencePiece(
    _ model: SentencePieceModel, _ files: TokenizerFiles
  ) throws(CheckpointError) -> Vocabulary {
    var vocabulary = Vocabulary(model: .sentencePiece, splitting: "default")
    let size = files.vocabularySize ?? model.pieces.count
    guard size > 0, size <= mostTokens(model.pieces.count) else {
      throw CheckpointError(
        file: "\(files.folder)/config.json", "claims a vocabulary of \(size), for \(model.pieces.count) pieces")
    }
    vocabulary.tokens = (0..<size).map { Array("[PAD\($0)]".utf8) }
    vocabulary.scores = [Float](repeating: -10000, count: size)
    vocabulary.kinds = [TokenKind](repeating: .unused, count: size)
    for (id, piece) in model.pieces.prefix(size).enumerated() {
      (vocabulary.tokens[id], vocabulary.scores[id], vocabulary.kinds[id]) = piece
    }
    for member in (try JSONValue(path: "\(files.folder)/added_tokens.json"))?.members ?? [] {
      guard let id = member.value.int, vocabulary.tokens.indices.contains(id) else { continue }
      vocabulary.set(id, member.key, .userDefined)
    }
    for member in files.settings?["added_tokens_decoder"]?.members ?? [] {
      guard let id = Int(member.key), vocabulary.tokens.indices.contains(id), let text = member.value["content"]?.string
      else { continue }
      let isControl = member.value["special"]?.bool == true || looksSpecial(text)
      vocabulary.set(
        id, isControl ? text : text.replacing("\u{2581}", with: " "), isControl ? .control : .userDefined)
    }
    return vocabulary
  }

  private mutating func set(_ id: Int, _ text: String, _ kind: TokenKind) {
    (tokens[id], scores[id], kinds[id]) = (Array(text.utf8), -1000, kind)
  }

  /// `<0x0A>`.
  private static func isByte(_ token: [UInt8]) -> Bool {
    token.count == 6 && token.starts(with: "<0x".utf8) && token[5] == UInt8(ascii: ">")
      && token[3...4].allSatisfy { Character(Unicode.Scalar($0)).isHexDigit }
  }

  /// Tokens that steer, though their files do not always say so.
  private static func looksSpecial(_ text: String) -> Bool {
    ["<pad>", "<mask>", "<2mass>", "[@BOS@]"].contains(text) || text.hasPrefix("<|") && text.hasSuffix("|>")
      || text.hasPrefix("<\u{ff5c}") && text.hasSuffix("\u{ff5c}>") || text.hasPrefix("<unused") && text.hasSuffix(">")
  }
}
