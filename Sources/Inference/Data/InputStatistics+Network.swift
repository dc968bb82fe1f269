internal import Checkpoints
internal import Numerics

extension InputStatistics {
  /// Finds what a network's first operators tell of its images.
  ///
  /// A BatchNormalization knows mean and variance of what it was trained on: of the input itself, or of the first
  /// convolution's outputs, from which the input's follow by least squares (`ConvolutionFit`). Where the graph scales its
  /// input by constants (Sub, Div, Mul, Add), the result is taken to be of mean 0 and variance 1. Otherwise the input is.
  ///
  /// - Parameter input: the one input, of so many channels and size.
  /// - Throws: where a constant cannot be read.
  init(_ checkpoint: Checkpoint, _ input: ImageInput) throws(InferenceError) {
    self = .unitNormal(channels: input.channels)
    guard let graph = checkpoint.graph else { return }
    var trace = GraphTrace(checkpoint, graph, channels: input.channels)
    try trace.follow(input.name)
    switch trace.end {
    case .normalisation(let mean, let variance):
      source = .normalisation
      means = mean
      for index in fields.indices {
        fields[index].weights = zip(fields[index].weights, variance).map { $0 * max(0, $1).squareRoot() }
      }
    case .convolution(let convolution):
      let fit = ConvolutionFit(convolution, channels: input.channels, width: input.width, height: input.height)
      (means, fields, source) = (fit.means, fit.fields, .normalisation)
    case nil:
      if trace.isCentred { source = .inputScaling }
    }
    undo(trace.scale, trace.shift)
    // What overflows says nothing.
    let isFinite = means.allSatisfy(\.isFinite) && fields.allSatisfy { $0.weights.allSatisfy(\.isFinite) }
    if !isFinite { self = .unitNormal(channels: input.channels) }
  }

  /// From statistics of scale · x + shift to those of x.
  private mutating func undo(_ scale: [Double], _ shift: [Double]) {
    means = means.indices.map { (means[$0] - shift[$0]) / scale[$0] }
    for index in fields.indices {
      fields[index].weights = zip(fields[index].weights, scale).map { $0 / abs($1) }
    }
  }
}

/// A convolution whose outputs' mean and variance are known.
struct KnownConvolution {
  /// Outputs by channels by rows by columns.
  var weights: [Float]
  var bias: [Float]
  var kernel: (height: Int, width: Int)
  /// Above and below; left and right.
  var stride: (y: Int, x: Int)
  var padding: (top: Int, left: Int, bottom: Int, right: Int)
  var dilation: (y: Int, x: Int)
  var mean: [Float]
  var variance: [Float]
}

/// The way from the input to the first operator that tells of it.
private struct GraphTrace {
  private let checkpoint: Checkpoint
  private let graph: Graph
  private let channels: Int
  /// What has become of the input: scale · x + shift, a number a channel.
  private(set) var scale: [Double]
  private(set) var shift: [Double]
  private(set) var end: End?

  enum End {
    case normalisation(mean: [Double], variance: [Double])
    case convolution(KnownConvolution)
  }

  init(_ checkpoint: Checkpoint, _ graph: Graph, channels: Int) {
    (self.checkpoint, self.graph, self.channels) = (checkpoint, graph, channels)
    scale = .init(repeating: 1, count: channels)
    shift = .init(repeating: 0, count: channels)
  }

  /// Whether something was subtracted or added on the way: a factor alone centres nothing.
  var isCentred: Bool { shift.contains { $0 != 0 } }

  /// The only node that reads a value.
  private func reader(of value: String) -> Graph.Node? {
    let readers = graph.nodes.filter { $0.inputs.contains(value) }
    return readers.count == 1 ? readers[0] : nil
  }

  mutating func follow(_ input: String) throws(InferenceError) {
    var value = input
    for _ in 0..<16 {
      guard let node = reader(of: value), node.domain.isEmpty || node.domain == "ai.onnx", let next = node.outputs.first
      else { return }
      switch node.operatorName {
      case "Identity", "Cast", "Transpose": break
      case "Sub", "Div", "Add", "Mul":
        guard node.inputs.count == 2, let constant = try perChannel(node, beside: value) else { return }
        apply(node.operatorName, constant)
      case "BatchNormalization":
        guard let (mean, variance) = try statistics(node, count: channels) else { return }
        end = .normalisation(mean: mean.map(Double.init), variance: variance.map(Double.init))
        return
      case "Conv":
        guard let normalisation = reader(of: next), normalisation.operatorName == "BatchNormalization",
          normalisation.inputs.first == next, node.inputs.first == value,
          let known = try convolution(node, normalisation)
        else { return }
        end = .convolution(known)
        return
      default: return
      }
      value = next
    }
  }

