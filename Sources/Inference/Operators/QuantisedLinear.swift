internal import Numerics

extension Operators {
  /// ONNX Runtime's operators on codes (com.microsoft, ContribOperators.md), which its quantizer writes in the QOperator
  /// format: codes in, codes out, each array with a scale and a zero point of its own, x = scale · (code − zero point).
  ///
  /// They are computed on Floats between the codes. ONNX Runtime uses tables and fixed-point steps of its own, so that
  /// a result near the middle between two codes may be its neighbour there.
  static let quantisedLinear: Table = [
    "com.microsoft.QGemm": { call throws(InferenceError) in try quantisedGemm(call) },
    "com.microsoft.QLinearAdd": { call throws(InferenceError) in try quantisedPair(call, "Add") },
    "com.microsoft.QLinearMul": { call throws(InferenceError) in try quantisedPair(call, "Mul") },
    "com.microsoft.QLinearLeakyRelu": { call throws(InferenceError) in
      try throughNumbers(call) { x throws(InferenceError) in try elementwise["LeakyRelu"]!(x) }
    },
    "com.microsoft.QLinearSigmoid": { call throws(InferenceError) in
      try throughNumbers(call) { x throws(InferenceError) in try elementwise["Sigmoid"]!(x) }
    },
    // The attribute says whose rule for the axis holds: before operator set 13 all axes from it on are one.
    "com.microsoft.QLinearSoftmax": { call throws(InferenceError) in
      try throughNumbers(call) { x throws(InferenceError) in
        let old = Call(
          node: x.node, inputs: x.inputs, operatorSet: x.int("opset") ?? x.operatorSet, budget: x.budget)
        return try normalisation["Softmax"]!(old)
      }
    },
    "com.microsoft.QLinearAveragePool": { call throws(InferenceError) in
      try throughNumbers(call) { x throws(InferenceError) in try pooling["AveragePool"]!(x) }
    },
    "com.microsoft.QLinearGlobalAveragePool": { call throws(InferenceError) in
      try throughNumbers(call) { x throws(InferenceError) in try pooling["GlobalAveragePool"]!(x) }
    },
    "com.microsoft.QLinearConcat": { call throws(InferenceError) in
      guard call.inputs.count >= 5, call.inputs.count % 3 == 2 else {
        throw call.fail("has \(call.inputs.count) inputs; a scale and a zero point, and three for each array expected")
      }
      var parts: [Value] = []
      for index in stride(from: 2, to: call.inputs.count, by: 3) {
        parts.append(try numbers(call, index, scale: index + 1, zero: index + 2))
      }
      return try codes(selection["Concat"]!(call.with(parts)), call, scale: 0, zero: 1)
    },
    "com.microsoft.QLinearWhere": { call throws(InferenceError) in
      let inputs = [
        try call.value(0), try numbers(call, 1, scale: 2, zero: 3), try numbers(call, 4, scale: 5, zero: 6),
      ]
      return try codes(comparison["Where"]!(call.with(inputs)), call, scale: 7, zero: 8)
    },
  ]

  /// An array of codes as the numbers that they stand for: one scale, one zero point (0 where it is left out).
  private static func numbers(_ call: Call, _ input: Int, scale: Int, zero: Int) throws(InferenceError) -> Value {
    guard let step = try call.scalar(scale) else { throw call.fail("has no scale as input \(scale)") }
    let offset = try call.scalar(zero) ?? 0
    let value = try call.value(input)
    return Value(value.shape, value.asFloats.map { ($0 - offset) * step })
  }

  /// The first of some arrays in codes, of its zero point's type; U8 where that is left out.
  private static func codes(_ made: [Value], _ call: Call, scale: Int, zero: Int) throws(InferenceError) -> [Value] {
    guard let step = try call.scalar(scale) else { throw call.fail("has no scale as input \(scale)") }
    let offset = try call.integer(zero) ?? 0
    let type = call.optional(zero)?.type ?? .u8
    let codes = made[0].asFloats.map { code($0 / step, offset, type) }
    return [Value(made[0].shape, integers: codes, type: type)]
  }

  /// x, its scale and zero point, the result's scale and zero point.
  private static func throughNumbers(
    _ call: Call, _ body: (Call) throws(InferenceError) -> [Value]
  ) throws(InferenceError) -> [Value] {
    guard !call.flag("channels_last") else { throw call.fail("has its channels last, which Lathe cannot run") }
    return try codes(body(call.with([try numbers(call, 0, scale: 1, zero: 2)])), call, scale: 3, zero: 4)
  }

  /// a and b, each with its scale and zero point, then the result's.
  private static func quantisedPair(_ call: Call, _ name: String) throws(InferenceError) -> [Value] {
    let pair = [try numbers(call, 0, scale: 1, zero: 2), try numbers(call, 3, scale: 4, zero: 5)]
    return try codes(arithmetic[name]!(call.with(pair)), call, scale: 6, zero: 7)
  }

  /// y = alpha · A′ · B′ + C with A′ (m, k) and B′ (k, n) of codes, B's scale and zero point one or one a column, and C
  /// integers in units of alpha · scale A · scale B; Floats where the result has no scale.
  private static func quantisedGemm(_ call: Call) throws(InferenceError) -> [Value] {
    let inputs = [
      try turned(call, 0, call.flag("transA")), call.optional(2), try turned(call, 3, call.flag("transB")),
      call.optional(5),
    ]
    let product = try integerProduct(call.with(inputs), a: 0, aZero: 1, b: 2, bZero: 3)
    guard let aScale = try call.scalar(1) else { throw call.fail("has no scale as input 1") }
    let steps = try call.floats(4).elements
    guard steps.count == 1 || steps.count == product.columns else {
      throw call.fail("has \(steps.count) scales for \(product.columns) columns")
    }
    var sums = product.sums
    if let bias = call.optional(6) {
      guard let added = bias.integers, Shape.broadcast(bias.shape, product.shape) == product.shape else {
        throw call.fail("adds an array of \(bias.type) of shape \(bias.shape) to sums of shape \(product.shape)")
      }
      let strides = Shape.broadcastStrides(bias.shape, to: product.shape)
      for (index, number) in Shape.gather(added, product.shape, strides: strides).enumerated() {
        sums[index] += Double(number)
      }
    }
    let alpha = call.float("alpha") ?? 1
    let gains = steps.map { alpha * aScale * $0 }
    let columns = product.columns
    guard let outScale = try call.scalar(7) else {
      return [
        Value(product.shape, sums.enumerated().map { Float($1) * gains[gains.count == 1 ? 0 : $0 % columns] })
      ]
    }
    let outZero = try call.integer(8) ?? 0
    let type = call.optional(8)?.type ?? .u8
    let codes = sums.enumerated().map { index, sum in
      code(Float(sum) * (gains[gains.count == 1 ? 0 : index % columns] / outScale), outZero, type)
    }
    return [Value(product.shape, integers: codes, type: type)]
  }

  /// A matrix, or its transpose.
  private static func turned(_ call: Call, _ input: Int, _ isTurned: Bool) throws(InferenceError) -> Value {
    let value = try call.value(input)
    guard value.shape.count == 2 else { throw call.fail("has a factor of shape \(value.shape); a matrix expected") }
    return isTurned ? gathered(value, [value.shape[1], value.shape[0]], [1, value.shape[1]]) : value
  }
}
