import Inference

/// The metrics of a recipe, measured by running the model on data, or by a person's own evaluator.
public struct Measurement: Sendable {
  public var recipe: Recipe
  /// The first is what is drawn beside the estimate.
  public var metrics: [Metric]
  public var samples: Int
  public var samplesPerSecond: Double
  public var peakBytes: Int
  /// Size and relative damage of the recipe when it was measured.
  public var bytes: Int
  public var damage: Double?
  /// Of a classifier with labels.
  public var classification: Classification?
  /// What was measured on: a file, a folder, a command.
  public var data: String
  /// What a person should know of the figures.
  public var notes: [String]
  /// What the model gave, by the outputs' names, samples along the first axis; empty where nobody asked.
  public var outputs: [String: Value]
  /// Names of the classes, in the order of the labels, where the data have some.
  public var classNames: [String]

  public typealias Metric = Inference.Metric

  public init(
    recipe: Recipe, metrics: [Metric], samples: Int, samplesPerSecond: Double, peakBytes: Int, bytes: Int,
    damage: Double?, classification: Classification? = nil, data: String = "", notes: [String] = [],
    outputs: [String: Value] = [:], classNames: [String] = []
  ) {
    self.recipe = recipe
    self.metrics = metrics
    self.samples = samples
    self.samplesPerSecond = samplesPerSecond
    self.peakBytes = peakBytes
    self.bytes = bytes
    self.damage = damage
    self.classification = classification
    self.data = data
    self.notes = notes
    self.outputs = outputs
    self.classNames = classNames
  }
}

extension Session {
  public mutating func add(_ measurement: Measurement) {
    measurements.append(measurement)
    learn(from: measurement)
  }

  /// The last measurement of a recipe, if it was measured.
  public func measurement(of recipe: Recipe) -> Measurement? { measurements.last { $0.recipe == recipe } }
}
