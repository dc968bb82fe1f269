import Compression
import Numerics

/// Training through the rounding: weights that are kept exact behind the scenes learn from the gradients of the levels that
/// they are rounded to.
///
/// Ŵ = s·(level(x) + z) + m with x the exact weight in units of its scale and level(x) the nearest one. Straight through:
/// ∂Ŵ/∂x is s where x lies among the levels, else 0 (Y. Bengio et al., arXiv:1308.3432). Scales and edges learn too, as of
/// codes that stay, ∂Ŵ/∂s = level(x) + z; but for powers of two and ggml's blocks. As x goes with its scale, no code changes
/// because a scale does. Weights that sparsity takes away are zero and do not learn; their share rises as 1 − (1 − t)³ over
/// the first seven tenths (M. Zhu and S. Gupta, arXiv:1710.01878). Of schemes of plain numbers these learn, with s = 1.
///
/// Memory: 17 bytes a weight. A step goes over the weight some five times; where it is sparse, over a copy now and then.
public struct LatentTraining: TrainedWeight {
  /// What else a step does.
  public struct Options: Sendable, Hashable {
    /// A step's share of the root mean square weight, in units of the scales, or of half a level, at the beginning.
    public var rate: Float = 0.01
    /// A step's share of a scale.
    public var scaleRate: Float = 0.01
    /// Each step brings weights nearer to zero by this part of what it moves them (proximal L1).
    public var l1: Float = 0
    /// The same of whole rows' lengths (group lasso over output channels).
    public var groupLasso: Float = 0

    public init() {}
  }

  public let rows: Int
  public let columns: Int
  let chosen: ChosenWeight
  private let options: Options
  let grid: WeightGrid?
  let runs: ScaleRuns
  let cells: LevelCells
  private let search: ScaleSearch
  private let hasFixedScales: Bool
  let shape: [Int]
  let importances: [Float]?
  let halfType: HalfType?
  /// The root mean square x at the beginning, at most half a level.
  private let size: Float

  /// x, (rows, columns).
  var latent: [Float]
  /// θ: scales are s₀·(1 + θ); and φ: edges are m₀ + s₀·φ.
  private var growth: [Float]
  private var shift: [Float]
  /// s and m of each run as they are kept.
  var scales: [Float]
  var offsets: [Float]
  /// Empty where nothing is taken away.
  private var mask: [Bool] = []
  private var adam: Adam
  private var scaleAdam: Adam
  private var shiftAdam: Adam
  public private(set) var values: [Float]

  /// - Parameters:
  ///   - chosen: what to begin with.
  ///   - original: the weight, (rows, columns).
  ///   - shape: its own, where sparsity needs it.
  ///   - importances: of each column, for sparsity that goes by inputs.
  ///   - halfType: what plain numbers are rounded to.
  /// - Precondition: as many weights.
  public init(
    _ chosen: ChosenWeight, original: [Float], shape: [Int]? = nil, importances: [Float]? = nil,
    halfType: HalfType? = nil, _ options: Options = Options()
  ) {
    precondition(original.count == chosen.rows * chosen.columns)
    (self.chosen, rows, columns, self.options) = (chosen, chosen.rows, chosen.columns, options)
    (self.shape, self.importances, self.halfType) = (shape ?? [chosen.rows, chosen.columns], importances, halfType)
    search = ScaleSearch(scheme: chosen.scheme, factors: [])
    var latent = original
    if let (grid, codes) = chosen.gridAndCodes {
      self.grid = grid
      (runs, cells) = (ScaleRuns(grid), LevelCells(grid.levels))
      (scales, offsets, hasFixedScales) = (grid.scales, grid.offsets, grid.hasFixedScales(chosen.scheme))
      let cells = cells
      // A weight that is pruned keeps what it was: it may come back.
      let isSparse = chosen.scheme.sparsity != .none
      runs.forEach { run, weights in
        let (scale, base) = (grid.scales[run], grid.base(run))
        for index in weights {
          let isPruned = isSparse && grid.value(codes[index], run: run) == 0
          latent[index] =
            isPruned && scale != 0
            ? (original[index] - base) / scale : cells.place(original[index], scale, base, in: codes[index])
        }
      }
    } else {
      grid = nil
      (runs, cells) = (ScaleRuns(weights: latent.count, each: latent.count), LevelCells([]))
      (scales, offsets, hasFixedScales) = ([1], [], true)
    }
    let power = latent.reduce(0.0) { $0 + Double($1) * Double($1) }
    let size = Float((power / Double(max(1, latent.count))).squareRoot())
    // Where levels are many, half of one is as far as a step should think.
    self.size = grid == nil ? size : min(0.5, size)
    self.latent = latent
    growth = [Float](repeating: 0, count: hasFixedScales ? 0 : scales.count)
    shift = [Float](repeating: 0, count: hasFixedScales ? 0 : offsets.count)
    (adam, scaleAdam, shiftAdam) = (Adam(latent.count), Adam(growth.count), Adam(shift.count))
    values = latent
    values = rounded(mask).values
  }

