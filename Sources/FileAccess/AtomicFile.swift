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
  /// - Throws: `FileError` with the system's reason; nothing is left behind then.
  public static func write(_ bytes: [UInt8], to path: String) throws(FileError) {
    do {
      try write(to: path) { put in try put(bytes) }
    } catch let error as FileError {
      throw error
    } catch {
      throw FileError(file: path, "\(error)", .writing)
    }
  }

  /// The same piece by piece: `body` is given what takes the next.
  ///
  /// - Throws: as `write(_:to:)`, or what `body` throws.
  public static func write(to path: String, _ body: (([UInt8]) throws -> Void) throws -> Void) throws {
    var status = stat()
    let exists = stat(path, &status) == 0
    if exists, [S_IFCHR, S_IFBLK, S_IFIFO, S_IFSOCK].contains(status.st_mode & S_IFMT) {
      let file = open(path, O_WRONLY)
      guard file >= 0 else { throw failure(path) }
      defer { close(file) }
      try body { try write(all: $0, to: file, path) }
      return
    }
    if exists, let resolved = realpath(path, nil) {
      let target = String(cString: resolved)
      free(resolved)
      try replace(target, mode: status.st_mode & 0o777, as: path) { file in
        try body { try write(all: $0, to: file, path) }
      }
    } else {
      try replace(path, mode: nil, as: path) { file in try body { try write(all: $0, to: file, path) } }
    }
  }

  /// Whether two paths lead to one file.
  package static func isSame(_ one: String, _ other: String) -> Bool {
    var (first, second) = (stat(), stat())
    return stat(one, &first) == 0 && stat(other, &second) == 0 && first.st_dev == second.st_dev
      && first.st_ino == second.st_ino
  }

  /// Writes a file of a known size at offsets, from several threads: `body` has the file's handle.
  ///
  /// The room is set aside first, so that a disk that is too full is found out before the work. On Linux the file has no
  /// name until it is whole: a killed process leaves nothing behind.
  ///
  /// - Throws: `FileError` with the system's reason, or what `body` throws; the old file is
  ///   whole then and nothing new is left.
  public static func write<Result>(
    size: Int, to path: String, _ body: (PlacedWriter) throws -> Result
  ) throws -> Result {
    var status = stat()
    let exists = stat(path, &status) == 0
    if exists, status.st_mode & S_IFMT != S_IFREG {
      throw FileError(file: path, "is no regular file; a file of this kind is written at offsets", .writing)
    }
    var target = path
    if exists, let resolved = realpath(path, nil) {
      target = String(cString: resolved)
      free(resolved)
    }
    return try replace(target, mode: exists ? status.st_mode & 0o777 : nil, as: path) { file in
      try reserve(size, file, path)
      return try body(PlacedWriter(file: file, path: path))
    }
  }

  private static func reserve(_ size: Int, _ file: Int32, _ path: String) throws(FileError) {
    #if os(Linux)
      let problem = size > 0 ? posix_fallocate(file, 0, off_t(size)) : 0
      if problem != 0, ![EOPNOTSUPP, ENOSYS, EINVAL].contains(problem) {
        errno = problem
        throw failure(path)
      }
    #endif
    guard ftruncate(file, off_t(size)) == 0 else { throw failure(path) }
  }

  /// - Parameters:
  ///   - mode: that of the file whose place it takes; `nil` for a new one, which the system gives what the person's mask
  ///     leaves.
  ///   - shown: the path as the person gave it, for messages.
  private static func replace<Result>(
    _ path: String, mode: mode_t?, as shown: String, _ fill: (Int32) throws -> Result
  ) throws -> Result {
    var draft = try Draft(path, shown, mode: mode == nil ? 0o666 : 0o600)
    let result: Result
    do {
      result = try fill(draft.file)
      guard mode.map({ fchmod(draft.file, $0) }) ?? 0 == 0, fsync(draft.file) == 0, draft.takeName(),
        rename(draft.name, path) == 0
      else { throw failure(shown) }
      close(draft.file)
    } catch {
      draft.discard()
      throw error
    }
    syncFolder(of: path)
    return result
  }

  /// A file that is not yet the one it will be: without a name where the system can do that, else a temporary one.
  private struct Draft {
    let file: Int32
    private(set) var name = ""
    private var hasName: Bool
    private let path: String

    init(_ path: String, _ shown: String, mode: mode_t) throws(FileError) {
      self.path = path
      #if os(Linux)
        // O_TMPFILE, whose definition is not imported.
        let nameless = open(folder(of: path), O_RDWR | O_DIRECTORY | 0o20000000, mode)
        if nameless >= 0, access("/proc/self/fd", F_OK) == 0 {
          (file, hasName) = (nameless, false)
          return
        }
        if nameless >= 0 { close(nameless) }
      #endif
      var attempt = 0
      var opened: Int32 = -1
      repeat {
        name = Self.name(beside: path, attempt)
        opened = open(name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, mode)
        attempt += 1
      } while opened < 0 && errno == EEXIST && attempt < 100
      guard opened >= 0 else { throw failure(shown) }
      (file, hasName) = (opened, true)
    }

    private static func name(beside path: String, _ attempt: Int) -> String { "\(path).\(getpid())-\(attempt)" }

    /// Gives the file a name beside the path.
    mutating func takeName() -> Bool {
      #if os(Linux)
        for attempt in 0..<100 where !hasName {
          name = Self.name(beside: path, attempt)
          if linkat(AT_FDCWD, "/proc/self/fd/\(file)", AT_FDCWD, name, AT_SYMLINK_FOLLOW) == 0 {
            hasName = true
          } else if errno != EEXIST {
            return false
          }
        }
      #endif
      return hasName
    }

    func discard() {
      close(file)
      if hasName { unlink(name) }
    }
  }

  private static func write(all bytes: [UInt8], to file: Int32, _ path: String) throws(FileError) {
    var written = 0
    while written < bytes.count {
      let count = bytes[written...].withUnsafeBytes { systemWrite(file, $0.baseAddress, $0.count) }
      if count < 0, errno == EINTR { continue }
      guard count > 0 else { throw failure(path) }
      written += count
    }
  }

  /// The new name itself is durable only once its folder is.
  private static func syncFolder(of path: String) {
    let handle = open(folder(of: path), O_RDONLY)
    guard handle >= 0 else { return }
    fsync(handle)
    close(handle)
  }

  fileprivate static func failure(_ path: String) -> FileError {
    FileError(file: path, "cannot be written: \(systemReason())", .writing)
  }
}

private func systemWrite(_ file: Int32, _ bytes: UnsafeRawPointer?, _ count: Int) -> Int {
  write(file, bytes, count)
}

/// Writes pieces of a file where they belong; any thread may.
public struct PlacedWriter: Sendable {
  fileprivate let file: Int32
  fileprivate let path: String

  /// - Throws: `FileError` with the system's reason: a full disk.
  public func put(_ bytes: UnsafeRawBufferPointer, at offset: Int) throws(FileError) {
    var written = 0
    while written < bytes.count {
      let count = pwrite(file, bytes.baseAddress! + written, bytes.count - written, off_t(offset + written))
      if count < 0, errno == EINTR { continue }
      guard count > 0 else { throw AtomicFile.failure(path) }
      written += count
    }
  }
}
