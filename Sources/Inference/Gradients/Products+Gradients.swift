internal import Checkpoints

extension Operators {
  /// Products of matrices: of C = A B the gradients are G Bᵀ and Aᵀ G.
  static let productGradients: GradientTable = [
    "Gemm": { back throws(InferenceError) in try gemmGradients(back) },
    "MatMul": { back throws(InferenceError) in try matMulGradients(back) },
    "Einsum": { back throws(InferenceError) in
      let einsum = try Einsum(back.call)
      var gradients: [Value?] = []
      for input in back.call.inputs.indices {
        gradients.append(
          try back.wants(input) ? einsum.gradient(of: input, Value(try back.shape(), try back.gradient())) : nil)
      }
      return gradients
    },
  ]

  /// y = alpha · A′ · B′ + beta · C.
  private static func gemmGradients(_ back: BackwardCall) throws(InferenceError) -> [Value?] {
    let call = back.call
    let ((aShape, a), (bShape, b)) = (try call.floats(0), try call.floats(1))
    let (turnA, turnB) = (call.int("transA") ?? 0 != 0, call.int("transB") ?? 0 != 0)
    let g = try back.gradient()
    let whole = try back.shape()
    guard aShape.count == 2, bShape.count == 2, whole.count == 2 else {
      throw call.fail("has factors of shapes \(aShape) and \(bShape); matrices expected")
    }
    let (m, n) = (whole[0], whole[1])
    let k = turnA ? aShape[0] : aShape[1]
    let alpha = call.float("alpha") ?? 1
    var gradients: [Value?] = [nil, nil, nil]
    if back.wants(0) {
      var result = [Float](repeating: 0, count: a.count)
      if turnA {
        // B′ Gᵀ
        multiply(b, bShape[1], turnB, g, n, true, &result, k, m, n, alpha: alpha, beta: 0) { call.budget.isCancelled }
      } else {
        multiply(g, n, false, b, bShape[1], !turnB, &result, m, k, n, alpha: alpha, beta: 0) { call.budget.isCancelled }
      }
      gradients[0] = Value(aShape, result)
    }
    if back.wants(1) {
      var result = [Float](repeating: 0, count: b.count)
      if turnB {
        // Gᵀ A′
        multiply(g, n, true, a, aShape[1], turnA, &result, n, k, m, alpha: alpha, beta: 0) { call.budget.isCancelled }
      } else {
        multiply(a, aShape[1], !turnA, g, n, false, &result, k, n, m, alpha: alpha, beta: 0) { call.budget.isCancelled }
      }
      gradients[1] = Value(bShape, result)
    }
    if back.wants(2), let c = call.optional(2) {
      let beta = call.float("beta") ?? 1
      gradients[2] = Broadcasting.summed(beta == 1 ? g : g.map { $0 * beta }, whole, to: c.shape)
    }
    try call.pause()
    return gradients
  }

