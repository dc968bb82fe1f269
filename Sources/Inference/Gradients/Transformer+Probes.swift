internal import Checkpoints

extension Transformer {
  public func probes(
    _ data: ScoredText, samples: Int, weights: TransformerWeights, seed: UInt64, _ request: MeasurementRequest,
    progress: (Int, Int) -> Void, isCancelled: @escaping () -> Bool, visit: (LayerProbe) throws -> Void
  ) throws {
    throw InferenceError(checkpoint.path, "is a transformer, which no gradient goes through").forLackOfGradient
  }
}
