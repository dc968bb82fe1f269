internal import CKernels

/// The memory of one run over some texts, and the two halves of a block. Shapes: N tokens in all.
final class BlockRun {
  let model: Transformer
  let shape: Hyperparameters
  let weights: TransformerWeights
  private let texts: [Range<Int>]
  let count: Int
  /// Tokens that are in the cache already.
  private let past: Int
  let observe: LinearObserver?
  let routing: RoutingWatch?
  private let rotations: TextRotations
  private let attention: Attention

  /// (N, hidden), (N, queries + 2 keys), (N, queries), (N, 1 or 2 · inner), and (N, hidden) again.
  private let normed: Scratch
  private let projected: Scratch
  private let attended: Scratch
  let inner: Scratch
  let added: Scratch
  private let width: Int

  init(
    _ model: Transformer, _ weights: TransformerWeights, _ texts: [Range<Int>], past: Int,
    _ observe: LinearObserver?, _ routing: RoutingWatch?
  ) throws(InferenceError) {
    (self.model, self.weights, self.texts, self.past, self.observe) = (model, weights, texts, past, observe)
    self.routing = routing
    shape = model.shape
    count = texts.last?.upperBound ?? 0
    let longest = texts.map(\.count).max() ?? 0
    width = shape.queryWidth + 2 * shape.keyWidth
    normed = Scratch(count * shape.hidden)
    projected = Scratch(count * width)
    attended = Scratch(count * shape.queryWidth)
    inner = Scratch(count * (model.blocks.map(\.upWidth).max() ?? 0))
    added = Scratch(count * shape.hidden)
    rotations = TextRotations(shape, texts, past: past)
    var bias: RelativeBias?
    if let table = model.relativeBias { bias = RelativeBias(table, weights, longest: longest) }
    attention = Attention(shape, longest: past + longest, bias)
  }

  /// x += attention(norm(x)), x (N, hidden).
  func attend(
    _ number: Int, _ x: UnsafeMutablePointer<Float>, _ cache: inout TransformerCache?, _ isCancelled: () -> Bool
  ) throws(InferenceError) {
    let block = model.blocks[number]
    let input = normalised(block.attentionNorm, x)
    var column = 0
    for linear in block.projections {
      observe?(LinearInputs(linear, input, rows: count))
      try model.multiply(
        linear, weights, input, count: count, into: projected.start + column, stride: width,
        unless: isCancelled)
      column += linear.outputs
    }
    let (queries, keys) = (shape.queryWidth, shape.keyWidth)
    normaliseHeads(block.queryNorm, at: 0, heads: shape.heads)
    normaliseHeads(block.keyNorm, at: queries, heads: shape.keyHeads)
    rotations.turn(projected.start, width: width, block: number)
    for text in texts {
      let start = projected.start + text.lowerBound * width
      let target = attended.start + text.lowerBound * queries
      if cache != nil {
        cache!.add(block: number, start + queries, rows: text.count, stride: width, width: keys)
        cache!.keys[number].withUnsafeBufferPointer { k in
          cache!.values[number].withUnsafeBufferPointer { v in
            attention.run(
              queries: start, stride: width, count: text.count, keys: k.baseAddress!, values: v.baseAddress!,
              keyStride: keys, past: past, window: shape.windows[number], into: target,
              unless: isCancelled)
          }
        }
      } else {
        attention.run(
          queries: start, stride: width, count: text.count, keys: start + queries, values: start + queries + keys,
          keyStride: width, past: 0, window: shape.windows[number], into: target,
          unless: isCancelled)
      }
    }
    observe?(LinearInputs(block.output, attended.start, rows: count))
    try model.multiply(
      block.output, weights, attended.start, count: count, into: added.start, stride: shape.hidden,
      unless: isCancelled)
    join(block.afterAttention, x)
  }

  /// x += down(activation(gate(norm(x))) · up(norm(x))), or what experts make.
  func feedForward(
    _ number: Int, _ x: UnsafeMutablePointer<Float>, _ isCancelled: () -> Bool
  ) throws(InferenceError) {
    let block = model.blocks[number]
    let input = normalised(block.feedForwardNorm, x)
    if let part = block.feedForward {
      try run(part, input, count, into: added.start, isCancelled)
    } else {
      added.start.update(repeating: 0, count: count * shape.hidden)
    }
    if let mixture = block.mixture { try mix(number, mixture, input, isCancelled) }
    join(block.afterFeedForward, x)
  }

  /// y = down(activation(gate x) · up x) of `rows` rows, y (rows, hidden).
  ///
  /// - Parameter isWidened: whether it is run for what is shown on the way alone, without the last product.
  func run(
    _ part: FeedForward, _ input: UnsafePointer<Float>, _ rows: Int, into target: UnsafeMutablePointer<Float>,
    isWidened: Bool = false, _ isCancelled: () -> Bool
  ) throws(InferenceError) {
    let width = part.width
    var column = 0
    for linear in part.up {
      observe?(LinearInputs(linear, input, rows: rows, isWidened: isWidened))
      try model.multiply(
        linear, weights, input, count: rows, into: inner.start + column, stride: width, unless: isCancelled)
      column += linear.outputs
    }
    for row in 0..<rows {
      let gate = inner.start + row * width
      // Rows move together: what is written lies before what is still to be read.
      lathe_activate(
        shape.activation.kernel, gate, part.isGated ? gate + part.inner : nil, gate, part.inner)
      if row > 0, part.isGated { (inner.start + row * part.inner).update(from: gate, count: part.inner) }
    }
    observe?(LinearInputs(part.down, inner.start, rows: rows, isWidened: isWidened))
    guard !isWidened else { return }
    try model.multiply(
      part.down, weights, inner.start, count: rows, into: target, stride: shape.hidden, unless: isCancelled)
  }

  private func normalised(_ norm: Norm?, _ x: UnsafeMutablePointer<Float>) -> UnsafePointer<Float> {
    guard let norm else { return UnsafePointer(x) }
    model.normalise(norm, weights, x, into: normed.start, rows: count)
    return UnsafePointer(normed.start)
  }

  /// x + `added`, normalised before (Gemma) or after (BERT) where there is a norm.
  private func join(_ norm: Norm?, _ x: UnsafeMutablePointer<Float>) {
    if let norm, !shape.isEncoder { model.normalise(norm, weights, added.start, into: added.start, rows: count) }
    lathe_accumulate(x, added.start, count * shape.hidden)
    if let norm, shape.isEncoder { model.normalise(norm, weights, x, into: x, rows: count) }
  }

  private func normaliseHeads(_ norm: Norm?, at column: Int, heads: Int) {
    guard let norm else { return }
    // One norm over all heads is over so many numbers as if they were one.
    for head in 0..<(shape.normsAllHeads ? 1 : heads) {
      let start = projected.start + column + head * shape.headDimension
      model.normalise(norm, weights, start, into: start, rows: count, stride: width)
    }
  }
}

extension TransformerCache {
  /// Puts the keys and values of a block's next tokens after the others: rows of both, one after the other.
  fileprivate mutating func add(block: Int, _ start: UnsafePointer<Float>, rows: Int, stride: Int, width: Int) {
    for row in 0..<rows {
      keys[block] += UnsafeBufferPointer(start: start + row * stride, count: width)
      values[block] += UnsafeBufferPointer(start: start + row * stride + width, count: width)
    }
  }
}

/// Floats that live as long as a run.
final class Scratch {
  let start: UnsafeMutablePointer<Float>

  init(_ count: Int) {
    start = .allocate(capacity: max(1, count))
  }

  deinit { start.deallocate() }
}
