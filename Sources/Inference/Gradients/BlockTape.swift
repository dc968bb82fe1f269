internal import CKernels

/// A block run forward on some texts with all that its way back needs, and that way. Shapes: N tokens.
final class BlockTape {
  private let model: Transformer
  private let weights: TransformerWeights
  private let block: Block
  private let number: Int
  private let texts: [Range<Int>]
  private let count: Int
  private let isCancelled: () -> Bool
  private var shape: Hyperparameters { model.shape }

  // As they come: what goes in, normalised, projected as the matrices give it and as attention takes it, attended, its
  // output, the sum before and after a norm; then the same of the feed-forward part.
  private let input: [Float]
  private var normed: [Float] = []
  private var raw: [Float] = []
  private var projected: [Float] = []
  private var attended: [Float] = []
  private var added: [Float] = []
  private var sum: [Float] = []
  private var between: [Float] = []
  private var normedAgain: [Float] = []
  private var inner: [Float] = []
  private var activated: [Float] = []
  private var addedAgain: [Float] = []
  private var last: [Float] = []

  /// Numbers that a token takes, there and back.
  static func numbers(_ model: Transformer) -> Int {
    let shape = model.shape
    let width = shape.queryWidth + 2 * shape.keyWidth
    let up = model.blocks.map { $0.up.reduce(0) { $0 + $1.outputs } }.max() ?? 0
    let inner = model.blocks.map(\.inner).max() ?? 0
    return 14 * shape.hidden + 3 * width + 2 * shape.queryWidth + 2 * up + 2 * inner
  }

  init(
    _ model: Transformer, _ weights: TransformerWeights, block number: Int, _ input: [Float], _ texts: [Range<Int>],
    isCancelled: @escaping () -> Bool
  ) throws(InferenceError) {
    (self.model, self.weights, self.number, self.texts) = (model, weights, number, texts)
    (self.input, self.isCancelled, block) = (input, isCancelled, model.blocks[number])
    count = texts.last?.upperBound ?? 0
    try attend()
    try feedForward()
  }

  private var width: Int { shape.queryWidth + 2 * shape.keyWidth }
  private var upWidth: Int { block.up.reduce(0) { $0 + $1.outputs } }
  private var longest: Int { texts.map(\.count).max() ?? 0 }

  // MARK: - There

  private func attend() throws(InferenceError) {
    normed = block.attentionNorm.map { normalised($0, input) } ?? input
    raw = try product(block.projections, normed)
    projected = raw
    let attention = attention()
    attended = .init(repeating: 0, count: count * shape.queryWidth)
    projected.withUnsafeMutableBufferPointer { projected in
      attended.withUnsafeMutableBufferPointer { attended in
        guard let start = projected.baseAddress, let target = attended.baseAddress else { return }
        eachHead { norm, head in
          model.normalise(norm, weights, start + head, into: start + head, rows: count, stride: width)
        }
        TextRotations(shape, texts).turn(start, width: width, block: number)
        for text in texts {
          let own = start + text.lowerBound * width
          attention.run(
            queries: own, stride: width, count: text.count, keys: own + shape.queryWidth,
            values: own + shape.queryWidth + shape.keyWidth, keyStride: width, past: 0, window: shape.windows[number],
            into: target + text.lowerBound * shape.queryWidth, unless: isCancelled)
        }
      }
    }
    added = try product([block.output], attended)
    let part = !shape.isEncoder ? block.afterAttention.map { normalised($0, added) } ?? added : added
    sum = Self.sum(input, part)
    between = shape.isEncoder ? block.afterAttention.map { normalised($0, sum) } ?? sum : sum
  }

  private func feedForward() throws(InferenceError) {
    normedAgain = block.feedForwardNorm.map { normalised($0, between) } ?? between
    inner = try product(block.up, normedAgain)
    activated = .init(repeating: 0, count: count * block.inner)
    inner.withUnsafeBufferPointer { inner in
      activated.withUnsafeMutableBufferPointer { activated in
        guard let source = inner.baseAddress, let target = activated.baseAddress else { return }
        for row in 0..<count {
          let gate = source + row * upWidth
          lathe_activate(
            shape.activation.kernel, gate, block.isGated ? gate + block.inner : nil, target + row * block.inner,
            block.inner)
        }
      }
    }
    addedAgain = try product([block.down], activated)
    // What the last norm is taken of; of others the sum is the next block's.
    if shape.isEncoder { last = Self.sum(between, addedAgain) }
  }