  /// Matrices in the last two axes, the others broadcast; vectors count as a row or a column.
  private static func matMulGradients(_ back: BackwardCall) throws(InferenceError) -> [Value?] {
    let call = back.call
    let ((aGiven, a), (bGiven, b)) = (try call.floats(0, rank: 1), try call.floats(1, rank: 1))
    let aShape = aGiven.count == 1 ? [1] + aGiven : aGiven
    let bShape = bGiven.count == 1 ? bGiven + [1] : bGiven
    let (m, k, n) = (aShape[aShape.count - 2], aShape[aShape.count - 1], bShape[bShape.count - 1])
    guard let batch = Shape.broadcast(Array(aShape.dropLast(2)), Array(bShape.dropLast(2))),
      bShape[bShape.count - 2] == k
    else { throw call.fail("has factors of shapes \(aGiven) and \(bGiven), which do not fit") }
    let g = try back.gradient()
    let matrices = Shape.product(batch)
    guard g.count == matrices * m * n else { throw call.fail("has a gradient of \(g.count) numbers") }
    func stopped() -> Bool { call.budget.isCancelled }
    var gradients: [Value?] = [nil, nil]
    if bShape.count == 2 {
      // One right factor: all rows of the left side make one matrix.
      let rows = matrices * m
      if back.wants(0) {
        var result = [Float](repeating: 0, count: a.count)
        multiply(g, n, false, b, n, true, &result, rows, k, n, alpha: 1, beta: 0, unless: stopped)
        gradients[0] = Value(aGiven, result)
      }
      if back.wants(1) {
        var result = [Float](repeating: 0, count: b.count)
        multiply(a, k, true, g, n, false, &result, k, n, rows, alpha: 1, beta: 0, unless: stopped)
        gradients[1] = Value(bGiven, result)
      }
      try call.pause()
      return gradients
    }
    let numbers = Array(0..<matrices)
    let lefts = Shape.gather(numbers, batch, strides: Shape.broadcastStrides(Array(aShape.dropLast(2)), to: batch))
    let rights = Shape.gather(numbers, batch, strides: Shape.broadcastStrides(Array(bShape.dropLast(2)), to: batch))
    /// Adds a product of two lists' matrices, each pair's to its place.
    func added(
      _ count: Int, _ x: [Float], _ xs: [Int], _ xSize: Int, _ xStride: Int, _ turnX: Bool, _ y: [Float], _ ys: [Int],
      _ ySize: Int, _ yStride: Int, _ turnY: Bool, _ targets: [Int], _ rows: Int, _ columns: Int, _ inner: Int
    ) -> [Float] {
      var result = [Float](repeating: 0, count: count)
      x.withUnsafeBufferPointer { x in
        y.withUnsafeBufferPointer { y in
          result.withUnsafeMutableBufferPointer { result in
            guard let x = x.baseAddress, let y = y.baseAddress, let result = result.baseAddress else { return }
            for index in targets.indices where !stopped() {
              BLAS.multiply(
                .init(start: x + xs[index] * xSize, stride: xStride, isTransposed: turnX),
                .init(start: y + ys[index] * ySize, stride: yStride, isTransposed: turnY),
                into: result + targets[index] * rows * columns, m: rows, n: columns, k: inner, beta: 1,
                unless: stopped)
            }
          }
        }
      }
      return result
    }
    if back.wants(0) {
      gradients[0] = Value(
        aGiven, added(a.count, g, numbers, m * n, n, false, b, rights, k * n, n, true, lefts, m, k, n))
    }
    if back.wants(1) {
      gradients[1] = Value(
        bGiven, added(b.count, a, lefts, m * k, k, true, g, numbers, m * n, n, false, rights, k, n, m))
    }
    try call.pause()
    return gradients
  }
}

extension Einsum {
  /// The gradient of an operand: the product of the output's gradient with all other operands, summed over the axes that
  /// it does not have; the same along those that it alone has.
  ///
  /// - Throws: for an operand that names an axis twice.
  func gradient(of operand: Int, _ gradient: Value) throws(InferenceError) -> Value {
    let own = labels[operand]
    guard Set(own).count == own.count else {
      throw call.fail("takes a diagonal, through which no gradient goes").forLackOfGradient
    }
    let others = operands.indices.filter { $0 != operand }
    let known = Set(output + others.flatMap { labels[$0] })
    var letters: [Int: String] = [:]
    let alphabet = Array("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")
    for label in (labels.joined() + output) where letters[label] == nil {
      guard letters.count < alphabet.count else { throw call.fail("names more axes than there are letters") }
      letters[label] = String(alphabet[letters.count])
    }
    func term(_ labels: [Int]) -> String { labels.map { letters[$0] ?? "" }.joined() }
    let kept = own.filter(known.contains)
    let terms = ([output] + others.map { labels[$0] }).map(term).joined(separator: ",")
    var node = call.node
    node.attributes["equation"] = .string("\(terms)->\(term(kept))")
    let turn = Call(
      node: node, inputs: [gradient] + others.map { operands[$0] }, operatorSet: call.operatorSet, budget: call.budget)
    let made = try Einsum(turn).run()[0]
    var rest = made.shape[...]
    let shape = own.map { known.contains($0) ? rest.removeFirst() : 1 }
    let target = operands[operand].shape
    guard let whole = Shape.broadcast(shape, target) else { throw call.fail("has an operand of shape \(target)") }
    return Broadcasting.summed(Broadcasting.spread(made.asFloats, shape, to: whole), whole, to: target)
  }
}
