internal import Numerics

extension Operators {
  /// ONNX Runtime's own operators that quantised and exported transformers use (com.microsoft, ContribOperators.md).
  static let contributed: Table = [
    "com.microsoft.Gelu": { call throws(InferenceError) in try elementwise["Gelu"]!(call) },
    "com.microsoft.FastGelu": { call throws(InferenceError) in
      let sum = call.optional(1) == nil ? try call.value(0) : try arithmetic["Add"]!(call)[0]
      return [try geluTanh(call.with([sum]))]
    },
    "com.microsoft.QuickGelu": { call throws(InferenceError) in
      let (shape, x) = try call.floats(0)
      let alpha = call.float("alpha") ?? 1.702
      return [Value(shape, x.map { $0 * sigmoid(alpha * $0) })]
    },
    "com.microsoft.BiasGelu": { call throws(InferenceError) in
      try elementwise["Gelu"]!(call.with(try arithmetic["Add"]!(call)))
    },
    "com.microsoft.SkipLayerNormalization": { call throws(InferenceError) in
      let sum = try skipSum(call, bias: 4)
      let inputs = [sum, try call.value(2), call.optional(3)]
      return [try normalisation["LayerNormalization"]!(call.with(inputs))[0], Value([], [0]), Value([], [0]), sum]
    },
    "com.microsoft.SkipSimplifiedLayerNormalization": { call throws(InferenceError) in
      let sum = try skipSum(call, bias: 3)
      return [try rootMeanSquare(call.with([sum, try call.value(2)])), Value([], [0]), Value([], [0]), sum]
    },
    "com.microsoft.MatMulIntegerToFloat": { call throws(InferenceError) in
      let sums = try quantised["MatMulInteger"]!(
        call.with([try call.value(0), try call.value(1), call.optional(4), call.optional(5)]))[0]
      let scales = try arithmetic["Mul"]!(call.with([try call.value(2), try call.value(3)]))[0]
      let product = try arithmetic["Mul"]!(call.with([Value(sums.shape, sums.asFloats), scales]))[0]
      guard let bias = call.optional(6) else { return [product] }
      return try arithmetic["Add"]!(call.with([product, bias]))
    },
    "com.microsoft.DynamicQuantizeMatMul": { call throws(InferenceError) in
      let codes = try quantised["DynamicQuantizeLinear"]!(call.with([try call.value(0)]))
      return try contributed["com.microsoft.MatMulIntegerToFloat"]!(
        call.with([
          codes[0], try call.value(1), codes[1], try call.value(2), codes[2], call.optional(3), call.optional(4),
        ]))
    },
    "com.microsoft.DynamicQuantizeLSTM": { call throws(InferenceError) in
      let w = try recurrentMatrix(call, 1, scale: 8, zero: 9)
      let r = try recurrentMatrix(call, 2, scale: 10, zero: 11)
      let inputs = [try call.value(0), w, r] + (3...7).map { call.optional($0) }
      return try Recurrence(call.with(inputs), .lstm, quantises: true).run()
    },
  ]

  /// Codes (directions, inputs, gates) with scales and zero points a direction, or a direction and gate, as Floats
  /// (directions, gates, inputs).
  private static func recurrentMatrix(_ call: Call, _ input: Int, scale: Int, zero: Int) throws(InferenceError)
    -> Value
  {
    let value = try call.value(input)
    guard value.shape.count == 3 else { throw call.fail("has weights of shape \(value.shape); 3 axes expected") }
    let (directions, inputs, gates) = (value.shape[0], value.shape[1], value.shape[2])
    let scales = try call.floats(scale).elements
    let zeros = call.optional(zero) == nil ? .init(repeating: 0, count: scales.count) : try call.integers(zero)
    let perDirection = scales.count / max(1, directions)
    guard [1, gates].contains(perDirection), scales.count == directions * perDirection, zeros.count == scales.count
    else { throw call.fail("has \(scales.count) scales and \(zeros.count) zero points for shape \(value.shape)") }
    let codes = Shape.gather(value.asFloats, [directions, gates, inputs], strides: [inputs * gates, 1, gates])
    let floats = codes.enumerated().map { index, code in
      let gate = index / max(1, inputs)
      let place = perDirection == 1 ? gate / max(1, gates) : gate
      return (code - Float(zeros[place])) * scales[place]
    }
    return Value([directions, gates, inputs], floats)
  }

  private static func geluTanh(_ call: Call) throws(InferenceError) -> Value {
    let (shape, x) = try call.floats(0)
    return Value(
      shape, x.map { $0 * sigmoid(2 * 0.797_884_56 * ($0 + 0.044_715 * $0 * $0 * $0)) })
  }

  private static func skipSum(_ call: Call, bias: Int) throws(InferenceError) -> Value {
    let sum = try arithmetic["Add"]!(call)[0]
    guard let extra = call.optional(bias) else { return sum }
    return try arithmetic["Add"]!(call.with([sum, extra]))[0]
  }
}
