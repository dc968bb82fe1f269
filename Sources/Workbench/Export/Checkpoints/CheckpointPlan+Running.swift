import Checkpoints
import Compression
import Dispatch
import FileAccess
import Synchronization

extension CheckpointPlan {
  /// Makes every piece of every part, on several threads. Sizes are known beforehand, so each is made and put into its
  /// place apart from the others: the files are the same whatever the number of threads.
  ///
  /// - Parameter put: gets bytes, the number of their file and their place in it; any thread calls it.
  /// - Returns: by layer, how many of its numbers were none and became zero.
  /// - Throws: the first failure; `WorkbenchError` of the kind `misfit` that names the layer whose numbers the format
  ///   cannot hold; `Cancelled`.
  func run(
    _ options: WritingOptions, put: @Sendable (UnsafeRawBufferPointer, _ file: Int, _ offset: Int) throws -> Void
  ) throws -> [String: Int] {
    let pieces = Pieces(files)
    let meter = ExportMeter(total: pieces.weight, report: options.progress)
    let state = Mutex(State())
    let control = PassControl { meter.add($0) }
    DispatchQueue.concurrentPerform(iterations: max(1, min(options.threads, pieces.count))) { _ in
      let buffers = PieceBuffers()
      while let number = state.withLock({ $0.take(of: pieces.count) }) {
        let (file, part, piece) = pieces[number]
        do {
          let zeroed = try part.make(piece, with: buffers, control: control) { try put($0, file, part.start + $1) }
          if zeroed > 0, case .layer(let name) = part.source {
            state.withLock { $0.zeroed[name, default: 0] += zeroed }
          }
        } catch {
          let named = Self.name(error, part.source)
          state.withLock { if $0.failure == nil { $0.failure = named } }
        }
      }
    }
    return try state.withLock { state in
      if let failure = state.failure { throw failure }
      return state.zeroed
    }
  }

  private struct State {
    private var next = 0
    var failure: (any Error)?
    var zeroed: [String: Int] = [:]

    /// The next piece; `nil` at the end, or once one failed.
    mutating func take(of count: Int) -> Int? {
      guard failure == nil, next < count else { return nil }
      next += 1
      return next - 1
    }
  }

  private static func name(_ error: any Error, _ source: PartSource) -> any Error {
    switch (error, source) {
    case (let failure as EncodingFailure, .layer(let name)):
      WorkbenchError("\(printable(name)): \(failure)", .misfit)
    case (let difference as Difference, _): difference.named(source)
    default: error
    }
  }
}

/// All pieces of all files, by number.
private struct Pieces: Sendable {
  private let parts: [(file: Int, part: any CheckpointPart)]
  /// Piece numbers at which each part begins.
  private let firsts: [Int]
  let count: Int
  /// Of all parts.
  let weight: Int

  init(_ files: [CheckpointPlan.File]) {
    // What makes no bytes has no pieces.
    let parts = files.enumerated().flatMap { number, file in
      file.parts.filter { $0.pieceCount > 0 }.map { (number, $0) }
    }
    var count = 0
    firsts = parts.map { _, part in
      defer { count += part.pieceCount }
      return count
    }
    self.parts = parts
    self.count = count
    weight = parts.reduce(0) { $0 + $1.1.weight }
  }

  subscript(_ number: Int) -> (file: Int, part: any CheckpointPart, piece: Int) {
    // The last part that begins at or before it.
    var (low, high) = (0, firsts.count)
    while high - low > 1 {
      let middle = (low + high) / 2
      if firsts[middle] <= number { low = middle } else { high = middle }
    }
    return (parts[low].file, parts[low].part, number - firsts[low])
  }
}

/// What one worker holds, used over and over.
final class PieceBuffers {
  private var floats = UnsafeMutableBufferPointer<Float>.allocate(capacity: 0)
  private var raw = UnsafeMutableRawBufferPointer.allocate(byteCount: 0, alignment: 16)

  deinit {
    floats.deallocate()
    raw.deallocate()
  }

  func values(_ count: Int) -> UnsafeMutableBufferPointer<Float> {
    if floats.count < count {
      floats.deallocate()
      floats = .allocate(capacity: count)
    }
    return UnsafeMutableBufferPointer(rebasing: floats[..<count])
  }

  func bytes(_ count: Int) -> UnsafeMutableRawBufferPointer {
    if raw.count < count {
      raw.deallocate()
      raw = .allocate(byteCount: count, alignment: 16)
    }
    return UnsafeMutableRawBufferPointer(rebasing: raw[..<count])
  }
}
