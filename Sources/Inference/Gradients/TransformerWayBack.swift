internal import CKernels
internal import Checkpoints

/// The way back through a transformer, block by block over all texts.
///
/// The way there keeps what stands before each block; a block is run again with all its numbers before the way back goes
/// through it, some texts at a time where there is little room, and its weights are read as they are on the way there. So
/// that what is held is one block's numbers, and blocks · tokens · hidden.
struct TransformerWayBack {
  /// Where the way back starts.
  enum Ending {
    /// Logits of some of the tokens, all texts' one after another: the gradient of a row's logits from them.
    case logits(rows: [Int], @Sendable (_ row: Int, UnsafeBufferPointer<Float>, UnsafeMutablePointer<Float>) -> Void)
    /// What stands for the tokens after all blocks: the gradient of (tokens, hidden) from it.
    case states((Activations) throws(InferenceError) -> [Float])
  }

  let model: Transformer
  let weights: TransformerWeights
  let texts: [[Int]]
  let isCancelled: () -> Bool

  private var shape: Hyperparameters { model.shape }
  private var tokens: Int { texts.reduce(0) { $0 + $1.count } }

  /// Bytes that the way back takes beside the weights, all texts at a time; with one text at a time the rest of `once`.
  static func bytes(_ model: Transformer, _ texts: [Int]) -> (kept: Int, once: Int) {
    let tokens = texts.reduce(0, +)
    let hidden = model.shape.hidden
    let kept = Transformer.product([tokens, 4, (model.shape.blocks + 4) * hidden + partNumbers(model)])
    let longest = texts.max() ?? 0
    let once = Transformer.product([longest, 4, BlockTape.numbers(model) + 3 * Attention.rows])
    return (kept, once)
  }

  /// Numbers that a token gives the layers of one block.
  private static func partNumbers(_ model: Transformer) -> Int {
    model.blocks.map { block in
      let attention = (block.projections + [block.output]).reduce(0) { $0 + $1.outputs }
      return attention + 2 * model.shape.hidden + model.shape.queryWidth + BlockTape.feedForwardNumbers(model, block)
    }.max() ?? 0
  }

  /// - Parameters:
  ///   - progress: blocks there and back that are done, and all.
  ///   - visit: called once for each of the checkpoint's layers with all that belongs to it, in the order of the way
  ///     back.
  /// - Throws: where there is no room, a weight cannot be read, `InferenceError.cancelled`, and what `visit` throws.
  func run(_ ending: Ending, progress: (Int, Int) -> Void, visit: (Int, [LayerRows]) throws -> Void) throws {
    let (kept, once) = Self.bytes(model, texts.map(\.count))
    let sum = kept.addingReportingOverflow(once)
    try weights.checkRoom(for: sum.overflow ? .max : sum.partialValue, "gradients of \(tokens) tokens")
    let all = 2 * shape.blocks + 1
    var state = try model.embed(texts, weights: weights)
    let ranges = state.texts
    let chunks = chunks(ranges, room: max(0, weights.memory - weights.byteCount - kept))
    var states: [[Float]] = []
    for number in 0..<shape.blocks {
      states.append(state.values)
      state = try forward(state, chunks)
      progress(number + 1, all)
    }
    var tied: [LayerRows] = []
    var gradient: [Float]
    switch ending {
    case .logits(let rows, let direction):
      let head = try headBack(state, rows, direction)
      gradient = head.gradient
      if head.rows.layer == model.embedding.layer {
        tied = [head.rows]
      } else {
        try visit(head.rows.layer, [head.rows])
      }
    case .states(let direction): gradient = try direction(state)
    }
    state.values = []
    progress(shape.blocks + 1, all)
    var distances = ranges.map { [Float](repeating: 0, count: biasNumbers($0.count)) }
    for number in (0..<shape.blocks).reversed() {
      let input = states.removeLast()
      let parts = try back(number, input, &gradient, ranges, chunks, &distances)
      for (layer, rows) in parts { try visit(layer, rows) }
      progress(2 * shape.blocks + 1 - number, all)
    }
    try visitEmbeddings(gradient, ranges, tied, distances, visit)
  }

  private func biasNumbers(_ length: Int) -> Int {
    model.relativeBias == nil ? 0 : shape.heads * max(0, 2 * length - 1)
  }

  // MARK: - Some texts at a time