  private func attention() -> Attention {
    Attention(
      shape, longest: longest, model.relativeBias.map { RelativeBias($0, weights, longest: longest) })
  }

  /// The norm and the first column of each head that has one.
  private func eachHead(_ body: (Norm, Int) -> Void) {
    if let norm = block.queryNorm { for head in 0..<shape.heads { body(norm, head * shape.headDimension) } }
    if let norm = block.keyNorm {
      for head in 0..<shape.keyHeads { body(norm, shape.queryWidth + head * shape.headDimension) }
    }
  }

  private func normalised(_ norm: Norm, _ x: [Float]) -> [Float] {
    Kernels.filled(x.count) { y in
      x.withUnsafeBufferPointer {
        if let x = $0.baseAddress { model.normalise(norm, weights, x, into: y, rows: count) }
      }
    }
  }

  /// (N, Σ outputs) of matrices that take the same.
  private func product(_ linears: [Linear], _ x: [Float]) throws(InferenceError) -> [Float] {
    let stride = linears.reduce(0) { $0 + $1.outputs }
    var result = [Float](repeating: 0, count: count * stride)
    try result.withUnsafeMutableBufferPointer { result throws(InferenceError) in
      try x.withUnsafeBufferPointer { x throws(InferenceError) in
        guard let source = x.baseAddress, let target = result.baseAddress else { return }
        var column = 0
        for linear in linears {
          try model.multiply(
            linear, weights, source, count: count, into: target + column, stride: stride, unless: isCancelled)
          column += linear.outputs
        }
      }
    }
    if isCancelled() { throw .cancelled }
    return result
  }

  private static func sum(_ a: [Float], _ b: [Float]) -> [Float] {
    Kernels.combine(LATHE_ADD, a, [a.count], b, [b.count], [a.count])
  }

  // MARK: - And back

  /// The gradients of what went in from those of what came out, both (N, hidden), and those of the matrices, the last one
  /// first.
  ///
  /// - Parameters:
  ///   - first: the number of the run's row that is the first here.
  ///   - distances: gets the gradients of a bias by distance, one a text: (heads, 2 · its length − 1).
  func back(
    _ gradient: [Float], firstRow first: Int, distances: inout [[Float]]
  ) throws(InferenceError) -> (gradient: [Float], rows: [LayerRows]) {
    var found: [LayerRows] = []
    let rows = Array(first..<first + count)
    func keep(_ linears: [Linear], _ x: [Float], _ gradient: [Float]) {
      let stride = linears.reduce(0) { $0 + $1.outputs }
      var column = stride
      for linear in linears.reversed() {
        column -= linear.outputs
        found.append(
          LayerRows(
            layer: linear.layer, outputs: linear.outputs, inputs: linear.inputs, rows: rows,
            content: .products(x: x, gradient: gradient, stride: stride, column: column)))
      }
    }
    var g = gradient
    if shape.isEncoder, let norm = block.afterFeedForward { g = back(norm, last, g) }
    let down = shape.isEncoder ? g : block.afterFeedForward.map { back($0, addedAgain, g) } ?? g
    keep([block.down], activated, down)
    let up = slopes(try back([block.down], down))
    keep(block.up, normedAgain, up)
    let intoNorm = try back(block.up, up)
    g = Self.sum(g, block.feedForwardNorm.map { back($0, between, intoNorm) } ?? intoNorm)

    if shape.isEncoder, let norm = block.afterAttention { g = back(norm, sum, g) }
    let output = shape.isEncoder ? g : block.afterAttention.map { back($0, added, g) } ?? g
    keep([block.output], attended, output)
    let heads = try attendBack(try back([block.output], output), &distances)
    keep(block.projections, normed, heads)
    let intoFirst = try back(block.projections, heads)
    g = Self.sum(g, block.attentionNorm.map { back($0, input, intoFirst) } ?? intoFirst)
    return (g, found)
  }

