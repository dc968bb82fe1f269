/// A model on some samples, walked from its first layer to its last: what stands before the layer that the walk has come
/// to is kept for all samples, so that a change of that layer costs only what comes after it.
///
/// Memory: one cut through the model for all samples, and their outputs, whatever the model's size.
public protocol LayerWalk {
  associatedtype Weights: ModelWeights

  /// How the difference of two outputs is measured.
  var difference: OutputDifference { get }
  /// Outputs that are compared: samples, or scored tokens.
  var count: Int { get }
  /// The checkpoint's layers whose matrices the run reads, in the order of the walk.
  var layers: [Int] { get }

  /// Goes on to a layer.
  ///
  /// - Parameter layer: one of `layers`, not before the last.
  /// - Throws: what a run throws.
  mutating func advance(to layer: Int, isCancelled: @escaping () -> Bool) throws(InferenceError)

  /// Runs the rest with changed weights.
  ///
  /// - Parameter changed: differs from the original in no layer before the one that the walk has come to.
  /// - Returns: how far each output lies from the original's.
  /// - Throws: what a run throws, and where an output is no number.
  func differences(of changed: Weights, isCancelled: @escaping () -> Bool) throws(InferenceError) -> [Double]

  /// The same as the metrics that `Model.score` gives, the original's figures beside them.
  func metrics(of changed: Weights, isCancelled: @escaping () -> Bool) throws(InferenceError) -> [Metric]
}

/// How far apart two outputs lie.
public enum OutputDifference: String, Sendable, Codable, CaseIterable {
  /// The Kullback-Leibler divergence of the changed model's class probabilities from the original's, in nats.
  case kl
  /// 1 − cosine of embeddings.
  case cosine
  /// The mean of squared differences of real numbers.
  case squaredError = "mse"

  /// The metric of `Score` that says the same, and whether that counts what is alike.
  public var metricName: String {
    switch self {
    case .kl: "KL divergence"
    case .cosine: "cosine"
    case .squaredError: "output error"
    }
  }
}
