import CKernels
import Compression
import Inference

/// Codes chosen column by column, each column's error made good by those after it: GPTQ (E. Frantar et al.,
/// arXiv:2210.17323) in the form of J. Chee et al. (arXiv:2307.13304), which needs no inverse; with sparsity, SparseGPT
/// (E. Frantar and D. Alistarh, arXiv:2301.00774) from the same factor.
///
/// The matrix that is aimed at is the one that gives the original's outputs from the changed inputs, W Σ x x̂ᵀ H⁻¹, where
/// both are known (as in Y. Li et al., arXiv:2504.02692).
struct ErrorFeedback {
  let scheme: Scheme
  let grid: WeightGrid?
  let rows: Int
  let columns: Int

  /// What a layer became.
  struct Choice {
    var codes: [UInt8]
    var values: [Float]
  }

  /// Columns whose errors are fed back one by one; those of earlier ones come in one product.
  private static let blockColumns = 128
  /// Rows at a time.
  private static let rowsAtOnce = 512

  /// Chooses the codes of some rows.
  ///
  /// - Parameters:
  ///   - target: what is to be met, (rows, columns).
  ///   - first: the first row's place in the whole matrix.
  ///   - mask: weights that are zero whatever is chosen; `nil` where the sparsity is chosen here, or there is none.
  func choose(
    _ target: [Float], firstRow first: Int, rows count: Int, _ factor: InputFactor, mask: [Bool]?
  ) -> Choice {
    var choice = Choice(
      codes: [UInt8](repeating: 0, count: count * columns), values: [Float](repeating: 0, count: count * columns))
    let ordered = factor.order
    // The run of each column in its row, in the factor's order.
    let size = grid.map { columns / $0.runsPerRow } ?? 1
    let runs = ordered.map { grid == nil ? 0 : UInt32($0 / size) }
    for start in stride(from: 0, to: count, by: Self.rowsAtOnce) {
      let rows = start..<min(count, start + Self.rowsAtOnce)
      var turn = Turn(self, target, rows, firstRow: first, ordered, runs, mask)
      turn.run(factor, scheme.sparsity, choosesMask: mask == nil && scheme.sparsity != .none)
      for row in 0..<rows.count {
        for (place, column) in ordered.enumerated() {
          let to = (rows.lowerBound + row) * columns + column
          choice.codes[to] = turn.codes[row * columns + place]
          choice.values[to] = turn.values[row * columns + place]
        }
      }
    }
    return choice
  }

  /// Some rows on their way through the columns; all arrays (rows, columns) in the factor's order.
  private struct Turn {
    let rows: Int
    let columns: Int
    let weights: [Float]
    var corrections: [Float]
    var errors: [Float]
    var values: [Float]
    var codes: [UInt8]
    var mask: [UInt8]
    let levels: [Float]
    let isEven: Bool
    let scales: [Float]
    let bases: [Float]
    let runStride: Int
    let runs: [UInt32]
    let zeroCodes: [UInt8]

    init(
      _ feedback: ErrorFeedback, _ target: [Float], _ part: Range<Int>, firstRow: Int, _ order: [Int], _ runs: [UInt32],
      _ given: [Bool]?
    ) {
      let columns = feedback.columns
      rows = part.count
      self.columns = columns
      self.runs = runs
      var weights = [Float](repeating: 0, count: part.count * columns)
      var mask: [UInt8] = given == nil ? [] : [UInt8](repeating: 0, count: weights.count)
      for row in 0..<part.count {
        let from = (part.lowerBound + row) * columns
        for (place, column) in order.enumerated() {
          weights[row * columns + place] = target[from + column]
          if let given, given[from + column] { mask[row * columns + place] = 1 }
        }
      }
      self.weights = weights
      self.mask = mask
      corrections = [Float](repeating: 0, count: weights.count)
      (errors, values) = (corrections, corrections)
      codes = [UInt8](repeating: 0, count: weights.count)
      levels = feedback.grid?.levels ?? []
      isEven = LevelSteps.areEven(levels)
      guard let grid = feedback.grid else {
        (scales, bases, runStride, zeroCodes) = ([1], [0], 0, [])
        return
      }
      let own: Range<Int>
      switch grid.sharing {
      case .whole: (own, runStride) = (0..<1, 0)
      case .columns: (own, runStride) = (0..<columns, 0)
      case .runs:
        let first = (firstRow + part.lowerBound) * grid.runsPerRow
        (own, runStride) = (first..<first + part.count * grid.runsPerRow, grid.runsPerRow)
      }
      scales = Array(grid.scales[own])
      bases = own.map { grid.base($0) }
      zeroCodes = feedback.scheme.sparsity == .none ? [] : own.map { grid.prunedCode(run: $0) }
    }

