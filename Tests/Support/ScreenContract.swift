#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// What every program with a screen owes its terminal, checked on the real thing: however it ends,
/// the terminal is as it was.
public struct ScreenContract {
  /// Path and arguments.
  public var command: [String]
  /// Seen once the screen is up.
  public var ready: String
  /// The keys that quit.
  public var quit: String
  public var environment: [String: String]

  public init(
    _ command: [String], ready: String, quit: String = "q",
    environment: [String: String] = [
      "TERM": "xterm-256color", "LC_ALL": "C.UTF-8", "PATH": "/usr/bin:/bin", "SWIFT_BACKTRACE": "enable=no",
      // No folder: what a test leaves unsaved is not for the next one.
      "TMPDIR": "/dev/null",
    ]
  ) {
    self.command = command
    self.ready = ready
    self.quit = quit
    self.environment = environment
  }

  /// Starts the program and waits for its screen.
  public func start(width: Int = 80, height: Int = 24) throws -> PseudoTerminal {
    let terminal = try PseudoTerminal(command, width: width, height: height, environment: environment)
    try terminal.wait(for: ready)
    return terminal
  }

  /// Runs to the screen, does `deed`, and waits for the end.
  ///
  /// - Throws: `PseudoTerminal.Failure` naming what is not as it was.
  public func end(by deed: (PseudoTerminal) -> Void) throws -> (end: PseudoTerminal.End, output: String) {
    let terminal = try start()
    guard terminal.modes.contains(1049), !terminal.isCooked else {
      throw PseudoTerminal.Failure(
        description: "the screen was not taken over: modes \(terminal.modes.sorted())")
    }
    deed(terminal)
    let end = try terminal.waitForEnd()
    try checkRestored(terminal)
    return (end, terminal.output)
  }

  /// Stops with Ctrl-Z under a shell with job control, continues, and quits; in between the terminal
  /// is the shell's.
  public func suspendAndContinue() throws -> PseudoTerminal.End {
    let script = #"set -m; "$0" "$@"; printf '\nstop%sed\n' p; read line; fg; exit $?"#
    let terminal = try PseudoTerminal(["/bin/sh", "-c", script] + command, environment: environment)
    try terminal.wait(for: ready)
    terminal.send("\u{1A}")
    try terminal.wait(for: "stopped")
    try checkRestored(terminal)
    let here = terminal.output.endIndex
    terminal.send("\r")
    try terminal.wait(for: ready, after: here)
    guard terminal.modes.contains(1049), !terminal.isCooked else {
      throw PseudoTerminal.Failure(
        description: "not taken over again: modes \(terminal.modes.sorted())")
    }
    terminal.send(quit)
    let end = try terminal.waitForEnd()
    try checkRestored(terminal)
    return end
  }

  /// - Throws: `PseudoTerminal.Failure` naming what is not as it was before the program.
  public func checkRestored(_ terminal: PseudoTerminal) throws {
    // Alternate screen, mouse reports, bracketed paste, cursor keys.
    let left = terminal.modes.intersection([1049, 1000, 1002, 1003, 1006, 2004, 1])
    guard left.isEmpty else { throw PseudoTerminal.Failure(description: "modes left on: \(left.sorted())") }
    guard !terminal.isCursorHidden else {
      throw PseudoTerminal.Failure(description: "the cursor is left hidden")
    }
    guard terminal.isCooked else { throw PseudoTerminal.Failure(description: "the terminal is left raw") }
  }
}

extension PseudoTerminal {
  /// The private modes (`CSI ? n h`) that the program has set and not reset.
  public var modes: Set<Int> { Set(modeHistory.filter(\.value).keys) }

  /// Whether the cursor (mode 25) was switched off last.
  public var isCursorHidden: Bool { modeHistory[25] == false }

  var modeHistory: [Int: Bool] {
    var history = forgottenModes
    for part in output.split(separator: "\u{1B}[?", omittingEmptySubsequences: false).dropFirst() {
      let digits = part.prefix { $0.isASCII && ($0.isNumber || $0 == ";") }
      guard let final = part.dropFirst(digits.count).first, final == "h" || final == "l" else { continue }
      for mode in digits.split(separator: ";").compactMap({ Int($0) }) { history[mode] = final == "h" }
    }
    return history
  }
}
