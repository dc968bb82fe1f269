internal import CKernels

extension Operators {
  /// Products of matrices.
  static let products: Table = [
    "Gemm": { call throws(InferenceError) in try ofNumbers(call, gemm) },
    "MatMul": { call throws(InferenceError) in try ofNumbers(call, matMul) },
    "Einsum": { call throws(InferenceError) in try Einsum(call).run() },
    "Det": { call throws(InferenceError) in try determinant(call) },
  ]

  /// A product of Floats; integers are multiplied as such, exactly up to 2^24.
  private static func ofNumbers(
    _ call: Call, _ product: (Call) throws(InferenceError) -> [Value]
  ) throws(InferenceError) -> [Value] {
    let first = try call.value(0)
    guard first.floats == nil else { return try product(call) }
    let floats = call.inputs.map { input in input.map { Value($0.shape, $0.asFloats) } }
    return [cast(try product(call.with(floats))[0], to: first.type)]
  }

  /// The determinants of square matrices, by elimination with pivots.
  private static func determinant(_ call: Call) throws(InferenceError) -> [Value] {
    let (shape, x) = try call.floats(0, rank: 2)
    let n = shape[shape.count - 1]
    guard shape[shape.count - 2] == n else { throw call.fail("has matrices of shape \(shape); square ones expected") }
    let results = (0..<Shape.product(shape.dropLast(2))).map { matrix -> Float in
      if call.budget.isCancelled { return 0 }
      var a = x[matrix * n * n..<(matrix + 1) * n * n].map { Double($0) }
      var product = 1.0
      for column in 0..<n {
        let pivot = (column..<n).max { abs(a[$0 * n + column]) < abs(a[$1 * n + column]) }!
        if a[pivot * n + column] == 0 { return 0 }
        if pivot != column {
          for index in 0..<n { a.swapAt(pivot * n + index, column * n + index) }
          product = -product
        }
        product *= a[column * n + column]
        for row in column + 1..<max(n, column + 1) where !call.budget.isCancelled {
          let factor = a[row * n + column] / a[column * n + column]
          for index in column..<n { a[row * n + index] -= factor * a[column * n + index] }
        }
      }
      return Float(product)
    }
    try call.pause()
    return [Value(Array(shape.dropLast(2)), results)]
  }

  /// y = alpha · A′ · B′ + beta · C, with A′ (m, k), B′ (k, n), C broadcast to (m, n).
  private static func gemm(_ call: Call) throws(InferenceError) -> [Value] {
    let (aShape, a) = try call.floats(0)
    let (bShape, b) = try call.floats(1)
    guard aShape.count == 2, bShape.count == 2 else {
      throw call.fail("has factors of shapes \(aShape) and \(bShape); matrices expected")
    }
    let (turnA, turnB) = (call.int("transA") ?? 0 != 0, call.int("transB") ?? 0 != 0)
    let (m, k) = turnA ? (aShape[1], aShape[0]) : (aShape[0], aShape[1])
    let (k2, n) = turnB ? (bShape[1], bShape[0]) : (bShape[0], bShape[1])
    guard k == k2 else { throw call.fail("has factors of shapes \(aShape) and \(bShape), which do not fit") }
    try call.check(size: [m, n])
    try call.pause()
    let alpha = call.float("alpha") ?? 1
    var result = [Float](repeating: 0, count: m * n)
    var beta: Float = 0
    if call.optional(2) != nil {
      let (cShape, c) = try call.floats(2)
      guard Shape.broadcast(cShape, [m, n]) == [m, n] else {
        throw call.fail("adds an array of shape \(cShape) to one of \([m, n])")
      }
      result = Shape.gather(c, [m, n], strides: Shape.broadcastStrides(cShape, to: [m, n]))
      beta = call.float("beta") ?? 1
    }
    if m == 1, turnB, alpha == 1, beta == 0 || beta == 1 {
      // One vector: a dot product an output. BLAS would lay the whole matrix out anew for it.
      return [Value([1, n], Kernels.filled(n) { lathe_matrix_vector(b, n, k, k, a, beta == 0 ? nil : result, $0) })]
    }
    multiply(
      a, aShape[1], turnA, b, bShape[1], turnB, &result, m, n, k, alpha: alpha, beta: beta,
      unless: { call.budget.isCancelled })
    try call.pause()
    return [Value([m, n], result)]
  }

