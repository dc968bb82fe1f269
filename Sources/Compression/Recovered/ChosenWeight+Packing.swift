import CKernels
import Coding
import Numerics

extension ChosenWeight {
  /// Scales, zero points and edges as `Packed` has them.
  var scaleBytes: [UInt8] {
    guard case .codes(let grid, _) = content else { return [] }
    switch scheme.format {
    case .smallFloat(let small):
      var writer = BitWriter()
      switch small.scaling {
      case .scaled: for scale in grid.scales { writer.put(Int(scale.bitPattern), 32) }
      case .microscaling:
        // 2^−127 is the least exponent's, of no normal number.
        for scale in grid.scales { writer.put(Int(scale.bitPattern >> 23), 8) }
      case .nvidia(let hasTensorScale):
        let table = ElementType.e4m3Levels[..<127]
        for scale in grid.scales {
          let wanted = grid.tensorScale > 0 ? scale / grid.tensorScale : 0
          let nearest = table.indices.min { abs(table[$0] - wanted) < abs(table[$1] - wanted) } ?? 0
          writer.put(nearest, 8)
        }
        if hasTensorScale { writer.put(Int(grid.tensorScale.bitPattern), 32) }
      }
      return writer.finish()
    case .codebook:
      var writer = BitWriter()
      for scale in grid.scales { writer.put(Int(scale.bitPattern), 32) }
      return writer.finish()
    default: return PackedContent.pack(grid.kernelGrids, scheme)
    }
  }

  /// The levels of a typical run.
  var levels: Levels? {
    guard case .codes(let grid, _) = content, !grid.scales.isEmpty else { return nil }
    switch scheme.format {
    case .smallFloat, .codebook:
      let step = grid.scales.reduce(0) { $0 + Double($1) } / Double(grid.scales.count)
      return step > 0
        ? Levels(step: step, multiples: grid.levels.map(Double.init), scales: grid.scales.count) : nil
    default:
      var summary = ScaleSummary()
      for grid in grid.kernelGrids { summary.add(grid) }
      return summary.levels
    }
  }
}

extension WeightGrid {
  /// As kernels have them, with their lowest and highest codes.
  fileprivate var kernelGrids: [lathe_grid] {
    scales.indices.map { run in
      let shift = shifts.isEmpty ? 0 : shifts[run]
      var grid = lathe_grid(magnitude: scales[run])
      grid.inverse = scales[run] != 0 ? 1 / scales[run] : 0
      (grid.low, grid.high) = ((levels.first ?? 0) + shift, (levels.last ?? 0) + shift)
      grid.bias = offsets.isEmpty ? 0 : offsets[run]
      return grid
    }
  }
}
