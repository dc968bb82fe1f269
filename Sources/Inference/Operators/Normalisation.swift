#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Musl)
  internal import Musl
#elseif canImport(Darwin)
  internal import Darwin
#endif

extension Operators {
  static let normalisation: [String: Network.Operator] = [
    "BatchNormalization": { call throws(InferenceError) in try batchNormalise(call) },
    "LayerNormalization": { call throws(InferenceError) in try layerNormalise(call) },
    "Softmax": { call throws(InferenceError) in try softmax(call, logarithm: false) },
    "LogSoftmax": { call throws(InferenceError) in try softmax(call, logarithm: true) },
  ]

  /// y = (x − mean) / √(variance + ε) · scale + bias, each channel (axis 1) with its own four numbers.
  private static func batchNormalise(_ call: Call) throws(InferenceError) -> [Value] {
    let (shape, x) = try call.floats(0, rank: 2)
    let channels = shape[1]
    let scale = try call.vector(1, count: channels)
    let bias = try call.vector(2, count: channels)
    let mean = try call.vector(3, count: channels)
    let variance = try call.vector(4, count: channels)
    guard call.int("training_mode") ?? 0 == 0 else {
      throw call.fail("is in training mode; Lathe runs inference")
    }
    let epsilon = call.float("epsilon") ?? 1e-5
    let pixels = Shape.product(shape[2...])
    var result = x
    for plane in 0..<shape[0] * channels {
      let channel = plane % channels
      let gain = scale[channel] / (variance[channel] + epsilon).squareRoot()
      let offset = bias[channel] - mean[channel] * gain
      for index in plane * pixels..<(plane + 1) * pixels { result[index] = x[index] * gain + offset }
    }
    return [Value(shape, result)]
  }

  /// y = (x − mean) / √(variance + ε) · scale + bias over all axes from `axis` on; then the means and the
  /// reciprocal deviations, which have extent 1 there.
  private static func layerNormalise(_ call: Call) throws(InferenceError) -> [Value] {
    let (shape, x) = try call.floats(0, rank: 1)
    let axis = try call.axis(call.int("axis") ?? -1, of: shape.count)
    let width = Shape.product(shape[axis...])
    guard width > 0 else { throw call.fail("has an empty input of shape \(shape)") }
    let scale = try call.vector(1, count: width)
    let bias =
      call.optional(2) == nil ? [Float](repeating: 0, count: width) : try call.vector(2, count: width)
    let epsilon = call.float("epsilon") ?? 1e-5
    var result = x
    var means: [Float] = []
    var gains: [Float] = []
    for start in stride(from: 0, to: x.count, by: width) {
      let row = x[start..<start + width]
      let mean = row.reduce(0, +) / Float(width)
      let variance = row.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Float(width)
      let gain = 1 / (variance + epsilon).squareRoot()
      for index in 0..<width {
        result[start + index] = (x[start + index] - mean) * gain * scale[index] + bias[index]
      }
      means.append(mean)
      gains.append(gain)
    }
    let small = shape[..<axis] + shape[axis...].map { _ in 1 }
    return [Value(shape, result), Value(Array(small), means), Value(Array(small), gains)]
  }

  /// e^x / Σ e^x along an axis, the largest x taken off first. Before operator set 13 all axes from `axis` on
  /// (by default 1) counted as one.
  private static func softmax(_ call: Call, logarithm: Bool) throws(InferenceError) -> [Value] {
    let (shape, x) = try call.floats(0)
    let isOld = call.operatorSet < 13
    let axis = try call.axis(
      call.int("axis") ?? (isOld ? 1 : -1), of: max(1, shape.count), allowingEnd: isOld)
    let width = isOld ? Shape.product(shape.dropFirst(axis)) : shape.isEmpty ? 1 : shape[axis]
    let step = isOld || shape.isEmpty ? 1 : Shape.product(shape[(axis + 1)...])
    var result = x
    guard width > 0, !x.isEmpty else { return [Value(shape, x)] }
    for outer in stride(from: 0, to: x.count, by: width * step) {
      for inner in 0..<step {
        let places = stride(from: outer + inner, to: outer + inner + width * step, by: step)
        let largest = places.reduce(-Float.infinity) { max($0, x[$1]) }
        var sum: Float = 0
        for place in places {
          result[place] = expf(x[place] - largest)
          sum += result[place]
        }
        let logSum = logf(sum)
        for place in places { result[place] = logarithm ? x[place] - largest - logSum : result[place] / sum }
      }
    }
    return [Value(shape, result)]
  }
}
