internal import Numerics

extension Operators {
  /// Integers that stand for Floats, x ≈ scale · (q − zero point), and products of them.
  static let quantised: Table = [
    "QuantizeLinear": { call throws(InferenceError) in try quantize(call) },
    "DequantizeLinear": { call throws(InferenceError) in try dequantize(call) },
    "DynamicQuantizeLinear": { call throws(InferenceError) in
      let (shape, x) = try call.floats(0)
      let (codes, scale, zero) = dynamicCodes(x)
      return [
        Value(shape, integers: codes, type: .u8), Value([], [scale]), Value([], integers: [zero], type: .u8),
      ]
    },
    "MatMulInteger": { call throws(InferenceError) in
      let product = try integerProduct(call, a: 0, aZero: 2, b: 1, bZero: 3)
      return [sums(product.shape, product.sums, isExact: call.inputs.allSatisfy { $0?.floats == nil })]
    },
    "QLinearMatMul": { call throws(InferenceError) in
      let sums = try integerProduct(call, a: 0, aZero: 2, b: 3, bZero: 5)
      let aScales = try call.floats(1).elements
      let bScales = try call.floats(4).elements
      guard let outScale = try call.scalar(6), let outZero = try call.integer(7) else {
        throw call.fail("has no output scale or zero point")
      }
      let (rows, columns) = (sums.rows, sums.columns)
      guard aScales.count == 1 || aScales.count == rows, bScales.count == 1 || bScales.count == columns else {
        throw call.fail("has \(aScales.count) and \(bScales.count) scales for \(rows) rows and \(columns) columns")
      }
      let type = try call.value(7).type
      let codes = sums.sums.enumerated().map { index, sum in
        let scale =
          aScales[aScales.count == 1 ? 0 : index / columns % rows] * bScales[bScales.count == 1 ? 0 : index % columns]
        return code(Float(sum) * scale / outScale, outZero, type)
      }
      return [Value(sums.shape, integers: codes, type: type)]
    },
    "ConvInteger": { call throws(InferenceError) in
      let (shape, products) = try integerConvolution(call, x: 0, xZero: 2, w: 1, wZero: 3)
      return [sums(shape, products, isExact: call.inputs.allSatisfy { $0?.floats == nil })]
    },
    "QLinearConv": { call throws(InferenceError) in
      let (shape, sums) = try integerConvolution(call, x: 0, xZero: 2, w: 3, wZero: 5)
      let filters = shape[1]
      guard let xScale = try call.scalar(1), let outScale = try call.scalar(6), let outZero = try call.integer(7)
      else { throw call.fail("has no scales or zero point") }
      let wScales = try call.floats(4).elements
      guard wScales.count == 1 || wScales.count == filters else {
        throw call.fail("has \(wScales.count) scales for \(filters) filters")
      }
      let bias = call.optional(8) == nil ? [Int](repeating: 0, count: filters) : try call.integers(8)
      guard bias.count == filters else { throw call.fail("has \(bias.count) biases for \(filters) filters") }
      let type = try call.value(7).type
      let pixels = max(1, Shape.product(shape[2...]))
      let codes = sums.enumerated().map { index, sum in
        let filter = index / pixels % filters
        let scale = xScale * wScales[wScales.count == 1 ? 0 : filter]
        return code(Float(sum + Double(bias[filter])) * (scale / outScale), outZero, type)
      }
      return [Value(shape, integers: codes, type: type)]
    },
  ]

  /// Sums of products as 32-bit integers; as Floats where a factor has codes that are no whole numbers.
  private static func sums(_ shape: [Int], _ sums: [Double], isExact: Bool) -> Value {
    isExact
      ? .wrapping(shape, sums.map { Int64(saturating: $0) }, .i32) : Value(shape, sums.map { Float($0) }, type: .i32)
  }

  /// Numbers in 8 bits over their own range, which includes 0, so that zero is exact.
  private static func dynamicCodes(_ x: [Float]) -> (codes: [Int64], scale: Float, zero: Int64) {
    let (low, high) = (min(0, x.min() ?? 0), max(0, x.max() ?? 0))
    let scale = (high - low) / 255
    guard scale > 0, scale.isFinite else { return (.init(repeating: 0, count: x.count), scale, 0) }
    let zero = Int64(saturating: min(max((-low / scale).rounded(.toNearestOrEven), 0), 255))
    return (x.map { code($0 / scale, Int(zero), .u8) }, scale, zero)
  }

  /// What is left of numbers after `DynamicQuantizeLinear` and back.
  static func dynamicallyQuantised(_ x: [Float]) -> [Float] {
    let (codes, scale, zero) = dynamicCodes(x)
    return codes.map { Float($0 - zero) * scale }
  }

