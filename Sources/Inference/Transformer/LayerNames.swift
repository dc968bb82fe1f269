internal import Architectures
internal import Checkpoints

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
      guard let plain = family.plain(own) else { continue }
      var found = family.routedName(of: plain)
      if found == nil, let name = family.name(of: plain), let dot = name.lastIndex(of: ".") {
        found = String(name[..<dot])
      }
      if let found, layers[found] == nil { layers[found] = index }
    }
    if layers["token_embd"] == nil {
      layers["token_embd"] = checkpoint.layers.firstIndex(where: \.standsForEmbedding)
    }
  }

  func has(_ name: String) -> Bool { layers[name] != nil }

  func matrix(_ name: String, inputs: Int? = nil, outputs: Int? = nil) throws(InferenceError) -> Linear {
    try stack(name, of: 1, inputs: inputs, outputs: outputs)[0]
  }

  /// The matrices of a stack, one an expert, their rows side by side.
  ///
  /// - Parameter outputs: of each.
  func stack(_ name: String, of count: Int, inputs: Int?, outputs: Int?) throws(InferenceError) -> [Linear] {
    let index = try layer(name)
    let layer = checkpoint.layers[index]
    guard let matrix = layer.matrix else {
      throw InferenceError(checkpoint.path, "'\(checkpoint.tensors[layer.weight].name)' is no matrix")
    }
    guard matrix.rows % count == 0, matrix.columns == inputs ?? matrix.columns,
      matrix.rows / count == outputs ?? (matrix.rows / count)
    else {
      let expected = "\(outputs.map { "\($0)" } ?? "any") by \(inputs.map { "\($0)" } ?? "any")"
      throw InferenceError(
        checkpoint.path,
        "'\(layer.name)' is \(matrix.rows) by \(matrix.columns), but its place needs \(expected)"
          + (count == 1 ? "" : " for each of \(count) experts"))
    }
    guard matrix.rows < 1 << 31, matrix.columns < 1 << 31 else {
      throw InferenceError(checkpoint.path, "'\(layer.name)' is too large")
    }
    if let bias = layer.bias, checkpoint.tensors[bias].count != matrix.rows {
      throw InferenceError(
        checkpoint.path,
        "'\(checkpoint.tensors[bias].name)' has \(checkpoint.tensors[bias].count) numbers for \(matrix.rows) outputs")
    }
    return (0..<count).map { part in
      Linear(
        layer: index, name: layer.name, outputs: matrix.rows / count, inputs: matrix.columns, bias: layer.bias,
        part: part, parts: count)
    }
  }

  /// A matrix of one output, which may be stored as a vector.
  func row(_ name: String, inputs: Int) throws(InferenceError) -> Linear {
    let index = try layer(name)
    let layer = checkpoint.layers[index]
    if layer.matrix != nil { return try matrix(name, inputs: inputs, outputs: 1) }
    let tensor = checkpoint.tensors[layer.weight]
    guard tensor.count == inputs else {
      throw InferenceError(checkpoint.path, "'\(tensor.name)' has \(tensor.count) numbers; \(inputs) expected")
    }
    return Linear(layer: index, name: layer.name, outputs: 1, inputs: inputs, bias: nil, isVector: true)
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