  private mutating func apply(_ operation: String, _ constant: [Double]) {
    for channel in 0..<channels {
      switch operation {
      case "Sub": shift[channel] -= constant[channel]
      case "Add": shift[channel] += constant[channel]
      case "Mul":
        scale[channel] *= constant[channel]
        shift[channel] *= constant[channel]
      default:
        scale[channel] /= constant[channel]
        shift[channel] /= constant[channel]
      }
    }
  }

  /// The constant of a node with two inputs, a number a channel; `nil` where it has another form, or the input is the one
  /// that is subtracted or divided by.
  private func perChannel(_ node: Graph.Node, beside value: String) throws(InferenceError) -> [Double]? {
    let isFirst = node.inputs[0] == value
    guard isFirst || ["Add", "Mul"].contains(node.operatorName) else { return nil }
    guard let numbers = try numbers(node.inputs[isFirst ? 1 : 0], most: channels), !numbers.isEmpty,
      numbers.count == 1 || numbers.count == channels
    else { return nil }
    let all = numbers.count == 1 ? .init(repeating: numbers[0], count: channels) : numbers
    guard all.allSatisfy(\.isFinite), !["Mul", "Div"].contains(node.operatorName) || !all.contains(0) else {
      return nil
    }
    return all.map(Double.init)
  }

  /// A constant's numbers; `nil` where it is none or has more than so many.
  private func numbers(_ name: String, most: Int) throws(InferenceError) -> [Float]? {
    var tensor = graph.initializers[name].map { checkpoint.tensors[$0] }
    if tensor == nil,
      let node = graph.nodes.first(where: { $0.outputs.first == name && $0.operatorName == "Constant" }),
      case .tensor(let value)? = node.attributes["value"]
    {
      tensor = value
    }
    guard let tensor, tensor.type.isFloatingPoint, tensor.count <= most else { return nil }
    return try Dataset.reading { () throws(CheckpointError) in try checkpoint.floats(tensor) }
  }

  /// Running mean and variance.
  private func statistics(
    _ node: Graph.Node, count: Int
  ) throws(InferenceError) -> (mean: [Float], variance: [Float])? {
    guard node.inputs.count >= 5, let mean = try numbers(node.inputs[3], most: count),
      let variance = try numbers(node.inputs[4], most: count), mean.count == count, variance.count == count
    else { return nil }
    return (mean, variance)
  }

  private func convolution(
    _ node: Graph.Node, _ normalisation: Graph.Node
  ) throws(InferenceError) -> KnownConvolution? {
    func ints(_ name: String, _ standard: [Int]) -> [Int] {
      guard case .ints(let found)? = node.attributes[name], found.count == standard.count else { return standard }
      return found
    }
    var automatic = "NOTSET"
    if case .string(let word)? = node.attributes["auto_pad"] { automatic = word }
    guard node.inputs.count >= 2, let tensor = graph.initializers[node.inputs[1]].map({ checkpoint.tensors[$0] }),
      tensor.shape.count == 4, tensor.shape[1] == channels, let weights = try numbers(node.inputs[1], most: 1 << 22),
      let (mean, variance) = try statistics(normalisation, count: tensor.shape[0])
    else { return nil }
    let (height, width) = (tensor.shape[2], tensor.shape[3])
    guard (1...ConvolutionFit.longestKernel).contains(height), (1...ConvolutionFit.longestKernel).contains(width) else {
      return nil
    }
    let dilation = ints("dilations", [1, 1])
    let stride = ints("strides", [1, 1])
    guard (stride + dilation).allSatisfy({ (1...1 << 12).contains($0) }) else { return nil }
    let same = [(height - 1) * dilation[0], (width - 1) * dilation[1]]
    var padding = ints("pads", [0, 0, 0, 0])
    if automatic.hasPrefix("SAME") { padding = [same[0] / 2, same[1] / 2, (same[0] + 1) / 2, (same[1] + 1) / 2] }
    guard padding.allSatisfy({ (0...1 << 16).contains($0) }) else { return nil }
    let bias = node.inputs.count > 2 ? try numbers(node.inputs[2], most: mean.count) : nil
    return KnownConvolution(
      weights: weights, bias: bias?.count == mean.count ? bias ?? [] : .init(repeating: 0, count: mean.count),
      kernel: (height, width), stride: (stride[0], stride[1]),
      padding: (padding[0], padding[1], padding[2], padding[3]), dilation: (dilation[0], dilation[1]), mean: mean,
      variance: variance)
  }
}
