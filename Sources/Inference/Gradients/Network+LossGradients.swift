internal import Checkpoints

extension Network {
  public func trainingSamples(_ data: Dataset) -> Int { data.count }

  /// A sample a unit. Samples run together, of a network of a fixed batch as many as it takes.
  ///
  /// Costs a forward run of the original, and three of the changed weights; without layers one of each.
  ///
  /// - Throws: where a layer's weight is coded in the file, or an operator between a weight and the output has no gradient
  ///   (`lacksGradient`); where labels or targets do not fit the output; as `run`.
  public func lossGradients(
    _ data: Dataset, samples: [Int], original: Weights, changed: Weights, _ loss: DistillationLoss,
    ofLayers layers: Set<Int>, activations: ActivationRanges?, teacher: TeacherOutputs?, _ request: MeasurementRequest,
    isCancelled: @escaping () -> Bool
  ) throws -> LossGradients {
    let turn = try LossTurn(self, data, loss, layers, activations, request, isCancelled)
    let size = data.fixedBatch ?? Self.trainedAtOnce
    var (sum, found): (Double, [Int: [Float]]) = (0, [:])
    for layer in layers {
      guard let matrix = checkpoint.layers[layer].matrix else { continue }
      found[layer] = .init(repeating: 0, count: matrix.rows * matrix.columns)
    }
    for first in stride(from: 0, to: samples.count, by: size) {
      if isCancelled() { throw InferenceError.cancelled }
      let own = Array(samples[first..<min(samples.count, first + size)])
      sum += try turn.add(own, of: samples.count, original, changed, teacher, to: &found)
    }
    return LossGradients(loss: sum / Double(max(1, samples.count)), units: samples.count, gradients: found)
  }

  /// Samples of a free batch that run together.
  private static let trainedAtOnce = 128
}
