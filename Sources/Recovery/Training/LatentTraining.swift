import Compression
import Numerics

/// Training through the rounding: weights that are kept exact behind the scenes learn from the gradients of the levels that
/// they are rounded to.
///
/// Ŵ = s·(level(x) + z) + m with x the exact weight in units of its scale and level(x) the nearest one. Straight through:
/// ∂Ŵ/∂x is s where x lies among the levels, else 0 (Y. Bengio et al., arXiv:1308.3432). Scales and edges learn too, as of
/// codes that stay, ∂Ŵ/∂s = level(x) + z; but for powers of two and ggml's blocks. As x goes with its scale, no code changes
/// because a scale does. A zero point that moves takes its codes along, so that weights stay where they are: it is learnt
/// by those beyond the levels alone (LSQ+, arXiv:2004.09576). Weights that sparsity takes away are zero and do not learn; their share rises as 1 − (1 − t)³ over
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
  let shape: [Int]
  let importances: [Float]?
  let halfType: HalfType?
  /// The root mean square x at the beginning, at most half a level.
  private let size: Float

  /// x, (rows, columns).
  var latent: [Float]
  /// s, m and z of each run; of plain numbers 1.
  private(set) var moving: MovingScales
  /// Empty where nothing is taken away.
  private var mask: [Bool] = []
  private var adam: Adam
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
    var latent = original
    if let (grid, codes) = chosen.gridAndCodes {
      self.grid = grid
      (runs, cells) = (ScaleRuns(grid), LevelCells(grid.levels))
      moving = MovingScales(grid, chosen.scheme, rate: options.scaleRate)
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
      moving = MovingScales(nil, of: [], blocks: 1, chosen.scheme, rate: 0)
    }
    let power = latent.reduce(0.0) { $0 + Double($1) * Double($1) }
    let size = Float((power / Double(max(1, latent.count))).squareRoot())
    // Where levels are many, half of one is as far as a step should think.
    self.size = grid == nil ? size : min(0.5, size)
    self.latent = latent
    adam = Adam(latent.count)
    values = latent
    values = rounded(mask).values
  }

  public var byteCount: Int { 16 * latent.count + mask.count + moving.byteCount }

  public mutating func step(_ gradient: [Float], _ moment: TrainingMoment) {
    var slopes = gradient
    for index in mask.indices where mask[index] { slopes[index] = 0 }
    if grid != nil {
      let runSlopes = moving.areFixed ? nil : scaleSlopes(slopes)
      passStraightThrough(&slopes)
      if let runSlopes { moveScales(runSlopes, share: moment.rate) }
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

  /// The gradients of what the runs have in common.
  private func scaleSlopes(_ slopes: [Float]) -> MovingScales.Slopes {
    var beyond: [Float] = []
    if moving.movesZeros {
      beyond = slopes
      let reach = cells.reach
      for index in beyond.indices where reach.contains(latent[index]) { beyond[index] = 0 }
    }
    return moving.slopes(
      products: runs.sums(slopes, values), sums: moving.bases.isEmpty ? [] : runs.sums(slopes),
      zeroSums: beyond.isEmpty ? [] : runs.sums(beyond))
  }

  private mutating func moveScales(_ slopes: MovingScales.Slopes, share: Float) {
    let zeros = moving.zeros
    moving.step(slopes, share: share)
    guard moving.movesZeros, moving.zeros != zeros else { return }
    let steps = moving.zeros.indices.map { moving.zeros[$0] - zeros[$0] }
    latent.withUnsafeMutableBufferPointer { latent in
      runs.forEach { run, weights in
        if steps[run] != 0 { for index in weights { latent[index] -= steps[run] } }
      }
    }
  }

  /// ∂/∂x of ∂/∂Ŵ: none beyond the levels.
  private func passStraightThrough(_ slopes: inout [Float]) {
    let reach = cells.reach
    let (latent, scales, low, high) = (latent, moving.scales, reach.lowerBound, reach.upperBound)
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
    (grid.scales, grid.offsets, grid.shifts) = (moving.scales, moving.bases, moving.zeros)
    return ChosenWeight(scheme: chosen.scheme, grid: grid, codes: codes)
  }

  public var state: [UInt8] {
    var bytes = StateWriter()
    bytes.put(latent)
    bytes.put(mask.map { $0 ? 1 : 0 } as [UInt8])
    adam.write(to: &bytes)
    moving.write(to: &bytes)
    return bytes.bytes
  }

  public mutating func restore(_ state: [UInt8]) throws(RecoveryError) {
    var bytes = StateReader(state)
    latent = try bytes.floats(latent.count)
    let flags = try bytes.list()
    guard flags.isEmpty || flags.count == latent.count else {
      throw RecoveryError("holds a mask of \(flags.count) weights where the training has \(latent.count)")
    }
    mask = flags.map { $0 != 0 }
    try adam.read(from: &bytes)
    try moving.read(from: &bytes)
    values = rounded(mask).values
  }
}
