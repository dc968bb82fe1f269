internal import CKernels

extension Operators {
  /// ONNX Runtime's own operators, operators on codes, and Resize.
  static let otherGradients: GradientTable = [
    "com.microsoft.Gelu": { back throws(InferenceError) in try back.scaled { x, _ in geluSlope(x) } },
    "com.microsoft.FastGelu": { back throws(InferenceError) in try biased(back, geluTanhSlope) },
    "com.microsoft.BiasGelu": { back throws(InferenceError) in try biased(back, geluSlope) },
    "com.microsoft.QuickGelu": { back throws(InferenceError) in
      let alpha = back.call.float("alpha") ?? 1.702
      return try back.scaled { x, _ in swishSlope(x, alpha) }
    },
    "com.microsoft.SkipLayerNormalization": { back throws(InferenceError) in
      try skipGradients(back, isCentred: true, extra: 4)
    },
    "com.microsoft.SkipSimplifiedLayerNormalization": { back throws(InferenceError) in
      try skipGradients(back, isCentred: false, extra: 3)
    },
    "com.microsoft.MatMulNBits": { back throws(InferenceError) in
      let call = back.call
      let (shape, _) = try call.floats(0, rank: 1)
      let g = try back.gradient()
      var gradients: [Value?] = [nil, nil, nil, nil, nil, nil]
      if back.wants(0) {
        let weights = try blockWeights(call)
        let rows = Shape.product(shape.dropLast())
        var result = [Float](repeating: 0, count: rows * weights.columns)
        multiply(
          g, weights.rows, false, weights.numbers, weights.columns, false, &result, rows, weights.columns, weights.rows,
          alpha: 1, beta: 0, unless: { call.budget.isCancelled })
        try call.pause()
        gradients[0] = Value(shape, result)
      }
      if back.wants(5), let bias = call.optional(5) {
        gradients[5] = Broadcasting.summed(g, try back.shape(), to: bias.shape)
      }
      return gradients
    },
    // Codes stand for numbers: rounding is passed over (Y. Bengio et al., arXiv:1308.3432), what was cut off has no part.
    "DequantizeLinear": { back throws(InferenceError) in
      let scales = try codeScales(back.call)
      let g = try back.gradient()
      return [Value(try back.shape(), Kernels.combine(LATHE_MUL, g, [g.count], scales, [g.count], [g.count]))]
    },
    "QuantizeLinear": { back throws(InferenceError) in
      let (shape, x) = try back.call.floats(0)
      let scales = try codeScales(back.call)
      let g = try back.gradient()
      guard let codes = back.outputs.first ?? nil else { throw back.call.fail("has no output") }
      let numbers = try quantised["DequantizeLinear"]!(
        back.call.with([Value(shape, codes.asFloats), back.call.optional(1), back.call.optional(2)]))[0].asFloats
      return [
        Value(shape, g.indices.map { abs(x[$0] - numbers[$0]) <= 0.51 * abs(scales[$0]) ? g[$0] / scales[$0] : 0 })
      ]
    },
    "Resize": { back throws(InferenceError) in [try Resizing(back.call).back(try back.gradient())] },
    "Upsample": { back throws(InferenceError) in [try Resizing(back.call).back(try back.gradient())] },
  ]

  /// A function of x + bias.
  private static func biased(
    _ back: BackwardCall, _ slope: (Float) -> Float
  ) throws(InferenceError) -> [Value?] {
    let call = back.call
    let whole = try back.shape()
    let sum = call.optional(1) == nil ? try call.value(0) : try arithmetic["Add"]!(call)[0]
    let (x, g) = (sum.asFloats, try back.gradient())
    let slopes = g.indices.map { g[$0] * slope(x[$0]) }
    let bias = call.optional(1).map { Broadcasting.summed(slopes, whole, to: $0.shape) }
    return [Broadcasting.summed(slopes, whole, to: try call.value(0).shape), bias]
  }

  /// A norm of a sum, which goes out too.
  private static func skipGradients(
    _ back: BackwardCall, isCentred: Bool, extra: Int
  ) throws(InferenceError) -> [Value?] {
    let call = back.call
    var sum = try arithmetic["Add"]!(call)[0]
    if let bias = call.optional(extra) { sum = try arithmetic["Add"]!(call.with([sum, bias]))[0] }
    var whole = Value(sum.shape, .init(repeating: 0, count: sum.count))
    var gradients = [Value?](repeating: nil, count: extra + 1)
    if back.gradients.first ?? nil != nil {
      let norm = back.with(
        call.with([sum, call.optional(2), isCentred ? call.optional(3) : nil]), outputs: back.outputs,
        gradients: back.gradients, wanted: [0, 1, 2])
      let found = try rowGradients(norm, isCentred: isCentred)
      whole = found[0] ?? whole
      gradients[2] = found[1]
      if isCentred { gradients[3] = found[2] }
    }
    if back.gradients.count > 3, let own = back.gradients[3] { whole = Broadcasting.sum(whole, own) }
    for input in [0, 1, extra] {
      guard let value = call.optional(input), let g = whole.floats else { continue }
      gradients[input] = Broadcasting.summed(g, whole.shape, to: value.shape)
    }
    return gradients
  }

  /// The scale of each element of the first input.
  private static func codeScales(_ call: Call) throws(InferenceError) -> [Float] {
    let shape = try call.value(0).shape
    let ones = Value(shape, .init(repeating: 1, count: Shape.product(shape)))
    return try quantised["DequantizeLinear"]!(call.with([ones, call.optional(1)]))[0].asFloats
  }
}
