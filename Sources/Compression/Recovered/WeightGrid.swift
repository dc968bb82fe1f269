import Numerics

/// The numbers that each weight of a matrix may become under a scheme whose scales are chosen: what a quantiser that does
/// more than to take the nearest has to choose among.
///
/// ŵ = s·(levels[k] + z) + m with k the weight's code here, s, z and m its run's. Memory: 12 bytes a run at most.
public struct WeightGrid: Sendable, Hashable {
  /// The weights that have a scale in common.
  public enum Sharing: Sendable, Hashable {
    case whole
    /// So many side by side in a row, which divide it.
    case runs(Int)
    /// Those of a column.
    case columns
  }

  public let rows: Int
  public let columns: Int
  public let sharing: Sharing
  /// In units of a scale, rising; at most 256. Empty where a weight may become any number: then codes say nothing.
  public let levels: [Float]
  /// What the scheme's format calls each level, less the run's shift.
  public let formatCodes: [Int32]
  /// Of each run: row after row.
  public var scales: [Float]
  /// z, whole numbers: an affine grid's zero points with their sign turned. Empty where there are none.
  public var shifts: [Float]
  /// m: minima, or edges. Empty where there are none.
  public var offsets: [Float]
  /// A second scale that all have in common (NVFP4's); it is part of `scales`.
  public let tensorScale: Float
  /// Of ggml's types the blocks that hold the scales, row after row: codes go into them.
  public var blocks: [UInt8]

  public init(
    rows: Int, columns: Int, sharing: Sharing, levels: [Float], formatCodes: [Int32], scales: [Float],
    shifts: [Float] = [], offsets: [Float] = [], tensorScale: Float = 1, blocks: [UInt8] = []
  ) {
    (self.rows, self.columns, self.sharing) = (rows, columns, sharing)
    (self.levels, self.formatCodes, self.scales) = (levels, formatCodes, scales)
    (self.shifts, self.offsets, self.tensorScale, self.blocks) = (shifts, offsets, tensorScale, blocks)
  }

  /// Runs of a row.
  public var runsPerRow: Int {
    switch sharing {
    case .whole: 1
    case .runs(let size): columns / max(1, size)
    case .columns: columns
    }
  }

  /// How many runs there are.
  public var runCount: Int {
    switch sharing {
    case .whole: 1
    case .runs: rows * runsPerRow
    case .columns: columns
    }
  }

  /// The run that a weight belongs to.
  public func run(row: Int, column: Int) -> Int {
    switch sharing {
    case .whole: 0
    case .runs(let size): row * (columns / size) + column / size
    case .columns: column
    }
  }

  /// What a run's numbers are counted from: s·z + m.
  public func base(_ run: Int) -> Float {
    (shifts.isEmpty ? 0 : scales[run] * shifts[run]) + (offsets.isEmpty ? 0 : offsets[run])
  }

  /// The number that a code stands for in a run.
  public func value(_ code: UInt8, run: Int) -> Float {
    let level = levels[Int(code)] + (shifts.isEmpty ? 0 : shifts[run])
    return scales[run] * level + (offsets.isEmpty ? 0 : offsets[run])
  }

  /// The code of zero, where a run has one: what pruned weights get.
  public func zeroCode(run: Int) -> UInt8? {
    let shift = shifts.isEmpty ? 0 : shifts[run]
    guard offsets.isEmpty || offsets[run] == 0 else { return nil }
    return levels.firstIndex { $0 + shift == 0 }.map(UInt8.init)
  }

  /// Fills `values` with the numbers of some rows' codes.
  public func decode(_ codes: UnsafePointer<UInt8>, rows: Range<Int>, into values: UnsafeMutablePointer<Float>) {
    let size = columns / max(1, runsPerRow)
    levels.withUnsafeBufferPointer { levels in
      for row in rows {
        let (from, to) = (codes + (row - rows.lowerBound) * columns, values + (row - rows.lowerBound) * columns)
        for part in 0..<runsPerRow {
          let run = run(row: row, column: part * size)
          let (scale, shift) = (scales[run], shifts.isEmpty ? 0 : shifts[run])
          let offset = offsets.isEmpty ? 0 : offsets[run]
          for column in part * size..<(part + 1) * size {
            to[column] = scale * (levels[Int(from[column])] + shift) + offset
          }
        }
      }
    }
  }
}
