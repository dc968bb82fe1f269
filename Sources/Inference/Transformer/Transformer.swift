internal import Architectures
public import Checkpoints
internal import FileAccess

/// A language model or an encoder of texts: embeddings, blocks of attention and feed-forward layers, a head.
///
/// From GGUF, or from a Hugging Face folder with its `config.json`. A value: running it changes nothing, and several
/// threads may run it at once.
public struct Transformer: Sendable {
  public let checkpoint: Checkpoint
  public let shape: Hyperparameters
  /// How many tokens the embedding knows.
  public var vocabularySize: Int { embedding.outputs }
  /// Logits come from it; `nil` for encoders.
  let head: Linear?
  let embedding: Linear
  let positionEmbedding: Linear?
  let tokenTypes: Linear?
  let embeddingNorm: Norm?
  let relativeBias: Linear?
  let blocks: [Block]
  let outputNorm: Norm?

  /// Reads what the model is. Reads no weights but the rotary embedding's factors.
  ///
  /// - Throws: where the checkpoint is no transformer of a known kind, or lacks something; the message names it.
  public init(_ checkpoint: Checkpoint) throws(InferenceError) {
    let names: LayerNames
    let shape: Hyperparameters
    var tiesHead = false
    do {
      if checkpoint.format == .gguf {
        names = LayerNames(checkpoint)
        shape = try Hyperparameters(fields: try checkpoint.ggufFields(), path: checkpoint.path) {
          name throws(InferenceError) in
          guard let tensor = checkpoint.tensors.firstIndex(where: { $0.name == name }),
            checkpoint.tensors[tensor].count < 1 << 20
          else { return nil }
          do throws(CheckpointError) {
            return try checkpoint.floats(tensor: tensor)
          } catch { throw InferenceError(error.file, error.reason) }
        }
      } else {
        let (config, family, path) = try Self.config(checkpoint)
        names = LayerNames(checkpoint, family)
        var found = try Hyperparameters(config: config, family: family, path: path)
        if family.hasPooling { found.readPooling(checkpoint.folderFiles) }
        shape = found
        let isOne = checkpoint.layers.contains(where: \.standsForEmbedding)
        tiesHead =
          family.dropsHead || isOne || config.json["tie_word_embeddings"]?.bool ?? family.tiesByDefault
      }
    } catch let error as InferenceError {
      throw error
    } catch let error as CheckpointError {
      throw InferenceError(error.file, error.reason)
    } catch {
      throw InferenceError(checkpoint.path, "\(error)")
    }
    try shape.check(checkpoint.path)
    self.checkpoint = checkpoint
    self.shape = shape
    embedding = try names.matrix("token_embd", inputs: shape.hidden)
    blocks = try Self.blocks(shape, names)
    let usesPlaces = if case .rotary = shape.positions { false } else { true }
    positionEmbedding = usesPlaces ? try names.matrix("position_embd", inputs: shape.hidden) : nil
    let usesBias = if case .relative = shape.positions { true } else { false }
    relativeBias = usesBias ? try names.matrix("attn_rel_b", inputs: shape.heads) : nil
    tokenTypes =
      shape.isEncoder && names.has("token_types") ? try names.matrix("token_types", inputs: shape.hidden) : nil
    embeddingNorm = shape.isEncoder ? try names.norm("token_embd_norm", shape.hidden) : nil
    outputNorm = shape.isEncoder ? nil : try names.norm("output_norm", shape.hidden)
    if shape.isEncoder {
      head = nil
    } else if !tiesHead, names.has("output") {
      head = try names.matrix("output", inputs: shape.hidden)
    } else if tiesHead || checkpoint.format == .gguf {
      head = embedding
    } else {
      throw InferenceError(checkpoint.path, "has no head (lm_head), and none is tied to its embedding")
    }
  }

