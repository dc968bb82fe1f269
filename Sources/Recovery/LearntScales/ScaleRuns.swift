import Compression

/// Weights that have a scale in common, piece by piece in the order of a matrix.
struct ScaleRuns: Sendable, Hashable {
  /// Weights of a piece.
  let size: Int
  /// Pieces go round among so many runs: of columns, else as many as there are pieces.
  let count: Int
  let pieces: Int

  /// So many runs of equal length, one after another.
  init(weights: Int, each size: Int) {
    let pieces = weights / max(1, size)
    self.init(size: max(1, size), pieces: pieces, count: pieces)
  }

  private init(size: Int, pieces: Int, count: Int) { (self.size, self.pieces, self.count) = (size, pieces, count) }

  init(_ grid: WeightGrid) {
    let all = grid.rows * grid.columns
    switch grid.sharing {
    case .whole: self.init(weights: all, each: all)
    case .runs(let size): self.init(weights: all, each: size)
    case .columns: self.init(size: 1, pieces: all, count: grid.columns)
    }
  }

  /// Gives `body` each piece's run and its weights' places.
  @inline(__always)
  func forEach(_ body: (_ run: Int, _ weights: Range<Int>) -> Void) {
    var run = 0
    for piece in 0..<pieces {
      body(run, piece * size..<(piece + 1) * size)
      run += 1
      if run == count { run = 0 }
    }
  }

  /// Σ a·b of each run.
  func sums(_ a: [Float], _ b: [Float]) -> [Float] {
    var sums = [Float](repeating: 0, count: count)
    sums.withUnsafeMutableBufferPointer { sums in
      a.withUnsafeBufferPointer { a in
        b.withUnsafeBufferPointer { b in
          forEach { run, weights in
            var sum: Float = 0
            for index in weights { sum += a[index] * b[index] }
            sums[run] += sum
          }
        }
      }
    }
    return sums
  }

  /// Σ a of each run.
  func sums(_ a: [Float]) -> [Float] {
    var sums = [Float](repeating: 0, count: count)
    a.withUnsafeBufferPointer { a in
      forEach { run, weights in for index in weights { sums[run] += a[index] } }
    }
    return sums
  }
}
