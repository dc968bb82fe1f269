import Compression
import Numerics

/// Learnt scales: codes stay as they are, each run's scale and minimum move.
///
/// Ŵ = (1 + θ)·A + B with A what the scales make of the codes and B the minima: s = kept(s₀·(1 + θ)) with what the scheme
/// keeps of a scale, straight through; a minimum m = m₀ + s₀·φ, or of ggml's blocks m = m₀·(1 + φ). Of those the block's
/// half-precision factors learn, which all its scales, or minima, are multiples of. θ and φ go by Adam; a scale keeps its
/// sign. What is a power of two, or has no factor of a block's own, stays.
///
/// Sources: S. Esser et al. (LSQ, arXiv:1902.08153) for steps that are learnt, M. Chen et al. (EfficientQAT,
/// arXiv:2407.11062) for scales alone. Memory: 12 bytes a weight, 24 a run. A step goes over the weight three times.
public struct ScaleTraining: TrainedWeight {
  public let rows: Int
  public let columns: Int
  private let chosen: ChosenWeight
  private let runs: ScaleRuns
  /// What the scales, and the minima, make: their sum is the weight at the beginning.
  private let scaled: [Float]
  private let minima: [Float]
  /// s₀ of each run, and m₀; of blocks their factors.
  private let scales: [Float]
  private let bases: [Float]
  private let blocks: BlockFactors?
  private let isFixed: Bool
  private let search: ScaleSearch
  private let grid: WeightGrid?
  // θ and φ.
  private var growth: [Float]
  private var shift: [Float]
  private var adam: Adam
  private var shiftAdam: Adam
  public private(set) var values: [Float] = []

  private let rate: Float

  /// A step's share of a scale, at the training's beginning.
  public static let standardRate: Float = 0.01

  /// - Returns: `nil` of plain numbers, which have no scales.
  public init?(_ chosen: ChosenWeight, rate: Float = Self.standardRate) {
    guard let (grid, codes) = chosen.gridAndCodes else { return nil }
    (self.chosen, rows, columns) = (chosen, chosen.rows, chosen.columns)
    search = ScaleSearch(scheme: chosen.scheme, factors: [])
    let all = chosen.values
    self.rate = rate
    if case .blocks(let type, let bytes) = chosen.content {
      runs = ScaleRuns(weights: all.count, each: type.blockWeights)
      blocks = BlockFactors(type)
      self.grid = nil
      isFixed = blocks == nil
      scales = blocks?.factors(blocks?.scale ?? 0, of: bytes) ?? [Float](repeating: 0, count: runs.count)
      if let blocks, let minimum = blocks.minimum {
        bases = blocks.factors(minimum, of: bytes)
        var without = bytes
        blocks.put(.init(repeating: 0, count: runs.count), minimum, into: &without)
        scaled =
          ChosenWeight(scheme: chosen.scheme, rows: rows, columns: columns, content: .blocks(type, without)).values
        minima = zip(all, scaled).map { $0 - $1 }
      } else {
        (bases, scaled, minima) = ([], all, [])
      }
    } else {
      runs = ScaleRuns(grid)
      blocks = nil
      self.grid = grid
      isFixed = grid.hasFixedScales(chosen.scheme)
      scales = grid.scales
      bases = grid.offsets
      var plain = grid
      plain.offsets = grid.offsets.map { _ in 0 }
      scaled = ChosenWeight(scheme: chosen.scheme, grid: plain, codes: codes).values
      minima = []
    }
    growth = [Float](repeating: 0, count: runs.count)
    shift = [Float](repeating: 0, count: bases.isEmpty ? 0 : runs.count)
    (adam, shiftAdam) = (Adam(growth.count), Adam(shift.count))
    values = all
  }

  public mutating func step(_ gradient: [Float], _ moment: TrainingMoment) {
    guard !isFixed else { return }
    let rate = self.rate * moment.rate
    adam.step(&growth, runs.sums(gradient, scaled), rate: rate)
    for index in growth.indices { growth[index] = max(-0.95, growth[index]) }
    if !shift.isEmpty {
      if blocks != nil {
        shiftAdam.step(&shift, runs.sums(gradient, minima), rate: rate)
      } else {
        var slopes = runs.sums(gradient)
        for run in slopes.indices { slopes[run] *= scales[run] }
        shiftAdam.step(&shift, slopes, rate: rate)
      }
    }
    renew()
  }

  /// The scales as they are kept.
  private var kept: [Float] {
    scales.indices.map { run in
      let moved = scales[run] * (1 + growth[run])
      if blocks != nil { return HalfType.f16.float(HalfType.f16.bits(moved)) }
      guard let grid, moved != 0 else { return moved }
      let kept = search.kept(moved, grid)
      return kept != 0 && kept.isFinite ? kept : scales[run]
    }
  }

  private var keptBases: [Float] {
    bases.indices.map { run in
      blocks != nil
        ? HalfType.f16.float(HalfType.f16.bits(bases[run] * (1 + shift[run])))
        : search.keptEdge(bases[run] + scales[run] * shift[run])
    }
  }

  private mutating func renew() {
    let (kept, keptBases) = (kept, keptBases)
    let (scaled, minima, scales, bases, isBlocks) = (scaled, minima, scales, bases, blocks != nil)
    values.withUnsafeMutableBufferPointer { values in
      scaled.withUnsafeBufferPointer { scaled in
        minima.withUnsafeBufferPointer { minima in
          runs.forEach { run, weights in
            let factor = scales[run] != 0 ? kept[run] / scales[run] : 1
            for index in weights { values[index] = factor * scaled[index] }
            guard !keptBases.isEmpty else { return }
            if isBlocks {
              let factor = bases[run] != 0 ? keptBases[run] / bases[run] : 1
              for index in weights { values[index] += factor * minima[index] }
            } else {
              for index in weights { values[index] += keptBases[run] }
            }
          }
        }
      }
    }
  }

  public func finished() -> ChosenWeight {
    if case .blocks(let type, var bytes) = chosen.content {
      if let blocks {
        blocks.put(kept, blocks.scale, into: &bytes)
        if let minimum = blocks.minimum { blocks.put(keptBases, minimum, into: &bytes) }
      }
      return ChosenWeight(scheme: chosen.scheme, rows: rows, columns: columns, content: .blocks(type, bytes))
    }
    guard case .codes(var grid, let codes) = chosen.content else { return chosen }
    grid.scales = kept
    grid.offsets = keptBases
    return ChosenWeight(scheme: chosen.scheme, grid: grid, codes: codes)
  }

  public var state: [UInt8] {
    var bytes = StateWriter()
    bytes.put(growth)
    bytes.put(shift)
    adam.write(to: &bytes)
    shiftAdam.write(to: &bytes)
    return bytes.bytes
  }

  public mutating func restore(_ state: [UInt8]) throws(RecoveryError) {
    var bytes = StateReader(state)
    growth = try bytes.floats(growth.count)
    shift = try bytes.floats(shift.count)
    try adam.read(from: &bytes)
    try shiftAdam.read(from: &bytes)
    if !isFixed, adam.count > 0 { renew() }
  }
}

extension WeightGrid {
  /// Whether its scales are no numbers that could move a little: powers of two, and those of ggml's blocks.
  func hasFixedScales(_ scheme: Scheme) -> Bool {
    if !blocks.isEmpty { return true }
    if case .smallFloat(let small) = scheme.format, case .microscaling = small.scaling { return true }
    return false
  }
}
