internal import Checkpoints
internal import Numerics

/// Two layers of which one follows the other with nothing between that does not go along when a channel is multiplied by a
/// number above zero: what the first's outputs and bias are divided by, the second's inputs may be multiplied by, and the
/// network computes the same (M. Nagel et al., arXiv:1906.04721).
public struct Neighbours: Sendable, Hashable {
  /// The checkpoint's layers.
  public let first: Int
  public let second: Int
  /// The checkpoint's tensor that the first adds to its outputs, where it adds one.
  public let bias: Int?
  /// Outputs of the first.
  public let channels: Int
  /// Equal parts of the second's rows, each of which takes as many channels: a convolution's groups.
  public let groups: Int
  /// Columns of the second that take one channel, side by side.
  public let taps: Int

  public init(first: Int, second: Int, bias: Int?, channels: Int, groups: Int, taps: Int) {
    (self.first, self.second, self.bias) = (first, second, bias)
    (self.channels, self.groups, self.taps) = (channels, groups, taps)
  }
}

extension Network {
  /// Pairs of layers, in the order of the graph: convolutions and products whose outputs go through ReLU, leaky and
  /// parametric ReLU, pooling and flattening alone, and nowhere else.
  public var neighbours: [Neighbours] {
    let places = LinearPlaces(self)
    return steps.indices.compactMap { index in
      guard let first = places.layer(at: index), steps[index].node.operatorName != "ConvTranspose" else { return nil }
      return neighbour(of: first, places)
    }
  }

  public var correctableBiases: [Int: Int] {
    let places = LinearPlaces(self)
    var biases: [Int: Int] = [:]
    for place in steps.indices.compactMap({ places.layer(at: $0) }) { biases[place.layer] = place.bias }
    return biases
  }

  private func neighbour(of first: LinearPlaces.Place, _ places: LinearPlaces) -> Neighbours? {
    guard !first.hasOtherBias else { return nil }
    let isConvolution = steps[first.step].node.operatorName == "Conv"
    var value = first.output
    var isFlat = !isConvolution
    while let next = places.onlyReader(of: value) {
      let step = steps[next]
      guard step.inputs.first == value, let output = step.outputs.first else { return nil }
      switch step.node.operatorName {
      case "Relu", "LeakyRelu", "PRelu", "Identity", "Dropout": break
      case "MaxPool", "AveragePool", "GlobalAveragePool", "GlobalMaxPool":
        guard !isFlat else { return nil }
      case "Flatten":
        guard !isFlat, step.node.axis(1) == 1 else { return nil }
        isFlat = true
      case "Conv", "Gemm", "MatMul":
        guard let second = places.layer(at: next), second.layer != first.layer,
          (step.node.operatorName == "Conv") == !isFlat
        else { return nil }
        let channels = first.rows
        let groups = step.node.operatorName == "Conv" ? second.groups : 1
        guard channels > 0, groups > 0, channels % groups == 0, second.columns % (channels / groups) == 0 else {
          return nil
        }
        let taps = second.columns / (channels / groups)
        // Of a convolution all channels come in, and each has its taps.
        guard !isFlat && second.kernel == taps || isFlat && (isConvolution || taps == 1) else { return nil }
        return Neighbours(
          first: first.layer, second: second.layer, bias: first.bias, channels: channels, groups: groups, taps: taps)
      default: return nil
      }
      value = output
    }
    return nil
  }
}

/// Steps that multiply by a layer's weight as the file has it, and nothing else does.
private struct LinearPlaces {
  struct Place {
    let layer: Int
    let step: Int
    let rows: Int
    let columns: Int
    let groups: Int
    let kernel: Int
    /// The tensor that is added, a number an output, and that nothing else reads.
    let bias: Int?
    /// Whether something is added that is no such tensor.
    let hasOtherBias: Bool
    /// The value with the bias in it.
    let output: Int
  }

  private let network: Network
  private var readers: [Int: [Int]] = [:]
  private var layers: [Int: Int] = [:]

  init(_ network: Network) {
    self.network = network
    for (index, step) in network.steps.enumerated() {
      for number in step.inputs.compactMap({ $0 }) { readers[number, default: []].append(index) }
      // What graphs inside of a step read is not followed.
      for body in step.bodies.values { for number in body.captures { readers[number, default: []] += [index, index] } }
    }
    for number in network.outputNumbers { readers[number, default: []] += [-1, -1] }
    for (index, layer) in network.checkpoint.layers.enumerated() where layer.matrix != nil && layer.packing == nil {
      layers[layer.weight] = index
    }
  }

  /// The step that reads a value, where there is one alone and it is no output.
  func onlyReader(of value: Int) -> Int? {
    guard let found = readers[value], found.count == 1 else { return nil }
    return found[0]
  }

  /// The step's layer, where its weight is read here alone.
  func layer(at index: Int) -> Place? {
    let step = network.steps[index]
    let name = step.node.operatorName
    guard ["Conv", "Gemm", "MatMul"].contains(name), step.node.domain.isEmpty, step.inputs.count > 1,
      let weight = step.inputs[1], onlyReader(of: weight) == index, let tensor = network.weightTensors[weight],
      let layer = layers[tensor], let matrix = network.checkpoint.layers[layer].matrix, let output = step.outputs.first
    else { return nil }
    let shape = network.checkpoint.tensors[tensor].shape
    var (bias, hasOther, made): (Int?, Bool, Int) = (nil, false, output)
    if name == "Gemm" {
      guard step.node.float("alpha", 1) == 1, step.node.integer("transA", 0) == 0 else { return nil }
    }
    if name == "MatMul" {
      if shape.count != 2 { return nil }
      if let next = onlyReader(of: output), network.steps[next].node.operatorName == "Add",
        let sum = network.steps[next].outputs.first, network.steps[next].inputs.count == 2,
        let other = network.steps[next].inputs.compactMap({ $0 }).first(where: { $0 != output }),
        let found = self.bias(other, readBy: next, count: matrix.rows)
      {
        (bias, made) = (found, sum)
      }
    } else if step.inputs.count > 2, let number = step.inputs[2] {
      bias = self.bias(number, readBy: index, count: matrix.rows)
      if name == "Gemm", step.node.float("beta", 1) != 1 { bias = nil }
      hasOther = bias == nil
    }
    return Place(
      layer: layer, step: index, rows: matrix.rows, columns: matrix.columns,
      groups: name == "Conv" ? step.node.integer("group", 1) : 1,
      kernel: name == "Conv" ? shape.dropFirst(2).reduce(1, *) : 1, bias: bias, hasOtherBias: hasOther, output: made)
  }

  private func bias(_ number: Int, readBy step: Int, count: Int) -> Int? {
    guard onlyReader(of: number) == step, let tensor = network.weightTensors[number],
      network.checkpoint.tensors[tensor].type.isFloatingPoint, network.checkpoint.tensors[tensor].count == count,
      network.checkpoint.tensors[tensor].shape.last == count
    else { return nil }
    return tensor
  }
}

extension Graph.Node {
  fileprivate func integer(_ name: String, _ usual: Int) -> Int {
    if case .int(let value)? = attributes[name] { value } else { usual }
  }

  fileprivate func float(_ name: String, _ usual: Float) -> Float {
    if case .float(let value)? = attributes[name] { value } else { usual }
  }

  fileprivate func axis(_ usual: Int) -> Int { integer("axis", usual) }
}
