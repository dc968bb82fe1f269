import CKernels
import Compression
import Numerics

/// Scales searched run by run for the least error of the outputs, as far as each column has its own part in it:
/// Σ h_j (w_j − ŵ_j)² with h what the inputs vary by.
///
/// Tried are factors of the scheme's own scale, each refined by least squares over the codes that it gives, and rounded
/// to what the scheme keeps. Of a power of two (OCP's small floats) its neighbours, of NVFP4 the group's greatest weight
/// at 6 or at 4 and what lies about. Cost: some thirty passes over the weight.
struct ScaleSearch {
  let scheme: Scheme
  /// h of each column, by equal parts of the rows.
  let factors: [[Float]]

  /// The grid with the scales that are best. One of ggml's blocks, whose quantisers search themselves, and one of columns
  /// are given back as they are.
  func searched(_ grid: WeightGrid, _ weights: [Float]) -> WeightGrid {
    guard grid.blocks.isEmpty, grid.sharing != .columns, !grid.scales.isEmpty else { return grid }
    var grid = grid
    let rowsPerPart = max(1, grid.rows / max(1, factors.count))
    let size = grid.columns / grid.runsPerRow
    for run in 0..<grid.runCount {
      let first = grid.sharing == .whole ? 0 : run * size
      let count = grid.sharing == .whole ? weights.count : size
      let own = Run(
        weights: first..<first + count, row: first / max(1, grid.columns), column: first % max(1, grid.columns),
        columns: grid.columns, rowsPerPart: rowsPerPart)
      let found = best(of: grid, run, own, weights)
      grid.scales[run] = found.scale
      if !grid.offsets.isEmpty { grid.offsets[run] = found.offset }
    }
    return grid
  }

  private struct Run {
    let weights: Range<Int>
    let row: Int
    let column: Int
    let columns: Int
    let rowsPerPart: Int
  }

  private func best(
    of grid: WeightGrid, _ run: Int, _ own: Run, _ weights: [Float]
  ) -> (scale: Float, offset: Float) {
    let scale = grid.scales[run]
    let offset = grid.offsets.isEmpty ? 0 : grid.offsets[run]
    guard scale != 0, scale.isFinite else { return (scale, offset) }
    let shift = grid.shifts.isEmpty ? 0 : grid.shifts[run]
    let levels = shift == 0 ? grid.levels : grid.levels.map { $0 + shift }
    var best = (scale: scale, offset: offset, error: Double.infinity)
    func attempt(_ scale: Float, _ offset: Float) -> [Double] {
      let sums = errors(own, weights, levels, scale, offset)
      if sums[0] < best.error { best = (scale, offset, sums[0]) }
      return sums
    }
    for factor in candidates {
      let (tried, edge) = (kept(scale * factor, grid), keptEdge(offset * factor))
      guard tried != 0, tried.isFinite else { continue }
      let sums = attempt(tried, edge)
      // The least squares of these codes.
      guard offset == 0, refines, sums[2] > 0 else { continue }
      let refined = kept(Float(sums[1] / sums[2]), grid)
      if refined != 0, refined.isFinite, refined != tried, (refined > 0) == (scale > 0) { _ = attempt(refined, 0) }
    }
    return (best.scale, best.offset)
  }

  private func errors(
    _ own: Run, _ weights: [Float], _ levels: [Float], _ scale: Float, _ offset: Float
  ) -> [Double] {
    var sums = [0.0, 0.0, 0.0]
    let isEven = LevelSteps.areEven(levels)
    weights.withUnsafeBufferPointer { weights in
      guard let start = weights.baseAddress else { return }
      // Row by row: a column has its factor.
      var (row, column, at) = (own.row, own.column, own.weights.lowerBound)
      while at < own.weights.upperBound {
        let count = min(own.columns - column, own.weights.upperBound - at)
        let part = min(factors.count - 1, row / own.rowsPerPart)
        factors[part].withUnsafeBufferPointer { factors in
          lathe_add_level_errors(
            start + at, factors.baseAddress.map { $0 + column }, count, levels, Int32(levels.count), isEven ? 1 : 0,
            scale, offset, &sums)
        }
        (row, column, at) = (row + 1, 0, at + count)
      }
    }
    return sums
  }

  /// Factors of the scheme's own scale.
  var candidates: [Float] {
    switch scheme.format {
    case .smallFloat(let small):
      switch small.scaling {
      case .microscaling: return [1, 0.5, 2]
      case .nvidia: return [1, 1.5, 0.875, 0.9375, 1.0625, 1.125, 1.25]
      case .scaled: return (0...24).map { 1 - Float($0) / 48 } + [1.05, 1.1]
      }
    case .uniform(let uniform) where uniform.scale == .pow2: return [1, 0.5, 0.25]
    case .named, .codebook: return (0...32).map { 1.75 - Float($0) / 24 }
    default: return (0...32).map { 1 - Float($0) / 48 }
    }
  }

  private var refines: Bool {
    switch scheme.format {
    case .smallFloat(let small): if case .scaled = small.scaling { true } else { false }
    case .uniform(let uniform): uniform.scale != .pow2
    default: true
    }
  }

  /// A scale as the scheme keeps it.
  func kept(_ scale: Float, _ grid: WeightGrid) -> Float {
    switch scheme.format {
    case .uniform(let uniform): return uniform.scale.kept(scale)
    case .named: return ScaleType.fp16.kept(scale)
    case .smallFloat(let small):
      guard case .nvidia = small.scaling, grid.tensorScale > 0 else { return scale }
      let wanted = scale / grid.tensorScale
      let table = ElementType.e4m3Levels[..<127]
      let place = table.partitioned { $0 < wanted }
      let near = [place - 1, place].filter(table.indices.contains).map { table[$0] }
      return (near.min { abs($0 - wanted) < abs($1 - wanted) } ?? 0) * grid.tensorScale
    default: return scale
    }
  }

  func keptEdge(_ offset: Float) -> Float {
    if case .uniform(let uniform) = scheme.format { uniform.scale.kept(offset) } else { offset }
  }
}

extension ScaleType {
  /// A number rounded to this type, its sign kept; a power of two to the nearest in the exponent.
  func kept(_ number: Float) -> Float {
    switch self {
    case .fp16: HalfType.f16.float(HalfType.f16.bits(max(-65_504, min(65_504, number))))
    case .bf16: HalfType.bf16.float(HalfType.bf16.bits(number))
    case .fp32: number
    case .pow2: Float(bitPattern: (number.bitPattern &+ 0x0040_0000) & 0xff80_0000)
    }
  }
}

extension Scheme {
  /// Whether the person chose how its range is found: it stays then.
  var hasRangeOfItsOwn: Bool {
    if case .uniform(let uniform) = format { uniform.range != .minMax } else { false }
  }
}

/// Whether levels are one apart: then the nearest is found by rounding.
enum LevelSteps {
  static func areEven(_ levels: [Float]) -> Bool {
    levels.count > 1 && levels.indices.dropFirst().allSatisfy { levels[$0] - levels[$0 - 1] == 1 }
  }
}

extension RandomAccessCollection {
  /// The first place whose element does not meet a condition that all before it meet.
  fileprivate func partitioned(by isBefore: (Element) -> Bool) -> Index {
    var (low, high) = (startIndex, endIndex)
    while low < high {
      let middle = index(low, offsetBy: distance(from: low, to: high) / 2)
      if isBefore(self[middle]) { low = index(after: middle) } else { high = middle }
    }
    return low
  }
}
