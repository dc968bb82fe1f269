import Compression

// Surveys and error tables as they are kept: all figures, the histogram where it is there, no channels and no summary.

extension KeptWriter {
  /// - Parameter withBins: whether the histogram is kept too.
  mutating func put(_ survey: Survey, withBins: Bool) {
    put(survey.statistics)
    put(survey.errors) { $0.put($1) }
    put(withBins && !survey.histogram.counts.isEmpty ? survey.histogram : nil) { $0.put($1) }
    put(survey.shape) { $0.put($1) }
  }

  private mutating func put(_ shape: DistributionShape) {
    put(shape.low)
    put(shape.high)
    put(shape.isStretched)
    for column in 0..<DistributionShape.columns { put(short: UInt64(shape.heights[column])) }
  }

  mutating func put(_ statistics: Statistics) {
    put(statistics.count)
    put(statistics.minimum)
    put(statistics.maximum)
    for number in [
      statistics.mean, statistics.deviation, statistics.skewness, statistics.kurtosis, statistics.squaredNorm,
    ] {
      put(number)
    }
    for count in [statistics.zeros, statistics.outliers, statistics.nans, statistics.infinities] { put(count) }
  }

  mutating func put(_ table: ErrorTable) {
    put(each: table.rows) { writer, row in
      writer.put(row) { writer, row in writer.put(each: row) { $0.put($1) } }
    }
  }

  /// Runs of empty bins are one zero and their number.
  private mutating func put(_ histogram: Histogram) {
    put(histogram.minimum)
    put(histogram.maximum)
    put(histogram.counts.count)
    var empty: UInt64 = 0
    for count in histogram.counts {
      if count == 0 {
        empty += 1
        continue
      }
      putEmpty(&empty)
      put(short: count)
    }
    putEmpty(&empty)
  }

  private mutating func putEmpty(_ number: inout UInt64) {
    guard number > 0 else { return }
    put(short: 0)
    put(short: number)
    number = 0
  }
}

extension KeptReader {
  /// - Parameter count: the weights that it must be of.
  mutating func survey(of count: Int) throws(NotKept) -> Survey {
    let statistics = try statistics(of: count)
    let errors = try optional { reader throws(NotKept) in try reader.table() }
    let histogram = try optional { reader throws(NotKept) in try reader.histogram() }
    let shape = try optional { reader throws(NotKept) in try reader.shape() }
    try finish()
    var survey = Survey(statistics: statistics, errors: errors, shape: shape)
    if let histogram { survey.histogram = histogram }
    return survey
  }

  private mutating func shape() throws(NotKept) -> DistributionShape {
    let (low, high) = (try float(), try float())
    guard low.isFinite, high.isFinite, low < high else { throw NotKept() }
    let isStretched = try bool()
    var heights = SIMD32<UInt8>()
    for column in 0..<DistributionShape.columns {
      guard let height = UInt8(exactly: try short()) else { throw NotKept() }
      heights[column] = height
    }
    return DistributionShape(low: low, high: high, heights: heights, isStretched: isStretched)
  }

  private mutating func statistics(of count: Int) throws(NotKept) -> Statistics {
    guard try self.count() == count else { throw NotKept() }
    let (minimum, maximum) = (try float(), try float())
    guard minimum.isFinite, maximum.isFinite, minimum <= maximum else { throw NotKept() }
    let (mean, deviation, skewness, kurtosis) = (try double(), try double(), try double(), try double())
    let squaredNorm = try double()
    let (zeros, outliers, nans, infinities) = (try self.count(), try self.count(), try self.count(), try self.count())
    guard zeros <= count, outliers <= count, nans <= count, infinities <= count - nans else { throw NotKept() }
    return Statistics(
      count: count, minimum: minimum, maximum: maximum, mean: mean, deviation: deviation, skewness: skewness,
      kurtosis: kurtosis, squaredNorm: squaredNorm, zeros: zeros, outliers: outliers, nans: nans,
      infinities: infinities)
  }

  mutating func table() throws(NotKept) -> ErrorTable {
    let rows = try each(least: 1) { reader throws(NotKept) in
      try reader.optional { reader throws(NotKept) in
        try reader.each(least: 8) { reader throws(NotKept) in try reader.double() }
      }
    }
    guard let table = ErrorTable(kept: rows) else { throw NotKept() }
    return table
  }

  mutating func histogram() throws(NotKept) -> Histogram {
    let (minimum, maximum) = (try double(), try double())
    guard minimum.isFinite, maximum.isFinite, minimum <= maximum, try int() == Histogram.defaultBins else {
      throw NotKept()
    }
    var counts: [UInt64] = []
    counts.reserveCapacity(Histogram.defaultBins)
    var total: UInt64 = 0
    while counts.count < Histogram.defaultBins {
      let count = try short()
      if count == 0 {
        let empty = try short()
        guard empty > 0, empty <= UInt64(Histogram.defaultBins - counts.count) else { throw NotKept() }
        for _ in 0..<empty { counts.append(0) }
      } else {
        guard count <= 1 << 52, total <= 1 << 52 else { throw NotKept() }
        total += count
        counts.append(count)
      }
    }
    return Histogram(minimum: minimum, maximum: maximum, counts: counts)
  }
}
