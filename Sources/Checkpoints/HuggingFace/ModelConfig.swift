internal import FileAccess

/// What a model's `config.json` (Hugging Face's transformers, MLX) says that matters for compression.
struct ModelConfig {
  /// For people: key and value in the file's order.
  var metadata: [(key: String, value: String)] = []
  /// Whether the head is the embedding's matrix (`tie_word_embeddings`); `nil` where the file does not say.
  var tiesEmbeddings: Bool?
  var quantization: Quantization?
  /// `model_type` of the model and of its language part.
  var families: Set<String> = []
  /// Width of the language model's blocks.
  var hidden: Int?

  /// `quantization_config`, or MLX's `quantization`.
  struct Quantization {
    /// `gptq`, `awq`, `compressed-tensors`, `fp8`, …
    var method: String?
    var bits: Int?
    var group: Int?
    /// Rows and columns of a block (`weight_block_size`).
    var block: [Int]?
    /// GPTQModel: `gptq` (zero points less one) or `gptq_v2`.
    var checkpointFormat: String?
    /// MLX: modules with their own bits and groups.
    var layers: [String: (bits: Int?, group: Int?)] = [:]
  }

  private static let maximumSize = 16 << 20

  init(_ path: String) throws(CheckpointError) { try self.init(try MappedFile(path)) }

  init(_ file: MappedFile) throws(CheckpointError) {
    guard file.size <= Self.maximumSize else {
      throw CheckpointError(file: file.path, "is \(bytes(file.size)) long: no config")
    }
    var json = JSONScanner(try file.copy(offset: 0, count: file.size), file: file.path, part: "config")
    try json.beginObject()
    while let key = try json.nextKey() {
      switch key {
      case "architectures" where json.peek() == UInt8(ascii: "["):
        try json.beginArray()
        var names: [String] = []
        while try json.nextElement() { names.append(try json.printed(limit: 200)) }
        metadata.append(("architecture", names.joined(separator: ", ")))
      case "quantization_config", "quantization":
        var again = json
        metadata.append((key, try json.printed(limit: 16_384)))
        if again.peek() == UInt8(ascii: "{") { try readQuantization(&again) }
      case "rope_scaling": metadata.append((key, try json.printed(limit: 16_384)))
      // Models of several parts have the language model's config inside.
      case "text_config" where json.peek() == UInt8(ascii: "{"):
        try json.beginObject()
        while let key = try json.nextKey() {
          switch key {
          case "tie_word_embeddings":
            let value = try json.printed() == "true"
            tiesEmbeddings = tiesEmbeddings ?? value
          case "model_type": families.insert(try json.printed(limit: 200))
          case "hidden_size": hidden = Int(try json.printed(limit: 200))
          default: try json.skip()
          }
        }
      default:
        if json.peek() == UInt8(ascii: "{") || json.peek() == UInt8(ascii: "[") {
          try json.skip()
        } else {
          let value = try json.printed(limit: 200)
          switch key {
          case "tie_word_embeddings": tiesEmbeddings = value == "true"
          case "model_type": families.insert(value)
          case "hidden_size", "n_embd", "d_model": hidden = hidden ?? Int(value)
          default: break
          }
          metadata.append((key, value))
        }
      }
    }
    try json.finish()
  }

  private mutating func readQuantization(_ json: inout JSONScanner) throws(CheckpointError) {
    var found = quantization ?? Quantization()
    try json.beginObject()
    while let key = try json.nextKey() {
      switch key {
      case "quant_method": found.method = try json.printed()
      case "bits", "w_bit": found.bits = Int(try json.printed())
      case "group_size", "q_group_size": found.group = Int(try json.printed())
      case "checkpoint_format": found.checkpointFormat = try json.printed()
      case "weight_block_size" where json.peek() == UInt8(ascii: "["):
        var block: [Int] = []
        try json.beginArray()
        while try json.nextElement() { block.append(Int(try json.printed()) ?? 0) }
        found.block = block
      default:
        guard json.peek() == UInt8(ascii: "{") else {
          try json.skip()
          continue
        }
        var (bits, group): (Int?, Int?) = (nil, nil)
        try json.beginObject()
        while let inner = try json.nextKey() {
          switch inner {
          case "bits": bits = Int(try json.printed())
          case "group_size": group = Int(try json.printed())
          default: try json.skip()
          }
        }
        found.layers[key] = (bits, group)
      }
    }
    quantization = found
  }
}
