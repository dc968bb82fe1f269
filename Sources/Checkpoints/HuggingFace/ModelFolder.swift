internal import FileAccess

/// A folder that holds one model: Hugging Face's layout (`model.safetensors` or `pytorch_model.bin`, or shards with an
/// index, and `config.json`), or a single file of another format.
enum ModelFolder {
  static func open(_ path: String) throws(CheckpointError) -> Checkpoint {
    guard let names = folderNames(path) else {
      throw CheckpointError(file: path, "cannot list the folder: \(systemReason())")
    }
    if names.contains("model_index.json"), let pipeline = try Pipeline.open(path) { return pipeline }
    let config = names.contains("config.json") ? try ModelConfig("\(path)/config.json") : nil
    let model = try Checkpoint.open(file: "\(path)/\(try modelFile(names, path))", config)
    return Checkpoint(
      path: path, format: model.format, files: model.files, metadata: (config?.metadata ?? []) + model.metadata,
      tensors: model.tensors, layers: model.layers, graph: model.graph, ties: model.ties)
  }

  /// The name of the folder's one model.
  private static func modelFile(_ names: [String], _ path: String) throws(CheckpointError) -> String {
    for usual in ["model.safetensors", "diffusion_pytorch_model.safetensors"] where names.contains(usual) {
      return usual
    }
    let endings = [
      ".safetensors.index.json", ".safetensors", ".bin.index.json", ".gguf", ".onnx", ".bin", ".pt", ".pth",
    ]
    for ending in endings {
      if ending == ".bin", names.contains("pytorch_model.bin") { return "pytorch_model.bin" }
      let models = names.filter { $0.hasSuffix(ending) && !$0.hasPrefix(".") && !besides.contains($0) }
      if models.count == 1 { return models[0] }
      if models.count > 1 {
        let list = models.prefix(4).joined(separator: ", ") + (models.count > 4 ? ", …" : "")
        throw CheckpointError(
          file: path, "the folder holds \(models.count) models (\(list)); name one of them")
      }
    }
    throw CheckpointError(
      file: path,
      "the folder holds no model; expected model.safetensors, pytorch_model.bin, the index of one, or one .safetensors, .gguf, .onnx, .bin, .pt or .pth file"
    )
  }

  /// What trainers leave beside a model.
  private static let besides: Set<String> = [
    "training_args.bin", "optimizer.bin", "optimizer.pt", "scheduler.bin", "scheduler.pt", "rng_state.pth", "scaler.pt",
  ]
}
