import Compression
import Inference

/// What a search is asked for.
public struct TuningRequest: Sendable {
  public var budgets: [Budget]
  /// The only schemes that may appear; `nil` for `Session.searchSchemes`.
  public var schemes: [Scheme]?
  /// What candidates are measured on; `nil` for none.
  public var measurement: MeasurementRequest?
  /// Candidates that are measured, the uniform recipe and the tool's own mix among them.
  public var candidates = 4
  /// Samples that they are measured on; `nil` for all.
  public var samples: Int?

  public init(_ budgets: [Budget], schemes: [Scheme]? = nil, measurement: MeasurementRequest? = nil) {
    (self.budgets, self.schemes, self.measurement) = (budgets, schemes, measurement)
  }
}

/// What a search has found.
public struct Tuning: Sendable {
  /// The first is the answer.
  public var candidates: [Candidate]
  /// How much better than the sum's best choice another could be, as a share of the harm: 0 for the proven optimum.
  public var gap: Double
  /// What a person should know of it.
  public var notes: [String] = []

  public struct Candidate: Sendable {
    /// `search`, `search, cross terms`, `int4,group=32 everywhere`, `Q4_K_M`.
    public var name: String
    public var recipe: Recipe
    /// Of the file where the target is one, else packed.
    public var bytes: Int
    public var bitsPerWeight: Double
    /// The sum of its layers' effects with what they do to each other; n·t² without sensitivities.
    public var harm: Double
    public var prediction: Calibration.Prediction?
    /// Empty where it was not measured.
    public var metrics: [Measurement.Metric] = []
    /// Whether it keeps all budgets, by measurement where there is one.
    public var keepsBudgets = true
  }

  public var answer: Candidate { candidates[0] }
}

extension Tuning.Candidate {
  /// What is compared between candidates: the measured metric that sensitivities are of, the less the better.
  func measured(_ difference: OutputDifference) -> Double? {
    metrics.first { $0.name == difference.metricName }.map { difference == .cosine ? 1 - $0.value : $0.value }
  }
}
