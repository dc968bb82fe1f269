import Compression
import Inference

/// What each layer's compression does to a model's outputs: measured, one layer at a time, on a few samples.
public struct Sensitivities: Sendable, Hashable {
  /// The model's file name, for people.
  public var model: String
  /// `Checkpoint.fingerprint` of it: another model's sensitivities are borrowed ones.
  public var fingerprint: String
  /// What was measured on.
  public var data: Samples
  public var difference: OutputDifference
  public var method: Method
  /// By the item's name.
  public var layers: [String: LayerSensitivity]
  /// Recipes that were measured as wholes: what the sum over the layers is calibrated on.
  public var trials: [Trial] = []
  /// What a person should know of them.
  public var notes: [String] = []

  public enum Method: String, Sendable {
    /// Each layer alone at some widths, by forward runs.
    case anchors
    /// Random projections of the outputs' change along each scheme's own error, with one width measured.
    case gradients
  }

  public struct Samples: Sendable, Hashable {
    /// A file's name; `self` for what a language model made itself, `self (…)` for inputs drawn by statistics.
    public var name: String
    /// Samples, windows or lines.
    public var count: Int
    /// Compared outputs.
    public var outputs: Int

    public init(name: String, count: Int, outputs: Int) {
      (self.name, self.count, self.outputs) = (name, count, outputs)
    }
  }

  public init(
    model: String, fingerprint: String, data: Samples, difference: OutputDifference, method: Method,
    layers: [String: LayerSensitivity], trials: [Trial] = []
  ) {
    (self.model, self.fingerprint, self.data) = (model, fingerprint, data)
    (self.difference, self.method) = (difference, method)
    (self.layers, self.trials) = (layers, trials)
  }
}

/// A recipe that was measured, beside what the sum over its layers had said.
public struct Trial: Sendable, Hashable {
  /// What it is: `int4 everywhere`, `random 3`, `◊ 4.21 bpw`.
  public var name: String
  /// Σ of its layers' effects.
  public var sum: Double
  public var bytes: Int
  /// Outputs that were compared: samples, or scored tokens.
  public var outputs: Int
  public var metrics: [Figure]
  /// What it was measured on.
  public var data: String
  /// Whether a person asked for it.
  public var isOwn = false

  /// A metric as it was measured.
  public struct Figure: Sendable, Hashable {
    public var name: String
    public var value: Double
    public var standardError: Double?
    public var baseline: Double?

    public init(name: String, value: Double, standardError: Double?, baseline: Double?) {
      (self.name, self.value) = (name, value)
      (self.standardError, self.baseline) = (standardError, baseline)
    }
  }

  public init(name: String, sum: Double, bytes: Int, outputs: Int, metrics: [Figure], data: String) {
    (self.name, self.sum, self.bytes, self.outputs) = (name, sum, bytes, outputs)
    (self.metrics, self.data) = (metrics, data)
  }
}

extension Trial {
  init(_ name: String, _ measurement: Measurement, sum: Double) {
    self.init(
      name: name, sum: sum, bytes: measurement.bytes, outputs: measurement.samples,
      metrics: measurement.metrics.map(Figure.init), data: measurement.data)
    isOwn = true
  }
}

extension Trial.Figure {
  init(_ metric: Measurement.Metric) {
    self.init(
      name: metric.name, value: metric.value, standardError: metric.standardError, baseline: metric.baseline)
  }
}
