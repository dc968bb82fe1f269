import Checkpoints
import Compression
import Dispatch
import FileAccess
import Synchronization

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// Writes a plan's file, or compares one with it, on all cores.
///
/// Sizes are known beforehand, so every piece of every tensor is made and put into its place apart from the others; the
/// file is the same whatever the number of workers.
struct GGUFWriter: Sendable {
  let plan: GGUFPlan
  let checkpoint: Checkpoint
  private let starts: [Int]
  private let headerBytes: [UInt8]
  let fileSize: Int
  private let pieces: [GGUFPieces]
  /// Piece numbers at which each tensor begins.
  private let firstPieces: [Int]
  private let pieceCount: Int

  init(_ plan: GGUFPlan, of checkpoint: Checkpoint) {
    self.plan = plan
    self.checkpoint = checkpoint
    (headerBytes, starts, fileSize) = plan.header.encoded()
    pieces = zip(plan.parts, plan.header.tensors).map { GGUFPieces($0, $1, of: checkpoint) }
    var count = 0
    firstPieces = pieces.map { piece in
      defer { count += piece.count }
      return count
    }
    pieceCount = count
  }

  /// Numbers that were none, by the layer's name.
  typealias Strange = [String: Int]

  /// - Throws: `WorkbenchError`; `Cancelled`.
  func write(to path: String, workers: Int, progress: @escaping @Sendable (ExportProgress) -> Bool) throws -> Strange {
    try AtomicFile.write(size: fileSize, to: path) { file in
      try headerBytes.withUnsafeBytes { try file.put($0, at: 0) }
      return try run(workers: workers, progress: progress) { bytes, offset in try file.put(bytes, at: offset) }
    }
  }

  /// Makes every tensor again and compares it with what a file holds.
  ///
  /// - Throws: `WorkbenchError` that names the first tensor that differs; `Cancelled`.
  func verify(_ path: String, workers: Int, progress: @escaping @Sendable (ExportProgress) -> Bool) throws {
    let file = open(path, O_RDONLY)
    guard file >= 0 else { throw WorkbenchError("\(path): cannot be read: \(String(cString: strerror(errno)))") }
    defer { close(file) }
    var status = stat()
    guard fstat(file, &status) == 0, Int(status.st_size) == fileSize else {
      throw WorkbenchError("\(path): has \(status.st_size) bytes, \(fileSize) expected")
    }
    try headerBytes.withUnsafeBytes {
      guard try Self.equal($0, file, 0, path) else { throw WorkbenchError("\(path): its header is another one") }
    }
    _ = try run(workers: workers, progress: progress) { bytes, offset in
      guard try Self.equal(bytes, file, offset, path) else {
        throw WorkbenchError("what was read back at byte \(offset) of \(path) differs from what was written")
      }
    }
  }

  private static func equal(_ bytes: UnsafeRawBufferPointer, _ file: Int32, _ offset: Int, _ path: String) throws
    -> Bool
  {
    let copy = UnsafeMutableRawBufferPointer.allocate(byteCount: bytes.count, alignment: 16)
    defer { copy.deallocate() }
    var read = 0
    while read < bytes.count {
      let count = pread(file, copy.baseAddress! + read, bytes.count - read, off_t(offset + read))
      if count < 0, errno == EINTR { continue }
      guard count > 0 else { throw WorkbenchError("\(path): cannot be read back whole") }
      read += count
    }
    return memcmp(copy.baseAddress!, bytes.baseAddress!, bytes.count) == 0
  }

  // MARK: - The work

  private struct State {
    var next = 0
    var failure: (any Error)?
    var strange: Strange = [:]
  }

  private func run(
    workers: Int, progress: @escaping @Sendable (ExportProgress) -> Bool,
    put: @Sendable (UnsafeRawBufferPointer, Int) throws -> Void
  ) throws -> Strange {
    let meter = ExportMeter(total: plan.parts.reduce(0) { $0 + $1.weight }, report: progress)
    let state = Mutex(State())
    let control = PassControl { meter.add($0) }
    DispatchQueue.concurrentPerform(iterations: max(1, min(workers, pieceCount))) { _ in
      let buffers = GGUFBuffers()
      while let number = state.withLock({ state -> Int? in
        guard state.failure == nil, state.next < pieceCount else { return nil }
        state.next += 1
        return state.next - 1
      }) {
        let tensor = tensor(of: number)
        do {
          let strange = try pieces[tensor].make(number - firstPieces[tensor], with: buffers, control: control) {
            try put($0, starts[tensor] + $1)
          }
          if strange > 0 {
            state.withLock { $0.strange[plan.parts[tensor].source, default: 0] += strange }
          }
        } catch {
          let named = name(error, plan.parts[tensor].source)
          state.withLock { if $0.failure == nil { $0.failure = named } }
        }
      }
    }
    return try state.withLock { state in
      if let failure = state.failure { throw failure }
      return state.strange
    }
  }

  /// The tensor that a piece belongs to: the last one that begins at or before it.
  private func tensor(of piece: Int) -> Int {
    var (low, high) = (0, firstPieces.count)
    while high - low > 1 {
      let middle = (low + high) / 2
      if firstPieces[middle] <= piece { low = middle } else { high = middle }
    }
    return low
  }

  private func name(_ error: any Error, _ tensor: String) -> any Error {
    guard let error = error as? WorkbenchError, error.kind == .request else { return error }
    return WorkbenchError("\(printable(tensor)): \(error)")
  }
}
