/// The densities of a weight's output channels, each a row of bins over one range: what one scale for all of them wastes.
public struct Ridge: Sendable, Hashable {
  public static let bins = 64
  /// More rows than this are thinned out evenly.
  public static let mostChannels = 1024

  public struct Channel: Sendable, Hashable {
    /// The row of the matrix.
    public let index: Int
    public let low: Float
    public let high: Float
    /// Weights in each bin; those outside the range are in none.
    public let counts: [UInt32]

    /// The greatest magnitude.
    public var extent: Float { max(abs(low), abs(high)) }
  }

  /// What the bins divide.
  public let range: ClosedRange<Double>
  public let channels: [Channel]
  /// Rows of the matrix.
  public let count: Int

  /// Reads so many rows as are kept.
  ///
  /// - Throws: `Cancelled`, or what the source throws.
  /// - Complexity: O(rows kept · columns).
  public init(_ source: some WeightSource, range: ClosedRange<Double>, control: PassControl = .silent) throws {
    self.range = range
    count = source.rows
    let kept = min(source.rows, Self.mostChannels)
    var row = [Float](repeating: 0, count: source.columns)
    let scale = Double(Self.bins) / max(range.upperBound - range.lowerBound, .leastNormalMagnitude)
    var channels: [Channel] = []
    for place in 0..<kept {
      let index = place * source.rows / kept
      try row.withUnsafeMutableBufferPointer { try source.read(row: index, into: $0) }
      var counts = [UInt32](repeating: 0, count: Self.bins)
      var (low, high) = (Float.infinity, -Float.infinity)
      for value in row where value.isFinite {
        (low, high) = (min(low, value), max(high, value))
        guard range.contains(Double(value)) else { continue }
        let position = (Double(value) - range.lowerBound) * scale
        counts[min(Self.bins - 1, max(0, Int(position)))] += 1
      }
      channels.append(Channel(index: index, low: low <= high ? low : 0, high: low <= high ? high : 0, counts: counts))
      guard control.proceed(row.count) else { throw Cancelled() }
    }
    self.channels = channels
  }
}

extension Histogram {
  /// What is drawn of it: all but the outermost half per mille on either side, with a little room, within its own range.
  public var drawnRange: ClosedRange<Double> {
    let (low, high) = (value(at: 0.0005), value(at: 0.9995))
    guard low < high else {
      // One value: some room around it.
      let room = max(abs(minimum) * 0.5, 1e-6)
      return minimum - room...max(maximum, minimum) + room
    }
    let room = (high - low) * 0.04
    return max(minimum, low - room)...min(maximum, high + room)
  }

  /// Whether what is drawn has so few of the bins that they would be seen.
  public var needsCloseUp: Bool {
    let drawn = drawnRange
    let extent = drawn.upperBound - drawn.lowerBound
    return maximum > minimum && extent.isFinite && extent > 0 && !isDiscrete && extent < (maximum - minimum) / 4
  }

  /// The same weights counted in as many bins over a part of the range.
  ///
  /// - Throws: `Cancelled`, or what the source throws.
  public static func closeUp(
    of source: some WeightSource, in range: ClosedRange<Double>, control: PassControl = .silent
  ) throws -> Histogram {
    var histogram = Histogram.empty(range)
    try source.forEachChunk(control) { histogram.add($0.base, $0.count) }
    return histogram
  }
}
