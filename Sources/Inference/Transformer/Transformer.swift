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