  private static func blocks(_ shape: Hyperparameters, _ names: LayerNames) throws(InferenceError) -> [Block] {
    var blocks: [Block] = []
    let (hidden, queries, keys) = (shape.hidden, shape.queryWidth, shape.keyWidth)
    for number in 0..<shape.blocks {
      func name(_ part: String) -> String { "blk.\(number).\(part)" }
      func norm(_ part: String, _ count: Int, _ isThere: Bool) throws(InferenceError) -> Norm? {
        isThere ? try names.norm(name(part), count) : nil
      }
      let isFused = names.has(name("attn_qkv"))
      let projections =
        isFused
        ? [try names.matrix(name("attn_qkv"), inputs: hidden, outputs: queries + 2 * keys)]
        : [
          try names.matrix(name("attn_q"), inputs: hidden, outputs: queries),
          try names.matrix(name("attn_k"), inputs: hidden, outputs: keys),
          try names.matrix(name("attn_v"), inputs: hidden, outputs: keys),
        ]
      let down = try names.matrix(name("ffn_down"), outputs: hidden)
      let isPlain = !shape.isGated
      let isGateFused = !isPlain && !names.has(name("ffn_gate"))
      let up = try names.matrix(name("ffn_up"), inputs: hidden, outputs: isGateFused ? 2 * down.inputs : down.inputs)
      let gate = isPlain || isGateFused ? nil : try names.matrix(name("ffn_gate"), inputs: hidden, outputs: down.inputs)
      blocks.append(
        Block(
          attentionNorm: try norm("attn_norm", hidden, !shape.isEncoder), projections: projections,
          queryNorm: try norm("attn_q_norm", shape.headDimension, shape.hasHeadNorms),
          keyNorm: try norm("attn_k_norm", shape.headDimension, shape.hasHeadNorms),
          output: try names.matrix(name("attn_output"), inputs: queries, outputs: hidden),
          afterAttention: shape.isEncoder
            ? try norm("attn_output_norm", hidden, true) : try norm("post_attention_norm", hidden, shape.hasPostNorms),
          feedForwardNorm: try norm("ffn_norm", hidden, !shape.isEncoder), up: (gate.map { [$0] } ?? []) + [up],
          isGated: !isPlain, down: down,
          afterFeedForward: shape.isEncoder
            ? try norm("layer_output_norm", hidden, true) : try norm("post_ffw_norm", hidden, shape.hasPostNorms)))
    }
    return blocks
  }

  /// The first block that computes with a layer's matrix, `shape.blocks` for the head's alone, 0 for embeddings.
  public func firstBlock(using layer: Int) -> Int {
    if layer == embedding.layer { return 0 }
    return blocks.firstIndex { $0.layers.contains(layer) } ?? (layer == head?.layer ? blocks.count : 0)
  }

  // MARK: - Hugging Face's files

  private static func config(
    _ checkpoint: Checkpoint
  ) throws(InferenceError) -> (config: LlamaConfig, family: Architecture, path: String) {
    let path = checkpoint.folderFiles.configPath
    let found: JSONValue?
    do { found = try checkpoint.folderFiles.config() } catch { throw InferenceError(error.file, error.reason) }
    guard let json = found else {
      throw InferenceError(checkpoint.path, "has no config.json beside it, which says what model it is")
    }
    guard let name = json["architectures"]?.elements.first?.string else {
      throw InferenceError(path, "has no 'architectures', which says what model it is")
    }
    guard let family = Architecture.named(name) else {
      throw InferenceError(
        path,
        "is of the class '\(name)', which Lathe cannot run; it runs \(Architecture.names.joined(separator: ", "))"
      )
    }
    return (try LlamaConfig(json, family: family, path: path), family, path)
  }
}

/// A checkpoint's layers by llama.cpp's names, less `.weight`.
struct LayerNames {
  private let checkpoint: Checkpoint
  private var layers: [String: Int] = [:]

  init(_ checkpoint: Checkpoint) {
    self.checkpoint = checkpoint
    for (index, layer) in checkpoint.layers.enumerated() { layers[layer.name] = index }
  }

