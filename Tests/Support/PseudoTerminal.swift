#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// A program that runs on a terminal of its own, fed with keys and watched: for what only the real
/// thing shows (start, resize, crash, the terminal left in order).
///
/// Every wait has a condition and a deadline. Use it from one thread.
public final class PseudoTerminal {
  /// How a program ended.
  public enum End: Equatable, Sendable {
    case exited(Int32)
    case signalled(Int32)
  }

  /// What went wrong with the terminal itself, or a condition that did not come true.
  public struct Failure: Error, CustomStringConvertible {
    public var description: String
  }

  public let process: pid_t
  private let main: CInt
  private let name: String
  /// Everything that the program has written so far, escape sequences included; without what was forgotten.
  public var output: String {
    if decoded.count != bytes.count { decoded = (bytes.count, String(decoding: bytes, as: UTF8.self)) }
    return decoded.text
  }
  private var decoded: (count: Int, text: String) = (0, "")
  private var bytes: [UInt8] = []
  /// The private modes as what was forgotten had set them.
  private(set) var forgottenModes: [Int: Bool] = [:]
  private var end: End?

  /// Starts `command` (path and arguments) in a session of its own on a new terminal.
  ///
  /// - Parameter environment: the whole environment, `TERM` included.
  public init(
    _ command: [String], width: Int = 80, height: Int = 24,
    environment: [String: String] = [
      "TERM": "xterm-256color", "LC_ALL": "C.UTF-8", "PATH": "/usr/bin:/bin", "TMPDIR": "/dev/null",
    ]
  ) throws {
    guard let pair = Self.openPair() else {
      throw Failure(description: "no pseudo-terminal: \(String(cString: strerror(errno)))")
    }
    (main, name) = pair
    _ = fcntl(main, F_SETFD, FD_CLOEXEC)
    // Held open, so that the settings outlive the program and can be looked at.
    let side = open(name, O_RDWR | O_NOCTTY | O_CLOEXEC)
    guard side >= 0 else { throw Failure(description: "cannot open \(name)") }
    Self.resize(main, width, height)
    defer { close(side) }
    process = try Self.spawn(command, on: name, environment)
    holder = dup(side)
    _ = fcntl(holder, F_SETFD, FD_CLOEXEC)
  }

  private var holder: CInt = -1

  deinit {
    if end == nil {
      kill(process, SIGKILL)
      waitpid(process, nil, 0)
    }
    if holder >= 0 { close(holder) }
    close(main)
  }

  /// Types `keys`: the bytes as they are.
  public func send(_ keys: String) { send(Array(keys.utf8)) }

  public func send(_ keys: [UInt8]) {
    var rest = keys[...]
    while !rest.isEmpty {
      let count = rest.withUnsafeBytes { write(main, $0.baseAddress, $0.count) }
      guard count > 0 else { return }
      rest = rest.dropFirst(count)
    }
  }

  /// Reads until `condition` holds for all output so far.
  ///
  /// - Throws: `Failure` with the output's end when it does not within `seconds`.
  public func wait(
    _ what: String, seconds: Double = 20, until condition: (String) -> Bool
  ) throws {
    let deadline = ContinuousClock.now + .seconds(seconds)
    while !condition(output) {
      guard ContinuousClock.now < deadline else {
        throw Failure(
          description: "not in time: \(what); output ends: \(output.suffix(600).debugDescription)")
      }
      read(upTo: 50)
      if end == nil { reap(WNOHANG) }
      if end != nil {
        read(upTo: 0)
        if condition(output) { return }
        throw Failure(
          description: "ended before: \(what); output ends: \(output.suffix(600).debugDescription)")
      }
    }
  }

  /// Reads until `text` has been written after what was there before the call's `from`.
  public func wait(for text: String, after start: String.Index? = nil, seconds: Double = 20) throws {
    let skipped = start.map { output[..<$0].utf8.count } ?? 0
    try wait("\(text.debugDescription)", seconds: seconds) { output in
      String(decoding: Array(output.utf8.dropFirst(skipped)), as: UTF8.self).contains(text)
    }
  }

  /// Reads what comes within some time, and at once what is there then.
  ///
  /// - Returns: how many bytes came, and how the program ended if it has.
  public func receive(upTo milliseconds: Int) -> (count: Int, end: End?) {
    let before = bytes.count
    read(upTo: CInt(milliseconds))
    if end == nil { reap(WNOHANG) }
    return (bytes.count - before, end)
  }

  /// Forgets the output but for its end and the modes that it set: what a long run writes is not kept.
  public func forget() {
    guard bytes.count > 1 << 16 else { return }
    forgottenModes = modeHistory
    bytes.removeFirst(bytes.count - 4096)
    decoded = (0, "")
  }

  /// Reads until the program has ended, and tells how.
  public func waitForEnd(seconds: Double = 20) throws -> End {
    let deadline = ContinuousClock.now + .seconds(seconds)
    while end == nil {
      guard ContinuousClock.now < deadline else {
        throw Failure(description: "still running; output ends: \(output.suffix(600).debugDescription)")
      }
      read(upTo: 20)
      reap(WNOHANG)
    }
    // The kernel hands on what was written a moment after it was: on a busy machine later than the end is known.
    read(upTo: 300)
    return end ?? .exited(-1)
  }

