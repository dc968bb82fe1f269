import CKernels

/// The bins of a weight's histogram with Σ (w − c) and Σ (w − c)² about each bin's middle c. Where a bin lies in one
/// cell of a quantiser its error follows exactly, Σ (w − c)² − 2(q − c)·Σ (w − c) + n(q − c)²; where it straddles the
/// boundary of two, both sides bound it.
public struct BinMoments: Sendable, Codable, Hashable {
  public var minimum: Double
  public var maximum: Double
  public var counts: [UInt64]
  public var sums: [Double]
  public var squares: [Double]
  /// Σ w² of the weight.
  public var squaredNorm: Double

  /// Fewer weights are read again in no time, and would be outnumbered by bins.
  static let leastCount = 2048

  init(minimum: Double, maximum: Double, bins: Int = Histogram.defaultBins) {
    (self.minimum, self.maximum) = (minimum, maximum)
    counts = [UInt64](repeating: 0, count: bins)
    sums = [Double](repeating: 0, count: bins)
    squares = sums
    squaredNorm = 0
  }

  mutating func add(_ weights: UnsafePointer<Float>, _ count: Int) {
    var cells = zip(sums, squares).map { lathe_bin_sums(sum: $0, squares: $1) }
    lathe_add_bin_moments(weights, count, minimum, maximum, Int32(counts.count), &counts, &cells)
    (sums, squares) = (cells.map(\.sum), cells.map(\.squares))
  }

  var width: Double { (maximum - minimum) / Double(counts.count) }

  func answer(_ scheme: Scheme) -> SummaryAnswer? {
    guard maximum > minimum, let band = band(scheme.sparsity) else { return nil }
    let total = counts.reduce(0, +)
    guard total > 0 else { return nil }
    switch scheme.format {
    case .keep: return answer(band, grid: nil, slack: 0, levels: nil)
    case .uniform(let uniform)
    where uniform.granularity == .tensor && uniform.bits > 1 && uniform.symmetry != .edge
      && uniform.rounds == nil:
      return answer(uniform, band)
    default: return nil
    }
  }

  // MARK: - What is pruned

  /// Weights with |w| < `surely` are zero, those with |w| ≥ `atMost` are not; between them nobody knows.
  private struct Band {
    var surely = 0.0
    var atMost = 0.0
    var limit: Float?
  }

  private func band(_ sparsity: Sparsity) -> Band? {
    switch sparsity {
    case .none: return Band()
    case .threshold(let threshold):
      let limit = Float(threshold).roundedUp(over: threshold)
      return Band(surely: Double(limit), atMost: Double(limit), limit: limit)
    case .ratio(let ratio), .model(let ratio):
      let goal = Int((ratio * Double(counts.reduce(0, +))).rounded())
      return goal == 0 ? Band() : magnitudes(ofRank: goal)
    default: return nil
    }
  }

  /// Where the magnitude of a rank lies.
  private func magnitudes(ofRank rank: Int) -> Band {
    // A bin's weights have magnitudes from the nearest to the farthest of its edges.
    let bins = counts.indices.filter { counts[$0] > 0 }.map { bin in
      let (low, high) = edges(bin)
      return (least: low <= 0 && high >= 0 ? 0 : min(abs(low), abs(high)), most: max(abs(low), abs(high)), bin: bin)
    }
    func crossing(_ order: [(at: Double, bin: Int)]) -> Double {
      var seen = 0
      for (at, bin) in order {
        seen += Int(counts[bin])
        if seen >= rank { return at }
      }
      return max(-minimum, maximum)
    }
    let surely = crossing(bins.map { ($0.least, $0.bin) }.sorted { $0.0 < $1.0 })
    let atMost = crossing(bins.map { ($0.most, $0.bin) }.sorted { $0.0 < $1.0 })
    // The weight of that rank goes itself.
    return Band(surely: surely, atMost: atMost.nextUp, limit: Float((surely + atMost) / 2))
  }

