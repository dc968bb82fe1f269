import CKernels

/// How the scale of a run of weights is found, rule by rule.
extension UniformScheme {
  /// The grid of a run whose weights after sparsity lie in `low`…`high`.
  func grid(low: Float, high: Float) -> lathe_grid {
    lathe_make_grid(low, high, Int32(bits), symmetry.kernel, scale.kernel, rounds.kernel)
  }

  /// The scale of ±mean, rounded to its type: for schemes of one magnitude.
  func rounded(magnitude: Double) -> Float { scale.rounded(magnitude: magnitude) }

  /// The grid of weights that are all here; `weights` before, `pruned` after sparsity.
  func grid(_ weights: UnsafePointer<Float>, pruned: UnsafePointer<Float>, count: Int) -> lathe_grid {
    var low: Float = 0
    var high: Float = 0
    lathe_row_ranges(pruned, 1, count, &low, &high)
    switch range {
    case .minMax: break
    case .percentile(let p):
      let magnitudes = UnsafeBufferPointer(start: weights, count: count).map(abs).sorted()
      let limit = magnitudes[max(0, Int((p / 100 * Double(count)).rounded(.up)) - 1)]
      (low, high) = (max(low, -limit), min(high, limit))
    case .entropy:
      let most = max(-low, high)
      guard most > 0 else { break }
      var counts = [UInt64](repeating: 0, count: EntropyRange.bins)
      lathe_add_histogram(pruned, count, -Double(most), Double(most), Int32(counts.count), &counts)
      let limit = entropyLimit(counts, most: most)
      (low, high) = (max(low, -limit), min(high, limit))
    case .leastSquares:
      let grids = ClipSearch.grids(self, low: low, high: high)
      var sums = [Double](repeating: 0, count: 8 * grids.count)
      lathe_add_grid_errors(
        pruned, pruned, count, grids, Int32(grids.count), squaresNeedDouble(low...high) ? 1 : 0, &sums)
      return ClipSearch.best(grids, sums: sums)
    }
    return grid(low: low, high: high)
  }

  /// The clip that relative entropy chooses for weights counted in bins over ±`most`.
  func entropyLimit(_ counts: [UInt64], most: Float) -> Float {
    let kept = EntropyRange.kept(counts.map { Int($0) }, levels: (1 << min(bits, 8)) - 1)
    let width = 2 * Double(most) / Double(counts.count)
    return Float(Double(kept.upperBound) * width - Double(most))
  }

  /// One grid for a whole weight: it is read once to three times.
  func grid(of source: some WeightSource, pruning: Pruning, control: PassControl) throws -> lathe_grid {
    var sums = lathe_range_sums()
    (sums.minimum, sums.maximum) = (.infinity, -.infinity)
    try source.forEachPrunedChunk(pruning, control) { chunk, pruned in
      lathe_add_range_sums(pruned, chunk.count, &sums)
    }
    var (low, high) = (sums.minimum, sums.maximum)
    switch range {
    case .minMax: break
    case .percentile(let p):
      let rank = Int((p / 100 * Double(source.count)).rounded(.up))
      let (limit, _) = try MagnitudeRank.find(rank, in: source, control: control)
      (low, high) = (max(low, -limit), min(high, limit))
    case .entropy:
      let most = max(-low, high)
      guard most > 0 else { break }
      var counts = [UInt64](repeating: 0, count: EntropyRange.bins)
      try source.forEachPrunedChunk(pruning, control) { chunk, pruned in
        lathe_add_histogram(pruned, chunk.count, -Double(most), Double(most), Int32(counts.count), &counts)
      }
      let limit = entropyLimit(counts, most: most)
      (low, high) = (max(low, -limit), min(high, limit))
    case .leastSquares:
      let grids = ClipSearch.grids(self, low: low, high: high)
      var errors = [Double](repeating: 0, count: 8 * grids.count)
      try source.forEachPrunedChunk(pruning, control) { chunk, pruned in
        lathe_add_grid_errors(
          pruned, pruned, chunk.count, grids, Int32(grids.count), squaresNeedDouble(low...high) ? 1 : 0, &errors)
      }
      return ClipSearch.best(grids, sums: errors)
    }
    return grid(low: low, high: high)
  }
}

/// The search of a clip: the factor of the min-max range with the least squared error; of equal ones the widest.
enum ClipSearch {
  static func grids(_ uniform: UniformScheme, low: Float, high: Float) -> [lathe_grid] {
    (0...48).map { step in
      let factor = Float(64 - step) / 64
      return uniform.grid(low: low * factor, high: high * factor)
    }
  }

  static func best(_ grids: [lathe_grid], sums: [Double]) -> lathe_grid {
    best(grids, errors: grids.indices.map { total(sums[8 * $0..<8 * $0 + 8]) })
  }

  static func best(_ grids: [lathe_grid], errors: [Double]) -> lathe_grid {
    var best = 0
    for index in grids.indices where errors[index] < errors[best] { best = index }
    return grids[best]
  }
}

extension ScaleType {
  var kernel: lathe_scale_type {
    switch self {
    case .fp16: LATHE_SCALE_FP16
    case .bf16: LATHE_SCALE_BF16
    case .fp32: LATHE_SCALE_FP32
    case .pow2: LATHE_SCALE_POW2
    }
  }

  /// A magnitude rounded to this type.
  func rounded(magnitude: Double) -> Float {
    // A range of ±m on two bits has the scale m/1.
    lathe_make_grid(-Float(magnitude), Float(magnitude), 2, LATHE_SYMMETRIC, kernel, LATHE_ROUNDS_NOTHING).scale
  }
}

extension Rounding? {
  var kernel: lathe_rounds {
    switch self {
    case nil: LATHE_ROUNDS_NOTHING
    case .product: LATHE_ROUNDS_PRODUCT
    case .quotient: LATHE_ROUNDS_QUOTIENT
    case .sum: LATHE_ROUNDS_SUM
    }
  }
}

/// What one magnitude for a run of weights is made of.
struct MagnitudeSum {
  private var lanes = [Double](repeating: 0, count: 8)
  private var kept: Int64 = 0
  private var count = 0

  /// - Parameter threshold: weights up to it are left out; below zero none is.
  mutating func add(_ weights: UnsafePointer<Float>, _ count: Int, above threshold: Double) {
    lathe_add_magnitudes(weights, count, threshold, &lanes, &kept)
    self.count += count
  }

  /// The mean over the weights that were not left out.
  var mean: Double { kept > 0 ? total(lanes[...]) / Double(kept) : 0 }
}
