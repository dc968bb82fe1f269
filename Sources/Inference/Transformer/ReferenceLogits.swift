internal import CKernels

/// What the original makes of some tokens, kept: it is compared with again and again.
struct ReferenceLogits: Sendable {
  /// (tokens, vocabulary).
  fileprivate var values: [Float] = []
  /// ln Σ exp of each token's.
  fileprivate var sums: [Double] = []
  fileprivate var scores = TokenScores()
}

extension Transformer {
  /// The logits of some rows for later comparisons.
  ///
  /// - Returns: `nil` where they would take more than a quarter of the memory that the weights leave.
  /// - Throws: as `eachLogits`.
  func keptLogits(
    _ done: Activations, _ weights: TransformerWeights, rows: [Int], targets: [Int], isCancelled: () -> Bool
  ) throws(InferenceError) -> ReferenceLogits? {
    let numbers = Self.product([rows.count, vocabularySize])
    do throws(InferenceError) {
      try weights.checkRoom(for: Self.product([numbers, 16]), "\(rows.count) rows of logits")
    } catch { return nil }
    var kept = ReferenceLogits()
    kept.values.reserveCapacity(numbers)
    var next = 0
    try eachLogits(done, rows: rows, weights: weights, isCancelled: isCancelled) { row, logits throws(InferenceError) in
      kept.sums.append(kept.scores.add(logits, targets[next], row))
      kept.values += logits
      next += 1
    }
    return kept
  }

  /// The same as `compare` of two runs, the first of which is kept.
  func compare(
    _ kept: ReferenceLogits, _ two: Activations, _ changed: TransformerWeights, rows: [Int], targets: [Int],
    isCancelled: () -> Bool
  ) throws(InferenceError) -> ScoreComparison {
    var result = ScoreComparison()
    result.reference = kept.scores
    var next = 0
    try eachLogits(two, rows: rows, weights: changed, isCancelled: isCancelled) { row, logits throws(InferenceError) in
      let sum = result.changed.add(logits, targets[next], row)
      let divergence = kept.values.withUnsafeBufferPointer {
        lathe_divergence(
          $0.baseAddress! + next * vocabularySize, kept.sums[next], logits.baseAddress!, sum, vocabularySize)
      }
      result.divergences.append(Float(divergence))
      next += 1
    }
    return result
  }
}