  private func edges(_ bin: Int) -> (Double, Double) {
    let low = minimum + Double(bin) * width
    return (low, bin == counts.count - 1 ? maximum : low + width)
  }

  // MARK: - Grids

  private func answer(_ uniform: UniformScheme, _ band: Band) -> SummaryAnswer? {
    // Whether the outermost weights are pruned is known, or nothing is said.
    func outermost(_ value: Double) -> Float? {
      abs(value) < band.surely ? 0 : abs(value) >= band.atMost || band.atMost == 0 ? Float(value) : nil
    }
    guard let low = outermost(minimum), let high = outermost(maximum) else { return nil }
    switch uniform.range {
    case .minMax:
      return answer(band, grid: uniform.grid(low: low, high: high), slack: 0)
    case .leastSquares:
      // The search takes the least error of weights after sparsity: of what it may take, the least and the greatest.
      guard band.atMost == 0 else { return nil }
      let answers = ClipSearch.grids(uniform, low: low, high: high).map { answer(band, grid: $0, slack: 0) }
      let upper = answers.map(\.relativeError.upperBound).min() ?? 0
      let candidates = answers.filter { $0.relativeError.lowerBound <= upper }
      guard var best = answers.min(by: { $0.estimate < $1.estimate }) else { return nil }
      best.relativeError = (candidates.map(\.relativeError.lowerBound).min() ?? 0)...upper
      best.sparsity =
        (candidates.map(\.sparsity.lowerBound).min() ?? 0)...(candidates.map(\.sparsity.upperBound).max() ?? 1)
      return best
    case .percentile(let p):
      let place = magnitudes(ofRank: Int((p / 100 * Double(counts.reduce(0, +))).rounded(.up)))
      let limit = Float((place.surely + place.atMost) / 2)
      let grid = uniform.grid(low: max(low, -limit), high: min(high, limit))
      // A grid whose outermost level moves by d moves each level by d at most, and so each weight's distance.
      let rounding = Double(limit) * (uniform.scale == .fp32 ? 0x1p-22 : uniform.scale == .fp16 ? 0x1p-10 : 0x1p-7)
      guard uniform.scale != .pow2, !uniform.symmetry.isAffine else { return nil }
      return answer(band, grid: grid, slack: (place.atMost - place.surely) / 2 + rounding)
    case .entropy: return nil
    }
  }

  // MARK: - Bounds

  /// - Parameters:
  ///   - grid: `nil` for weights that are kept as they are.
  ///   - slack: how far each level may be from where the grid has it.
  private func answer(_ band: Band, grid: lathe_grid?, slack: Double, levels: Levels? = nil) -> SummaryAnswer {
    var (lower, upper) = (0.0, 0.0)
    var (fewest, most) = (0.0, 0.0)
    for bin in counts.indices where counts[bin] > 0 {
      let (error, zeros) = bounds(bin, band, grid, slack)
      lower += error.lowerBound
      upper += error.upperBound
      fewest += zeros.lowerBound
      most += zeros.upperBound
    }
    // Floats round ŵ to 24 bits, each weight by 2⁻²³·max|w| at most; sums of doubles lose far less.
    let n = Double(counts.reduce(0, +))
    let rounding = n.squareRoot() * (slack + max(-minimum, maximum) * 0x1p-22)
    lower = max(0, lower.squareRoot() - rounding)
    upper = upper.squareRoot() + rounding
    var summary = ScaleSummary()
    if let grid { summary.add(grid) }
    let norm = squaredNorm > 0 ? squaredNorm : 1
    return SummaryAnswer(
      relativeError: lower * lower / norm * (1 - 1e-9)...upper * upper / norm * (1 + 1e-9),
      sparsity: fewest / n...most / n, levels: summary.levels, pruneLimit: band.limit)
  }