  /// round(x) + zero point, within the type's range; halves go to the even number.
  static func code(_ x: Float, _ zero: Int, _ type: ElementType) -> Int64 {
    let range = type.integerRange
    let (sum, overflow) = Int64(saturating: x.rounded(.toNearestOrEven)).addingReportingOverflow(Int64(zero))
    if overflow { return x > 0 ? range.upperBound : range.lowerBound }
    return min(max(sum, range.lowerBound), range.upperBound)
  }

  /// For each element of an array of `shape` the place of its scale: one for all, one a slice of an axis, or one a
  /// block of an axis.
  private static func scalePlaces(_ call: Call, _ shape: [Int], _ scale: Value) throws(InferenceError) -> [Int]? {
    if scale.count == 1 { return nil }
    let axis = try call.axis(call.int("axis") ?? 1, of: shape.count)
    let block = min(call.int("block_size") ?? 0, 1 << 40)
    let step = Shape.product(shape[(axis + 1)...])
    if scale.shape.count == 1, block == 0 {
      guard scale.count == shape[axis] else {
        throw call.fail("has \(scale.count) scales for an axis of \(shape[axis])")
      }
      return (0..<Shape.product(shape)).map { $0 / step % shape[axis] }
    }
    guard block > 0, scale.shape.count == shape.count,
      shape.indices.allSatisfy({ scale.shape[$0] == ($0 == axis ? (shape[$0] + block - 1) / block : shape[$0]) })
    else { throw call.fail("has scales of shape \(scale.shape) for shape \(shape) in blocks of \(block)") }
    return (0..<Shape.product(shape)).map { index in
      let (outer, rest) = index.quotientAndRemainder(dividingBy: step * shape[axis])
      return (outer * scale.shape[axis] + rest / step / block) * step + rest % step
    }
  }

  private static func zeros(_ call: Call, _ index: Int, _ scale: Value) throws(InferenceError) -> [Int] {
    guard call.optional(index) != nil else { return .init(repeating: 0, count: scale.count) }
    let zeros = try call.integers(index)
    guard zeros.count == scale.count else {
      throw call.fail("has \(zeros.count) zero points for \(scale.count) scales")
    }
    return zeros
  }

  private static func quantize(_ call: Call) throws(InferenceError) -> [Value] {
    let value = try call.value(0)
    let scale = try call.value(1)
    let scales = scale.asFloats
    let zeros = try zeros(call, 2, scale)
    let type = call.optional(2)?.type ?? call.int("output_dtype").flatMap { ElementType(onnx: $0) } ?? .u8
    guard !type.isFloatingPoint else { throw call.fail("quantises to \(type), which Lathe cannot run") }
    try call.check(size: value.shape, bytes: 24)
    let places = try scalePlaces(call, value.shape, scale)
    let codes = value.asFloats.enumerated().map { index, x in
      let place = places?[index] ?? 0
      return code(x / scales[place], zeros[place], type)
    }
    return [Value(value.shape, integers: codes, type: type)]
  }

  private static func dequantize(_ call: Call) throws(InferenceError) -> [Value] {
    let value = try call.value(0)
    let scale = try call.value(1)
    let scales = scale.asFloats
    let zeros = try zeros(call, 2, scale)
    try call.check(size: value.shape, bytes: 24)
    let places = try scalePlaces(call, value.shape, scale)
    switch value.elements {
    case .integers(let codes):
      guard let places else {
        let (step, zero) = (scales[0], Int64(zeros[0]))
        return [Value(value.shape, codes.map { Float($0 &- zero) * step }, type: scale.type)]
      }
      let floats = codes.enumerated().map { Float($1 &- Int64(zeros[places[$0]])) * scales[places[$0]] }
      return [Value(value.shape, floats, type: scale.type)]
    case .floats(let floats):
      // Codes of 8-bit floating point, or those of a replaced weight (see `Weights`).
      return [
        Value(
          value.shape, floats.enumerated().map { ($1 - Float(zeros[places?[$0] ?? 0])) * scales[places?[$0] ?? 0] },
          type: scale.type)
      ]
    }
  }

