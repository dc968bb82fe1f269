import CKernels

/// Work that was called off between two chunks; not an error.
public struct Cancelled: Error {
  public init() {}
}

/// What a pass over a weight asks between chunks: it reports how many weights are done, and learns whether to go on.
public struct PassControl: Sendable {
  /// Called with the number of weights that were read since the last call; `false` calls the pass off.
  public let proceed: @Sendable (Int) -> Bool

  public init(proceed: @escaping @Sendable (Int) -> Bool) {
    self.proceed = proceed
  }

  /// Goes on to the end and tells nobody.
  public static let silent = PassControl { _ in true }
}

/// A piece of a weight: whole rows, finite numbers.
struct Chunk {
  let firstRow: Int
  let rows: Int
  let columns: Int
  let weights: UnsafeMutableBufferPointer<Float>

  var base: UnsafeMutablePointer<Float> { weights.baseAddress! }
  var count: Int { weights.count }
}

/// What was found in place of numbers while a weight was read; it counts as zero from then on.
struct NonFinite {
  var nans: Int64 = 0
  var infinities: Int64 = 0
}

extension WeightSource {
  /// Rows a chunk: about 32,768 weights (two such buffers fit a core's L2 cache). A multiple of 128 weights where
  /// rows are short, so that the lanes of the sums stay aligned. It depends on the shape alone: so do the sums.
  var rowsPerChunk: Int {
    let target = max(1, 32_768 / max(columns, 1))
    var step = 128
    while step > 1, (columns * (step / 2)) % 128 == 0 { step /= 2 }
    if step * columns > 1 << 20 { step = 1 }
    return max(step, target / step * step)
  }

  /// Reads the weight from first row to last, chunk by chunk.
  @discardableResult
  func forEachChunk(_ control: PassControl, _ body: (Chunk) throws -> Void) throws -> NonFinite {
    var found = NonFinite()
    guard count > 0 else { return found }
    let step = min(rowsPerChunk, rows)
    let strip = min(rows, max(1, weightsPerRead / max(1, step * columns)) * step)
    let buffer = UnsafeMutableBufferPointer<Float>.allocate(capacity: strip * columns)
    defer { buffer.deallocate() }
    for first in stride(from: 0, to: rows, by: strip) {
      let last = min(first + strip, rows)
      try read(row: first, into: UnsafeMutableBufferPointer(rebasing: buffer[..<((last - first) * columns)]))
      for row in stride(from: first, to: last, by: step) {
        let taken = min(step, last - row)
        let start = (row - first) * columns
        let part = UnsafeMutableBufferPointer(rebasing: buffer[start..<start + taken * columns])
        lathe_sanitize(part.baseAddress!, part.count, &found.nans, &found.infinities)
        try body(Chunk(firstRow: row, rows: taken, columns: columns, weights: part))
        guard control.proceed(part.count) else { throw Cancelled() }
      }
    }
    return found
  }
}
