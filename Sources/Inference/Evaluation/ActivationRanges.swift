internal import Checkpoints

/// Ranges of activations, and activations coded in them: what a runtime of integers does to the inputs of products and
/// convolutions.
///
/// Affine, a range a value: c = clamp(round(x/s) + z, 0, 2^b − 1), s = (hi − lo)/(2^b − 1) over lo ≤ 0 ≤ hi, as ONNX's
/// QuantizeLinear. Ranges come from calibration data, never from those that score.
public struct ActivationRanges: Sendable, Hashable {
  public let bits: Int
  /// By a step's number: the range of its first input.
  public internal(set) var ranges: [Int: ClosedRange<Float>]

  public init(bits: Int, ranges: [Int: ClosedRange<Float>] = [:]) { (self.bits, self.ranges) = (bits, ranges) }

  /// Operators whose first input is coded.
  static let operators: Set<String> = ["Conv", "ConvTranspose", "Gemm", "MatMul"]

  /// Scale, zero point and highest code of a step's input; `nil` where it is not coded.
  private func grid(_ step: Int) -> (scale: Float, zero: Float, top: Float)? {
    guard let range = ranges[step] else { return nil }
    let top = Float((1 << bits) - 1)
    let scale = (range.upperBound - range.lowerBound) / top
    guard scale > 0 else { return nil }
    return (scale, (-range.lowerBound / scale).rounded(.toNearestOrEven), top)
  }

  /// The input as it comes back from its codes.
  func coded(_ value: Value, step: Int) -> Value {
    guard let (scale, zero, top) = grid(step), let floats = value.floats else { return value }
    return Value(
      value.shape, floats.map { (min(top, max(0, ($0 / scale).rounded(.toNearestOrEven) + zero)) - zero) * scale })
  }

  /// The gradient of an input from that of its coded form: the same, and none where it lies beyond the codes
  /// (Y. Bengio et al., arXiv:1308.3432).
  func straightThrough(_ gradient: Value, of value: Value, step: Int) -> Value {
    guard let (scale, zero, top) = grid(step), let x = value.floats, let g = gradient.floats, x.count == g.count else {
      return gradient
    }
    return Value(
      gradient.shape,
      zip(x, g).map { x, g in (0...top).contains((x / scale).rounded(.toNearestOrEven) + zero) ? g : 0 })
  }

  /// The same of a part of the network, whose steps are counted from its own beginning.
  func of(_ steps: Range<Int>) -> ActivationRanges {
    var part = ActivationRanges(bits: bits)
    for (step, range) in ranges where steps.contains(step) { part.ranges[step - steps.lowerBound] = range }
    return part
  }
}

extension Network {
  /// Finds the ranges of the inputs of products and convolutions on calibration data.
  ///
  /// - Parameters:
  ///   - percentile: 50 < p ≤ 100: of each batch's magnitudes on either side, the p-th percentile; the widest batch
  ///     counts.
  ///   - samples: at most so many are run.
  public func activationRanges(
    _ data: Dataset, weights: Weights, bits: Int, percentile: Double = 100, samples: Int = 256,
    isCancelled: @escaping () -> Bool = { false }
  ) throws(InferenceError) -> ActivationRanges {
    var found = ActivationRanges(bits: bits)
    let numbers = Dictionary(
      steps.enumerated().map { ($1.outputs.first ?? -1, $0) }, uniquingKeysWith: { first, _ in first })
    var done = 0
    while done < min(samples, data.count) {
      let last = min(done + (data.fixedBatch ?? 32), data.count)
      _ = try run(
        try data.batch(done..<last), weights: weights,
        observe: { step, inputs in
          guard ActivationRanges.operators.contains(step.node.operatorName), let floats = inputs.first??.floats,
            let number = step.outputs.first.flatMap({ numbers[$0] })
          else { return }
          let (low, high) = Self.range(floats, percentile)
          let known = found.ranges[number] ?? 0...0
          found.ranges[number] = min(known.lowerBound, low)...max(known.upperBound, high)
        }, isCancelled: isCancelled)
      done = last
    }
    return found
  }

  /// The p-th percentile (nearest rank) of the negative and of the positive numbers; zero is always within.
  private static func range(_ floats: [Float], _ percentile: Double) -> (Float, Float) {
    if percentile >= 100 { return (min(0, floats.min() ?? 0), max(0, floats.max() ?? 0)) }
    func edge(_ magnitudes: [Float]) -> Float {
      guard !magnitudes.isEmpty else { return 0 }
      let rank = Int((percentile / 100 * Double(magnitudes.count)).rounded(.up))
      return magnitudes.sorted()[max(0, min(magnitudes.count - 1, rank - 1))]
    }
    return (-edge(floats.compactMap { $0 < 0 ? -$0 : nil }), edge(floats.filter { $0 > 0 }))
  }
}
