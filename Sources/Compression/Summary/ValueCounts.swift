import CKernels

/// The different values of a weight of 16 bits and how often each occurs: an exact summary, whatever the weight's size.
public struct ValueCounts: Sendable, Codable, Hashable {
  /// Finite values in rising order; −0 counts as 0.
  public let values: [Float]
  public let counts: [Int]
  public let squaredNorm: Double

  init(values: [Float], counts: [Int]) {
    self.values = values
    self.counts = counts
    squaredNorm = zip(values, counts).reduce(0) { $0 + Double($1.1) * Double($1.0) * Double($1.0) }
  }

  public var count: Int { counts.reduce(0, +) }

  func answer(_ scheme: Scheme) -> SummaryAnswer? {
    guard !values.isEmpty, let pruned = pruned(scheme.sparsity) else { return nil }
    switch scheme.format {
    case .keep: return answer(pruned, exactly: pruned.values, levels: nil)
    case .f16, .bf16:
      let type = scheme.format == .f16 ? HalfType.f16 : .bf16
      return answer(pruned, exactly: pruned.values.map { type.float(type.bits($0)) }, levels: nil)
    case .uniform(let uniform) where uniform.granularity == .tensor:
      if uniform.bits == 1 { return sign(uniform, pruned, masked: scheme.sparsity != .none) }
      return answer(pruned, on: grid(uniform, pruned))
    default: return nil
    }
  }

  /// t² of every width, symmetric and affine, under one scale: a row of the error table.
  func tableRow() -> [Double] {
    var grids = [lathe_grid](repeating: lathe_grid(), count: Int(LATHE_TABLE_GRIDS))
    lathe_make_table_grids(values.first ?? 0, values.last ?? 0, &grids)
    return errors(values, grids).map { Compression.relativeError($0, squaredNorm: squaredNorm) }
  }

  // MARK: - Sparsity

  /// The values after sparsity. Of values at the limit of a ratio some go: `ties` of them.
  private struct Pruned {
    var values: [Float]
    var limit: Float?
    /// The magnitude that goes in part, and how many weights of it go.
    var ties: (magnitude: Float, count: Int)?
  }

  private func pruned(_ sparsity: Sparsity) -> Pruned? {
    switch sparsity {
    case .none: return Pruned(values: values)
    case .threshold(let threshold):
      let limit = Float(threshold).roundedUp(over: threshold)
      return Pruned(values: values.map { abs($0) < limit ? 0 : $0 }, limit: limit)
    case .ratio(let ratio), .model(let ratio):
      let goal = Int((ratio * Double(count)).rounded())
      guard goal > 0 else { return Pruned(values: values) }
      let (limit, below) = rank(goal)
      return Pruned(
        values: values.map { abs($0) < limit ? 0 : $0 }, limit: limit,
        ties: limit > 0 && goal > below ? (limit, goal - below) : nil)
    default: return nil
    }
  }

  /// The magnitude of rank `rank` (1 is the least) and how many weights are strictly less.
  private func rank(_ rank: Int) -> (limit: Float, below: Int) {
    let order = values.indices.sorted { abs(values[$0]) < abs(values[$1]) }
    var below = 0
    var index = 0
    while index < order.count {
      let magnitude = abs(values[order[index]])
      var equal = 0
      while index < order.count, abs(values[order[index]]) == magnitude {
        equal += counts[order[index]]
        index += 1
      }
      if below + equal >= rank { return (magnitude, below) }
      below += equal
    }
    return (max(-values[0], values[values.count - 1]), below)
  }

  // MARK: - Grids

  private func grid(_ uniform: UniformScheme, _ pruned: Pruned) -> lathe_grid {
    var (low, high) = (Float.infinity, -Float.infinity)
    for (value, before) in zip(pruned.values, values) {
      // Where all weights of a value go, zero is in their place.
      let goes = pruned.ties.map { abs(before) == $0.magnitude && $0.count >= tied($0.magnitude) } ?? false
      low = min(low, goes ? 0 : value)
      high = max(high, goes ? 0 : value)
    }
    switch uniform.range {
    case .minMax: break
    case .percentile(let p):
      let limit = rank(Int((p / 100 * Double(count)).rounded(.up))).limit
      (low, high) = (max(low, -limit), min(high, limit))
    case .entropy:
      let most = max(-low, high)
      guard most > 0 else { break }
      let limit = uniform.entropyLimit(bins(pruned, most: most), most: most)
      (low, high) = (max(low, -limit), min(high, limit))
    case .leastSquares:
      let grids = ClipSearch.grids(uniform, low: low, high: high)
      // As the search over the weights has it: against the weights after sparsity.
      let errors = errors(pruned.values, of: pruned.values, grids, ties: pruned.ties)
      return ClipSearch.best(grids, errors: errors)
    }
    return uniform.grid(low: low, high: high)
  }

  /// Counts over ±`most` in the bins of relative entropy.
  private func bins(_ pruned: Pruned, most: Float) -> [UInt64] {
    var histogram = Histogram(
      minimum: -Double(most), maximum: Double(most), counts: [UInt64](repeating: 0, count: EntropyRange.bins))
    histogram.add(pruned.values, counts)
    return histogram.counts
  }

