import Architectures
import Checkpoints
import Compression
import FileAccess
import Inference
import Numerics

/// A model of a Hugging Face folder that llama.cpp runs: what its converter (llama.cpp's `conversion`) calls the tensors,
/// and what it writes about the model.
struct LlamaModel {
  let family: Architecture
  /// llama.cpp's name of the architecture.
  var architecture: String { family.name }
  let config: LlamaConfig
  let vocabulary: Vocabulary
  let folder: FolderFiles
  var notes: [String] { vocabulary.notes }

  /// - Returns: `nil` for a model that is no Hugging Face folder, or of no family that is known here; `doubts` says why
  ///   where it looked like one.
  /// - Throws: `WorkbenchError` where the folder's tokenizer or config is damaged.
  static func of(_ session: Session, doubts: inout [String]) throws(WorkbenchError) -> LlamaModel? {
    let checkpoint = session.checkpoint
    guard checkpoint.format == .safetensors || checkpoint.format == .pytorch else { return nil }
    let folder = checkpoint.folderFiles
    do {
      guard let json = try folder.config(),
        let name = json["architectures"]?.elements.first?.string, let family = Architecture.named(name),
        family.isExported
      else {
        let name = (try? folder.config())?["architectures"]?.elements.first?.string
        if let name {
          doubts.append(
            "llama.cpp's names for \(printable(name)) are not known here: tensors under their own names, which it does not load"
          )
        }
        return nil
      }
      let config: LlamaConfig
      do { config = try LlamaConfig(json, family: family, path: folder.configPath) } catch {
        doubts.append("\(error): tensors under their own names, and no architecture claimed")
        return nil
      }
      let vocabulary = try Vocabulary.huggingFace(folder: folder.path, config: json, style: family.vocabulary)
      let model = LlamaModel(family: family, config: config, vocabulary: vocabulary, folder: folder)
      let strange = session.items.filter { if case .unknown = model.place(of: $0) { true } else { false } }
      if let first = strange.first {
        doubts.append(
          "\(printable(first.name))\(strange.count > 1 ? " and \(strange.count - 1) more" : ""): llama.cpp's \(family.name) has no such tensor: tensors under their own names, and no architecture claimed"
        )
        return nil
      }
      return model
    } catch { throw WorkbenchError("\(error)") }
  }

  /// What the converter does with a tensor.
  enum Place {
    case named(String, Change)
    case dropped
    case unknown
  }

  /// What the converter changes about its numbers.
  struct Change {
    /// Rows of a head whose halves are interleaved.
    var headRows: Int?
    /// Added to every number.
    var offset: Float = 0
    /// Only so many rows are kept.
    var rows: Int?

    var isNothing: Bool { headRows == nil && offset == 0 && rows == nil }
  }

  func place(of item: Item) -> Place {
    let name = item.packing == nil ? item.tensorName : item.name + ".weight"
    let isEmbedding = item.id == item.layer.weight && item.layer.standsForEmbedding
    guard isEmbedding || family.plain(name) != nil else { return .dropped }
    let plain = family.plain(name) ?? name
    guard let place = isEmbedding ? "token_embd.weight" : family.name(of: plain) else { return .unknown }
    var change = Change()
    if family.interleavesHeads {
      if plain.contains("self_attn.q_proj.") { change.headRows = item.rowCount / max(1, config.heads) }
      if plain.contains("self_attn.k_proj.") { change.headRows = item.rowCount / max(1, config.keyHeads) }
      if change.headRows.map({ $0 < 2 || $0 % 2 != 0 }) == true { return .unknown }
    }
    if plain.hasSuffix("norm.weight") { change.offset = family.normOffset }
    if family.trimsEmbedding, place == "token_embd.weight" {
      let real = vocabulary.tokens.count
      if real > 0, real < item.rowCount { change.rows = real }
    }
    return .named(place, change)
  }

