import CKernels

/// A first look at a weight of 16 bits: one pass counts its 65,536 possible numbers, and everything but the channels'
/// ranges follows from the counts.
struct HalfCounts {
  private let type: HalfType
  private var counts = [UInt64](repeating: 0, count: 65_536)
  private var minima: [Float]
  private var maxima: [Float]
  private var hasRanges: Bool

  static let leastCount = 16_384

  /// Numbers read at once: 64 KiB of them.
  private static let run = 32_768

  init(_ source: some WeightSource, _ type: HalfType, _ control: PassControl) throws {
    self.type = type
    let channels = min(source.rows, Survey.channelLimit)
    minima = [Float](repeating: 0, count: channels)
    maxima = minima
    hasRanges = source.halvesAreRows
    let columns = source.columns
    // Whole rows, as many as fit; a row longer than a run goes as a whole.
    let step = hasRanges ? max(1, Self.run / max(1, columns)) * columns : Self.run
    let buffer = UnsafeMutableBufferPointer<UInt16>.allocate(capacity: min(step, source.count))
    defer { buffer.deallocate() }
    var first = [UInt32](repeating: 0, count: 65_536)
    var pending = 0
    var low = [UInt16](repeating: 0, count: max(1, step / max(1, columns)))
    var high = low
    for start in stride(from: 0, to: source.count, by: step) {
      let part = UnsafeMutableBufferPointer(rebasing: buffer[..<min(step, source.count - start)])
      try source.readHalves(from: start, into: part)
      lathe_count_halves(part.baseAddress!, part.count, &first)
      pending += part.count
      if pending > 1 << 31 {
        fold(&first)
        pending = 0
      }
      let row = hasRanges ? start / columns : channels
      let rows = min(part.count / max(1, columns), channels - row)
      if hasRanges, rows > 0 {
        lathe_half_row_ranges(part.baseAddress!, rows, columns, &low, &high)
        for index in 0..<rows {
          minima[row + index] = type.float(low[index])
          maxima[row + index] = type.float(high[index])
        }
      }
      guard control.proceed(part.count) else { throw Cancelled() }
    }
    fold(&first)
  }

  private mutating func fold(_ first: inout [UInt32]) {
    for code in counts.indices {
      counts[code] += UInt64(first[code])
      first[code] = 0
    }
  }

  /// The finite values in rising order with their counts, and what is not finite.
  private func finite() -> (values: [Float], counts: [Int], found: NonFinite) {
    var found = NonFinite()
    var values: [Float] = []
    var occurrences: [Int] = []
    func add(_ code: Int) {
      let count = Int(counts[code])
      guard count > 0 else { return }
      let value = type.float(UInt16(code))
      if value.isNaN {
        found.nans += Int64(count)
      } else if value.isInfinite {
        found.infinities += Int64(count)
      } else if value == 0, values.last == 0 {
        occurrences[occurrences.count - 1] += count
      } else {
        values.append(value == 0 ? 0 : value)
        occurrences.append(count)
      }
    }
    for code in stride(from: 0xffff, through: 0x8000, by: -1) { add(code) }
    for code in 0..<0x8000 { add(code) }
    return (values, occurrences, found)
  }

  func survey(_ source: some WeightSource, withErrors: Bool, _ control: PassControl) throws -> Survey {
    let (values, occurrences, found) = finite()
    let bad = Int(found.nans + found.infinities)
    let statistics = Statistics(values, occurrences, count: source.count, found: found)
    var histogram = Histogram(
      minimum: Double(statistics.minimum), maximum: Double(statistics.maximum),
      counts: [UInt64](repeating: 0, count: Histogram.defaultBins))
    histogram.add(values, occurrences)
    var survey = Survey(
      statistics: statistics, histogram: histogram, channelMinima: minima, channelMaxima: maxima, errors: nil,
      shape: DistributionShape(histogram))
    // What is not finite counts as zero from here on.
    let whole = Self.with(zeros: bad, values, occurrences)
    if withErrors { survey.summary = .values(whole) }
    let needsRanges = !hasRanges || bad > 0
    guard withErrors || needsRanges else { return survey }
    let range = (whole.values.first ?? 0)...(whole.values.last ?? 0)
    var table = withErrors ? ErrorTableSums(source, range: range, tensorErrors: whole.tableRow()) : nil
    try source.forEachChunk(control) { chunk in
      if needsRanges { survey.addRanges(of: chunk) }
      table?.add(chunk, pruned: chunk.base)
    }
    survey.errors = table?.table(squaredNorm: statistics.squaredNorm)
    return survey
  }

  private static func with(zeros: Int, _ values: [Float], _ counts: [Int]) -> ValueCounts {
    guard zeros > 0 else { return ValueCounts(values: values, counts: counts) }
    var (values, counts) = (values, counts)
    let place = values.firstIndex { $0 >= 0 } ?? values.count
    if place < values.count, values[place] == 0 {
      counts[place] += zeros
    } else {
      values.insert(0, at: place)
      counts.insert(zeros, at: place)
    }
    return ValueCounts(values: values, counts: counts)
  }
}

extension Statistics {
  /// From different values with their counts; sums in the order of the values.
  fileprivate init(_ values: [Float], _ counts: [Int], count: Int, found: NonFinite) {
    let finite = Double(max(1, counts.reduce(0, +)))
    var (sum, squares) = (0.0, 0.0)
    for (value, count) in zip(values, counts) {
      sum += Double(count) * Double(value)
      squares += Double(count) * Double(value) * Double(value)
    }
    let mean = sum / finite
    var (m2, m3, m4) = (0.0, 0.0, 0.0)
    for (value, count) in zip(values, counts) {
      let d = Double(value) - mean
      m2 += Double(count) * d * d
      m3 += Double(count) * d * d * d
      m4 += Double(count) * d * d * d * d
    }
    (m2, m3, m4) = (m2 / finite, m3 / finite, m4 / finite)
    let isSpread = (values.first ?? 0) < (values.last ?? 0) && m2 > 0
    let deviation = isSpread ? m2.squareRoot() : 0
    let limit = deviation * Statistics.outlierDeviations
    self.init(
      count: count, minimum: values.first ?? 0, maximum: values.last ?? 0, mean: mean, deviation: deviation,
      skewness: isSpread ? m3 / (m2 * deviation) : 0, kurtosis: isSpread ? m4 / (m2 * m2) : 0, squaredNorm: squares,
      zeros: zip(values, counts).reduce(0) { $0 + ($1.0 == 0 ? $1.1 : 0) },
      outliers: zip(values, counts).reduce(0) { $0 + (abs(Double($1.0) - mean) > limit ? $1.1 : 0) },
      nans: Int(found.nans), infinities: Int(found.infinities))
  }
}

extension Survey {
  fileprivate mutating func addRanges(of chunk: Chunk) {
    let kept = min(chunk.rows, channelMinima.count - chunk.firstRow)
    guard kept > 0 else { return }
    channelMinima.withUnsafeMutableBufferPointer { low in
      channelMaxima.withUnsafeMutableBufferPointer { high in
        lathe_row_ranges(
          chunk.base, kept, chunk.columns, low.baseAddress! + chunk.firstRow, high.baseAddress! + chunk.firstRow)
      }
    }
  }
}