  static func multiply(
    _ a: [Float], _ aStride: Int, _ turnA: Bool, _ b: [Float], _ bStride: Int, _ turnB: Bool,
    _ c: inout [Float],
    _ m: Int, _ n: Int, _ k: Int, alpha: Float, beta: Float, unless isCancelled: () -> Bool
  ) {
    a.withUnsafeBufferPointer { a in
      b.withUnsafeBufferPointer { b in
        c.withUnsafeMutableBufferPointer { c in
          guard let aStart = a.baseAddress, let bStart = b.baseAddress, let cStart = c.baseAddress else {
            return
          }
          BLAS.multiply(
            .init(start: aStart, stride: aStride, isTransposed: turnA),
            .init(start: bStart, stride: bStride, isTransposed: turnB), into: cStart, m: m, n: n, k: k,
            alpha: alpha,
            beta: beta, unless: isCancelled)
        }
      }
    }
  }

  /// NumPy's matmul: matrices in the last two axes, the others broadcast; vectors count as a row or a column.
  static func matMul(_ call: Call) throws(InferenceError) -> [Value] {
    let (aGiven, a) = try call.floats(0, rank: 1)
    let (bGiven, b) = try call.floats(1, rank: 1)
    let aShape = aGiven.count == 1 ? [1] + aGiven : aGiven
    let bShape = bGiven.count == 1 ? bGiven + [1] : bGiven
    let (m, k) = (aShape[aShape.count - 2], aShape[aShape.count - 1])
    let n = bShape[bShape.count - 1]
    guard bShape[bShape.count - 2] == k,
      let batch = Shape.broadcast(Array(aShape.dropLast(2)), Array(bShape.dropLast(2)))
    else { throw call.fail("has factors of shapes \(aGiven) and \(bGiven), which do not fit") }
    var shape = batch
    if aGiven.count > 1 { shape.append(m) }
    if bGiven.count > 1 { shape.append(n) }
    try call.check(size: shape)
    // With nothing to sum, the product is zero; otherwise every number is written.
    var result =
      k == 0 ? .init(repeating: 0, count: Shape.product(shape)) : Kernels.filled(Shape.product(batch) * m * n) { _ in }
    if bShape.count == 2 {
      // One right factor: all rows of the left side make one matrix.
      multiply(
        a, k, false, b, n, false, &result, Shape.product(batch) * m, n, k, alpha: 1, beta: 0,
        unless: { call.budget.isCancelled })
      try call.pause()
      return [Value(shape, result)]
    }
    // The first element of each pair of matrices: counting matrices along broadcast strides.
    let numbers = Array(0..<Shape.product(batch))
    let aMatrices = Shape.gather(
      numbers, batch, strides: Shape.broadcastStrides(Array(aShape.dropLast(2)), to: batch))
    let bMatrices = Shape.gather(
      numbers, batch, strides: Shape.broadcastStrides(Array(bShape.dropLast(2)), to: batch))
    a.withUnsafeBufferPointer { a in
      b.withUnsafeBufferPointer { b in
        result.withUnsafeMutableBufferPointer { c in
          guard let aStart = a.baseAddress, let bStart = b.baseAddress, let cStart = c.baseAddress else {
            return
          }
          for index in aMatrices.indices where !call.budget.isCancelled {
            BLAS.multiply(
              .init(start: aStart + aMatrices[index] * m * k, stride: k),
              .init(start: bStart + bMatrices[index] * k * n, stride: n), into: cStart + index * m * n, m: m,
              n: n, k: k, unless: { call.budget.isCancelled })
          }
        }
      }
    }
    try call.pause()
    return [Value(shape, result)]
  }
}
