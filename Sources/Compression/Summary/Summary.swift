/// What the first pass keeps of a weight's numbers, so that a question about the weight as a whole (any width, any
/// threshold, any clip under one scale) is answered at once, without reading it again.
public enum Summary: Sendable, Codable, Hashable {
  /// Every value with its count, of a weight of 16 bits: answers are exact.
  case values(ValueCounts)
  /// Bins with their counts and moments: answers are bounds.
  case bins(BinMoments)

  /// What can be said at once of a scheme; `nil` for schemes with more than one scale, and for what depends on where
  /// weights stand.
  ///
  /// - Complexity: O(values) or O(bins), times 49 for a searched clip.
  public func answer(_ scheme: Scheme) -> SummaryAnswer? {
    switch self {
    case .values(let values): values.answer(scheme)
    case .bins(let bins): bins.answer(scheme)
    }
  }
}

/// An answer from a summary.
public struct SummaryAnswer: Sendable, Hashable {
  /// Where t² lies; one value where it is exact.
  public var relativeError: ClosedRange<Double>
  /// Where the share of zeros lies.
  public var sparsity: ClosedRange<Double>
  public var levels: Levels?
  /// Weights below it are pruned, as far as it is known.
  public var pruneLimit: Float?

  public var isExact: Bool { relativeError.lowerBound == relativeError.upperBound }

  /// The figure to show: the middle of the bounds.
  public var estimate: Double { (relativeError.lowerBound + relativeError.upperBound) / 2 }
}