  /// Codes less their zero point, one for all or one a slice of an axis, as Doubles. Codes are integers, but for those of
  /// a replaced weight (see `Weights`).
  private static func centred(_ call: Call, _ input: Int, zero: Int, axis: (Int) -> Int) throws(InferenceError)
    -> (shape: [Int], elements: [Double])
  {
    let value = try call.value(input)
    guard !value.type.isFloatingPoint, value.type.bits <= 16 else {
      throw call.fail("has \(value.type) as input \(input); integers of 8 bits expected")
    }
    try call.check(size: value.shape, bytes: 16)
    let codes: [Double] =
      switch value.elements {
      case .integers(let integers): integers.map { Double($0) }
      case .floats(let floats): floats.map { Double($0) }
      }
    guard call.optional(zero) != nil else { return (value.shape, codes) }
    let zeros = try call.integers(zero)
    if zeros.count == 1 { return (value.shape, codes.map { $0 - Double(zeros[0]) }) }
    let axis = axis(value.shape.count)
    guard value.shape.indices.contains(axis), zeros.count == value.shape[axis] else {
      throw call.fail("has \(zeros.count) zero points for an input of shape \(value.shape)")
    }
    let step = Shape.product(value.shape[(axis + 1)...])
    return (value.shape, codes.enumerated().map { $1 - Double(zeros[$0 / step % zeros.count]) })
  }

  /// NumPy's matmul of codes less their zero points; exact for integers.
  static func integerProduct(_ call: Call, a: Int, aZero: Int, b: Int, bZero: Int) throws(InferenceError)
    -> (shape: [Int], rows: Int, columns: Int, sums: [Double])
  {
    let (aShape, left) = try centred(call, a, zero: aZero) { $0 - 2 }
    let (bShape, right) = try centred(call, b, zero: bZero) { $0 - 1 }
    guard aShape.count >= 2, bShape.count >= 2, aShape.last == bShape[bShape.count - 2],
      let batch = Shape.broadcast(Array(aShape.dropLast(2)), Array(bShape.dropLast(2)))
    else { throw call.fail("has factors of shapes \(aShape) and \(bShape), which do not fit") }
    let (m, k, n) = (aShape[aShape.count - 2], aShape[aShape.count - 1], bShape[bShape.count - 1])
    let shape = batch + [m, n]
    try call.check(size: shape, bytes: 24)
    let numbers = Array(0..<Shape.product(batch))
    let aMatrices = Shape.gather(numbers, batch, strides: Shape.broadcastStrides(Array(aShape.dropLast(2)), to: batch))
    let bMatrices = Shape.gather(numbers, batch, strides: Shape.broadcastStrides(Array(bShape.dropLast(2)), to: batch))
    var sums = [Double](repeating: 0, count: Shape.product(shape))
    guard !sums.isEmpty, k > 0 else { return (shape, m, n, sums) }
    sums.withUnsafeMutableBufferPointer { c in
      left.withUnsafeBufferPointer { left in
        right.withUnsafeBufferPointer { right in
          for index in aMatrices.indices where !call.budget.isCancelled {
            BLAS.multiply(
              left.baseAddress! + aMatrices[index] * m * k, right.baseAddress! + bMatrices[index] * k * n,
              into: c.baseAddress! + index * m * n, m: m, n: n, k: k, unless: { call.budget.isCancelled })
          }
        }
      }
    }
    try call.pause()
    return (shape, m, n, sums)
  }

  /// Convolution of codes less their zero points, exact for integers; the padding stands for zero.
  private static func integerConvolution(_ call: Call, x: Int, xZero: Int, w: Int, wZero: Int) throws(InferenceError)
    -> (shape: [Int], sums: [Double])
  {
    let (xShape, image) = try centred(call, x, zero: xZero) { _ in 1 }
    let (wShape, filters) = try centred(call, w, zero: wZero) { _ in 0 }
    let groups = call.int("group") ?? 1
    let (window, shape) = try Convolution.place(call, xShape, wShape, groups)
    let (inGroup, perGroup) = (xShape[1] / groups, wShape[0] / groups)
    let (depth, pixels) = (inGroup * window.kernel.product, window.output.product)
    var sums = [Double](repeating: 0, count: Shape.product(shape))
    guard !sums.isEmpty, !image.isEmpty, !filters.isEmpty else { return (shape, sums) }
    try call.check(size: [depth, pixels], bytes: 8)
    var columns = [Double](repeating: 0, count: depth * pixels)
    for group in 0..<xShape[0] * groups {
      try call.pause()
      columns.withUnsafeMutableBufferPointer { columns in
        image.withUnsafeBufferPointer { image in
          window.unroll(
            image.baseAddress! + group * inGroup * window.input.product, channels: inGroup,
            rows: 0..<window.output.depth * window.output.height, into: columns.baseAddress!)
        }
        sums.withUnsafeMutableBufferPointer { sums in
          filters.withUnsafeBufferPointer { filters in
            BLAS.multiply(
              filters.baseAddress! + group % groups * perGroup * depth, columns.baseAddress!,
              into: sums.baseAddress! + group * perGroup * pixels, m: perGroup, n: pixels, k: depth,
              unless: { call.budget.isCancelled })
          }
        }
      }
    }
    return (shape, sums)
  }
}
