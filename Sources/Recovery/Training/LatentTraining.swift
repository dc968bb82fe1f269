import Compression
import Numerics

/// Training through the rounding: weights that are kept exact behind the scenes learn from the gradients of the levels that
/// they are rounded to.
///
/// Ŵ = s·(nearest level of (w − m)/s) + m. Straight through: ∂Ŵ/∂w is 1 where w lies among the levels, else 0; and scales
/// learn too, ∂Ŵ/∂s = (Ŵ − w)/s among the levels, (Ŵ − m)/s beyond them (S. Esser et al., LSQ, arXiv:1902.08153), but for
/// powers of two and ggml's blocks, which stay. Weights that sparsity takes away are zero and do not learn; their share rises
/// as 1 − (1 − t)³ over the first seven tenths (M. Zhu and S. Gupta, arXiv:1710.01878). Schemes of plain numbers train these.
///
/// Memory: 17 bytes a weight. A step goes over the weight some five times; where it is sparse, over a copy now and then.
public struct LatentTraining: TrainedWeight {
  /// What else a step does.
  public struct Options: Sendable, Hashable {
    /// A step's share of the root mean square weight, at the training's beginning.
    public var rate: Float = 0.02
    /// A step's share of a scale.
    public var scaleRate: Float = 0.005
    /// Each step brings weights nearer to zero by this part of what it moves them (proximal L1).
    public var l1: Float = 0
    /// The same of whole rows' lengths (group lasso over output channels).
    public var groupLasso: Float = 0

    public init() {}
  }

  public let rows: Int
  public let columns: Int
  private let chosen: ChosenWeight
  private let options: Options
  private let grid: WeightGrid?
  private let runs: ScaleRuns
  private let cells: LevelCells
  private let search: ScaleSearch
  private let hasFixedScales: Bool
  private let shape: [Int]
  private let importances: [Float]?
  private let halfType: HalfType?
  /// The root mean square weight at the beginning.
  private let size: Float

