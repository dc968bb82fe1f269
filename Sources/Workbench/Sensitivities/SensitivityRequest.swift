import Compression
import Inference

/// How sensitivities are measured.
public struct SensitivityRequest: Sendable {
  /// The data, and how they go through the model.
  public var measurement: MeasurementRequest
  /// Samples on which each layer is measured alone; `nil` for what is enough: 256 samples of arrays, 1,024 tokens, eight
  /// lines.
  public var samples: Int?
  /// Recipes that are measured as wholes, on up to eight times as many samples.
  public var recipes: Int
  /// `nil`: gradients of graphs, where one goes through all their operators; anchors of transformers, whose layers hardly
  /// disturb each other.
  public var method: Sensitivities.Method?

  public init(
    _ measurement: MeasurementRequest, samples: Int? = nil, recipes: Int = 8, method: Sensitivities.Method? = nil
  ) {
    (self.measurement, self.samples, self.recipes, self.method) = (measurement, samples, recipes, method)
  }
}

/// How far it is.
public struct SensitivityProgress: Sendable, Equatable {
  /// Runs of the rest of the model.
  public var done: Int
  public var of: Int
  /// What is done: `layers`, `gradients`, `recipes`.
  public var what: String

  public init(done: Int, of: Int, what: String) { (self.done, self.of, self.what) = (done, of, what) }
}
