/// A figure that was measured by running a model.
public struct Metric: Sendable, Codable {
  public var name: String
  public var value: Double
  /// `nil` where nobody knows it: an evaluator of one's own says a figure alone.
  public var standardError: Double?
  /// The uncompressed model's figure.
  public var baseline: Double?
  /// Whether it is a share from 0 to 1.
  public var isShare: Bool
  /// How far it lies from the uncompressed model's on the same samples; `nil` where nobody knows it sample by sample.
  public var paired: Paired?

  /// A difference of two models on the same samples: its standard error is smaller than that of either figure.
  public struct Paired: Sendable, Codable, Hashable {
    public var difference: Double
    public var standardError: Double

    public init(difference: Double, standardError: Double) {
      (self.difference, self.standardError) = (difference, standardError)
    }

    /// The mean of differences, sample by sample, with its standard error s/√n; `nil` for none, or not as many of both.
    init?(_ found: [Double], _ plain: [Double]) {
      guard !found.isEmpty, found.count == plain.count else { return nil }
      let n = Double(found.count)
      let differences = zip(found, plain).map { $0 - $1 }
      let mean = differences.reduce(0, +) / n
      let squares = differences.reduce(0) { $0 + ($1 - mean) * ($1 - mean) }
      self.init(difference: mean, standardError: n > 1 ? (squares / (n - 1) / n).squareRoot() : 0)
    }
  }

  public init(name: String, value: Double, standardError: Double?, baseline: Double?, isShare: Bool = false) {
    self.name = name
    self.value = value
    self.standardError = standardError
    self.baseline = baseline
    self.isShare = isShare
  }

  /// Whether none of its figures is NaN or infinite: a model whose weights are makes such.
  public var isFinite: Bool {
    value.isFinite && standardError?.isFinite ?? true && baseline?.isFinite ?? true
  }
}

extension Metric {
  /// The mean of a figure a sample, with its standard error s/√n.
  init(mean figures: [Double], name: String, baseline: [Double]? = nil, isShare: Bool = false) {
    let n = Double(figures.count)
    let mean = n > 0 ? figures.reduce(0, +) / n : 0
    let squares = figures.reduce(0) { $0 + ($1 - mean) * ($1 - mean) }
    self.init(
      name: name, value: mean, standardError: n > 1 ? (squares / (n - 1) / n).squareRoot() : 0,
      baseline: baseline.map { $0.isEmpty ? 0 : $0.reduce(0, +) / Double($0.count) }, isShare: isShare)
    paired = baseline.flatMap { Paired(figures, $0) }
  }

  /// A share of samples, with its standard error √(p (1 − p) / n).
  init(share hits: [Bool], name: String, baseline: [Bool]? = nil) {
    func share(_ hits: [Bool]) -> Double { hits.isEmpty ? 0 : Double(hits.count { $0 }) / Double(hits.count) }
    let p = share(hits)
    self.init(
      name: name, value: p, standardError: hits.isEmpty ? 0 : (p * (1 - p) / Double(hits.count)).squareRoot(),
      baseline: baseline.map(share), isShare: true)
    paired = baseline.flatMap { plain in Paired(hits.map { $0 ? 1 : 0 }, plain.map { $0 ? 1 : 0 }) }
  }
}