  private var latent: [Float]
  /// θ: scales are s₀·(1 + θ).
  private var growth: [Float]
  private var scales: [Float]
  /// Empty where nothing is taken away.
  private var mask: [Bool] = []
  private var adam: Adam
  private var scaleAdam: Adam
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
    let power = original.reduce(0.0) { $0 + Double($1) * Double($1) }
    size = Float((power / Double(max(1, original.count))).squareRoot())
    latent = original
    if let (grid, codes) = chosen.gridAndCodes {
      self.grid = grid
      (runs, cells) = (ScaleRuns(grid), LevelCells(grid.levels))
      (scales, hasFixedScales) = (grid.scales, grid.hasFixedScales(chosen.scheme))
      let cells = cells
      var moved = original
      // A weight that is pruned keeps what it was: it may come back.
      let isSparse = chosen.scheme.sparsity != .none
      runs.forEach { run, weights in
        let (scale, base) = (grid.scales[run], grid.base(run))
        for index in weights where !(isSparse && grid.value(codes[index], run: run) == 0) {
          moved[index] = scale * cells.place(original[index], scale, base, in: codes[index]) + base
        }
      }
      latent = moved
    } else {
      grid = nil
      (runs, cells) = (ScaleRuns(weights: 0, each: 1), LevelCells([]))
      (scales, hasFixedScales) = ([], true)
    }
    growth = [Float](repeating: 0, count: scales.count)
    adam = Adam(latent.count)
    scaleAdam = Adam(hasFixedScales ? 0 : scales.count)
    values = latent
    values = rounded(mask).values
  }

  public mutating func step(_ gradient: [Float], _ moment: TrainingMoment) {
    var slopes = gradient
    for index in mask.indices where mask[index] { slopes[index] = 0 }
    if let grid {
      let scaleSlopes = passStraightThrough(&slopes, grid)
      if !hasFixedScales {
        scaleAdam.step(&growth, scaleSlopes, rate: options.scaleRate * moment.rate)
        for run in scales.indices {
          growth[run] = max(-0.95, growth[run])
          let moved = search.kept(grid.scales[run] * (1 + growth[run]), grid)
          if moved != 0, moved.isFinite { scales[run] = moved }
        }
      }
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

  /// Takes away the gradients of weights beyond the levels; gives those of the scales' growth.
  private func passStraightThrough(_ slopes: inout [Float], _ grid: WeightGrid) -> [Float] {
    var sums = [Float](repeating: 0, count: scales.count)
    let reach = cells.reach
    let (latent, values, scales) = (latent, values, scales)
    slopes.withUnsafeMutableBufferPointer { slopes in
      latent.withUnsafeBufferPointer { latent in
        values.withUnsafeBufferPointer { values in
          runs.forEach { run, weights in
            let (scale, offset) = (scales[run], grid.offsets.isEmpty ? 0 : grid.offsets[run])
            guard scale != 0 else { return }
            let shift = grid.shifts.isEmpty ? 0 : grid.shifts[run]
            let (one, other) = (scale * (reach.lowerBound + shift), scale * (reach.upperBound + shift))
            let (low, high) = (min(one, other) + offset, max(one, other) + offset)
            var sum: Float = 0
            for index in weights {
              let w = latent[index]
              if w < low || w > high {
                sum += slopes[index] * (values[index] - offset)
                slopes[index] = 0
              } else {
                sum += slopes[index] * (values[index] - w)
              }
            }
            sums[run] += sum * (grid.scales[run] / scale)
          }
        }
      }
    }
    return sums
  }

  /// The proximal steps of L1 and group lasso.
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

  /// Which weights go when so much of the sparsity is asked for.
  private func mask(share: Double) -> [Bool] {
    let source = ArrayWeights(rows: rows, columns: columns, values: latent, shape: shape, importances: importances)
    var mask: [Bool] = []
    mask.reserveCapacity(latent.count)
    // Nothing is read that could fail, and nothing asks to stop.
    _ = try? source.forEachPruned(chosen.scheme.sparsity.part(share), .silent) { _, left in mask += left.map { $0 == 0 }
    }
    return mask.count == latent.count ? mask : []
  }

  /// The levels that the weights are rounded to, and their codes.
  private func rounded(_ mask: [Bool], withCodes: Bool = false) -> (values: [Float], codes: [UInt8]) {
    var values = latent
    guard let grid else {
      for index in values.indices {
        if !mask.isEmpty, mask[index] { values[index] = 0 }
        if let halfType { values[index] = halfType.float(halfType.bits(values[index])) }
      }
      return (values, [])
    }
    var codes = [UInt8](repeating: 0, count: withCodes ? latent.count : 0)
    let (scales, cells, latent) = (scales, cells, latent)
    values.withUnsafeMutableBufferPointer { values in
      codes.withUnsafeMutableBufferPointer { codes in
        latent.withUnsafeBufferPointer { latent in
          cells.levels.withUnsafeBufferPointer { levels in
            runs.forEach { run, weights in
              let scale = scales[run]
              let shift = grid.shifts.isEmpty ? 0 : grid.shifts[run]
              let offset = grid.offsets.isEmpty ? 0 : grid.offsets[run]
              let (base, inverse) = (scale * shift + offset, scale != 0 ? 1 / scale : 0)
              let zero = mask.isEmpty ? nil : grid.zeroCode(run: run)
              for index in weights {
                var code = cells.code((latent[index] - base) * inverse)
                if let zero, mask[index] { code = Int(zero) }
                values[index] = scale * (levels[code] + shift) + offset
                if withCodes { codes[index] = UInt8(code) }
              }
            }
          }
        }
      }
    }
    return (values, codes)
  }

  public func finished() -> ChosenWeight {
    if adam.count == 0 { return chosen }
    let mask = chosen.scheme.sparsity == .none ? [] : self.mask(share: 1)
    let (values, codes) = rounded(mask, withCodes: true)
    guard var grid else {
      return ChosenWeight(scheme: chosen.scheme, rows: rows, columns: columns, content: .numbers(values))
    }
    grid.scales = scales
    return ChosenWeight(scheme: chosen.scheme, grid: grid, codes: codes)
  }

  public var state: [UInt8] {
    var bytes = StateWriter()
    bytes.put(latent)
    bytes.put(growth)
    bytes.put(scales)
    bytes.put(mask.map { $0 ? 1 : 0 } as [UInt8])
    adam.write(to: &bytes)
    scaleAdam.write(to: &bytes)
    return bytes.bytes
  }

  public mutating func restore(_ state: [UInt8]) throws(RecoveryError) {
    var bytes = StateReader(state)
    latent = try bytes.floats(latent.count)
    growth = try bytes.floats(growth.count)
    scales = try bytes.floats(scales.count)
    let flags = try bytes.list()
    guard flags.isEmpty || flags.count == latent.count else {
      throw RecoveryError("holds a mask of \(flags.count) weights where the training has \(latent.count)")
    }
    mask = flags.map { $0 != 0 }
    try adam.read(from: &bytes)
    try scaleAdam.read(from: &bytes)
    values = rounded(mask).values
  }
}
