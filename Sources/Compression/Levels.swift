/// What weights become, for drawing: levels at step · lowest … step · highest, or at multiples of the step.
public struct Levels: Sendable, Codable, Hashable {
  public var step: Double
  public var lowest: Int
  public var highest: Int
  /// How many scales or tables the weight has; with more than one, the levels are those of their mean.
  public var scales: Int
  /// In rising order, where levels are not evenly spaced.
  public var multiples: [Double]?

  init(step: Double, lowest: Int, highest: Int, scales: Int) {
    self.step = step
    self.lowest = lowest
    self.highest = highest
    self.scales = scales
  }

  init(step: Double, multiples: [Double], scales: Int) {
    self.step = step
    self.multiples = multiples
    self.scales = scales
    (lowest, highest) = (0, 0)
  }

  /// Levels that were kept; `nil` for what no scheme makes.
  package init?(kept step: Double, lowest: Int, highest: Int, multiples: [Double]?, scales: Int) {
    guard step.isFinite, scales >= 0, -(1 << 20)...1 << 20 ~= lowest, -(1 << 20)...1 << 20 ~= highest,
      lowest <= highest,
      multiples.map({ $0.allSatisfy(\.isFinite) }) ?? true
    else { return nil }
    self.init(step: step, lowest: lowest, highest: highest, scales: scales)
    self.multiples = multiples
  }

  /// The levels between two numbers, in rising order; none where evenly spaced ones stand closer than `spacing`, which
  /// would fill an axis.
  public func positions(in range: ClosedRange<Double>, spacing: Double) -> [Double] {
    if let multiples { return multiples.map { $0 * step }.filter(range.contains) }
    guard step > spacing else { return [] }
    return (lowest...highest).map { Double($0) * step }.filter(range.contains)
  }
}
