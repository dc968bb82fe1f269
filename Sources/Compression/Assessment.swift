import CKernels
import Coding

/// What a scheme does to one weight: its exact error and its exact size.
public struct Assessment: Sendable, Codable, Hashable {
  /// t² = ‖ŵ − w‖²/‖w‖² with sparsity in ŵ; `nil` where it is not yet computed, or where ŵ is not finite.
  public var relativeError: Double?
  /// Σ E[x²]·(ŵ − w)² / Σ E[x²]·w², where it is known how much each input matters.
  public var weightedError: Double?
  public var squaredNorm: Double
  /// Numbers of the weight that are NaN or infinite; they count as zero.
  public var nonFinite: Int
  /// The share of ŵ that is zero; `nil` where it is not yet computed.
  public var sparsity: Double?
  public var size: Size
  /// The levels of a typical run, for formats that have a grid or a table.
  public var levels: Levels?
  /// Weights that sparsity set to zero lie within ± this; `nil` without a magnitude rule.
  public var pruneLimit: Float?
  /// The reconstruction in the bins of the original's histogram, and w − ŵ in bins of its own; with `detail`.
  public var reconstruction: Histogram?
  public var error: Histogram?

  public init(
    relativeError: Double?, weightedError: Double? = nil, squaredNorm: Double, nonFinite: Int, sparsity: Double?,
    size: Size, levels: Levels? = nil, pruneLimit: Float? = nil, reconstruction: Histogram? = nil,
    error: Histogram? = nil
  ) {
    self.relativeError = relativeError
    self.weightedError = weightedError
    self.squaredNorm = squaredNorm
    self.nonFinite = nonFinite
    self.sparsity = sparsity
    self.size = size
    self.levels = levels
    self.pruneLimit = pruneLimit
    self.reconstruction = reconstruction
    self.error = error
  }

  /// Signal to quantisation noise, dB; `nil` for an exact copy or where it is not computed.
  public var sqnr: Double? { relativeError.flatMap(decibels(relativeError:)) }
}

extension Assessment {
  /// Applies `scheme` to `source` and compares; the weight is read once to four times.
  ///
  /// - Parameters:
  ///   - range: least and greatest weight, wanted with `detail`.
  ///   - detail: whether to make the histograms of ŵ and of w − ŵ.
  /// - Precondition: `scheme.obstacle(to:)` is `nil` for the weight.
  /// - Throws: `Cancelled`, or what the source throws.
  public static func of(
    _ source: some WeightSource, scheme: Scheme, detail: ClosedRange<Double>? = nil,
    control: PassControl = .silent
  ) throws -> Assessment {
    let pruning = try Pruning(scheme.sparsity, of: source, control: control)
    guard var method = try Reconstruction(scheme, of: source, pruning: pruning, control: control) else {
      return Assessment(
        relativeError: nil, squaredNorm: 0, nonFinite: 0, sparsity: nil,
        size: scheme.size(of: source, runs: nil, entropy: nil, streams: [:]))
    }
    defer { method.free() }
    let run = try Run(
      method: &method, source: source, scheme: scheme, pruning: pruning, detail: detail, control: control)
    return run.assessment(of: source, scheme: scheme, pruning: pruning)
  }

  /// The reconstruction ŵ of the whole weight, row-major.
  public static func reconstruct(
    _ source: some WeightSource, scheme: Scheme, into values: UnsafeMutableBufferPointer<Float>,
    control: PassControl = .silent
  ) throws -> Bool {
    try forEachReconstructedChunk(source, scheme: scheme, control: control) { row, piece in
      guard let from = piece.baseAddress else { return }
      (values.baseAddress! + row * source.columns).update(from: from, count: piece.count)
    }
  }

  /// The same in pieces of whole rows, from the first on; memory does not grow with the weight.
  ///
  /// - Parameter body: hears the number of a piece's first row, and its values, which it may change.
  /// - Returns: whether the scheme is computed; nothing was heard otherwise.
  public static func forEachReconstructedChunk(
    _ source: some WeightSource, scheme: Scheme, control: PassControl = .silent,
    _ body: (_ row: Int, _ values: UnsafeMutableBufferPointer<Float>) throws -> Void
  ) throws -> Bool {
    let pruning = try Pruning(scheme.sparsity, of: source, control: control)
    guard var method = try Reconstruction(scheme, of: source, pruning: pruning, control: control) else {
      return false
    }
    defer { method.free() }
    let capacity = min(source.rowsPerChunk, source.rows) * source.columns
    let values = UnsafeMutablePointer<Float>.allocate(capacity: capacity)
    let codes = UnsafeMutablePointer<Int32>.allocate(capacity: capacity)
    defer {
      values.deallocate()
      codes.deallocate()
    }
    try source.forEachPrunedChunk(pruning, control) { chunk, pruned in
      method.apply(chunk, pruned: pruned, values: values, codes: codes)
      try body(chunk.firstRow, UnsafeMutableBufferPointer(start: values, count: chunk.count))
    }
    return true
  }
}

