import Compression
import Inference

/// A recipe's place in the plot of size against estimate.
public struct TradeOffPoint: Sendable, Hashable {
  public var label: String
  public var bytes: Int
  public var damage: Double
  /// The metric with its interval, where the estimate is calibrated.
  public var prediction: Calibration.Prediction?

  public init(label: String, bytes: Int, damage: Double, prediction: Calibration.Prediction? = nil) {
    self.label = label
    self.bytes = bytes
    self.damage = damage
    self.prediction = prediction
  }
}

/// A recipe that was measured, in the metric that estimates are of.
public struct MeasuredPoint: Sendable, Hashable {
  public var bytes: Int
  public var value: Double
  public var standardError: Double
  /// What is now estimated for it.
  public var estimate: Double
  /// Whether a person asked for it: the others served the calibration.
  public var isOwn: Bool
}

extension Session {
  /// All that was measured of the metric that sensitivities are of.
  public var measuredPoints: [MeasuredPoint] {
    guard let sensitivities else { return [] }
    let difference = sensitivities.values.difference
    return sensitivities.values.trials.compactMap { trial in
      guard let figure = trial.metrics.first(where: { $0.name == difference.metricName }) else { return nil }
      return MeasuredPoint(
        bytes: trial.bytes, value: difference == .cosine ? 1 - figure.value : figure.value,
        standardError: figure.standardError ?? 0,
        estimate: sensitivities.calibration.prediction(of: trial.sum).value, isOwn: trial.isOwn)
    }
  }

  /// The same width everywhere, 2 to 8 bits in groups of 32: what a recipe has to beat. Items that cannot take the
  /// group stay as they are. A width whose errors are not all known is left out.
  public var uniformPoints: [TradeOffPoint] {
    ErrorTable.widths.compactMap { bits in
      let scheme = Scheme(.uniform(UniformScheme(bits: bits)))
      let estimate = estimate { item in
        item.kind == .weight && item.obstacle(to: scheme) == nil ? scheme : .keep
      }
      return estimate.damage.map {
        TradeOffPoint(label: "\(bits)", bytes: estimate.bytes, damage: $0, prediction: prediction(of: estimate))
      }
    }
  }
}
