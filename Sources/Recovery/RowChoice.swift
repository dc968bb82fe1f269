import Compression

/// Codes that were chosen on a grid, with what each row costs: of several grids each row takes the one that is best for it.
struct RowChoice {
  /// `nil` where the weight stays in floats.
  private(set) var grid: WeightGrid?
  private(set) var codes: [UInt8]
  private(set) var values: [Float]
  /// By row.
  private(set) var costs: [Double]
  private let columns: Int

  /// Nothing yet, which costs more than everything.
  init(grid: WeightGrid?, rows: Int, columns: Int) {
    (self.grid, self.columns) = (grid, columns)
    codes = .init(repeating: 0, count: rows * columns)
    values = .init(repeating: 0, count: rows * columns)
    costs = .init(repeating: .infinity, count: rows)
  }

  /// Puts rows in, from the row `first` on.
  mutating func put(_ choice: ErrorFeedback.Choice, _ costs: [Double], at first: Int) {
    let own = first * columns..<(first + costs.count) * columns
    codes.replaceSubrange(own, with: choice.codes)
    values.replaceSubrange(own, with: choice.values)
    self.costs.replaceSubrange(first..<first + costs.count, with: costs)
  }

  /// Takes the rows of another choice that cost less, or all of them where rows share their scales.
  mutating func take(_ other: RowChoice) {
    guard let tried = other.grid, case .runs = tried.sharing, grid?.sharing == tried.sharing else {
      if !(costs.reduce(0, +) <= other.costs.reduce(0, +)) { self = other }
      return
    }
    // A cost that is no number is no better than none.
    for row in costs.indices where !(costs[row] <= other.costs[row]) {
      let own = row * columns..<(row + 1) * columns
      codes.replaceSubrange(own, with: other.codes[own])
      values.replaceSubrange(own, with: other.values[own])
      costs[row] = other.costs[row]
      grid?.takeRow(row, of: tried)
    }
  }
}

extension WeightGrid {
  /// Scales, shifts and offsets of a row of another grid of the same form.
  fileprivate mutating func takeRow(_ row: Int, of other: WeightGrid) {
    let runs = row * runsPerRow..<(row + 1) * runsPerRow
    scales.replaceSubrange(runs, with: other.scales[runs])
    if !shifts.isEmpty { shifts.replaceSubrange(runs, with: other.shifts[runs]) }
    if !offsets.isEmpty { offsets.replaceSubrange(runs, with: other.offsets[runs]) }
  }
}
