import CKernels

/// All that the first look at a weight finds: its statistics, its histogram, each channel's range, the error of every
/// width, and a summary that answers more. Two passes over the numbers, or one where they have 16 bits.
public struct Survey: Sendable, Codable, Hashable {
  public var statistics: Statistics
  public var histogram: Histogram
  /// Least and greatest weight of each row (of the first `Survey.channelLimit` rows).
  public var channelMinima: [Float]
  public var channelMaxima: [Float]
  /// Errors without sparsity; `nil` for a weight that is not a matrix.
  public var errors: ErrorTable?
  /// What is kept for questions about the weight as a whole; with errors.
  public var summary: Summary?
  /// The outline of the histogram, which stays when that is not kept; `nil` for weights that are all equal.
  public var shape: DistributionShape?

  public static let channelLimit = 65_536
}

extension Survey {
  /// The figures alone: of a weight that nobody looks at.
  public init(statistics: Statistics, errors: ErrorTable?, shape: DistributionShape? = nil) {
    let empty = Histogram(minimum: Double(statistics.minimum), maximum: Double(statistics.maximum), counts: [])
    self.init(
      statistics: statistics, histogram: empty, channelMinima: [], channelMaxima: [], errors: errors, summary: nil,
      shape: shape)
  }

  /// Whether histogram, channels and summary are there too.
  public var isWhole: Bool { !histogram.counts.isEmpty && (!channelMinima.isEmpty || statistics.count == 0) }
  public var figures: Survey { Survey(statistics: statistics, errors: errors, shape: shape) }

  /// The most that one of a weight of this size takes.
  public static func mostBytes(rows: Int, count: Int) -> Int {
    512 + 8 * Histogram.defaultBins + 8 * min(rows, channelLimit)
      + max(12 * min(count, 65_536), count < BinMoments.leastCount ? 0 : 24 * Histogram.defaultBins)
  }

  /// About what it takes in memory.
  public var byteCount: Int {
    let summaryBytes =
      switch summary {
      case .values(let values): 12 * values.values.count
      case .bins(let bins): 24 * bins.counts.count
      case nil: 0
      }
    return 512 + 8 * histogram.counts.count + 8 * channelMinima.count + summaryBytes
  }
}

extension Survey {
  /// Reads `source` twice.
  ///
  /// - Parameters:
  ///   - withErrors: whether the error table is wanted: matrices, not biases.
  ///   - control: hears of 2 · count weights in all.
  /// - Throws: `Cancelled`, or what the source throws.
  /// - Complexity: O(count) time, O(chunk + rows) memory.
  public static func of(_ source: some WeightSource, withErrors: Bool, control: PassControl = .silent) throws
    -> Survey
  {
    // The counts of 65,536 numbers pay where there are enough of them.
    if let type = source.halfType, source.count >= HalfCounts.leastCount {
      return try HalfCounts(source, type, control).survey(source, withErrors: withErrors, control)
    }
    var sums = lathe_range_sums()
    sums.minimum = .infinity
    sums.maximum = -.infinity
    let channels = min(source.rows, channelLimit)
    var minima = [Float](repeating: 0, count: channels)
    var maxima = minima
    let found = try source.forEachChunk(control) { chunk in
      lathe_add_range_sums(chunk.base, chunk.count, &sums)
      let kept = min(chunk.rows, channels - chunk.firstRow)
      guard kept > 0 else { return }
      minima.withUnsafeMutableBufferPointer { low in
        maxima.withUnsafeMutableBufferPointer { high in
          lathe_row_ranges(
            chunk.base, kept, chunk.columns, low.baseAddress! + chunk.firstRow,
            high.baseAddress! + chunk.firstRow)
        }
      }
    }
    var statistics = Statistics(count: source.count, sums: sums, found: found)
    var histogram = Histogram(
      minimum: Double(statistics.minimum), maximum: Double(statistics.maximum),
      counts: [UInt64](repeating: 0, count: Histogram.defaultBins))
    guard source.count > 0 else {
      return Survey(
        statistics: statistics, histogram: histogram, channelMinima: [], channelMaxima: [], errors: nil)
    }

    var table = withErrors ? ErrorTableSums(source, range: statistics.minimum...statistics.maximum) : nil
    var central = lathe_central_sums()
    let limit = statistics.deviation * Statistics.outlierDeviations
    var moments =
      withErrors && source.count >= BinMoments.leastCount && histogram.maximum > histogram.minimum
      ? BinMoments(minimum: histogram.minimum, maximum: histogram.maximum) : nil
    try source.forEachChunk(control) { chunk in
      lathe_add_central_sums(chunk.base, chunk.count, statistics.mean, limit, &central)
      if moments != nil { moments?.add(chunk.base, chunk.count) } else { histogram.add(chunk.base, chunk.count) }
      table?.add(chunk, pruned: chunk.base)
    }
    if let moments { histogram.counts = moments.counts }
    moments?.squaredNorm = statistics.squaredNorm
    // A number that was not finite was read as zero; it is in no bin.
    histogram.remove(Int(found.nans + found.infinities), at: 0)
    statistics.add(central)
    return Survey(
      statistics: statistics, histogram: histogram, channelMinima: minima, channelMaxima: maxima,
      errors: table?.table(squaredNorm: statistics.squaredNorm), summary: moments.map { .bins($0) },
      shape: DistributionShape(histogram))
  }
}

