internal import Checkpoints

extension Transformer {
  /// The gradients of ⟨v, outputs⟩ with respect to the weights of some layers, (outputs, inputs) each, by the checkpoint's
  /// layer: of a language model's logits, or of an encoder's last states.
  ///
  /// Costs about three forward runs; for the memory see `TransformerWayBack`.
  ///
  /// - Parameters:
  ///   - texts: tokens of each.
  ///   - layers: `nil` for all that have a matrix.
  ///   - direction: v of a row of outputs, a token's, all texts' one after another: the row's number, its outputs, and
  ///     where v goes. The same each time that it is asked.
  /// - Throws: as `run`; where there is no room for the gradients.
  public func gradients(
    _ texts: [[Int]], weights: TransformerWeights, ofLayers layers: Set<Int>? = nil,
    isCancelled: @escaping () -> Bool = { false },
    direction: @escaping @Sendable (Int, UnsafeBufferPointer<Float>, UnsafeMutablePointer<Float>) -> Void
  ) throws -> [Int: [Float]] {
    let hidden = shape.hidden
    let ending: TransformerWayBack.Ending =
      shape.isEncoder
      ? .states { state throws(InferenceError) in
        Kernels.filled(state.values.count) { v in
          state.values.withUnsafeBufferPointer { values in
            for row in 0..<state.tokens {
              direction(row, UnsafeBufferPointer(rebasing: values[row * hidden..<(row + 1) * hidden]), v + row * hidden)
            }
          }
        }
      } : .logits(rows: Array(0..<texts.reduce(0) { $0 + $1.count }), direction)
    var found: [Int: [Float]] = [:]
    let way = TransformerWayBack(model: self, weights: weights, texts: texts, isCancelled: isCancelled)
    try way.run(ending, progress: { _, _ in }) { layer, rows in
      guard let first = rows.first, layers?.contains(layer) ?? true else { return }
      let held = found.values.reduce(0) { $0 + 4 * $1.count }
      try weights.checkRoom(for: held + 4 * first.weightCount, "gradients")
      var sum = [Float](repeating: 0, count: first.weightCount)
      for part in rows { try part.addGradient(to: &sum) }
      found[layer] = sum
    }
    return found
  }
}