    mutating func run(_ factor: InputFactor, _ sparsity: Sparsity, choosesMask: Bool) {
      if choosesMask { mask = [UInt8](repeating: 0, count: weights.count) }
      // Whole runs of a pattern, however many weights it has.
      let run = choosesMask ? max(1, sparsity.keptPattern?.of ?? 1) : 1
      let width = max(run, ErrorFeedback.blockColumns / run * run)
      for first in stride(from: 0, to: columns, by: width) {
        let block = first..<min(columns, first + width)
        bringForward(block, factor)
        guard choosesMask else {
          feedBack(block, taken: block.count, factor)
          continue
        }
        if let (keep, of) = sparsity.keptPattern {
          for start in stride(from: block.lowerBound, to: block.upperBound, by: of) {
            prune(start..<start + of, keep: keep, factor)
            feedBack(start..<block.upperBound, taken: of, factor)
          }
        } else {
          prune(block, share: sparsity.share ?? 0, factor)
          feedBack(block, taken: block.count, factor)
        }
      }
      guard !zeroCodes.isEmpty else { return }
      for index in mask.indices where mask[index] != 0 {
        codes[index] = zeroCodes[index / columns * runStride + Int(runs[index % columns])]
      }
    }

    /// c ← Σ over the columns before the block: e · U.
    private mutating func bringForward(_ block: Range<Int>, _ factor: InputFactor) {
      guard block.lowerBound > 0 else { return }
      errors.withUnsafeBufferPointer { e in
        factor.feedback.withUnsafeBufferPointer { u in
          corrections.withUnsafeMutableBufferPointer { c in
            guard let e = e.baseAddress, let u = u.baseAddress, let c = c.baseAddress else { return }
            BLAS.multiply(
              .init(start: e, stride: columns), .init(start: u + block.lowerBound, stride: columns),
              into: c + block.lowerBound, stride: columns, m: rows, n: block.count, k: block.lowerBound,
              unless: { false })
          }
        }
      }
    }

    private mutating func feedBack(_ block: Range<Int>, taken: Int, _ factor: InputFactor) {
      let (at, columns, rows) = (block.lowerBound, columns, rows)
      let (levels, isEven, scales, bases, runs, runStride) = (levels, isEven, scales, bases, runs, runStride)
      let hasMask = !mask.isEmpty
      weights.withUnsafeBufferPointer { w in
        corrections.withUnsafeMutableBufferPointer { c in
          errors.withUnsafeMutableBufferPointer { e in
            values.withUnsafeMutableBufferPointer { v in
              codes.withUnsafeMutableBufferPointer { k in
                mask.withUnsafeBufferPointer { m in
                  levels.withUnsafeBufferPointer { levels in
                    scales.withUnsafeBufferPointer { scales in
                      bases.withUnsafeBufferPointer { bases in
                        runs.withUnsafeBufferPointer { runs in
                          factor.feedback.withUnsafeBufferPointer { u in
                            var choice = lathe_choice(
                              levels: levels.baseAddress, count: Int32(levels.count), is_even: isEven ? 1 : 0,
                              scales: scales.baseAddress, bases: bases.baseAddress, run_stride: runStride,
                              runs: runs.baseAddress! + at)
                            lathe_feed_back(
                              w.baseAddress! + at, c.baseAddress! + at, e.baseAddress! + at, v.baseAddress! + at,
                              k.baseAddress! + at, hasMask ? m.baseAddress! + at : nil, rows, taken, block.count,
                              columns, u.baseAddress! + at * columns + at, columns, &choice)
                          }
                        }
                      }
                    }
                  }
                }
              }
            }
          }
        }
      }
    }

    /// What it costs to set a weight to zero: its square times what its input varies by when those after it are known.
    private func loss(_ index: Int, _ factor: InputFactor) -> Float {
      let wanted = weights[index] + corrections[index]
      return wanted * wanted * factor.variances[index % columns]
    }

    /// Of each row's run the least are pruned.
    private mutating func prune(_ run: Range<Int>, keep: Int, _ factor: InputFactor) {
      for row in 0..<rows {
        let order = run.map { row * columns + $0 }.sorted { loss($0, factor) < loss($1, factor) }
        for index in order.prefix(run.count - keep) { mask[index] = 1 }
      }
    }

    /// A share of a block's weights, whatever their rows.
    private mutating func prune(_ block: Range<Int>, share: Double, _ factor: InputFactor) {
      var all = (0..<rows).flatMap { row in
        block.map { (loss: loss(row * columns + $0, factor), index: Int32(row * columns + $0)) }
      }
      let count = Int((share * Double(all.count)).rounded())
      guard count > 0 else { return }
      all.sort { ($0.loss, $0.index) < ($1.loss, $1.index) }
      for entry in all.prefix(count) { mask[Int(entry.index)] = 1 }
    }
  }
}
