internal import CFileAccess

#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Musl)
  internal import Musl
#elseif canImport(Darwin)
  internal import Darwin
#endif

/// A file open for reading. Its bytes are only ever copied out, so any thread may read at any time, and no read can
/// crash, whatever becomes of the file meanwhile.
///
/// Runs of bytes are read (`pread`), which leaves nothing in the process's memory but the copy; numbers that lie
/// apart are gathered from a mapping, by a copy that survives the file's being cut short.
public final class MappedFile: Sendable {
  /// As it was given to `init`.
  public let path: String
  /// The file's bytes when it was opened; the mapping's length.
  public let size: Int
  /// When it was last written before it was opened: seconds and nanoseconds.
  private let written: (Int, Int)
  /// The same in nanoseconds since 1970; 0 for bytes in memory.
  package var writtenAt: Int { written.0.multipliedReportingOverflow(by: 1_000_000_000).partialValue &+ written.1 }
  /// −1 for bytes in memory.
  private let descriptor: Int32
  // Safe: the mapping (or the memory) is read-only and stays where it is until deinit; a mapping is read through
  // guarded gathers only.
  private nonisolated(unsafe) let start: UnsafeRawPointer

  /// Opens and maps a file. It costs no reading: pages come when they are copied from.
  ///
  /// - Throws: where there is no such file, it is a folder, a device, a pipe or empty, or may not be read.
  public init(_ path: String) throws(FileError) {
    func fail(_ reason: String) -> FileError { FileError(file: path, reason) }
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
    written = Self.writingTime(status)
    self.descriptor = descriptor
    self.start = UnsafeRawPointer(mapping)
  }

  /// Bytes in memory that are read as a file is: what was inflated or decoded from a file, and tests' input.
  ///
  /// - Parameter path: what messages call it.
  package init(bytes: [UInt8], path: String) {
    let copy = UnsafeMutableRawPointer.allocate(byteCount: max(1, bytes.count), alignment: 16)
    bytes.withUnsafeBytes { if let from = $0.baseAddress { copy.copyMemory(from: from, byteCount: $0.count) } }
    self.path = path
    size = bytes.count
    written = (0, 0)
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

  private static func writingTime(_ status: stat) -> (Int, Int) {
    #if canImport(Darwin)
      (Int(status.st_mtimespec.tv_sec), Int(status.st_mtimespec.tv_nsec))
    #else
      (Int(status.st_mtim.tv_sec), Int(status.st_mtim.tv_nsec))
    #endif
  }

  /// Copies `count` bytes from byte `offset` on.
  ///
  /// - Throws: where the range lies outside the file as it is now, the file was rewritten since it was opened, or the
  ///   disk fails.
  /// - Precondition: `into` has room for `count` bytes.
  public func copy(
    offset: Int, count: Int, into: UnsafeMutableRawBufferPointer
  ) throws(FileError) {
    precondition(count <= into.count)
    try checkRange(offset, count)
    guard count > 0, let to = into.baseAddress else { return }
    if descriptor < 0 { return to.copyMemory(from: start + offset, byteCount: count) }
    var done = 0
    while done < count {
      let got = pread(descriptor, to + done, count - done, off_t(offset + done))
      if got < 0, errno == EINTR { continue }
      guard got > 0 else { throw unreadable(offset, count) }
      done += got
    }
  }

  /// The same as a new array; for headers and small pieces.
  public func copy(offset: Int, count: Int) throws(FileError) -> [UInt8] {
    // Before the allocation: a header may claim anything.
    try checkRange(offset, count)
    var problem: FileError?
    let copied = [UInt8](unsafeUninitializedCapacity: count) { into, filled in
      do throws(FileError) {
        try copy(offset: offset, count: count, into: UnsafeMutableRawBufferPointer(into))
        filled = count
      } catch {
        problem = error
      }
    }
    if let problem { throw problem }
    return copied
  }

  /// Gathers `count` elements of `size` bytes (1, 2, 4, 8, 16), `stride` bytes apart, the first at `offset`.
  ///
  /// - Throws: as `copy(offset:count:into:)`.
  /// - Precondition: `into` has room for `count * size` bytes; `stride` is at least `size`.
  package func gather(
    offset: Int, size elementSize: Int, stride: Int, count: Int, into: UnsafeMutableRawBufferPointer
  ) throws(FileError) {
    guard count > 0 else { return }
    precondition(stride >= elementSize && count * elementSize <= into.count)
    let span = (count - 1) * stride + elementSize
    try checkRange(offset, span)
    if lathe_guarded_gather(into.baseAddress, start + offset, elementSize, stride, count) != 0 {
      throw unreadable(offset, span)
    }
  }

  private func checkRange(_ offset: Int, _ count: Int) throws(FileError) {
    guard offset >= 0, count >= 0, offset <= size, count <= size - offset else {
      throw FileError(
        file: path, "ends at byte \(size), but \(bytes(count)) from byte \(offset) on are needed")
    }
    guard descriptor >= 0 else { return }
    var status = stat()
    guard fstat(descriptor, &status) == 0 else { throw unreadable(offset, count) }
    let now = Int(status.st_size)
    guard now >= offset + count else {
      throw FileError(
        file: path,
        "was cut short from \(size) to \(bytes(now)) while open; \(bytes(count)) from byte \(offset) on are gone"
      )
    }
    // What a shorter file still has is what it had; of one that was written to, nobody knows.
    guard now < size || Self.writingTime(status) == written else {
      throw FileError(file: path, "was rewritten while open; open it again")
    }
  }

  private func unreadable(_ offset: Int, _ count: Int) -> FileError {
    FileError(
      file: path,
      "\(bytes(count)) from byte \(offset) on cannot be read: the file was cut short while open, or its disk failed"
    )
  }
}
