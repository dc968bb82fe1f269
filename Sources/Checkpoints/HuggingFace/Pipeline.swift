internal import FileAccess

/// A pipeline's folder of diffusers: `model_index.json` names its parts, a folder each, some of which hold a model:
///
///     {"_class_name": "StableDiffusionPipeline", "unet": ["diffusers", "UNet2DConditionModel"], …}
enum Pipeline {
  /// Opens all parts as one model, whose names begin with the part's: `unet.down_blocks.0…`, `text_encoder.…`. Parts that
  /// hold no weights (tokenizers, schedulers) are passed over; of those that cannot be opened the metadata says why.
  ///
  /// - Returns: `nil` where the file names no part that is there.
  /// - Throws: where no part opens, with the reason of the first.
  static func open(_ path: String) throws(CheckpointError) -> Checkpoint? {
    guard let index = try JSONValue(path: "\(path)/model_index.json") else { return nil }
    var whole = Checkpoint(
      path: path, format: .safetensors, files: [], metadata: [], tensors: [], layers: [], graph: nil, ties: [:])
    var metadata: [(key: String, value: String)] = []
    if let name = index["_class_name"]?.string { metadata.append(("pipeline", shortened(name, to: 200))) }
    var reason: CheckpointError?
    for member in index.members where member.value.elements.count == 2 {
      let name = member.key
      guard !name.contains("/"), !name.hasPrefix(".") else { continue }
      let folder = "\(path)/\(name)"
      guard let names = folderNames(folder), names.contains(where: isWeights) else { continue }
      do throws(CheckpointError) {
        let part = try ModelFolder.open(folder)
        guard part.graph == nil, whole.files.isEmpty || part.format == whole.format else {
          throw CheckpointError(
            file: part.files.first?.path ?? folder, "is \(part.format.rawValue): open this part by itself")
        }
        whole = whole.joined(with: part, called: name)
        metadata += part.metadata.map { ("\(name).\($0.key)", $0.value) }
      } catch {
        reason = reason ?? error
        metadata.append(("left out", "\(name): \(error.reason)"))
      }
    }
    if whole.files.isEmpty {
      if let reason { throw reason }
      return nil
    }
    return Checkpoint(
      path: path, format: whole.format, files: whole.files, metadata: metadata, tensors: whole.tensors,
      layers: whole.layers, graph: nil, ties: whole.ties)
  }

  private static func isWeights(_ name: String) -> Bool {
    [".safetensors", ".bin", ".pt", ".pth", ".gguf", ".onnx", ".index.json"].contains { name.hasSuffix($0) }
  }
}

extension Checkpoint {
  /// This and another's tensors and layers, the other's under names that begin with `name` and a dot.
  fileprivate func joined(with other: Checkpoint, called name: String) -> Checkpoint {
    let first = tensors.count
    let tensors = other.tensors.map { $0.moved(byFiles: files.count, under: name) }
    let layers = other.layers.map { $0.moved(byTensors: first, under: name) }
    let ties = other.ties.map { ($0.key + first, $0.value + first) }
    return Checkpoint(
      path: path, format: other.format, files: files + other.files, metadata: [], tensors: self.tensors + tensors,
      layers: self.layers + layers, graph: nil, ties: self.ties.merging(ties) { one, _ in one })
  }
}

extension Layer {
  /// The same in a checkpoint that has `first` tensors before this layer's, where names begin with `prefix`.
  fileprivate func moved(byTensors first: Int, under prefix: String) -> Layer {
    Layer(
      name: "\(prefix).\(name)", weight: weight + first, bias: bias.map { $0 + first },
      companions: companions.map { $0 + first }, operatorName: operatorName, role: role, block: block,
      blockName: blockName.map { "\(prefix).\($0)" }, matrix: matrix, packing: packing?.moved(byTensors: first),
      ties: ties.map { "\(prefix).\($0)" }, nodes: nodes)
  }
}
