#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// A program on a terminal of its own, with the times at which its output arrives.
final class PseudoTerminal {
  static let width = 120
  static let height = 40

  let process: pid_t
  /// Just before the program was started.
  let started: ContinuousClock.Instant
  private let main: CInt
  private var isOver = false
  private var buffer = [UInt8](repeating: 0, count: 1 << 16)

  /// Starts `command` (path and arguments), its terminal 120 columns by 40 rows.
  init(_ command: [String]) throws {
    let (main, name) = try Self.openPair()
    self.main = main
    _ = fcntl(main, F_SETFD, FD_CLOEXEC)
    var size = winsize()
    (size.ws_col, size.ws_row) = (UInt16(Self.width), UInt16(Self.height))
    guard ioctl(main, UInt(TIOCSWINSZ), &size) == 0 else { throw Failure.system("the terminal's size") }
    started = ContinuousClock.now
    process = try Self.spawn(command, on: name)
  }

  deinit { end() }

  /// Ends the program and waits for it.
  func end() {
    guard !isOver else { return }
    isOver = true
    kill(process, SIGTERM)
    // Its last words are read, so that it never waits for room to write them.
    let deadline = ContinuousClock.now + .seconds(5)
    var status: CInt = 0
    while waitpid(process, &status, WNOHANG) == 0 {
      _ = receive(upTo: 10)
      if ContinuousClock.now > deadline { kill(process, SIGKILL) }
    }
    close(main)
  }

  /// Says what it is and what its background is when it is asked, as terminals do.
  private func answer(_ bytes: ArraySlice<UInt8>) {
    for (question, answer) in [
      ("\u{1B}]11;?\u{1B}\\", "\u{1B}]11;rgb:0000/0000/0000\u{1B}\\"), ("\u{1B}[c", "\u{1B}[?62;22c"),
    ] where bytes.firstRange(of: Array(question.utf8)) != nil { try? send(answer) }
  }

  func send(_ text: String) throws {
    try Array(text.utf8).withUnsafeBytes { try writeAll(main, $0) }
  }

  /// Waits for output, and returns it with the time at which it was read; `nil` when none came.
  func receive(upTo milliseconds: CInt) -> (bytes: ArraySlice<UInt8>, time: ContinuousClock.Instant)? {
    var descriptor = pollfd(fd: main, events: Int16(POLLIN), revents: 0)
    guard poll(&descriptor, 1, milliseconds) > 0 else { return nil }
    let count = read(main, &buffer, buffer.count)
    let time = ContinuousClock.now
    guard count > 0 else { return nil }
    answer(buffer[..<count])
    return (buffer[..<count], time)
  }

  /// Processor time that the program has used, all threads, in seconds; `nil` where the system does not tell.
  var processorSeconds: Double? {
    guard let line = contents("/proc/\(process)/stat"), let name = line.lastIndex(of: ")") else { return nil }
    let fields = line[line.index(after: name)...].split(separator: " ")
    guard fields.count > 12, let user = Double(fields[11]), let system = Double(fields[12]) else { return nil }
    return (user + system) / Double(sysconf(Int32(_SC_CLK_TCK)))
  }

  /// The controlling side of a new terminal, and the path of the other.
  private static func openPair() throws -> (CInt, String) {
    #if canImport(Darwin)
      let descriptor = posix_openpt(O_RDWR | O_NOCTTY)
      guard descriptor >= 0, grantpt(descriptor) == 0, unlockpt(descriptor) == 0, let path = ptsname(descriptor)
      else { throw Failure.system("no pseudo-terminal") }
      return (descriptor, String(cString: path))
    #else
      // What posix_openpt, unlockpt and ptsname do; Glibc's module does not show them to Swift.
      let descriptor = open("/dev/ptmx", O_RDWR | O_NOCTTY)
      var (locked, number): (CInt, CInt) = (0, 0)
      guard descriptor >= 0, ioctl(descriptor, 0x4004_5431, &locked) == 0,
        ioctl(descriptor, 0x8004_5430, &number) == 0
      else { throw Failure.system("no pseudo-terminal") }
      return (descriptor, "/dev/pts/\(number)")
    #endif
  }

  private static func spawn(_ command: [String], on terminal: String) throws -> pid_t {
    #if canImport(Darwin)
      var actions: posix_spawn_file_actions_t?
      var attributes: posix_spawnattr_t?
      let newSession = Int(POSIX_SPAWN_SETSID)
    #else
      var actions = posix_spawn_file_actions_t()
      var attributes = posix_spawnattr_t()
      let newSession = 0x80
    #endif
    posix_spawn_file_actions_init(&actions)
    posix_spawnattr_init(&attributes)
    defer {
      posix_spawn_file_actions_destroy(&actions)
      posix_spawnattr_destroy(&attributes)
    }
    // The leader of a new session gets the first terminal that it opens as its own.
    posix_spawn_file_actions_addopen(&actions, 0, terminal, O_RDWR, 0)
    posix_spawn_file_actions_adddup2(&actions, 0, 1)
    posix_spawn_file_actions_adddup2(&actions, 0, 2)
    var all = sigset_t()
    sigfillset(&all)
    posix_spawnattr_setsigdefault(&attributes, &all)
    posix_spawnattr_setflags(&attributes, Int16(newSession | Int(POSIX_SPAWN_SETSIGDEF)))
    let environment = [
      "TERM=xterm-256color", "LC_ALL=C.UTF-8", "PATH=/usr/bin:/bin", "TMPDIR=/dev/null",
    ]
    var arguments: [UnsafeMutablePointer<CChar>?] = command.map { strdup($0) } + [nil]
    var variables: [UnsafeMutablePointer<CChar>?] = environment.map { strdup($0) } + [nil]
    defer { (arguments + variables).forEach { free($0) } }
    var process: pid_t = 0
    let status = posix_spawn(&process, command[0], &actions, &attributes, &arguments, &variables)
    guard status == 0 else {
      throw Failure("cannot start \(command[0]): \(String(cString: strerror(status)))")
    }
    return process
  }
}