  /// Bounds of a bin's squared error and of its zeros.
  private func bounds(_ bin: Int, _ band: Band, _ grid: lathe_grid?, _ slack: Double)
    -> (ClosedRange<Double>, ClosedRange<Double>)
  {
    let (low, high) = edges(bin)
    let n = Double(counts[bin])
    let pruned = error(bin, at: 0)
    let nearest = low <= 0 && high >= 0 ? 0 : min(abs(low), abs(high))
    let farthest = max(abs(low), abs(high))
    if farthest < band.surely { return (pruned...pruned, n...n) }
    let (kept, zeros) = quantised(bin, low, high, grid, slack)
    if nearest >= band.atMost { return (kept, zeros) }
    // A weight's error is its own square where it is pruned, and no more than that where it is not: zero is a level.
    let upper = max(kept.upperBound, pruned)
    return (min(kept.lowerBound, pruned)...upper, zeros.lowerBound...n)
  }

  /// Σ (w − q)² over a bin.
  private func error(_ bin: Int, at level: Double) -> Double {
    let distance = level - (minimum + (Double(bin) + 0.5) * width)
    return max(0, squares[bin] - 2 * distance * sums[bin] + Double(counts[bin]) * distance * distance)
  }

  private func quantised(_ bin: Int, _ low: Double, _ high: Double, _ grid: lathe_grid?, _ slack: Double)
    -> (ClosedRange<Double>, ClosedRange<Double>)
  {
    let n = Double(counts[bin])
    // As it is: an error of nothing, and a zero where zero is in the bin.
    guard let grid = grid?.rising else { return (0...0, 0...(low <= 0 && high >= 0 ? n : 0)) }
    let scale = Double(grid.scale)
    guard scale > 0 else {
      let all = error(bin, at: 0)
      return (all...all, n...n)
    }
    // Rounding w·(1/s) in float decides as on the line but for a hair on either side of a boundary.
    let hair = 1e-6 * (abs(low / scale) + abs(high / scale) + 1) + slack / scale
    func code(_ place: Double) -> Double {
      min(Double(grid.high), max(Double(grid.low), (place / scale).rounded(.toNearestOrEven)))
    }
    let (first, last) = (code(low - hair * scale), code(high + hair * scale))
    let zeros: ClosedRange<Double> = first == 0 && last == 0 ? n...n : first <= 0 && last >= 0 ? 0...n : 0...0
    let errors = (error(bin, at: first * scale), error(bin, at: last * scale))
    if first == last { return (errors.0...errors.0, zeros) }
    if last - first == 1 {
      return (straddling(bin, low, high, (first * scale, last * scale), errors), zeros)
    }
    // Several cells in one bin: no weight between the outermost levels is farther than half a step from one.
    let farthest = max(scale / 2, first * scale - low, high - last * scale)
    return (0...n * farthest * farthest, zeros)
  }

  /// Weights of a bin on both sides of the boundary m between two levels: Σ min(a, b) of the squares a and b of the two
  /// distances is at most Σ a and Σ b, and at least Σ a − Σ max(0, a − b) with a − b = 2Δ(w − m): a convex function of w,
  /// whose mean is bounded by its chord over the bin, and by the mean and the variance (Scarf 1958).
  private func straddling(
    _ bin: Int, _ low: Double, _ high: Double, _ levels: (Double, Double), _ errors: (Double, Double)
  ) -> ClosedRange<Double> {
    let n = Double(counts[bin])
    let step = levels.1 - levels.0
    let boundary = (levels.0 + levels.1) / 2
    let mean = minimum + (Double(bin) + 0.5) * width + sums[bin] / n
    let variance = max(0, squares[bin] / n - (sums[bin] / n) * (sums[bin] / n))
    let above = mean - boundary
    let scarf = ((variance + above * above).squareRoot() + above) / 2
    let share = high > low ? min(1, max(0, (mean - low) / (high - low))) : 0
    let chord = max(0, high - boundary) * share + max(0, low - boundary) * (1 - share)
    let gain = 2 * step * n * min(scarf, chord)
    let upper = min(errors.0, errors.1)
    return min(upper, max(0, errors.0 - gain))...upper
  }
}
