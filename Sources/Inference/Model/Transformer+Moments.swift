internal import Checkpoints

extension Transformer {
  /// Of all tokens of the windows that are scored, or of an encoder's lines; of the head what is given to it for each of
  /// them, of an expert those that go to it. Embeddings, which are looked up, have none.
  ///
  /// Costs a forward run, without the head's product; the memory is that of a batch and one block.
  public func inputMoments(
    _ data: ScoredText, samples: Int?, weights: TransformerWeights, _ request: MeasurementRequest,
    progress: (Int, Int) -> Void, isCancelled: @escaping () -> Bool
  ) throws -> [InputMoments] {
    let texts = try calibrationTexts(data, samples, weights, request, isCancelled)
    let found = Found()
    let observe: LinearObserver = { found.add($0) }
    var first = 0
    while first < texts.count {
      if isCancelled() { throw InferenceError.cancelled }
      // Some texts at a time, each at least one.
      var (last, tokens) = (first + 1, texts[first].count)
      while last < texts.count, tokens + texts[last].count <= Self.batchTokens {
        tokens += texts[last].count
        last += 1
      }
      let start = try embed(Array(texts[first..<last]), weights: weights)
      let done = try run(start, weights: weights, observe: observe, isCancelled: isCancelled)
      if let head, let outputNorm {
        normalised(done, outputNorm, weights).withUnsafeBufferPointer { inputs in
          if let start = inputs.baseAddress { found.add(LinearInputs(head, start, rows: done.tokens)) }
        }
      }
      first = last
      progress(first, texts.count)
    }
    return found.moments.values.sorted { $0.layer < $1.layer }
  }

  /// What an observer adds to.
  private final class Found {
    var moments: [Int: InputMoments] = [:]

    func add(_ inputs: LinearInputs) {
      moments[
        inputs.layer, default: InputMoments(layer: inputs.layer, columns: inputs.columns, parts: inputs.parts)
      ].add(inputs.values, to: inputs.part)
    }
  }
}