  public mutating func step(_ gradient: [Float], _ moment: TrainingMoment) {
    var slopes = gradient
    for index in mask.indices where mask[index] { slopes[index] = 0 }
    if let grid {
      let runSlopes = hasFixedScales ? nil : scaleSlopes(slopes, grid)
      passStraightThrough(&slopes)
      if let runSlopes { moveScales(runSlopes, grid, rate: options.scaleRate * moment.rate) }
    }
    let rate = options.rate * moment.rate * size
    adam.step(&latent, slopes, rate: rate)
    shrink(by: rate)
    if chosen.scheme.sparsity != .none, moment.step % max(1, moment.steps / 50) == 0 || moment.step + 1 == moment.steps
    {
      mask = self.mask(share: PruningSchedule.share(moment.share))
    }
    values = rounded(mask).values
  }

  /// The gradients of θ and φ.
  private func scaleSlopes(_ slopes: [Float], _ grid: WeightGrid) -> (growth: [Float], shift: [Float]) {
    var growth = runs.sums(slopes, values)
    var shift = offsets.isEmpty ? [] : runs.sums(slopes)
    for run in growth.indices {
      // Of m, which is no part of what the scale makes.
      if !offsets.isEmpty { growth[run] -= shift[run] * offsets[run] }
      growth[run] *= scales[run] != 0 ? grid.scales[run] / scales[run] : 0
    }
    for run in shift.indices { shift[run] *= grid.scales[run] }
    return (growth, shift)
  }

  private mutating func moveScales(_ slopes: (growth: [Float], shift: [Float]), _ grid: WeightGrid, rate: Float) {
    scaleAdam.step(&growth, slopes.growth, rate: rate)
    shiftAdam.step(&shift, slopes.shift, rate: rate)
    for run in scales.indices {
      growth[run] = max(-0.95, growth[run])
      let moved = search.kept(grid.scales[run] * (1 + growth[run]), grid)
      if moved != 0, moved.isFinite { scales[run] = moved }
    }
    for run in shift.indices { offsets[run] = search.keptEdge(grid.offsets[run] + grid.scales[run] * shift[run]) }
  }

  /// ∂/∂x of ∂/∂Ŵ: none beyond the levels.
  private func passStraightThrough(_ slopes: inout [Float]) {
    let reach = cells.reach
    let (latent, scales, low, high) = (latent, scales, reach.lowerBound, reach.upperBound)
    slopes.withUnsafeMutableBufferPointer { slopes in
      latent.withUnsafeBufferPointer { latent in
        runs.forEach { run, weights in
          let scale = scales[run]
          for index in weights {
            let x = latent[index]
            slopes[index] = x < low || x > high ? 0 : slopes[index] * scale
          }
        }
      }
    }
  }

  /// The proximal steps of L1 and group lasso, of weights that count from zero.
  private mutating func shrink(by rate: Float) {
    if options.l1 > 0 {
      let least = options.l1 * rate
      for index in latent.indices {
        let left = max(0, abs(latent[index]) - least)
        latent[index] = latent[index] < 0 ? -left : left
      }
    }
    guard options.groupLasso > 0 else { return }
    let least = options.groupLasso * rate * Float(columns).squareRoot()
    for row in 0..<rows {
      let own = row * columns..<(row + 1) * columns
      let length = latent[own].reduce(0) { $0 + $1 * $1 }.squareRoot()
      let factor = length > least ? 1 - least / length : 0
      for index in own { latent[index] *= factor }
    }
  }

  public func finished() -> ChosenWeight {
    if adam.count == 0 { return chosen }
    let mask = chosen.scheme.sparsity == .none ? [] : self.mask(share: 1)
    let (values, codes) = rounded(mask, withCodes: true)
    guard var grid else {
      return ChosenWeight(scheme: chosen.scheme, rows: rows, columns: columns, content: .numbers(values))
    }
    grid.scales = scales
    grid.offsets = offsets
    return ChosenWeight(scheme: chosen.scheme, grid: grid, codes: codes)
  }

  public var state: [UInt8] {
    var bytes = StateWriter()
    bytes.put(latent)
    bytes.put(growth)
    bytes.put(shift)
    bytes.put(scales)
    bytes.put(offsets)
    bytes.put(mask.map { $0 ? 1 : 0 } as [UInt8])
    adam.write(to: &bytes)
    scaleAdam.write(to: &bytes)
    shiftAdam.write(to: &bytes)
    return bytes.bytes
  }

  public mutating func restore(_ state: [UInt8]) throws(RecoveryError) {
    var bytes = StateReader(state)
    latent = try bytes.floats(latent.count)
    growth = try bytes.floats(growth.count)
    shift = try bytes.floats(shift.count)
    scales = try bytes.floats(scales.count)
    offsets = try bytes.floats(offsets.count)
    let flags = try bytes.list()
    guard flags.isEmpty || flags.count == latent.count else {
      throw RecoveryError("holds a mask of \(flags.count) weights where the training has \(latent.count)")
    }
    mask = flags.map { $0 != 0 }
    try adam.read(from: &bytes)
    try scaleAdam.read(from: &bytes)
    try shiftAdam.read(from: &bytes)
    values = rounded(mask).values
  }
}
