#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Musl)
  internal import Musl
#elseif canImport(Darwin)
  internal import Darwin
#endif

/// Writing that leaves either the old file or the whole new one: a temporary file beside it, synced, then renamed.
///
/// A link is followed: the file that it names is replaced, not the link. What is there and no file (`/dev/null`,
/// `/dev/stdout`, a pipe) is written to, never replaced.
public enum AtomicFile {
  /// - Parameter isDurable: whether it must outlast the machine's halt; without, nothing waits for the disk.
  /// - Throws: `FileError` with the system's reason; nothing is left behind then.
  public static func write(_ bytes: [UInt8], to path: String, isDurable: Bool = true) throws(FileError) {
    do {
      try write(to: path, isDurable: isDurable) { put in try put(bytes) }
    } catch let error as FileError {
      throw error
    } catch {
      throw FileError(file: path, "\(error)", .writing)
    }
  }

  /// The same piece by piece: `body` is given what takes the next.
  ///
  /// - Throws: as `write(_:to:)`, or what `body` throws.
  public static func write(
    to path: String, isDurable: Bool = true, _ body: (([UInt8]) throws -> Void) throws -> Void
  ) throws {
    var status = stat()
    if stat(path, &status) == 0, [S_IFCHR, S_IFBLK, S_IFIFO, S_IFSOCK].contains(status.st_mode & S_IFMT) {
      let file = open(path, O_WRONLY)
      guard file >= 0 else { throw FileError(unwritten: path) }
      defer { close(file) }
      try body { try write(all: $0, to: file, path) }
      return
    }
    var draft = try FileDraft(path)
    defer { draft.discard() }
    try body { try write(all: $0, to: draft.file, path) }
    try draft.finish(isDurable: isDurable)
    try draft.place(isDurable: isDurable)
  }

  /// Writes files of known sizes at offsets, from several threads: `body` has what puts bytes into each of them.
  ///
  /// The room is set aside first, so that a disk that is too full is found out before the work. On Linux the files have no
  /// names until all of them are whole: a killed process leaves nothing behind.
  ///
  /// - Throws: `FileError` with the system's reason, or what `body` throws; old files are whole then and nothing new is
  ///   left. Of several files, one whose renaming fails leaves those that were renamed before it.
  package static func write<Result>(
    _ files: [(path: String, size: Int)], _ body: ([PlacedWriter]) throws -> Result
  ) throws -> Result {
    var drafts: [FileDraft] = []
    defer { for index in drafts.indices { drafts[index].discard() } }
    for (path, size) in files {
      var status = stat()
      if stat(path, &status) == 0, status.st_mode & S_IFMT != S_IFREG {
        throw FileError(file: path, "is no regular file; a file of this kind is written at offsets", .writing)
      }
      drafts.append(try FileDraft(path))
      try drafts[drafts.count - 1].reserve(size)
    }
    let result = try body(drafts.map { PlacedWriter(file: $0.file, path: $0.shown) })
    for index in drafts.indices { try drafts[index].finish() }
    for index in drafts.indices { try drafts[index].place() }
    return result
  }

  /// Whether two paths lead to one file.
  package static func isSame(_ one: String, _ other: String) -> Bool {
    var (first, second) = (stat(), stat())
    return stat(one, &first) == 0 && stat(other, &second) == 0 && first.st_dev == second.st_dev
      && first.st_ino == second.st_ino
  }

  private static func write(all bytes: [UInt8], to file: Int32, _ path: String) throws(FileError) {
    var written = 0
    while written < bytes.count {
      let count = bytes[written...].withUnsafeBytes { systemWrite(file, $0.baseAddress, $0.count) }
      if count < 0, errno == EINTR { continue }
      guard count > 0 else { throw FileError(unwritten: path) }
      written += count
    }
  }
}

private func systemWrite(_ file: Int32, _ bytes: UnsafeRawPointer?, _ count: Int) -> Int {
  write(file, bytes, count)
}

/// Writes pieces of a file where they belong; any thread may.
package struct PlacedWriter: Sendable {
  let file: Int32
  let path: String

  /// - Throws: `FileError` with the system's reason: a full disk.
  package func put(_ bytes: UnsafeRawBufferPointer, at offset: Int) throws(FileError) {
    var written = 0
    while written < bytes.count {
      let count = pwrite(file, bytes.baseAddress! + written, bytes.count - written, off_t(offset + written))
      if count < 0, errno == EINTR { continue }
      guard count > 0 else { throw FileError(unwritten: path) }
      written += count
    }
  }
}

extension FileError {
  /// What the last failed call of the system says about a file that was to be written.
  init(unwritten path: String) { self.init(file: path, "cannot be written: \(systemReason())", .writing) }
}