extension Histogram {
  /// Counts weights; those outside the range are not counted.
  mutating func add(_ weights: UnsafePointer<Float>, _ count: Int) {
    if maximum > minimum {
      let bins = Int32(counts.count)
      counts.withUnsafeMutableBufferPointer {
        lathe_add_histogram(weights, count, minimum, maximum, bins, $0.baseAddress!)
      }
    } else {
      // All weights are equal: as numpy has it, one bin in the middle of an empty range.
      counts[counts.count / 2] += UInt64(count)
    }
  }

  /// Counts values that occur so often; all lie in the range.
  mutating func add(_ values: [Float], _ occurrences: [Int]) {
    guard maximum > minimum else {
      counts[counts.count / 2] += UInt64(occurrences.reduce(0, +))
      return
    }
    let range = maximum - minimum
    for (value, count) in zip(values, occurrences) {
      // The kernel's definition of a bin, by a true quotient.
      let position = ((Double(value) - minimum) / range * Double(counts.count)).rounded(.down)
      counts[Int(max(0, min(Double(counts.count - 1), position)))] += UInt64(count)
    }
  }

  mutating func remove(_ number: Int, at value: Double) {
    guard number > 0, maximum >= minimum else { return }
    let position =
      maximum > minimum
      ? (value - minimum) / (maximum - minimum) * Double(counts.count) : Double(counts.count / 2)
    let index = Int(max(0, min(Double(counts.count - 1), position)))
    counts[index] -= min(counts[index], UInt64(number))
  }
}

extension Statistics {
  fileprivate init(count: Int, sums: lathe_range_sums, found: NonFinite) {
    let bad = Int(found.nans + found.infinities)
    let finite = max(1, count - bad)
    let sum = total(sums.sum)
    let squares = total(sums.squares)
    let mean = sum / Double(finite)
    self.init(
      count: count, minimum: count > 0 ? sums.minimum : 0, maximum: count > 0 ? sums.maximum : 0, mean: mean,
      deviation: max(0, squares / Double(finite) - mean * mean).squareRoot(), skewness: 0, kurtosis: 0,
      squaredNorm: squares, zeros: Int(sums.zeros) - bad, outliers: 0, nans: Int(found.nans),
      infinities: Int(found.infinities))
  }

  /// Central moments in place of the raw ones, which lose digits where the mean is far from zero.
  fileprivate mutating func add(_ sums: lathe_central_sums) {
    let bad = Double(nans + infinities)
    let finite = max(1, Double(count) - bad)
    // What was not finite was read as zero: take its share out again.
    let offset = -mean
    let m2 = (total(sums.second) - bad * offset * offset) / finite
    let m3 = (total(sums.third) - bad * offset * offset * offset) / finite
    let m4 = (total(sums.fourth) - bad * offset * offset * offset * offset) / finite
    outliers = Int(sums.outliers)
    deviation = max(0, m2).squareRoot()
    // Equal weights leave only the rounding of their mean.
    guard maximum > minimum, m2 > 0 else {
      deviation = 0
      return
    }
    skewness = m3 / (m2 * deviation)
    kurtosis = m4 / (m2 * m2)
  }
}

typealias Lanes = (Double, Double, Double, Double, Double, Double, Double, Double)

/// The eight lanes of a sum, in the fixed order.
func total(_ lanes: Lanes) -> Double {
  ((lanes.0 + lanes.1) + (lanes.2 + lanes.3)) + ((lanes.4 + lanes.5) + (lanes.6 + lanes.7))
}

func total(_ lanes: ArraySlice<Double>) -> Double {
  let i = lanes.startIndex
  return ((lanes[i] + lanes[i + 1]) + (lanes[i + 2] + lanes[i + 3]))
    + ((lanes[i + 4] + lanes[i + 5]) + (lanes[i + 6] + lanes[i + 7]))
}
