internal import CKernels

#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Musl)
  internal import Musl
#elseif canImport(Darwin)
  internal import Darwin
#endif

extension Operators {
  /// Two and more arrays, broadcast to each other: an input that was repeated gets the sum over its repetitions.
  static let arithmeticGradients: GradientTable = [
    "Add": { back throws(InferenceError) in [try summed(back, 0), try summed(back, 1)] },
    "Sub": { back throws(InferenceError) in
      let negative = back.wants(1) ? try back.gradient().map { -$0 } : []
      return [try summed(back, 0), try back.wants(1) ? reduced(negative, back, 1) : nil]
    },
    "Mul": { back throws(InferenceError) in
      [try product(back, of: 0, with: 1, LATHE_MUL), try product(back, of: 1, with: 0, LATHE_MUL)]
    },
    "Div": { back throws(InferenceError) in
      var other: Value?
      if back.wants(1) {
        // y = a / b changes by −y / b.
        let (shape, b) = try back.call.floats(1)
        let whole = try back.shape()
        let slopes = Kernels.combine(
          LATHE_DIV, try back.output(0).map { -$0 }, whole, b, shape, whole)
        let g = Kernels.combine(LATHE_MUL, slopes, whole, try back.gradient(), whole, whole)
        other = try reduced(g, back, 1)
      }
      return [try product(back, of: 0, with: 1, LATHE_DIV), other]
    },
    "Pow": { back throws(InferenceError) in try power(back) },
    "PRelu": { back throws(InferenceError) in
      let whole = try back.shape()
      let (x, slope) = (try spread(back, 0, whole), try spread(back, 1, whole))
      let g = try back.gradient()
      return [
        try back.wants(0) ? reduced(g.indices.map { x[$0] < 0 ? slope[$0] * g[$0] : g[$0] }, back, 0) : nil,
        try back.wants(1) ? reduced(g.indices.map { x[$0] < 0 ? x[$0] * g[$0] : 0 }, back, 1) : nil,
      ]
    },
    "Sum": { back throws(InferenceError) in
      var gradients: [Value?] = []
      for index in back.call.inputs.indices { gradients.append(try summed(back, index)) }
      return gradients
    },
    "Mean": { back throws(InferenceError) in
      let share = 1 / Float(max(1, back.call.inputs.count))
      let g = try back.gradient().map { $0 * share }
      var gradients: [Value?] = []
      for index in back.call.inputs.indices { gradients.append(try back.wants(index) ? reduced(g, back, index) : nil) }
      return gradients
    },
    "Min": { back throws(InferenceError) in try chosen(back) },
    "Max": { back throws(InferenceError) in try chosen(back) },
    "Where": { back throws(InferenceError) in
      let whole = try back.shape()
      let condition = try back.call.value(0)
      let yes = Broadcasting.spread(condition.asFloats, condition.shape, to: whole)
      let g = try back.gradient()
      return [
        nil, try back.wants(1) ? reduced(g.indices.map { yes[$0] != 0 ? g[$0] : 0 }, back, 1) : nil,
        try back.wants(2) ? reduced(g.indices.map { yes[$0] != 0 ? 0 : g[$0] }, back, 2) : nil,
      ]
    },
  ]

  /// A gradient of the output's shape, summed to that of an input.
  private static func reduced(_ g: [Float], _ back: BackwardCall, _ input: Int) throws(InferenceError) -> Value {
    Broadcasting.summed(g, try back.shape(), to: try back.call.value(input).shape)
  }

  /// The output's gradient itself, summed to an input's shape.
  private static func summed(_ back: BackwardCall, _ input: Int) throws(InferenceError) -> Value? {
    guard back.wants(input) else { return nil }
    return try reduced(try back.gradient(), back, input)
  }

  private static func spread(_ back: BackwardCall, _ input: Int, _ whole: [Int]) throws(InferenceError) -> [Float] {
    let value = try back.call.value(input)
    return Broadcasting.spread(value.asFloats, value.shape, to: whole)
  }

  /// The output's gradient times (or by) the other input.
  private static func product(
    _ back: BackwardCall, of input: Int, with other: Int, _ operation: lathe_operation
  ) throws(InferenceError) -> Value? {
    guard back.wants(input) else { return nil }
    let (shape, factor) = try back.call.floats(other)
    let whole = try back.shape()
    return try reduced(
      Kernels.combine(operation, try back.gradient(), whole, factor, shape, whole), back, input)
  }

  /// y = x^p: p · x^(p − 1), and y · ln x.
  private static func power(_ back: BackwardCall) throws(InferenceError) -> [Value?] {
    let whole = try back.shape()
    let (x, p) = (try spread(back, 0, whole), try spread(back, 1, whole))
    let (y, g) = (try back.output(0), try back.gradient())
    func slope(_ x: Float, _ p: Float) -> Float {
      p == 2 ? 2 * x : p == 0 ? 0 : p == 0.5 ? 0.5 / x.squareRoot() : p * powf(x, p - 1)
    }
    let isPowerWanted = back.wants(1) && back.call.optional(1)?.floats != nil
    return [
      try back.wants(0) ? reduced(g.indices.map { g[$0] * slope(x[$0], p[$0]) }, back, 0) : nil,
      try isPowerWanted ? reduced(g.indices.map { x[$0] > 0 ? g[$0] * y[$0] * logf(x[$0]) : 0 }, back, 1) : nil,
    ]
  }

  /// The least or the greatest of some numbers: those that are equal share the gradient.
  private static func chosen(_ back: BackwardCall) throws(InferenceError) -> [Value?] {
    let whole = try back.shape()
    let (y, g) = (try back.output(0), try back.gradient())
    var sharers = [Float](repeating: 0, count: y.count)
    var inputs: [[Float]] = []
    for input in back.call.inputs.indices {
      let x = try spread(back, input, whole)
      for index in y.indices where x[index] == y[index] { sharers[index] += 1 }
      inputs.append(x)
    }
    var gradients: [Value?] = []
    for (input, x) in inputs.enumerated() {
      guard back.wants(input) else {
        gradients.append(nil)
        continue
      }
      gradients.append(try reduced(g.indices.map { x[$0] == y[$0] ? g[$0] / sharers[$0] : 0 }, back, input))
    }
    return gradients
  }
}
