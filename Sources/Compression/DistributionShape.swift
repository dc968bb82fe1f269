/// The outline of a weight's distribution, small enough to keep for every tensor of a model: what a cell of a list shows.
public struct DistributionShape: Sendable, Codable, Hashable {
  public static let columns = 32

  /// What is drawn: all but the outermost half per mille on either side.
  public var low: Float
  public var high: Float
  /// The density in equal columns from `low` to `high`, 0 to 255, the highest 255; a lone spike is cut.
  public var heights: SIMD32<UInt8>
  /// Whether a few weights set the range for all: the greatest magnitude is more than four times what 99.9 % stay below.
  public var isStretched: Bool

  public init(low: Float, high: Float, heights: SIMD32<UInt8>, isStretched: Bool) {
    (self.low, self.high, self.heights, self.isStretched) = (low, high, heights, isStretched)
  }

  /// - Returns: `nil` for weights that are all equal, or none.
  public init?(_ histogram: Histogram) {
    let (low, high) = (histogram.value(at: 0.0005), histogram.value(at: 0.9995))
    guard low < high, low.isFinite, high.isFinite else { return nil }
    let bars = histogram.drawn(in: Self.columns).rebinned(from: low, to: high, columns: Self.columns).bars
    let sorted = bars.sorted()
    // A spike (pruned weights, padding) would press all else into the ground.
    let top = min(sorted[Self.columns - 1], 2.5 * max(sorted[Self.columns - 3], sorted[Self.columns - 1] / 64))
    guard top > 0 else { return nil }
    var heights = SIMD32<UInt8>()
    for (column, bar) in bars.enumerated() where bar > 0 {
      heights[column] = UInt8(max(1, min(255, (bar / top * 255).rounded())))
    }
    self.init(
      low: Float(low), high: Float(high), heights: heights,
      isStretched: max(-histogram.minimum, histogram.maximum)
        > 4 * max(abs(histogram.value(at: 0.001)), abs(histogram.value(at: 0.999))))
  }

  /// Several together, each with how many weights it is of.
  ///
  /// - Returns: `nil` for none.
  public init?(_ parts: some Sequence<(DistributionShape, Double)>) {
    let parts = Array(parts)
    guard let low = parts.map(\.0.low).min(), let high = parts.map(\.0.high).max(), low < high else { return nil }
    var sums = [Double](repeating: 0, count: Self.columns)
    let width = (Double(high) - Double(low)) / Double(Self.columns)
    for (part, count) in parts {
      let mass = (0..<Self.columns).reduce(0.0) { $0 + Double(part.heights[$1]) }
      let step = (Double(part.high) - Double(part.low)) / Double(Self.columns)
      guard mass > 0, step > 0, width > 0 else { continue }
      for column in 0..<Self.columns where part.heights[column] > 0 {
        let share = Double(part.heights[column]) / mass * count
        let start = (Double(part.low) + Double(column) * step - Double(low)) / width
        let end = start + step / width
        for index in max(0, Int(start))...min(Self.columns - 1, max(0, Int(end))) {
          let overlap = min(end, Double(index + 1)) - max(start, Double(index))
          if overlap > 0 { sums[index] += share * overlap / (end - start) }
        }
      }
    }
    guard let top = sums.max(), top > 0 else { return nil }
    var heights = SIMD32<UInt8>()
    for (column, sum) in sums.enumerated() where sum > 0 {
      heights[column] = UInt8(max(1, (sum / top * 255).rounded()))
    }
    self.init(low: low, high: high, heights: heights, isStretched: parts.contains { $0.0.isStretched })
  }

  /// The heights in another number of columns, 0 to 1: the greatest of those that a column covers.
  public func heights(in columns: Int) -> [Double] {
    guard columns > 0 else { return [] }
    return (0..<columns).map { column in
      let first = column * Self.columns / columns
      let last = max(first, (column + 1) * Self.columns / columns - 1)
      return Double((first...last).map { heights[$0] }.max() ?? 0) / 255
    }
  }
}

extension Histogram {
  /// Whether the numbers are few values, each in a bin by itself: what was quantised before, or made of a few levels.
  public var isDiscrete: Bool {
    var (occupied, isOccupied) = (0, false)
    // Weights whose bins have empty ones on both sides: far out those of any kind stand so, but they are few.
    var alone: UInt64 = 0
    for (bin, count) in counts.enumerated() {
      let isNext = bin + 1 < counts.count && counts[bin + 1] > 0
      if count > 0 {
        occupied += 1
        if !isOccupied, !isNext { alone += count }
      }
      isOccupied = count > 0
    }
    return occupied > 1 && alone > total / 5 * 4 && total > 16 * UInt64(occupied)
  }

  /// As it is to be drawn in so many columns: a few values stand at their own places, many are spread out.
  public func drawn(in columns: Int) -> Histogram {
    isDiscrete && counts.count { $0 > 0 } > columns / 2 ? smoothed : self
  }

  /// The same with each value of a discrete distribution spread over all that is nearer to it than to others, so that
  /// columns of a drawing do not hold now two values, now one.
  public var smoothed: Histogram {
    guard isDiscrete else { return self }
    let occupied = counts.indices.filter { counts[$0] > 0 }
    var spread = [Double](repeating: 0, count: counts.count)
    for (place, bin) in occupied.enumerated() {
      // From half-way to the value before to half-way to the next; at the ends as far on as on the other side.
      let before = place > 0 ? bin - occupied[place - 1] : place + 1 < occupied.count ? occupied[place + 1] - bin : 1
      let after = place + 1 < occupied.count ? occupied[place + 1] - bin : before
      let start = max(0, Double(bin) + 0.5 - Double(before) / 2)
      let end = min(Double(counts.count), Double(bin) + 0.5 + Double(after) / 2)
      let perBin = Double(counts[bin]) / (end - start)
      for index in Int(start)...min(counts.count - 1, Int(end)) {
        let overlap = min(end, Double(index + 1)) - max(start, Double(index))
        if overlap > 0 { spread[index] += perBin * overlap }
      }
    }
    return Histogram(minimum: minimum, maximum: maximum, counts: spread.map { UInt64($0.rounded()) })
  }
}