  /// Neighbouring texts that a block is run on at a time, each at least one.
  private func chunks(_ texts: [Range<Int>], room: Int) -> [Range<Int>] {
    let each = max(1, 4 * (BlockTape.numbers(model) + 3 * Attention.rows))
    let most = max(1, room / each)
    var chunks: [Range<Int>] = []
    for (index, text) in texts.enumerated() {
      if let last = chunks.last, text.upperBound - texts[last.lowerBound].lowerBound <= most {
        chunks[chunks.count - 1] = last.lowerBound..<index + 1
      } else {
        chunks.append(index..<index + 1)
      }
    }
    return chunks
  }

  /// The texts of a chunk counted from its own beginning, and its tokens.
  private func part(_ texts: [Range<Int>], _ chunk: Range<Int>) -> (texts: [Range<Int>], tokens: Range<Int>) {
    let first = texts[chunk.lowerBound].lowerBound
    return (
      texts[chunk].map { $0.lowerBound - first..<$0.upperBound - first }, first..<texts[chunk.upperBound - 1].upperBound
    )
  }

  private func forward(_ state: Activations, _ chunks: [Range<Int>]) throws(InferenceError) -> Activations {
    let next = state.nextBlock + 1
    if chunks.count == 1 { return try model.run(state, upTo: next, weights: weights, isCancelled: isCancelled) }
    var values: [Float] = []
    values.reserveCapacity(state.values.count)
    for chunk in chunks {
      let (texts, tokens) = part(state.texts, chunk)
      let own = Activations(values: rows(state.values, tokens), texts: texts, nextBlock: state.nextBlock)
      values += try model.run(own, upTo: next, weights: weights, isCancelled: isCancelled).values
    }
    return Activations(values: values, texts: state.texts, nextBlock: next)
  }

  private func rows(_ values: [Float], _ tokens: Range<Int>) -> [Float] {
    tokens.count * shape.hidden == values.count
      ? values : Array(values[tokens.lowerBound * shape.hidden..<tokens.upperBound * shape.hidden])
  }

  /// One block back: its layers' parts, the last one's first.
  private func back(
    _ number: Int, _ input: [Float], _ gradient: inout [Float], _ texts: [Range<Int>], _ chunks: [Range<Int>],
    _ distances: inout [[Float]]
  ) throws(InferenceError) -> [(layer: Int, rows: [LayerRows])] {
    var parts: [(layer: Int, rows: [LayerRows])] = []
    var whole: [Float] = []
    for chunk in chunks {
      if isCancelled() { throw .cancelled }
      let (own, tokens) = part(texts, chunk)
      let tape = try BlockTape(
        model, weights, block: number, rows(input, tokens), own, isCancelled: isCancelled)
      var biases = Array(distances[chunk])
      let found = try tape.back(rows(gradient, tokens), firstRow: tokens.lowerBound, distances: &biases)
      distances.replaceSubrange(chunk, with: biases)
      if chunks.count == 1 { whole = found.gradient } else { whole += found.gradient }
      for row in found.rows {
        if let place = parts.firstIndex(where: { $0.layer == row.layer }) {
          parts[place].rows.append(row)
        } else {
          parts.append((row.layer, [row]))
        }
      }
    }
    gradient = whole
    return parts
  }

  // MARK: - The head

