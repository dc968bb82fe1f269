import CKernels
import Compression
import Inference

/// Scales searched for the least error of the outputs, ‖(W − Ŵ) X‖², with nearest levels and the inputs' whole second
/// moments H: a run's error e costs e H_gg eᵀ and, with the errors of the row's other runs, 2 e (E H)_g.
///
/// Runs are gone through from left to right, all rows together, each with the factors that `ScaleSearch` tries. Cost: some
/// thirty products (rows, run)·(run, run) a run, and one (rows, columns)·(columns, run).
struct RangeSearch {
  let scheme: Scheme
  /// Of each equal part of the rows.
  let factors: [InputFactor]

  /// The grid with the scales that are best; ggml's blocks, and grids of columns, stay as they are.
  func searched(_ grid: WeightGrid, _ weights: [Float]) -> WeightGrid {
    guard grid.blocks.isEmpty, grid.sharing != .columns, !grid.scales.isEmpty else { return grid }
    var grid = grid
    let parts = max(1, factors.count)
    if grid.sharing == .whole {
      var costs = [Double](repeating: 0, count: search.candidates.count)
      for (index, factor) in factors.enumerated() {
        let rows = index * grid.rows / parts..<(index + 1) * grid.rows / parts
        let part = Array(weights[rows.lowerBound * grid.columns..<rows.upperBound * grid.columns])
        for (place, candidate) in search.candidates.enumerated() {
          let errors = errors(part, grid, 0..<grid.columns, rows: rows, by: candidate)
          costs[place] += factor.costs(of: errors, rows: rows.count).reduce(0, +)
        }
      }
      take(costs.indices.min { costs[$0] < costs[$1] } ?? 0, run: 0, &grid, of: grid)
      return grid
    }
    for (index, factor) in factors.enumerated() {
      let rows = index * grid.rows / parts..<(index + 1) * grid.rows / parts
      search(rows, Array(weights[rows.lowerBound * grid.columns..<rows.upperBound * grid.columns]), factor, &grid)
    }
    return grid
  }

  private var search: ScaleSearch { ScaleSearch(scheme: scheme, factors: []) }

  private func search(_ rows: Range<Int>, _ weights: [Float], _ factor: InputFactor, _ grid: inout WeightGrid) {
    let (columns, start) = (grid.columns, grid)
    let size = columns / grid.runsPerRow
    var errors = errors(weights, grid, 0..<columns, rows: rows, by: 1)
    let candidates = search.candidates
    for part in 0..<grid.runsPerRow {
      let run = part * size..<(part + 1) * size
      // The moments of the run with all columns, and with its own.
      var across = [Float](repeating: 0, count: columns * size)
      var own = [Float](repeating: 0, count: size * size)
      for row in 0..<columns {
        for k in 0..<size { across[row * size + k] = factor.moments[row * columns + run.lowerBound + k] }
      }
      for row in 0..<size { for k in 0..<size { own[row * size + k] = across[(run.lowerBound + row) * size + k] } }
      var pull = [Float](repeating: 0, count: rows.count * size)
      BLAS.multiply(errors, across, into: &pull, m: rows.count, n: size, k: columns)
      var before = [Float](repeating: 0, count: rows.count * size)
      for row in 0..<rows.count {
        for k in 0..<size { before[row * size + k] = errors[row * columns + run.lowerBound + k] }
      }
      var least = [Double](repeating: 0, count: rows.count)
      var best = [Int](repeating: -1, count: rows.count)
      for (place, candidate) in candidates.enumerated() {
        var moved = self.errors(weights, start, run, rows: rows, by: candidate)
        for index in moved.indices { moved[index] -= before[index] }
        var turned = moved
        BLAS.multiply(moved, own, into: &turned, m: rows.count, n: size, k: size)
        for row in 0..<rows.count {
          var change = 0.0
          for index in row * size..<(row + 1) * size {
            change += Double(moved[index]) * (2 * Double(pull[index]) + Double(turned[index]))
          }
          if change < least[row] { (least[row], best[row]) = (change, place) }
        }
      }
      for row in 0..<rows.count where best[row] >= 0 {
        take(best[row], run: (rows.lowerBound + row) * grid.runsPerRow + part, &grid, of: start)
      }
      let after = self.errors(weights, grid, run, rows: rows, by: 1)
      for row in 0..<rows.count {
        for k in 0..<size { errors[row * columns + run.lowerBound + k] = after[row * size + k] }
      }
    }
  }

  /// Puts a candidate in a run's place.
  private func take(_ candidate: Int, run: Int, _ grid: inout WeightGrid, of start: WeightGrid) {
    let factor = search.candidates[candidate]
    grid.scales[run] = search.kept(start.scales[run] * factor, start)
    if !grid.offsets.isEmpty { grid.offsets[run] = search.keptEdge(start.offsets[run] * factor) }
  }

  /// W − Ŵ of some columns, (rows, columns of the run), with every scale times a factor.
  private func errors(
    _ weights: [Float], _ grid: WeightGrid, _ run: Range<Int>, rows: Range<Int>, by factor: Float
  ) -> [Float] {
    let (columns, width) = (grid.columns, run.count)
    let size = columns / grid.runsPerRow
    let perRow = grid.sharing == .whole ? 0 : width / size
    var (scales, bases): ([Float], [Float]) = ([], [])
    for row in rows.prefix(perRow == 0 ? 1 : rows.count) {
      for part in 0..<max(1, perRow) {
        let place = grid.run(row: row, column: run.lowerBound + part * size)
        let scale = factor == 1 ? grid.scales[place] : search.kept(grid.scales[place] * factor, grid)
        let offset = grid.offsets.isEmpty ? 0 : search.keptEdge(grid.offsets[place] * factor)
        scales.append(scale)
        bases.append((grid.shifts.isEmpty ? 0 : scale * grid.shifts[place]) + offset)
      }
    }
    var part = [Float](repeating: 0, count: rows.count * width)
    for row in 0..<rows.count {
      for k in 0..<width { part[row * width + k] = weights[row * columns + run.lowerBound + k] }
    }
    var corrections = [Float](repeating: 0, count: part.count)
    var (errors, values) = (corrections, corrections)
    var codes = [UInt8](repeating: 0, count: part.count)
    let runs = (0..<width).map { UInt32(perRow == 0 ? 0 : $0 / size) }
    grid.levels.withUnsafeBufferPointer { levels in
      scales.withUnsafeBufferPointer { scales in
        bases.withUnsafeBufferPointer { bases in
          runs.withUnsafeBufferPointer { runs in
            var choice = lathe_choice(
              levels: levels.baseAddress, count: Int32(levels.count), is_even: LevelSteps.areEven(grid.levels) ? 1 : 0,
              scales: scales.baseAddress, bases: bases.baseAddress, run_stride: perRow, runs: runs.baseAddress)
            lathe_feed_back(
              part, &corrections, &errors, &values, &codes, nil, rows.count, width, width, width, nil, 0, &choice)
          }
        }
      }
    }
    return errors
  }
}
