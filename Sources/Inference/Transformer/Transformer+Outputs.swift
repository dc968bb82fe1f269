internal import CKernels
internal import Checkpoints

extension Transformer {
  /// Logits of some tokens' successors: (rows, vocabulary).
  ///
  /// - Parameters:
  ///   - activations: After all blocks; those before are run.
  ///   - rows: Tokens; all where it is `nil`. 4 bytes · vocabulary each.
  /// - Throws: for an encoder, and as `run`.
  public func logits(
    _ activations: Activations, rows: Range<Int>? = nil, weights: TransformerWeights,
    isCancelled: () -> Bool = { false }
  ) throws(InferenceError) -> [Float] {
    let rows = (rows ?? 0..<activations.tokens).clamped(to: 0..<activations.tokens)
    var logits: [Float] = []
    logits.reserveCapacity(rows.count * vocabularySize)
    try eachLogits(activations, rows: Array(rows), weights: weights, isCancelled: isCancelled) { _, row in logits += row
    }
    return logits
  }

  /// The logits of texts with the blocks from one on run with these weights: exactly what a whole run gives, where the
  /// blocks before have the same weights.
  ///
  /// - Precondition: `activations` stand before `block`.
  public func logits(
    from activations: Activations, startingAtBlock block: Int, weights: TransformerWeights,
    isCancelled: () -> Bool = { false }
  ) throws(InferenceError) -> [Float] {
    precondition(activations.nextBlock == block)
    return try logits(activations, weights: weights, isCancelled: isCancelled)
  }

  /// Calls `body` with the logits of one token after another; some rows are held at a time.
  func eachLogits(
    _ activations: Activations, rows: [Int], weights: TransformerWeights, isCancelled: () -> Bool = { false },
    observe: LinearObserver? = nil, _ body: (Int, UnsafeMutableBufferPointer<Float>) throws(InferenceError) -> Void
  ) throws(InferenceError) {
    guard let head, let outputNorm else {
      throw InferenceError(checkpoint.path, "is an encoder, which predicts no tokens")
    }
    let done = try run(activations, weights: weights, observe: observe, isCancelled: isCancelled)
    let hidden = shape.hidden
    let most = max(1, min(rows.count, Self.logitsAtATime / head.outputs))
    try weights.checkRoom(for: Self.product([most, hidden + head.outputs, 4]), "\(most) rows of logits")
    let inputs = Scratch(most * hidden)
    let outputs = Scratch(most * head.outputs)
    for first in stride(from: 0, to: rows.count, by: most) {
      if isCancelled() { throw .cancelled }
      let part = rows[first..<min(first + most, rows.count)]
      done.values.withUnsafeBufferPointer { values in
        for (index, row) in part.enumerated() {
          normalise(
            outputNorm, weights, values.baseAddress! + row * hidden, into: inputs.start + index * hidden, rows: 1)
        }
      }
      observe?(LinearInputs(head, inputs.start, rows: part.count))
      try multiply(
        head, weights, inputs.start, count: part.count, into: outputs.start, stride: head.outputs,
        unless: isCancelled)
      if isCancelled() { throw .cancelled }
      for (index, row) in part.enumerated() {
        let logits = UnsafeMutableBufferPointer(start: outputs.start + index * head.outputs, count: head.outputs)
        if shape.logitCap > 0 { lathe_soft_cap(logits.baseAddress!, logits.count, shape.logitCap) }
        try body(row, logits)
      }
    }
  }

  /// Logits that are held at a time: 16 MiB.
  static let logitsAtATime = 1 << 22

  /// An embedding a text, `shape.hidden` numbers each, pooled as the model says, or as asked for.
  ///
  /// - Throws: as `embed` and `run`.
  public func embeddings(
    _ texts: [[Int]], weights: TransformerWeights, pooling: Hyperparameters.Pooling? = nil,
    isCancelled: () -> Bool = { false }
  ) throws(InferenceError) -> [[Float]] {
    pooled(try run(try embed(texts, weights: weights), weights: weights, isCancelled: isCancelled), pooling)
  }

  /// An embedding a text of what stands after all blocks.
  func pooled(_ done: Activations, _ pooling: Hyperparameters.Pooling? = nil) -> [[Float]] {
    let hidden = shape.hidden
    return done.texts.map { text in
      let rows = text.map { done.values[$0 * hidden..<($0 + 1) * hidden] }
      var pooled: [Float]
      switch pooling ?? (shape.pooling == .none ? .mean : shape.pooling) {
      case .first: pooled = Array(rows[0])
      case .last: pooled = Array(rows[rows.count - 1])
      case .mean, .none:
        pooled = [Float](repeating: 0, count: hidden)
        for row in rows { for (index, value) in row.enumerated() { pooled[index] += value } }
        for index in pooled.indices { pooled[index] /= Float(rows.count) }
      }
      if shape.normalisesPooled {
        let length = max(1e-12, pooled.reduce(0) { $0 + $1 * $1 }.squareRoot())
        pooled = pooled.map { $0 / length }
      }
      return pooled
    }
  }
}
