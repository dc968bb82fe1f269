/// What a weight's numbers are like: range, moments, tails. Non-finite numbers are counted and left out.
public struct Statistics: Sendable, Codable, Hashable {
  public var count: Int
  public var minimum: Float
  public var maximum: Float
  public var mean: Double
  /// Population standard deviation, √(m₂).
  public var deviation: Double
  /// m₃/m₂^1.5 and m₄/m₂² (3 for a Gaussian); zero where all weights are equal.
  public var skewness: Double
  public var kurtosis: Double
  /// Σ w².
  public var squaredNorm: Double
  /// Numbers that are exactly zero.
  public var zeros: Int
  /// Numbers farther than `Statistics.outlierDeviations` standard deviations from the mean.
  public var outliers: Int
  public var nans: Int
  public var infinities: Int

  public static let outlierDeviations = 4.0

  package init(
    count: Int, minimum: Float, maximum: Float, mean: Double, deviation: Double, skewness: Double, kurtosis: Double,
    squaredNorm: Double, zeros: Int, outliers: Int, nans: Int, infinities: Int
  ) {
    self.count = count
    (self.minimum, self.maximum) = (minimum, maximum)
    (self.mean, self.deviation, self.skewness, self.kurtosis) = (mean, deviation, skewness, kurtosis)
    (self.squaredNorm, self.zeros, self.outliers) = (squaredNorm, zeros, outliers)
    (self.nans, self.infinities) = (nans, infinities)
  }
}

/// Counts of a weight's numbers in equal bins; bin i holds edge(i) ≤ w < edge(i+1), the last its upper edge too.
public struct Histogram: Sendable, Codable, Hashable {
  public static let defaultBins = 2048

  public var minimum: Double
  public var maximum: Double
  public var counts: [UInt64]

  public init(minimum: Double, maximum: Double, counts: [UInt64]) {
    self.minimum = minimum
    self.maximum = maximum
    self.counts = counts
  }

  public var binWidth: Double { counts.isEmpty ? 0 : (maximum - minimum) / Double(counts.count) }
  public var total: UInt64 { counts.reduce(0, +) }
  public func edge(_ index: Int) -> Double { minimum + Double(index) * binWidth }

  /// The value below which the share `quantile` (0…1) of the counted numbers lies, to a bin's accuracy.
  public func value(at quantile: Double) -> Double {
    let goal = quantile * Double(total)
    var seen = 0.0
    for (index, count) in counts.enumerated() {
      if seen + Double(count) >= goal, count > 0 {
        return edge(index) + binWidth * max(0, min(1, (goal - seen) / Double(count)))
      }
      seen += Double(count)
    }
    return maximum
  }

  /// The same numbers in `columns` equal bins between two values, each old bin shared out by overlap, and what falls
  /// outside on either side.
  public func rebinned(from low: Double, to high: Double, columns: Int) -> (
    bars: [Double], below: Double, above: Double
  ) {
    var bars = [Double](repeating: 0, count: columns)
    var below = 0.0
    var above = 0.0
    let width = (high - low) / Double(max(columns, 1))
    guard width > 0, binWidth > 0, columns > 0 else { return (bars, below, above) }
    for (index, count) in counts.enumerated() where count > 0 {
      let start = edge(index)
      let end = start + binWidth
      let perUnit = Double(count) / binWidth
      below += max(0, min(end, low) - start) * perUnit
      above += max(0, end - max(start, high)) * perUnit
      // Bounded before they become indices: a quotient by a width near zero may leave every integer's range.
      let most = Double(columns)
      let first = Int(max(0, min(most, ((start - low) / width).rounded(.down))))
      let last = Int(min(most - 1, max(-1, ((end - low) / width).rounded(.down))))
      guard first <= last else { continue }
      for column in first...last {
        let columnStart = low + Double(column) * width
        let overlap = min(end, columnStart + width) - max(start, columnStart)
        if overlap > 0 { bars[column] += overlap * perUnit }
      }
    }
    return (bars, below, above)
  }
}
