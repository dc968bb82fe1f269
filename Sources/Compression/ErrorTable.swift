import CKernels

/// The exact relative squared error t² = ‖ŵ − w‖²/‖w‖² of a weight at every width from 2 to 8 bits, symmetric and
/// affine, at five granularities; ranges by min-max, scales in fp16 (`UniformScheme` has the equations).
public struct ErrorTable: Sendable, Codable, Hashable {
  public static let granularities: [Granularity] = [.tensor, .channel, .group(32), .group(64), .group(128)]
  public static let widths = 2...8

  /// The rows that there are, one after the other: a model has a table a tensor.
  private let errors: [Double]
  /// The granularities that have a row, a bit each.
  private let present: UInt8

  /// - Parameter rows: one a granularity, of `2 · widths` errors each.
  init(rows: [[Double]?]) {
    errors = rows.reduce(into: []) { $0 += $1 ?? [] }
    present = rows.indices.reduce(0) { $0 | (rows[$1] == nil ? 0 : 1 << UInt8($1)) }
  }

  /// The rows of a table that was kept; `nil` where they are none of a table's.
  package init?(kept rows: [[Double]?]) {
    guard rows.count == Self.granularities.count, rows.allSatisfy({ $0.map { $0.count == Self.width } ?? true }) else {
      return nil
    }
    self.init(rows: rows)
  }

  /// One row a granularity: 2…8 bits symmetric, then 2…8 bits affine. `nil` where the columns are no multiple of the
  /// group.
  public var rows: [[Double]?] {
    Self.granularities.indices.map { start(of: $0).map { Array(errors[$0..<$0 + Self.width]) } }
  }

  private static let width = 2 * widths.count

  /// Where a granularity's row begins.
  private func start(of index: Int) -> Int? {
    let bit: UInt8 = 1 << UInt8(index)
    return present & bit == 0 ? nil : (present & (bit - 1)).nonzeroBitCount * Self.width
  }

  public subscript(bits: Int, symmetry: Symmetry, granularity: Granularity) -> Double? {
    guard Self.widths.contains(bits), symmetry == .symmetric || symmetry == .affine,
      let index = Self.granularities.firstIndex(of: granularity), let start = start(of: index)
    else { return nil }
    return errors[start + bits - 2 + (symmetry == .affine ? Self.widths.count : 0)]
  }
}

extension UniformScheme {
  /// Whether the table is of such numbers.
  public var hasTable: Bool { range == .minMax && scale == .fp16 && rounds == nil }

  /// Whether the table of a weight of so many columns has its error.
  public func isInTable(columns: Int) -> Bool {
    hasTable && ErrorTable.widths.contains(bits) && (symmetry == .symmetric || symmetry == .affine)
      && ErrorTable.granularities.contains(granularity) && granularity.fits(columns: columns)
  }
}

/// The table's sums while a weight is read.
struct ErrorTableSums {
  private let columns: Int
  private let tensorGrids: [lathe_grid]
  private let wide: Int32
  private var sums: [[Double]?]
  /// The errors under one scale, where a summary has them: they are left out of the passes then.
  private let tensorErrors: [Double]?

  /// - Parameters:
  ///   - range: of the weights after sparsity, which the grids are for.
  ///   - whole: of those before it, where they are others: errors are as large as these.
  init(
    _ source: some WeightSource, range: ClosedRange<Float>, whole: ClosedRange<Float>? = nil,
    tensorErrors: [Double]? = nil
  ) {
    self.tensorErrors = tensorErrors
    columns = source.columns
    var grids = [lathe_grid](repeating: lathe_grid(), count: Int(LATHE_TABLE_GRIDS))
    lathe_make_table_grids(range.lowerBound, range.upperBound, &grids)
    tensorGrids = grids
    wide = squaresNeedDouble(range) || whole.map(squaresNeedDouble) == true ? 1 : 0
    let columns = source.columns
    sums = ErrorTable.granularities.map { granularity in
      granularity.fits(columns: columns)
        ? [Double](repeating: 0, count: Int(LATHE_TABLE_SUMS)) : nil
    }
  }

  /// Adds a chunk; `pruned` are its weights after sparsity.
  mutating func add(_ chunk: Chunk, pruned: UnsafePointer<Float>) {
    for (index, granularity) in ErrorTable.granularities.enumerated() where sums[index] != nil {
      switch granularity {
      case .tensor where tensorErrors != nil: break
      case .tensor:
        lathe_add_grid_errors(
          chunk.base, pruned, chunk.count, tensorGrids, Int32(tensorGrids.count), wide, &sums[index]!)
      case .channel, .axis, .group:
        lathe_add_table_errors(
          chunk.base, pruned, chunk.count, granularity.run(columns: columns), wide, &sums[index]!)
      }
    }
  }

  func table(squaredNorm: Double) -> ErrorTable {
    ErrorTable(
      rows: sums.enumerated().map { index, lanes in
        if let tensorErrors, ErrorTable.granularities[index] == .tensor { return tensorErrors }
        return lanes.map { lanes in
          (0..<Int(LATHE_TABLE_GRIDS)).map { grid in
            relativeError(total(lanes[8 * grid..<8 * grid + 8]), squaredNorm: squaredNorm)
          }
        }
      })
  }
}

/// ‖e‖²/‖w‖²; a weight of zeros has no error to speak of.
func relativeError(_ squaredError: Double, squaredNorm: Double) -> Double {
  squaredNorm > 0 ? squaredError / squaredNorm : 0
}

/// Whether squares of errors of such weights may leave a Float's range or its full precision.
func squaresNeedDouble(_ range: ClosedRange<Float>) -> Bool {
  let most = max(-range.lowerBound, range.upperBound)
  return most > 1e15 || most < 1e-12
}