  /// Reads until the program is stopped, as by Ctrl-Z.
  public func waitForStop(seconds: Double = 20) throws {
    let deadline = ContinuousClock.now + .seconds(seconds)
    while true {
      read(upTo: 20)
      var status: CInt = 0
      if waitpid(process, &status, WNOHANG | WUNTRACED) == process {
        if status & 0xFF == 0x7F { return }
        record(status)
        throw Failure(description: "ended instead of stopping")
      }
      guard ContinuousClock.now < deadline else { throw Failure(description: "not stopped in time") }
    }
  }

  /// The window has another size; the kernel sends SIGWINCH.
  public func resize(width: Int, height: Int) { Self.resize(main, width, height) }

  public func signal(_ number: Int32) { kill(process, number) }

  /// Hangs up: the other side of the terminal is gone.
  public func hangUp() { kill(process, SIGHUP) }

  /// The settings of the terminal now.
  public var settings: termios {
    var settings = termios()
    tcgetattr(holder, &settings)
    return settings
  }

  /// Whether the terminal reads lines and echoes them, as a shell expects to find it.
  public var isCooked: Bool {
    settings.c_lflag & tcflag_t(ICANON | ECHO | ISIG) == tcflag_t(ICANON | ECHO | ISIG)
  }

  private func read(upTo milliseconds: CInt) {
    var timeout = milliseconds
    while true {
      var descriptor = pollfd(fd: main, events: Int16(POLLIN), revents: 0)
      guard poll(&descriptor, 1, timeout) > 0, CInt(descriptor.revents) & CInt(POLLIN) != 0 else { return }
      var buffer = [UInt8](repeating: 0, count: 65536)
      #if canImport(Glibc)
        let count = Glibc.read(main, &buffer, buffer.count)
      #else
        let count = Darwin.read(main, &buffer, buffer.count)
      #endif
      guard count > 0 else { return }
      bytes += buffer[..<count]
      timeout = 0
    }
  }

  private func reap(_ options: CInt) {
    var status: CInt = 0
    if waitpid(process, &status, options) == process { record(status) }
  }

  private func record(_ status: CInt) {
    end = status & 0x7F == 0 ? .exited(status >> 8 & 0xFF) : .signalled(status & 0x7F)
  }

  /// The controlling side of a new terminal, and the path of the other.
  private static func openPair() -> (CInt, String)? {
    #if canImport(Glibc)
      // What posix_openpt, unlockpt and ptsname do; Glibc's module does not show them to Swift.
      let descriptor = open("/dev/ptmx", O_RDWR | O_NOCTTY)
      var (locked, number): (CInt, CInt) = (0, 0)
      guard descriptor >= 0, ioctl(descriptor, 0x4004_5431, &locked) == 0,
        ioctl(descriptor, 0x8004_5430, &number) == 0
      else { return nil }
      return (descriptor, "/dev/pts/\(number)")
    #else
      let descriptor = posix_openpt(O_RDWR | O_NOCTTY)
      guard descriptor >= 0, grantpt(descriptor) == 0, unlockpt(descriptor) == 0,
        let path = ptsname(descriptor)
      else { return nil }
      return (descriptor, String(cString: path))
    #endif
  }

  private static func resize(_ descriptor: CInt, _ width: Int, _ height: Int) {
    var size = winsize()
    size.ws_col = UInt16(width)
    size.ws_row = UInt16(height)
    #if canImport(Glibc)
      _ = ioctl(descriptor, UInt(TIOCSWINSZ), &size)
    #else
      _ = ioctl(descriptor, 0x8008_7467, &size)
    #endif
  }

  private static func spawn(
    _ command: [String], on terminal: String, _ environment: [String: String]
  ) throws -> pid_t {
    #if canImport(Glibc)
      var actions = posix_spawn_file_actions_t()
      var attributes = posix_spawnattr_t()
    #else
      var actions: posix_spawn_file_actions_t?
      var attributes: posix_spawnattr_t?
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
    var standard = sigset_t()
    sigfillset(&standard)
    posix_spawnattr_setsigdefault(&attributes, &standard)
    var blocked = sigset_t()
    sigemptyset(&blocked)
    posix_spawnattr_setsigmask(&attributes, &blocked)
    #if canImport(Glibc)
      let newSession = 0x80
    #else
      let newSession = Int(POSIX_SPAWN_SETSID)
    #endif
    let flags = newSession | Int(POSIX_SPAWN_SETSIGDEF) | Int(POSIX_SPAWN_SETSIGMASK)
    posix_spawnattr_setflags(&attributes, Int16(flags))

    var arguments: [UnsafeMutablePointer<CChar>?] = command.map { strdup($0) } + [nil]
    var variables: [UnsafeMutablePointer<CChar>?] =
      environment.map { strdup("\($0.key)=\($0.value)") } + [nil]
    defer { (arguments + variables).forEach { free($0) } }
    var process: pid_t = 0
    let result = posix_spawn(&process, command[0], &actions, &attributes, &arguments, &variables)
    guard result == 0 else {
      throw Failure(description: "cannot start \(command[0]): \(String(cString: strerror(result)))")
    }
    return process
  }
}