  private func back(_ norm: Norm, _ x: [Float], _ gradient: [Float]) -> [Float] {
    Kernels.filled(x.count) { target in
      x.withUnsafeBufferPointer { x in
        gradient.withUnsafeBufferPointer { gradient in
          guard let x = x.baseAddress, let gradient = gradient.baseAddress else { return }
          model.normaliseBack(norm, weights, x, gradient, into: target, rows: count)
        }
      }
    }
  }

  /// The gradient of what matrices take, from those of what they make, side by side.
  private func back(_ linears: [Linear], _ gradient: [Float]) throws(InferenceError) -> [Float] {
    let stride = linears.reduce(0) { $0 + $1.outputs }
    var result = [Float](repeating: 0, count: count * (linears.first?.inputs ?? 0))
    try result.withUnsafeMutableBufferPointer { result throws(InferenceError) in
      try gradient.withUnsafeBufferPointer { gradient throws(InferenceError) in
        guard let source = gradient.baseAddress, let target = result.baseAddress else { return }
        var column = 0
        for linear in linears {
          try model.multiplyBack(
            linear, weights, source + column, count: count, stride: stride, addingTo: target, unless: isCancelled)
          column += linear.outputs
        }
      }
    }
    return result
  }

  /// Through the activation: (N, inner) → (N, 1 or 2 · inner).
  private func slopes(_ gradient: [Float]) -> [Float] {
    let (inner, stride, kind) = (block.inner, upWidth, shape.activation)
    var plain = [Float](repeating: 0, count: inner)
    return Kernels.filled(count * stride) { target in
      for row in 0..<count {
        let (gate, up) = (row * stride, row * stride + inner)
        if block.isGated {
          self.inner.withUnsafeBufferPointer { lathe_activate(kind.kernel, $0.baseAddress! + gate, nil, &plain, inner) }
        }
        for index in 0..<inner {
          let g = gradient[row * inner + index]
          let slope = g * kind.slope(self.inner[gate + index])
          target[gate + index] = block.isGated ? slope * self.inner[up + index] : slope
          if block.isGated { target[up + index] = g * plain[index] }
        }
      }
    }
  }

  private func attendBack(
    _ gradient: [Float], _ distances: inout [[Float]]
  ) throws(InferenceError) -> [Float] {
    let attention = attention()
    let scratch = AttentionScratch(longest: longest)
    var result = [Float](repeating: 0, count: count * width)
    result.withUnsafeMutableBufferPointer { result in
      gradient.withUnsafeBufferPointer { gradient in
        projected.withUnsafeBufferPointer { projected in
          guard let target = result.baseAddress, let g = gradient.baseAddress, let from = projected.baseAddress else {
            return
          }
          for (index, text) in texts.enumerated() {
            let (row, length) = (text.lowerBound, text.count)
            func back(_ distances: UnsafeMutablePointer<Float>?) {
              attention.back(
                from + row * width, width: width, count: length, window: shape.windows[number],
                gradient: g + row * shape.queryWidth, into: target + row * width, scratch, distances: distances,
                longest: length, unless: isCancelled)
            }
            if model.relativeBias == nil {
              back(nil)
            } else {
              distances[index].withUnsafeMutableBufferPointer { back($0.baseAddress) }
            }
          }
          TextRotations(shape, texts, isBackward: true).turn(target, width: width, block: number)
          raw.withUnsafeBufferPointer { raw in
            guard let raw = raw.baseAddress else { return }
            eachHead { norm, head in
              model.normaliseBack(
                norm, weights, raw + head, target + head, into: target + head, rows: count, stride: width)
            }
          }
        }
      }
    }
    if isCancelled() { throw .cancelled }
    return result
  }
}

extension Hyperparameters.Activation {
  /// The derivative.
  fileprivate func slope(_ x: Float) -> Float {
    switch self {
    case .silu: Operators.swishSlope(x, 1)
    case .gelu: Operators.geluSlope(x)
    case .geluTanh: Operators.geluTanhSlope(x)
    case .relu: x > 0 ? 1 : 0
    }
  }
}
