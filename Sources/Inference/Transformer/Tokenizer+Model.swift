internal import Checkpoints

extension Transformer {
  /// The tokenizer that the model's file or folder carries.
  ///
  /// - Throws: where it carries none, or it is damaged.
  public func loadTokenizer() throws(InferenceError) -> Tokenizer {
    if checkpoint.format == .gguf { return try Tokenizer(gguf: checkpoint) }
    let folder = Self.folder(checkpoint)
    do {
      guard let json = try JSONValue(path: "\(folder)/config.json"),
        let name = json["architectures"]?.elements.first?.string, let family = LlamaFamily.named(name)
      else { throw InferenceError(folder, "has no config.json that says what model it is") }
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
