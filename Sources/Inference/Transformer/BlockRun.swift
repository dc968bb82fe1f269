internal import CKernels

/// The memory of one run over some texts, and the two halves of a block. Shapes: N tokens in all.
final class BlockRun {
  private let model: Transformer
  private let shape: Hyperparameters
  private let weights: TransformerWeights
  private let texts: [Range<Int>]
  private let count: Int
  /// Tokens that are in the cache already.
  private let past: Int
  private let observe: LinearObserver?
  private let rotations: TextRotations
  private let attention: Attention

  /// (N, hidden), (N, queries + 2 keys), (N, queries), (N, 1 or 2 · inner), and (N, hidden) again.
  private let normed: Scratch
  private let projected: Scratch
  private let attended: Scratch
  private let inner: Scratch
  private let added: Scratch
  private let width: Int

  init(
    _ model: Transformer, _ weights: TransformerWeights, _ texts: [Range<Int>], past: Int, _ observe: LinearObserver?
  ) throws(InferenceError) {
    (self.model, self.weights, self.texts, self.past, self.observe) = (model, weights, texts, past, observe)
    shape = model.shape
    count = texts.last?.upperBound ?? 0
    let longest = texts.map(\.count).max() ?? 0
    width = shape.queryWidth + 2 * shape.keyWidth
    normed = Scratch(count * shape.hidden)
    projected = Scratch(count * width)
    attended = Scratch(count * shape.queryWidth)
    inner = Scratch(count * (model.blocks.map { $0.up.reduce(0) { $0 + $1.outputs } }.max() ?? 0))
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
      observe?(linear.layer, UnsafeBufferPointer(start: input, count: count * linear.inputs), linear.inputs)
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
    try add(block.output, attended.start, block.afterAttention, x, isCancelled)
  }

  /// x += down(activation(gate(norm(x))) · up(norm(x))).
  func feedForward(
    _ number: Int, _ x: UnsafeMutablePointer<Float>, _ isCancelled: () -> Bool
  ) throws(InferenceError) {
    let block = model.blocks[number]
    let input = normalised(block.feedForwardNorm, x)
    let width = block.up.reduce(0) { $0 + $1.outputs }
    var column = 0
    for linear in block.up {
      observe?(linear.layer, UnsafeBufferPointer(start: input, count: count * linear.inputs), linear.inputs)
      try model.multiply(
        linear, weights, input, count: count, into: inner.start + column, stride: width,
        unless: isCancelled)
      column += linear.outputs
    }
    for row in 0..<count {
      let gate = inner.start + row * width
      // Rows move together: what is written lies before what is still to be read.
      lathe_activate(
        shape.activation.kernel, gate, block.isGated ? gate + block.inner : nil, gate, block.inner)
      if row > 0, block.isGated { (inner.start + row * block.inner).update(from: gate, count: block.inner) }
    }
    try add(block.down, inner.start, block.afterFeedForward, x, isCancelled)
  }

  private func normalised(_ norm: Norm?, _ x: UnsafeMutablePointer<Float>) -> UnsafePointer<Float> {
    guard let norm else { return UnsafePointer(x) }
    model.normalise(norm, weights, x, into: normed.start, rows: count)
    return UnsafePointer(normed.start)
  }

  /// The sum with what a linear layer makes, normalised before (Gemma) or after (BERT) where there is a norm.
  private func add(
    _ linear: Linear, _ input: UnsafePointer<Float>, _ norm: Norm?, _ x: UnsafeMutablePointer<Float>,
    _ isCancelled: () -> Bool
  ) throws(InferenceError) {
    observe?(linear.layer, UnsafeBufferPointer(start: input, count: count * linear.inputs), linear.inputs)
    try model.multiply(
      linear, weights, input, count: count, into: added.start, stride: shape.hidden, unless: isCancelled)
    if let norm, !shape.isEncoder { model.normalise(norm, weights, added.start, into: added.start, rows: count) }
    lathe_accumulate(x, added.start, count * shape.hidden)
    if let norm, shape.isEncoder { model.normalise(norm, weights, x, into: x, rows: count) }
  }

  private func normaliseHeads(_ norm: Norm?, at column: Int, heads: Int) {
    guard let norm else { return }
    for head in 0..<heads {
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
