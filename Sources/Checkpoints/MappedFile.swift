internal import CFileAccess

#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Musl)
  internal import Musl
#elseif canImport(Darwin)
  internal import Darwin
#endif

/// A file mapped for reading. Its bytes are only ever copied out, by a copy that survives the file's being cut
/// short meanwhile; so any thread may read at any time, and no read can crash.
public final class MappedFile: Sendable {
  /// As it was given to `init`.
  public let path: String
  /// The file's bytes when it was opened; the mapping's length.
  public let size: Int
  /// −1 for bytes in memory.
  private let descriptor: Int32
  // Safe: the mapping (or the memory) is read-only, stays where it is until deinit, and is read through guarded copies only.
  private nonisolated(unsafe) let start: UnsafeRawPointer

  /// Opens and maps a file. It costs no reading: pages come when they are copied from.
  ///
  /// - Throws: where there is no such file, it is a folder, a device, a pipe or empty, or may not be read.
  public init(_ path: String) throws(CheckpointError) {
    func fail(_ reason: String) -> CheckpointError { CheckpointError(file: path, reason) }
    // Without O_NONBLOCK, opening a pipe would wait for a writer.
    let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
    guard descriptor >= 0 else { throw fail("cannot open: \(systemReason())") }
    var status = stat()
    let known = fstat(descriptor, &status)
    let kind = status.st_mode & S_IFMT
    var problem: String?
    if known != 0 {
      problem = "cannot open: \(systemReason())"
    } else if kind == S_IFDIR {
      problem = "is a folder, not a file"
    } else if kind != S_IFREG {
      problem = "is a device, a pipe or a socket, not a file"
    } else if status.st_size <= 0 {
      problem = "is empty"
    }
    var mapping: UnsafeMutableRawPointer?
    if problem == nil {
      mapping = mmap(nil, Int(status.st_size), PROT_READ, MAP_PRIVATE, descriptor, 0)
      if mapping == nil || mapping == MAP_FAILED { problem = "cannot map: \(systemReason())" }
    }
    guard problem == nil, let mapping else {
      close(descriptor)
      throw fail(problem ?? "cannot map")
    }
    lathe_guard_install()
    self.path = path
    self.size = Int(status.st_size)
    self.descriptor = descriptor
    self.start = UnsafeRawPointer(mapping)
  }

  /// Bytes in memory that are read as a file is: what was inflated or decoded from a file, and tests' input.
  ///
  /// - Parameter path: what messages call it.
  init(bytes: [UInt8], path: String) {
    let copy = UnsafeMutableRawPointer.allocate(byteCount: max(1, bytes.count), alignment: 16)
    bytes.withUnsafeBytes { if let from = $0.baseAddress { copy.copyMemory(from: from, byteCount: $0.count) } }
    self.path = path
    size = bytes.count
    descriptor = -1
    start = UnsafeRawPointer(copy)
  }

  deinit {
    if descriptor < 0 {
      start.deallocate()
    } else {
      munmap(UnsafeMutableRawPointer(mutating: start), size)
      close(descriptor)
    }
  }

  /// The file's bytes now: other programs may have cut it since it was opened.
  public var currentSize: Int {
    if descriptor < 0 { return size }
    var status = stat()
    return fstat(descriptor, &status) == 0 ? Int(status.st_size) : 0
  }

  /// Copies `count` bytes from byte `offset` on.
  ///
  /// - Throws: where the range lies outside the file as it is now, or the disk fails.
  /// - Precondition: `into` has room for `count` bytes.
  public func copy(
    offset: Int, count: Int, into: UnsafeMutableRawBufferPointer
  ) throws(CheckpointError) {
    precondition(count <= into.count)
    try checkRange(offset, count)
    guard count > 0, let to = into.baseAddress else { return }
    if lathe_guarded_copy(to, start + offset, count) != 0 { throw unreadable(offset, count) }
  }

  /// The same as a new array; for headers and small pieces.
  public func copy(offset: Int, count: Int) throws(CheckpointError) -> [UInt8] {
    // Before the allocation: a header may claim anything.
    try checkRange(offset, count)
    var copied = [UInt8](repeating: 0, count: count)
    let failed = copied.withUnsafeMutableBytes { into in
      count > 0 && lathe_guarded_copy(into.baseAddress, start + offset, count) != 0
    }
    if failed { throw unreadable(offset, count) }
    return copied
  }

  /// Gathers `count` elements of `size` bytes (1, 2, 4, 8, 16), `stride` bytes apart, the first at `offset`.
  ///
  /// - Throws: as `copy(offset:count:into:)`.
  /// - Precondition: `into` has room for `count * size` bytes; `stride` is at least `size`.
  func gather(
    offset: Int, size elementSize: Int, stride: Int, count: Int, into: UnsafeMutableRawBufferPointer
  ) throws(CheckpointError) {
    guard count > 0 else { return }
    precondition(stride >= elementSize && count * elementSize <= into.count)
    let span = (count - 1) * stride + elementSize
    try checkRange(offset, span)
    if lathe_guarded_gather(into.baseAddress, start + offset, elementSize, stride, count) != 0 {
      throw unreadable(offset, span)
    }
  }

  /// How a range will be read: the system reads ahead, or does not.
  public enum Advice: Sendable { case sequential, random, willNeed, dontNeed }

  /// Tells the system how a range will be read; a hint, never an error.
  public func advise(_ advice: Advice, offset: Int = 0, count: Int? = nil) {
    let page = Int(getpagesize())
    guard descriptor >= 0, offset >= 0, offset < size else { return }
    let first = offset / page * page
    let length = min(count.map { $0 + (offset - first) } ?? size, size - first)
    let code =
      switch advice {
      case .sequential: MADV_SEQUENTIAL
      case .random: MADV_RANDOM
      case .willNeed: MADV_WILLNEED
      case .dontNeed: MADV_DONTNEED
      }
    madvise(UnsafeMutableRawPointer(mutating: start + first), length, Int32(code))
  }

  private func checkRange(_ offset: Int, _ count: Int) throws(CheckpointError) {
    guard offset >= 0, count >= 0, offset <= size, count <= size - offset else {
      throw CheckpointError(
        file: path, "ends at byte \(size), but \(bytes(count)) from byte \(offset) on are needed")
    }
    let now = currentSize
    guard now >= offset + count else {
      throw CheckpointError(
        file: path,
        "was cut short from \(size) to \(bytes(now)) while open; \(bytes(count)) from byte \(offset) on are gone"
      )
    }
  }

  private func unreadable(_ offset: Int, _ count: Int) -> CheckpointError {
    CheckpointError(
      file: path,
      "\(bytes(count)) from byte \(offset) on cannot be read: it was cut short while open, or its disk failed"
    )
  }
}
