import CKernels

/// What a scheme does to one weight: its exact error and its exact size.
public struct Assessment: Sendable, Codable, Hashable {
  /// t² = ‖ŵ − w‖²/‖w‖² with sparsity in ŵ; `nil` where it is not yet computed, or where ŵ is not finite.
  public var relativeError: Double?
  public var squaredNorm: Double
  /// Numbers of the weight that are NaN or infinite; they count as zero.
  public var nonFinite: Int
  /// The share of ŵ that is zero; `nil` where it is not yet computed.
  public var sparsity: Double?
  public var size: Size
  /// The levels of a typical run, for uniform formats.
  public var levels: Levels?
  /// Weights that sparsity set to zero lie within ± this; `nil` without a magnitude rule.
  public var pruneLimit: Float?
  /// The reconstruction in the bins of the original's histogram, and w − ŵ in bins of its own; with `detail`.
  public var reconstruction: Histogram?
  public var error: Histogram?

  /// Signal to quantisation noise, dB; `nil` for an exact copy or where it is not computed.
  public var sqnr: Double? { relativeError.flatMap(decibels(relativeError:)) }
}

/// A uniform grid for drawing: levels at step · lowest … step · highest.
public struct Levels: Sendable, Codable, Hashable {
  public var step: Double
  public var lowest: Int
  public var highest: Int
  /// How many scales the weight has; with more than one, the levels are those of their mean.
  public var scales: Int
}

extension Assessment {
  /// Applies `scheme` to `source` and compares; the weight is read once to four times.
  ///
  /// - Parameters:
  ///   - range: least and greatest weight, wanted with `detail`.
  ///   - detail: whether to make the histograms of ŵ and of w − ŵ.
  /// - Precondition: `scheme.obstacle(rows:columns:)` is `nil` for the matrix.
  /// - Throws: `Cancelled`, or what the source throws.
  public static func of(
    _ source: some WeightSource, scheme: Scheme, detail: ClosedRange<Double>? = nil,
    control: PassControl = .silent
  ) throws -> Assessment {
    let pruning = try Pruning(scheme.sparsity, of: source, control: control)
    guard var method = try Reconstruction(scheme, of: source, pruning: pruning, control: control) else {
      return Assessment(
        relativeError: nil, squaredNorm: 0, nonFinite: 0, sparsity: nil,
        size: scheme.size(of: source, nonZero: source.count, symbols: nil, rans: nil))
    }
    defer { method.free() }
    let run = try Run(
      method: &method, source: source, scheme: scheme, pruning: pruning, detail: detail, control: control)
    return run.assessment(of: source, scheme: scheme, pruning: pruning, levels: method.scales.levels)
  }

  /// The reconstruction ŵ of the whole weight, row-major.
  public static func reconstruct(
    _ source: some WeightSource, scheme: Scheme, into values: UnsafeMutableBufferPointer<Float>,
    control: PassControl = .silent
  ) throws -> Bool {
    let pruning = try Pruning(scheme.sparsity, of: source, control: control)
    guard var method = try Reconstruction(scheme, of: source, pruning: pruning, control: control) else {
      return false
    }
    defer { method.free() }
    let codes = UnsafeMutablePointer<Int32>.allocate(
      capacity: min(source.rowsPerChunk, source.rows) * source.columns)
    defer { codes.deallocate() }
    try source.forEachPrunedChunk(pruning, control) { chunk, pruned in
      method.apply(
        chunk, pruned: pruned, values: values.baseAddress! + chunk.firstRow * chunk.columns, codes: codes)
    }
    return true
  }
}

/// The sums of one assessment.
private struct Run {
  var squaredError = 0.0
  var squaredNorm = 0.0
  var zeros = 0
  var nonFinite = 0
  var symbols: [Int64]?
  var rans: Int?
  var reconstruction: Histogram?
  var error: Histogram?

