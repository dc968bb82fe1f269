/// The metric of a recipe, measured by running the model on data.
public struct Measurement: Sendable {
  public var recipe: Recipe
  public var metrics: [Metric]
  public var samples: Int
  public var samplesPerSecond: Double
  public var peakBytes: Int
  /// Size and relative damage of the recipe when it was measured, its place in the plot.
  public var bytes: Int
  public var damage: Double?

  public struct Metric: Sendable, Codable {
    public var name: String
    public var value: Double
    public var standardError: Double
    public var baseline: Double?

    public init(name: String, value: Double, standardError: Double, baseline: Double?) {
      self.name = name
      self.value = value
      self.standardError = standardError
      self.baseline = baseline
    }
  }

  public init(
    recipe: Recipe, metrics: [Metric], samples: Int, samplesPerSecond: Double, peakBytes: Int, bytes: Int,
    damage: Double?
  ) {
    self.recipe = recipe
    self.metrics = metrics
    self.samples = samples
    self.samplesPerSecond = samplesPerSecond
    self.peakBytes = peakBytes
    self.bytes = bytes
    self.damage = damage
  }
}

extension Session {
  public mutating func add(_ measurement: Measurement) {
    if measurement.recipe == Recipe() { baseline = measurement }
    measurements.append(measurement)
  }

  /// The last measurement of a recipe, if it was measured.
  public func measurement(of recipe: Recipe) -> Measurement? { measurements.last { $0.recipe == recipe } }
}
