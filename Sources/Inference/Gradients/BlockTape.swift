internal import CKernels

/// A block run forward on some texts with all that its way back needs, and that way. Shapes: N tokens.
final class BlockTape {
  let model: Transformer
  let weights: TransformerWeights
  private let block: Block
  private let number: Int
  private let texts: [Range<Int>]
  let count: Int
  let isCancelled: () -> Bool
  var shape: Hyperparameters { model.shape }

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
  /// What all tokens go through, and what experts make of some.
  private var whole: FeedForwardTape?
  private var mixed: MixtureTape?
  private var addedAgain: [Float] = []
  private var last: [Float] = []

  /// Numbers that a token takes, there and back.
  static func numbers(_ model: Transformer) -> Int {
    let shape = model.shape
    let width = shape.queryWidth + 2 * shape.keyWidth
    let parts = model.blocks.map { feedForwardNumbers(model, $0) }.max() ?? 0
    return 14 * shape.hidden + 3 * width + 2 * shape.queryWidth + 2 * parts
  }

  /// Numbers that a token takes in a block's feed-forward part: in each expert that it goes to.
  static func feedForwardNumbers(_ model: Transformer, _ block: Block) -> Int {
    var numbers = block.feedForward.map { $0.width + $0.inner } ?? 0
    if let experts = model.shape.experts, let one = block.mixture?.experts.first {
      numbers += experts.used * (one.width + one.inner + 2 * model.shape.hidden) + 4 * experts.count
    }
    return numbers
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
    whole = try block.feedForward.map { part throws(InferenceError) in
      try FeedForwardTape(self, part, normedAgain, rows: count)
    }
    mixed = try block.mixture.map { mixture throws(InferenceError) in
      try MixtureTape(self, mixture, normedAgain, shared: whole?.made ?? [])
    }
    addedAgain = mixed?.made ?? whole?.made ?? []
    // What the last norm is taken of; of others the sum is the next block's.
    if shape.isEncoder { last = Self.sum(between, addedAgain) }
  }

  /// What comes out, (N, hidden).
  var output: [Float] {
    if shape.isEncoder { return block.afterFeedForward.map { normalised($0, last) } ?? last }
    return Self.sum(between, block.afterFeedForward.map { normalised($0, addedAgain) } ?? addedAgain)
  }

  private func attention() -> Attention {
    Attention(
      shape, longest: longest, model.relativeBias.map { RelativeBias($0, weights, longest: longest) })
  }

  /// The norm and the first column of each head that has one.
  private func eachHead(_ body: (Norm, Int) -> Void) {
    // One norm over all heads is over so many numbers as if they were one.
    let isOne = shape.normsAllHeads
    if let norm = block.queryNorm {
      for head in 0..<(isOne ? 1 : shape.heads) { body(norm, head * shape.headDimension) }
    }
    if let norm = block.keyNorm {
      for head in 0..<(isOne ? 1 : shape.keyHeads) { body(norm, shape.queryWidth + head * shape.headDimension) }
    }
  }

  private func normalised(_ norm: Norm, _ x: [Float]) -> [Float] {
    Kernels.filled(x.count) { y in
      x.withUnsafeBufferPointer {
        if let x = $0.baseAddress { model.normalise(norm, weights, x, into: y, rows: count) }
      }
    }
  }

  /// (rows, Σ outputs) of matrices that take the same; of all tokens where `rows` is `nil`.
  func product(_ linears: [Linear], _ x: [Float], rows: Int? = nil) throws(InferenceError) -> [Float] {
    let count = rows ?? count
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

  static func sum(_ a: [Float], _ b: [Float]) -> [Float] {
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
      found += LayerRows.of(linears, rows, x, gradient)
    }
    var g = gradient
    if shape.isEncoder, let norm = block.afterFeedForward { g = back(norm, last, g) }
    let down = shape.isEncoder ? g : block.afterFeedForward.map { back($0, addedAgain, g) } ?? g
    var intoNorm = [Float](repeating: 0, count: down.count)
    var shared = down
    if let mixed { (intoNorm, shared) = try mixed.back(self, down, rows, &found) }
    if let whole { intoNorm = Self.sum(intoNorm, try whole.back(self, shared, rows, &found)) }
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
  func back(_ linears: [Linear], _ gradient: [Float], rows: Int? = nil) throws(InferenceError) -> [Float] {
    let count = rows ?? count
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