  /// The head back: the gradient of what stands after all blocks, and the head's own part.
  func headBack(
    _ state: Activations, _ rows: [Int],
    _ direction: @escaping @Sendable (Int, UnsafeBufferPointer<Float>, UnsafeMutablePointer<Float>) -> Void
  ) throws(InferenceError) -> (gradient: [Float], rows: LayerRows) {
    guard let head = model.head, let norm = model.outputNorm else {
      throw InferenceError(model.checkpoint.path, "is an encoder, which predicts no tokens")
    }
    let hidden = shape.hidden
    let (model, weights) = (model, weights)
    let x = Kernels.filled(rows.count * hidden) { target in
      state.values.withUnsafeBufferPointer { values in
        guard let start = values.baseAddress else { return }
        for (index, row) in rows.enumerated() {
          model.normalise(norm, weights, start + row * hidden, into: target + index * hidden, rows: 1)
        }
      }
    }
    /// The gradients of some rows' products, which the cap follows.
    @Sendable func made(
      _ part: Range<Int>, _ target: UnsafeMutablePointer<Float>, unless isCancelled: () -> Bool
    ) throws(InferenceError) {
      try x.withUnsafeBufferPointer { x throws(InferenceError) in
        guard let start = x.baseAddress else { return }
        try model.multiply(
          head, weights, start + part.lowerBound * hidden, count: part.count, into: target, stride: head.outputs,
          unless: isCancelled)
      }
      let gradient = Scratch(head.outputs)
      for index in 0..<part.count {
        let logits = target + index * head.outputs
        let cap = model.shape.logitCap
        if cap > 0 { lathe_soft_cap(logits, head.outputs, cap) }
        direction(
          rows[part.lowerBound + index], UnsafeBufferPointer(start: logits, count: head.outputs), gradient.start)
        for column in 0..<head.outputs {
          let share = cap > 0 ? logits[column] / cap : 0
          logits[column] = gradient.start[column] * (1 - share * share)
        }
      }
    }
    let most = max(1, min(rows.count, Transformer.logitsAtATime / head.outputs))
    try weights.checkRoom(for: Transformer.product([most, head.outputs, 4]), "\(most) rows of logits")
    let scratch = Scratch(most * head.outputs)
    let inputs = Scratch(most * hidden)
    var result = [Float](repeating: 0, count: state.values.count)
    for first in stride(from: 0, to: rows.count, by: most) {
      if isCancelled() { throw .cancelled }
      let part = first..<min(rows.count, first + most)
      try made(part, scratch.start, unless: isCancelled)
      inputs.start.update(repeating: 0, count: part.count * hidden)
      try model.multiplyBack(
        head, weights, scratch.start, count: part.count, stride: head.outputs, addingTo: inputs.start,
        unless: isCancelled)
      state.values.withUnsafeBufferPointer { values in
        result.withUnsafeMutableBufferPointer { result in
          guard let values = values.baseAddress, let result = result.baseAddress else { return }
          for index in part {
            let (own, place) = (inputs.start + (index - first) * hidden, rows[index] * hidden)
            model.normaliseBack(norm, weights, values + place, own, into: own, rows: 1)
            lathe_accumulate(result + place, own, hidden)
          }
        }
      }
    }
    let found = LayerRows(
      layer: head.layer, outputs: head.outputs, inputs: head.inputs, rows: rows,
      content: .made(x: x) { part, target throws(InferenceError) in try made(part, target, unless: { false }) })
    return (result, found)
  }

  // MARK: - Embeddings

  private func visitEmbeddings(
    _ gradient: [Float], _ texts: [Range<Int>], _ tied: [LayerRows], _ distances: [[Float]],
    _ visit: (Int, [LayerRows]) throws -> Void
  ) throws {
    var gradient = gradient
    if let norm = model.embeddingNorm {
      let plain = try model.embed(self.texts, from: 0, weights, isNormalised: false).values
      gradient = Kernels.filled(gradient.count) { target in
        plain.withUnsafeBufferPointer { x in
          gradient.withUnsafeBufferPointer { g in
            guard let x = x.baseAddress, let g = g.baseAddress else { return }
            model.normaliseBack(norm, weights, x, g, into: target, rows: tokens)
          }
        }
      }
    }
    let rows = Array(0..<tokens)
    func lookups(_ table: Linear, _ places: [Int], _ gradient: [Float]) -> LayerRows {
      LayerRows(
        layer: table.layer, outputs: table.outputs, inputs: table.inputs, rows: rows,
        content: .lookups(places: places, gradient: gradient))
    }
    if let table = model.relativeBias {
      let gradients = zip(distances, texts).map { distances, text in
        RelativeBias.gradient(distances, table, length: text.count)
      }
      let part = LayerRows(
        layer: table.layer, outputs: table.outputs, inputs: table.inputs, rows: texts.map(\.lowerBound),
        content: .texts(gradients))
      try visit(table.layer, [part])
    }
    if let table = model.positionEmbedding {
      let places = texts.flatMap { text in (0..<text.count).map { $0 + model.firstPlace } }
      try visit(table.layer, [lookups(table, places, gradient)])
    }
    if let table = model.tokenTypes { try visit(table.layer, [lookups(table, rows.map { _ in 0 }, gradient)]) }
    let scale = shape.embeddingScale
    let own = scale == 1 ? gradient : gradient.map { $0 * scale }
    try visit(model.embedding.layer, tied + [lookups(model.embedding, self.texts.flatMap { $0 }, own)])
  }
}

extension RelativeBias {
  /// The gradient of the table, (buckets, heads), from those by distance, (heads, 2 · length − 1).
  static func gradient(_ distances: [Float], _ table: Linear, length: Int) -> [Float] {
    let (buckets, heads, span) = (table.outputs, table.inputs, max(0, 2 * length - 1))
    var result = [Float](repeating: 0, count: buckets * heads)
    for index in 0..<span {
      let bucket = max(0, min(buckets - 1, bucket(index - (length - 1), buckets)))
      for head in 0..<heads { result[bucket * heads + head] += distances[head * span + index] }
    }
    return result
  }
}