  init(_ checkpoint: Checkpoint, _ family: Architecture) {
    self.checkpoint = checkpoint
    for (index, layer) in checkpoint.layers.enumerated() {
      let own = layer.packing == nil ? checkpoint.tensors[layer.weight].name : layer.name + ".weight"
      guard let plain = family.plain(own), let name = family.name(of: plain), let dot = name.lastIndex(of: ".") else {
        continue
      }
      if layers[String(name[..<dot])] == nil { layers[String(name[..<dot])] = index }
    }
    if layers["token_embd"] == nil {
      layers["token_embd"] = checkpoint.layers.firstIndex(where: \.standsForEmbedding)
    }
  }

  func has(_ name: String) -> Bool { layers[name] != nil }

  func matrix(_ name: String, inputs: Int? = nil, outputs: Int? = nil) throws(InferenceError) -> Linear {
    let index = try layer(name)
    let layer = checkpoint.layers[index]
    guard let matrix = layer.matrix else {
      throw InferenceError(checkpoint.path, "'\(checkpoint.tensors[layer.weight].name)' is no matrix")
    }
    guard matrix.columns == inputs ?? matrix.columns, matrix.rows == outputs ?? matrix.rows else {
      let expected = "\(outputs.map { "\($0)" } ?? "any") by \(inputs.map { "\($0)" } ?? "any")"
      throw InferenceError(
        checkpoint.path, "'\(layer.name)' is \(matrix.rows) by \(matrix.columns), but its place needs \(expected)")
    }
    guard matrix.rows < 1 << 31, matrix.columns < 1 << 31 else {
      throw InferenceError(checkpoint.path, "'\(layer.name)' is too large")
    }
    if let bias = layer.bias, checkpoint.tensors[bias].count != matrix.rows {
      throw InferenceError(
        checkpoint.path,
        "'\(checkpoint.tensors[bias].name)' has \(checkpoint.tensors[bias].count) numbers for \(matrix.rows) outputs")
    }
    return Linear(
      layer: index, name: layer.name, outputs: matrix.rows, inputs: matrix.columns, bias: layer.bias)
  }

  func norm(_ name: String, _ count: Int) throws(InferenceError) -> Norm {
    let layer = checkpoint.layers[try layer(name)]
    for tensor in [layer.weight, layer.bias].compactMap({ $0 }) where checkpoint.tensors[tensor].count != count {
      throw InferenceError(
        checkpoint.path,
        "'\(checkpoint.tensors[tensor].name)' has \(checkpoint.tensors[tensor].count) numbers; \(count) expected")
    }
    return Norm(weight: layer.weight, bias: layer.bias)
  }

  private func layer(_ name: String) throws(InferenceError) -> Int {
    guard let index = layers[name] else {
      throw InferenceError(checkpoint.path, "has no tensor for '\(name).weight' (llama.cpp's name)")
    }
    return index
  }
}

extension Hyperparameters {
  /// How sentence-transformers makes an embedding of tokens' (`modules.json`).
  mutating func readPooling(_ folder: FolderFiles) {
    guard let modules = try? folder.json("modules.json") else { return }
    func has(_ ending: String) -> JSONValue? {
      modules.elements.first { $0["type"]?.string?.hasSuffix(ending) == true }
    }
    normalisesPooled = has("Normalize") != nil
    guard let path = has("Pooling")?["path"]?.string, let own = try? folder.json("\(path)/config.json")
    else { return }
    let modes: [(String, String, Pooling)] = [
      ("pooling_mode_mean_tokens", "mean", .mean), ("pooling_mode_cls_token", "cls", .first),
      ("pooling_mode_lasttoken", "lasttoken", .last),
    ]
    pooling = modes.first { own[$0.0]?.bool == true || own["pooling_mode"]?.string == $0.1 }?.2 ?? .none
  }
}