  private func tied(_ magnitude: Float) -> Int {
    zip(values, counts).reduce(0) { $0 + (abs($1.0) == magnitude ? $1.1 : 0) }
  }

  // MARK: - Errors

  private func errors(_ pruned: [Float], _ grids: [lathe_grid]) -> [Double] {
    var sums = [Double](repeating: 0, count: grids.count)
    lathe_add_value_errors(
      values, pruned, counts.map { Double($0) }, values.count, grids, Int32(grids.count), &sums)
    return sums
  }

  private func errors(
    _ pruned: [Float], of weights: [Float], _ grids: [lathe_grid], ties: (magnitude: Float, count: Int)?
  ) -> [Double] {
    var sums = [Double](repeating: 0, count: grids.count)
    var weightCounts = counts.map { Double($0) }
    // After sparsity the tied ones that went are zeros without an error.
    if let ties {
      let all = Double(tied(ties.magnitude))
      for index in values.indices where abs(values[index]) == ties.magnitude {
        weightCounts[index] *= 1 - Double(ties.count) / all
      }
    }
    lathe_add_value_errors(weights, pruned, weightCounts, values.count, grids, Int32(grids.count), &sums)
    return sums
  }

  private func answer(_ pruned: Pruned, on grid: lathe_grid) -> SummaryAnswer? {
    var codes = [Int32](repeating: 0, count: values.count)
    var reconstruction = [Float](repeating: 0, count: values.count)
    lathe_apply_grid(pruned.values, values.count, grid, &codes, &reconstruction)
    var summary = ScaleSummary()
    summary.add(grid)
    return answer(pruned, exactly: reconstruction, levels: summary.levels)
  }

  private func sign(_ uniform: UniformScheme, _ pruned: Pruned, masked: Bool) -> SummaryAnswer? {
    var (sum, kept) = (0.0, 0)
    for index in values.indices where !masked || pruned.values[index] != 0 {
      sum += Double(counts[index]) * Double(abs(pruned.values[index]))
      kept += counts[index]
    }
    if let ties = pruned.ties {
      sum -= Double(ties.count) * Double(ties.magnitude)
      kept -= ties.count
    }
    let magnitude = uniform.rounded(magnitude: sum / Double(max(1, kept)))
    var codes = [Int32](repeating: 0, count: values.count)
    var reconstruction = [Float](repeating: 0, count: values.count)
    lathe_apply_signs(pruned.values, values.count, magnitude, masked ? 1 : 0, &codes, &reconstruction)
    var summary = ScaleSummary()
    summary.add(lathe_grid(magnitude: magnitude))
    return answer(pruned, exactly: reconstruction, levels: summary.levels)
  }

  /// The error of a reconstruction value by value. Which of +v and −v goes first at the limit of a ratio depends on
  /// where they stand: where their errors differ, there are bounds.
  /// `nil` where ŵ is not finite: nothing can be stated then.
  private func answer(_ pruned: Pruned, exactly reconstruction: [Float], levels: Levels?) -> SummaryAnswer? {
    guard reconstruction.allSatisfy({ $0.isFinite }) else { return nil }
    var (error, zeros) = (0.0, 0)
    for index in values.indices {
      let difference = Double(values[index] - reconstruction[index])
      error += Double(counts[index]) * difference * difference
      if reconstruction[index] == 0 { zeros += counts[index] }
    }
    var (lower, upper) = (error, error)
    var (fewest, most) = (zeros, zeros)
    if let ties = pruned.ties {
      // What each tied weight adds when it goes: w² in place of its error.
      let tied = values.indices.filter { abs(values[$0]) == ties.magnitude }.map { index in
        let kept = Double(values[index] - reconstruction[index])
        let square = Double(values[index]) * Double(values[index])
        return (change: square - kept * kept, zero: reconstruction[index] == 0, count: counts[index])
      }
      for (order, sign) in [(tied.sorted { $0.change < $1.change }, 0), (tied.sorted { $0.change > $1.change }, 1)] {
        var left = ties.count
        for part in order {
          let taken = min(left, part.count)
          if sign == 0 { lower += Double(taken) * part.change } else { upper += Double(taken) * part.change }
          left -= taken
        }
      }
      // Weights that round to zero anyway are zeros already.
      let others = tied.reduce(0) { $0 + ($1.zero ? 0 : $1.count) }
      let already = tied.reduce(0) { $0 + ($1.zero ? $1.count : 0) }
      most += min(ties.count, others)
      fewest += max(0, ties.count - already)
    }
    let n = Double(count)
    let bounds = [lower, upper].map { Compression.relativeError($0, squaredNorm: squaredNorm) }
    return SummaryAnswer(
      relativeError: min(bounds[0], bounds[1])...max(bounds[0], bounds[1]),
      sparsity: Double(fewest) / n...Double(most) / n,
      levels: levels, pruneLimit: pruned.limit)
  }
}