  /// Whether llama.cpp has a tensor as F32 alone: vectors, norms, positions.
  func isAlwaysFloat(_ name: String, _ shape: [Int]) -> Bool {
    shape.count <= 1 || name.hasSuffix("_norm.weight") || !name.hasSuffix(".weight")
      || ["position_embd.weight", "token_types.weight"].contains(name)
  }

  /// Tensors that the converter makes: the factors of Llama 3's rotary embedding.
  var madeTensors: [(name: String, values: [Float])] {
    config.llama3Factors.map { [("rope_freqs.weight", $0)] } ?? []
  }

  /// The metadata, in the converter's order.
  ///
  /// - Parameter parameters: numbers in all tensors, for `general.size_label`.
  func fields(parameters: Int) -> [(key: String, value: GGUFField)] {
    var fields: [(key: String, value: GGUFField)] = [
      ("general.architecture", .string(architecture)), ("general.type", .string("model")),
      ("general.name", .string(modelName)), ("general.size_label", .string(Self.sizeLabel(parameters))),
    ]
    fields += config.fields(family).map { ("\(architecture).\($0.key)", $0.value) }
    fields += pooling
    fields += [("general.quantization_version", .u32(2))]
    return fields + vocabulary.fields
  }

  /// The name that the config or the folder gives, words in capitals unless they have some, or are versions.
  private var modelName: String {
    let own = config.json["_name_or_path"]?.string.flatMap { $0.split(separator: "/").count <= 2 ? $0 : nil } ?? ""
    let name = (own.isEmpty ? folder.path : own).split(separator: "/").last.map(String.init) ?? "model"
    return name.split(whereSeparator: { $0 == "-" || $0 == " " }).map { word in
      let isVersion =
        word.first?.isNumber == true || word.first == "v" && word.dropFirst().allSatisfy { $0.isNumber || $0 == "." }
      guard word == word.lowercased(), word.contains(where: \.isLetter), !isVersion else { return String(word) }
      // A letter begins a word after anything that is none.
      var title = ""
      for character in word {
        title += title.last?.isLetter == true ? String(character) : character.uppercased()
      }
      return title
    }.joined(separator: " ")
  }

  /// How sentence embeddings are made of tokens' (sentence-transformers' modules.json).
  private var pooling: [(key: String, value: GGUFField)] {
    guard family.hasPooling, let modules = try? folder.json("modules.json"),
      let path = modules.elements.first(where: { $0["type"]?.string?.hasSuffix("Pooling") == true })?["path"]?.string,
      let pooling = try? folder.json("\(path)/config.json")
    else { return [] }
    let modes = [("pooling_mode_mean_tokens", 1), ("pooling_mode_cls_token", 2), ("pooling_mode_lasttoken", 3)]
    let named = ["mean": 1, "cls": 2, "lasttoken": 3]
    let mode =
      modes.first { pooling[$0.0]?.bool == true }?.1 ?? pooling["pooling_mode"]?.string.flatMap { named[$0] }
    return mode.map { [("\(architecture).pooling_type", .u32($0))] } ?? []
  }

  /// `135M`, `1.2B`: two digits at least, as gguf-py rounds them.
  static func sizeLabel(_ count: Int) -> String {
    let units: [(Double, String)] = [(1e12, "T"), (1e9, "B"), (1e6, "M")]
    let (unit, suffix) = units.first { Double(count) > $0.0 } ?? (1e3, "K")
    let value = Double(count) / unit
    let digits = value.rounded() >= 10 ? 0 : value.rounded() >= 1 ? 1 : 2
    let scaled = (value * [1, 10, 100][digits]).rounded(.toNearestOrEven)
    let whole = "\(Int(scaled))"
    if digits == 0 { return whole + suffix }
    let padded = String(repeating: "0", count: max(0, digits + 1 - whole.count)) + whole
    return "\(padded.dropLast(digits)).\(padded.suffix(digits))\(suffix)"
  }
}

extension Item {
  /// Outputs: rows of a matrix, elements of a vector.
  fileprivate var rowCount: Int { kind == .weight ? matrix.rows : count }
}
