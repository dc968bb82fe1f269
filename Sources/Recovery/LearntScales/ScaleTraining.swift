import Compression
import Numerics

/// Learnt scales: codes stay as they are, each run's scale, minimum and zero point move (`MovingScales`).
///
/// Ŵ = s·(level + z) + m with s, z and m of the run; of ggml's blocks the block's half-precision factors learn, which all its
/// scales, or minima, are multiples of.
///
/// Source: M. Chen et al. (EfficientQAT, arXiv:2407.11062) for scales alone. Memory: 8 bytes a weight, of ggml's blocks with
/// minima 12; 60 a run at most. A step goes over the weight three times.
public struct ScaleTraining: TrainedWeight {
  public let rows: Int
  public let columns: Int
  private let chosen: ChosenWeight
  private let runs: ScaleRuns
  /// Levels; of ggml's blocks what the scales, and the minima, make: their sum is the weight at the beginning.
  private let scaled: [Float]
  private let minima: [Float]
  private let blocks: BlockFactors?
  private var moving: MovingScales
  public private(set) var values: [Float] = []

  /// A step's share of a scale, at the training's beginning.
  public static let standardRate: Float = 0.01

  /// - Parameter movesZeros: whether zero points learn too.
  /// - Returns: `nil` of plain numbers, which have no scales.
  public init?(_ chosen: ChosenWeight, rate: Float = Self.standardRate, movesZeros: Bool = true) {
    guard let (grid, codes) = chosen.gridAndCodes else { return nil }
    (self.chosen, rows, columns) = (chosen, chosen.rows, chosen.columns)
    let all = chosen.values
    if case .blocks(let type, let bytes) = chosen.content {
      runs = ScaleRuns(weights: all.count, each: type.blockWeights)
      blocks = BlockFactors(type)
      moving = MovingScales(blocks, of: bytes, blocks: runs.count, chosen.scheme, rate: rate)
      if let blocks, let minimum = blocks.minimum {
        var without = bytes
        blocks.put(.init(repeating: 0, count: runs.count), minimum, into: &without)
        scaled =
          ChosenWeight(scheme: chosen.scheme, rows: rows, columns: columns, content: .blocks(type, without)).values
        minima = zip(all, scaled).map { $0 - $1 }
      } else {
        (scaled, minima) = (all, [])
      }
    } else {
      runs = ScaleRuns(grid)
      blocks = nil
      moving = MovingScales(grid, chosen.scheme, rate: rate, movesZeros: movesZeros)
      var plain = grid
      (plain.offsets, plain.shifts) = ([], [])
      plain.scales = .init(repeating: 1, count: grid.scales.count)
      scaled = ChosenWeight(scheme: chosen.scheme, grid: plain, codes: codes).values
      minima = []
    }
    values = all
  }

  public var byteCount: Int { 4 * (scaled.count + minima.count + values.count) + moving.byteCount }

  public mutating func step(_ gradient: [Float], _ moment: TrainingMoment) {
    guard !moving.areFixed else { return }
    let slopes: MovingScales.Slopes
    if blocks != nil {
      slopes = .init(
        growth: runs.sums(gradient, scaled), shift: minima.isEmpty ? [] : runs.sums(gradient, minima))
    } else {
      let sums = moving.bases.isEmpty && !moving.movesZeros ? [] : runs.sums(gradient)
      slopes = moving.slopes(products: runs.sums(gradient, values), sums: sums, zeroSums: sums)
    }
    moving.step(slopes, share: moment.rate)
    renew()
  }

  private mutating func renew() {
    let (scaled, minima, moving, isBlocks) = (scaled, minima, moving, blocks != nil)
    values.withUnsafeMutableBufferPointer { values in
      scaled.withUnsafeBufferPointer { scaled in
        minima.withUnsafeBufferPointer { minima in
          runs.forEach { run, weights in
            guard isBlocks else {
              let (scale, zero) = (moving.scales[run], moving.zeros.isEmpty ? 0 : moving.zeros[run])
              let edge = moving.bases.isEmpty ? 0 : moving.bases[run]
              for index in weights { values[index] = scale * (scaled[index] + zero) + edge }
              return
            }
            let first = moving.firstScales[run]
            let factor = first != 0 ? moving.scales[run] / first : 1
            for index in weights { values[index] = factor * scaled[index] }
            guard !minima.isEmpty else { return }
            let edge = moving.firstBases[run]
            let share = edge != 0 ? moving.bases[run] / edge : 1
            for index in weights { values[index] += share * minima[index] }
          }
        }
      }
    }
  }

  public func finished() -> ChosenWeight {
    if !moving.hasMoved { return chosen }
    switch chosen.content {
    case .blocks(let type, var bytes):
      guard let blocks else { return chosen }
      blocks.put(moving.scales, blocks.scale, into: &bytes)
      if let minimum = blocks.minimum { blocks.put(moving.bases, minimum, into: &bytes) }
      return ChosenWeight(scheme: chosen.scheme, rows: rows, columns: columns, content: .blocks(type, bytes))
    case .codes(var grid, let codes):
      (grid.scales, grid.offsets, grid.shifts) = (moving.scales, moving.bases, moving.zeros)
      return ChosenWeight(scheme: chosen.scheme, grid: grid, codes: codes)
    case .numbers: return chosen
    }
  }

  public var state: [UInt8] {
    var bytes = StateWriter()
    moving.write(to: &bytes)
    return bytes.bytes
  }

  public mutating func restore(_ state: [UInt8]) throws(RecoveryError) {
    var bytes = StateReader(state)
    try moving.read(from: &bytes)
    if !moving.areFixed, moving.hasMoved { renew() }
  }
}
