#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// Keeps what is written to standard error while the screen is up, so that it does not land in the
/// middle of it, and writes it out afterwards. If standard error goes elsewhere it is left alone.
final class StandardErrorCapture {
  /// The true standard error while captured; -1 otherwise.
  private(set) var original: CInt = -1
  /// The unnamed file that takes its place.
  private(set) var file: CInt = -1

  func begin() {
    guard original < 0, isatty(STDERR_FILENO) == 1 else { return }
    let folder = getenv("TMPDIR").map { String(cString: $0) } ?? "/tmp"
    var path = Array("\(folder)/stderr-XXXXXX".utf8CString)
    file = mkstemp(&path)
    guard file >= 0 else { return }
    unlink(path)
    original = dup(STDERR_FILENO)
    for descriptor in [file, original] { _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC) }
    dup2(file, STDERR_FILENO)
  }

  func end() {
    guard original >= 0 else { return }
    dup2(original, STDERR_FILENO)
    close(original)
    original = -1
    var buffer = [UInt8](repeating: 0, count: 4096)
    lseek(file, 0, SEEK_SET)
    while case let count = read(file, &buffer, buffer.count), count > 0 {
      _ = write(STDERR_FILENO, buffer, count)
    }
    close(file)
    file = -1
  }
}