  init(
    method: inout Reconstruction, source: some WeightSource, scheme: Scheme, pruning: Pruning,
    detail: ClosedRange<Double>?, control: PassControl
  ) throws {
    let capacity = min(source.rowsPerChunk, source.rows) * source.columns
    let values = UnsafeMutablePointer<Float>.allocate(capacity: capacity)
    let codes = UnsafeMutablePointer<Int32>.allocate(capacity: capacity)
    defer {
      values.deallocate()
      codes.deallocate()
    }
    let none = [Float](repeating: 0, count: capacity)
    var errorLanes = [Double](repeating: 0, count: 8)
    var normLanes = errorLanes
    var counts = [Int64](repeating: 0, count: method.symbolCount)
    let offset = method.symbolOffset
    var drawn = detail.map(Histogram.empty)
    var found = 0
    let odd = try source.forEachPrunedChunk(pruning, control) { chunk, pruned in
      method.apply(chunk, pruned: pruned, values: values, codes: codes)
      lathe_add_square_distance(chunk.base, values, chunk.count, &errorLanes)
      lathe_add_square_distance(chunk.base, none, chunk.count, &normLanes)
      for index in 0..<chunk.count where values[index] == 0 { found += 1 }
      if !counts.isEmpty {
        for index in 0..<chunk.count { counts[Int(codes[index]) + offset] += 1 }
      }
      drawn?.add(values, chunk.count)
    }
    squaredError = total(errorLanes[...])
    squaredNorm = total(normLanes[...])
    zeros = found
    nonFinite = Int(odd.nans + odd.infinities)
    symbols = counts.isEmpty ? nil : counts
    reconstruction = drawn
    if scheme.coding == .rans, !counts.isEmpty {
      var coder = RansCoder(counts: counts)
      try source.forEachPrunedChunk(pruning, control) { chunk, pruned in
        method.apply(chunk, pruned: pruned, values: values, codes: codes)
        for index in 0..<chunk.count { coder.encode(Int(codes[index]) + offset) }
      }
      rans = coder.byteCount
    }
    guard detail != nil, squaredError > 0, squaredError.isFinite else { return }
    // Most errors lie within four root mean squares; a wider tail is counted in the outermost bins.
    let limit = 4 * (squaredError / Double(source.count)).squareRoot()
    var errors = Histogram.empty(-limit...limit)
    let edge = Float(limit).nextDown
    try source.forEachPrunedChunk(pruning, control) { chunk, pruned in
      method.apply(chunk, pruned: pruned, values: values, codes: codes)
      for index in 0..<chunk.count {
        values[index] = max(-edge, min(edge, chunk.base[index] - values[index]))
      }
      errors.add(values, chunk.count)
    }
    error = errors
  }

  func assessment(of source: some WeightSource, scheme: Scheme, pruning: Pruning, levels: Levels?)
    -> Assessment
  {
    let nonZero = symbols.map { counts in
      // A code of zero is not stored in a sparse form; for 16-bit floats the zeros are +0 and −0.
      source.count - (scheme.isHalf ? Int(counts[0] + counts[0x8000]) : Int(counts[counts.count / 2]))
    }
    return Assessment(
      // A weight beyond what a half can scale becomes infinite in ggml's bytes: there is no error to state.
      relativeError: squaredError.isFinite ? relativeError(squaredError, squaredNorm: squaredNorm) : nil,
      squaredNorm: squaredNorm,
      nonFinite: nonFinite,
      sparsity: source.count > 0 ? Double(zeros) / Double(source.count) : 0,
      size: scheme.size(of: source, nonZero: nonZero ?? source.count - zeros, symbols: symbols, rans: rans),
      levels: levels, pruneLimit: pruning.magnitudeLimit, reconstruction: reconstruction, error: error)
  }
}

extension Scheme {
  fileprivate var isHalf: Bool { format == .f16 || format == .bf16 }
}

extension Histogram {
  /// The default number of empty bins over a range.
  static func empty(_ range: ClosedRange<Double>) -> Histogram {
    Histogram(
      minimum: range.lowerBound, maximum: range.upperBound, counts: [UInt64](repeating: 0, count: defaultBins)
    )
  }
}
