#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Musl)
  internal import Musl
#elseif canImport(Darwin)
  internal import Darwin
#endif

/// A file that is not yet the one it will be: without a name where the system can do that, else a temporary one beside
/// its place.
struct FileDraft {
  let file: Int32
  /// The path as the person gave it, for messages.
  let shown: String
  /// Where it will stand: what a link leads to.
  private let path: String
  /// That of the file whose place it takes; `nil` for a new one, which the system gives what the person's mask leaves.
  private let mode: mode_t?
  private var name = ""
  private var hasName: Bool
  private var isOpen = true

  /// - Throws: `FileError` with the system's reason.
  init(_ path: String) throws(FileError) {
    var status = stat()
    var (target, mode) = (path, mode_t?.none)
    if stat(path, &status) == 0, let resolved = realpath(path, nil) {
      (target, mode) = (String(cString: resolved), status.st_mode & 0o777)
      free(resolved)
    }
    (shown, self.path, self.mode) = (path, target, mode)
    let draftMode: mode_t = mode == nil ? 0o666 : 0o600
    #if os(Linux)
      // O_TMPFILE, whose definition is not imported.
      let nameless = open(folder(of: target), O_RDWR | O_DIRECTORY | 0o20000000, draftMode)
      if nameless >= 0, access("/proc/self/fd", F_OK) == 0 {
        (file, hasName) = (nameless, false)
        return
      }
      if nameless >= 0 { close(nameless) }
    #endif
    var attempt = 0
    var opened: Int32 = -1
    repeat {
      name = Self.name(beside: target, attempt)
      opened = open(name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, draftMode)
      attempt += 1
    } while opened < 0 && errno == EEXIST && attempt < 100
    guard opened >= 0 else { throw FileError(unwritten: path) }
    (file, hasName) = (opened, true)
  }

  private static func name(beside path: String, _ attempt: Int) -> String { "\(path).\(getpid())-\(attempt)" }

  /// Sets the room on the disk aside.
  func reserve(_ size: Int) throws(FileError) {
    #if os(Linux)
      let problem = size > 0 ? posix_fallocate(file, 0, off_t(size)) : 0
      if problem != 0, ![EOPNOTSUPP, ENOSYS, EINVAL].contains(problem) {
        errno = problem
        throw FileError(unwritten: shown)
      }
    #endif
    guard ftruncate(file, off_t(size)) == 0 else { throw FileError(unwritten: shown) }
  }

  /// Makes what was written durable, under a name beside its place.
  ///
  /// - Parameter isDurable: whether it must outlast the machine's halt: not what can be made anew and shows its damage.
  mutating func finish(isDurable: Bool = true) throws(FileError) {
    guard mode.map({ fchmod(file, $0) }) ?? 0 == 0, !isDurable || fsync(file) == 0, takeName() else {
      throw FileError(unwritten: shown)
    }
  }

  /// Takes the place.
  mutating func place(isDurable: Bool = true) throws(FileError) {
    guard rename(name, path) == 0 else { throw FileError(unwritten: shown) }
    hasName = false
    close(file)
    isOpen = false
    guard isDurable else { return }
    // The new name itself is durable only once its folder is.
    let handle = open(folder(of: path), O_RDONLY)
    guard handle >= 0 else { return }
    fsync(handle)
    close(handle)
  }

  /// Gives the file a name beside the path.
  private mutating func takeName() -> Bool {
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

  /// Leaves nothing of it, unless it took its place.
  mutating func discard() {
    guard isOpen else { return }
    close(file)
    isOpen = false
    if hasName { unlink(name) }
  }
}