/// The sums of one assessment.
private struct Run {
  var squaredError = 0.0
  var squaredNorm = 0.0
  var weightedError: Double?
  var nonFinite = 0
  /// Of ŵ, and of the codes.
  var zeros = 0
  /// Where codes are not zero; `nil` where no form needs it.
  var runs: CodeRuns?
  var entropy: Double?
  var streams: [EntropyCoder: Int] = [:]
  var levels: Levels?
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
    var weighted = WeightedError(source)
    var counts = CodeCounts(method.codes, capacity: capacity)
    // Sparse forms are weighed where they may be written, and for the layer that is looked at.
    if scheme.sparsity != .none || detail != nil { runs = CodeRuns() }
    var found = 0
    var drawn = detail.map(Histogram.empty)
    let odd = try source.forEachPrunedChunk(pruning, control) { chunk, pruned in
      method.apply(chunk, pruned: pruned, values: values, codes: codes)
      lathe_add_square_distance(chunk.base, values, chunk.count, &errorLanes)
      lathe_add_square_distance(chunk.base, none, chunk.count, &normLanes)
      weighted?.add(chunk, values, none)
      found += lathe_count_zeros(values, chunk.count, 0x7fff_ffff)
      switch method.codes {
      case .none: runs?.add(values, chunk.count, 0x7fff_ffff)
      case .bytes(let mask), .wide(let mask): runs?.add(codes, chunk.count, mask)
      }
      counts.add(codes, chunk.count)
      drawn?.add(values, chunk.count)
    }
    squaredError = total(errorLanes[...])
    squaredNorm = total(normLanes[...])
    weightedError = weighted?.relative
    zeros = found
    nonFinite = Int(odd.nans + odd.infinities)
    entropy = counts.entropy
    levels = method.levels
    reconstruction = drawn
    // The streams are made where they are asked for, and for the layer that is looked at.
    let coders = EntropyCoder.allCases.filter { detail != nil || scheme.coding.rawValue == $0.rawValue }
    // The axis ends where floats do: weights and errors there are more than four root mean squares of a float.
    let spread = 4 * (squaredError / Double(max(1, source.count))).squareRoot()
    let limit = Double(Float(min(spread, Double(Float.greatestFiniteMagnitude))))
    let drawsError = detail != nil && squaredError > 0 && squaredError.isFinite
    guard drawsError || (!coders.isEmpty && !counts.isEmpty) else { return }
    let encoders = counts.isEmpty ? [] : coders.map { ($0, counts.encoders($0)) }
    // Most errors lie within four root mean squares; a wider tail is counted in the outermost bins.
    var errors = drawsError ? Histogram.empty(-limit...limit) : nil
    let edge = Float(limit).nextDown
    try source.forEachPrunedChunk(pruning, control) { chunk, pruned in
      method.apply(chunk, pruned: pruned, values: values, codes: codes)
      for (_, encoder) in encoders { encoder.append(codes, chunk.count) }
      guard drawsError else { return }
      for index in 0..<chunk.count {
        values[index] = max(-edge, min(edge, chunk.base[index] - values[index]))
      }
      errors?.add(values, chunk.count)
    }
    error = errors
    for (coder, encoder) in encoders { streams[coder] = encoder.finish().count }
  }

  func assessment(of source: some WeightSource, scheme: Scheme, pruning: Pruning) -> Assessment {
    Assessment(
      // A weight beyond what a half can scale becomes infinite in ggml's bytes: there is no error to state.
      relativeError: squaredError.isFinite ? relativeError(squaredError, squaredNorm: squaredNorm) : nil,
      weightedError: weightedError,
      squaredNorm: squaredNorm,
      nonFinite: nonFinite,
      sparsity: source.count > 0 ? Double(zeros) / Double(source.count) : 0,
      size: scheme.size(of: source, runs: runs, entropy: entropy, streams: streams),
      levels: levels, pruneLimit: pruning.magnitudeLimit, reconstruction: reconstruction, error: error)
  }
}

/// Σ E[x²]·(ŵ − w)² and Σ E[x²]·w² over a weight's rows.
private struct WeightedError {
  private let importances: Importances
  private let rows: Int
  private var errors = [Double](repeating: 0, count: 8)
  private var norms = [Double](repeating: 0, count: 8)

  /// `nil` where it is not known how much the inputs matter.
  init?(_ source: some WeightSource) {
    guard let importances = source.importances else { return nil }
    self.importances = importances
    rows = source.rows
  }

  mutating func add(_ chunk: Chunk, _ values: UnsafePointer<Float>, _ none: [Float]) {
    for row in 0..<chunk.rows {
      let factors = importances.squares(ofRow: chunk.firstRow + row, of: rows)
      let at = row * chunk.columns
      lathe_add_weighted_square_distance(chunk.base + at, values + at, 1, chunk.columns, factors, &errors)
      lathe_add_weighted_square_distance(chunk.base + at, none, 1, chunk.columns, factors, &norms)
    }
  }

  var relative: Double? {
    let (error, norm) = (total(errors[...]), total(norms[...]))
    return error.isFinite && norm.isFinite ? relativeError(error, squaredNorm: norm) : nil
  }
}

extension Histogram {
  /// The default number of empty bins over a range.
  static func empty(_ range: ClosedRange<Double>) -> Histogram {
    Histogram(
      minimum: range.lowerBound, maximum: range.upperBound, counts: [UInt64](repeating: 0, count: defaultBins)
    )
  }
}
