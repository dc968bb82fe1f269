internal import Checkpoints
internal import Numerics

extension Network {
  public func probeBytes(_ data: Dataset, samples: Int) -> Int { 0 }

  /// A sample a unit: of classifiers the projections are of the KL divergence, of other outputs of the mean squared
  /// difference.
  ///
  /// Samples are taken evenly over the data. Each is run alone, forward and back, once for each round of layers whose
  /// parts there is room to hold (`request.options.memory`); see `GraphProbes`.
  ///
  /// - Throws: where no gradient goes through an operator between a weight and the output (`lacksGradient`).
  public func probes(
    _ data: Dataset, samples: Int, weights: Weights, seed: UInt64, _ request: MeasurementRequest,
    progress: (Int, Int) -> Void, isCancelled: @escaping () -> Bool, visit: (LayerProbe) throws -> Void
  ) throws {
    let probes = try GraphProbes(
      self, weights, output: request.options.output, memory: request.options.memory, isCancelled: isCancelled)
    let output = try output(request.options.output)
    let isSoftmax = lastOperator(of: output.name) == "Softmax"
    let count = max(0, min(samples, data.count))
    let chosen = (0..<count).map { $0 * data.count / count }
    try probes.run(
      data, samples: chosen, progress: progress,
      direction: { value, batch, sample throws(InferenceError) in
        let scores = try Scores(value, output, batch, data, isSoftmax: isSoftmax)
        guard batch.count == 1 || value.shape.first == batch.count else {
          throw InferenceError(
            checkpoint.path,
            "has its samples not along the first axis of '\(output.name)', of shape \(value.shape): no gradient is taken"
          ).forLackOfGradient
        }
        var signs = RandomSigns(seed: seed, sample: sample)
        let row = (sample - batch.lowerBound) * scores.width
        var v = [Float](repeating: 0, count: value.count)
        scores.numbers.withUnsafeBufferPointer { numbers in
          let own = UnsafeBufferPointer(rebasing: numbers[row..<row + scores.width])
          switch scores.kind {
          case .logits:
            v.withUnsafeMutableBufferPointer { v in
              guard let start = v.baseAddress else { return }
              OutputDirection.logits(own, &signs, into: start + row)
            }
          case .probabilities:
            v.replaceSubrange(row..<row + scores.width, with: OutputDirection.probabilities(own, &signs))
          case .numbers: v.replaceSubrange(row..<row + scores.width, with: OutputDirection.numbers(own.count, &signs))
          }
        }
        return Value(value.shape, v)
      }, visit: visit)
  }
}
