#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// Writing that leaves either the old file or the whole new one: a temporary file beside it, synced, then renamed.
///
/// A link is followed: the file that it names is replaced, not the link. What is there and no file (`/dev/null`,
/// `/dev/stdout`, a pipe) is written to, never replaced.
public enum AtomicFile {
  /// - Throws: `WorkbenchError` that names the path and the system's reason; nothing is left behind then.
  public static func write(_ bytes: [UInt8], to path: String) throws(WorkbenchError) {
    var status = stat()
    let exists = stat(path, &status) == 0
    if exists, [S_IFCHR, S_IFBLK, S_IFIFO, S_IFSOCK].contains(status.st_mode & S_IFMT) {
      let file = open(path, O_WRONLY)
      guard file >= 0 else { throw failure(path) }
      defer { close(file) }
      try write(all: bytes, to: file, path)
      return
    }
    if exists, let resolved = realpath(path, nil) {
      let target = String(cString: resolved)
      free(resolved)
      try replace(target, with: bytes, mode: status.st_mode & 0o777, as: path)
    } else {
      let mask = umask(0)
      umask(mask)
      try replace(path, with: bytes, mode: 0o666 & ~mask, as: path)
    }
  }

  /// Whether two paths lead to one file.
  static func isSame(_ one: String, _ other: String) -> Bool {
    var (first, second) = (stat(), stat())
    return stat(one, &first) == 0 && stat(other, &second) == 0 && first.st_dev == second.st_dev
      && first.st_ino == second.st_ino
  }

  /// - Parameter shown: the path as the person gave it, for messages.
  private static func replace(
    _ path: String, with bytes: [UInt8], mode: mode_t, as shown: String
  ) throws(WorkbenchError) {
    var name = Array("\(path).XXXXXX".utf8CString)
    let file = mkstemp(&name)
    guard file >= 0 else { throw failure(shown) }
    let temporary = String(decoding: name.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    do throws(WorkbenchError) {
      try write(all: bytes, to: file, shown)
      guard fchmod(file, mode) == 0, fsync(file) == 0 else { throw failure(shown) }
      guard rename(temporary, path) == 0 else { throw failure(shown) }
      close(file)
    } catch {
      close(file)
      unlink(temporary)
      throw error
    }
    syncFolder(of: path)
  }

  private static func write(all bytes: [UInt8], to file: Int32, _ path: String) throws(WorkbenchError) {
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
    let folder = path.lastIndex(of: "/").map { String(path[...$0]) } ?? "."
    let handle = open(folder, O_RDONLY)
    guard handle >= 0 else { return }
    fsync(handle)
    close(handle)
  }

  private static func failure(_ path: String) -> WorkbenchError {
    WorkbenchError("\(path): cannot be written: \(String(cString: strerror(errno)))")
  }
}

private func systemWrite(_ file: Int32, _ bytes: UnsafeRawPointer?, _ count: Int) -> Int {
  write(file, bytes, count)
}
