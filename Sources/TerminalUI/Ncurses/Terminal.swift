import CNcurses
import CText

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// The real terminal: curses for what to send, a canvas for what to show. There is one at a time, and
/// only the thread that started it may touch it (curses is not thread-safe; the type is not Sendable).
package final class Terminal {
  var theme: Theme
  /// What the terminal can show; canvases are to be made with it.
  let glyphs: GlyphSet
  let input: CInt
  private let output: CInt
  private let screen: UnsafeMutableRawPointer
  let keys: UnsafeMutableRawPointer
  private let canReport: Bool
  private let standardError = StandardErrorCapture()
  private var isUp = true
  var shown: Canvas?
  var appearances: [Style: Appearance] = [:]
  var waitingSignals: UInt64 = 0
  var emptyReads = 0
  /// The question for the background, and when it was asked, until it is answered.
  var query: BackgroundQuery?
  var asked: ContinuousClock.Instant?
  /// Typed while the answer was waited for.
  var typedAhead: [UInt8] = []
  var lastPress: (event: MouseEvent, time: ContinuousClock.Instant)?

  /// What may be wished for; everything else is found out.
  package struct Options: Sendable {
    package var mouse = true
    /// nil: as the terminal says, or `COLORFGBG`.
    package var backdrop: Backdrop?
    /// nil: ASCII where the locale is not UTF-8.
    package var glyphs: GlyphSet?
    /// nil: what the terminal has; none with `NO_COLOR`.
    var tier: ColorTier?

    package init() {}
  }

  /// For `main`, before anything else: from now on a crash puts the terminal back in order.
  package static func installCrashRestore() { lathe_signals_install() }

  /// Takes the terminal over.
  ///
  /// - Throws: `TerminalError` when there is none, or one that cannot be drawn on. Nothing was
  ///   written then, and the process has not changed.
  init(_ options: Options = Options()) throws(TerminalError) {
    setlocale(LC_ALL, "")
    (input, output) = try Self.openDescriptors()
    lathe_restore_save(output)
    lathe_signals_screen_up()
    guard
      let screen = lathe_open_screen(nil, output, input) ?? lathe_open_screen("xterm-256color", output, input)
    else {
      lathe_signals_screen_down()
      throw .unknownType(Self.environment("TERM") ?? "")
    }
    guard lathe_capability("cup") != nil, let keys = lathe_input_window() else {
      endwin()
      lathe_signals_screen_down()
      throw .cannotMoveCursor(Self.environment("TERM") ?? "")
    }
    lathe_signals_screen_up()
    self.screen = screen
    self.keys = keys
    let plain = !(Self.environment("NO_COLOR") ?? "").isEmpty
    let tier = options.tier ?? (plain ? .monochrome : ColorTier(colors: Int(lathe_colors())))
    let backdrop = options.backdrop ?? Backdrop(colorFGBG: Self.environment("COLORFGBG"))
    theme = Theme(tier: tier, backdrop: backdrop)
    glyphs =
      options.glyphs
      ?? (lathe_locale_is_utf8()
        ? GlyphSet(.unicode, dots: Self.showsBraille(Self.environment("TERM")) ? .braille : .quadrants) : .ascii)
    canReport = lathe_capability("kmous") != nil
    isMouseOn = options.mouse
    arm()
    enable()
    let isUnknown = options.backdrop == nil && tier != .monochrome
    if isUnknown, canReport, BackgroundQuery.mayAsk(Self.environment) { askForBackground() }
  }

  deinit { stop() }

  /// Whether the mouse is reported; off, the terminal's own selection works.
  var isMouseOn: Bool {
    didSet { enableMouse() }
  }

  var size: Size { Size(width: Int(lathe_columns()), height: Int(lathe_rows())) }

  /// Gives the terminal back as it was. Further calls do nothing.
  func stop() {
    guard isUp else { return }
    isUp = false
    leave()
    lathe_signals_screen_down()
    // A screen of curses is some kilobytes, and freeing it while a signal handler of curses may still
    // look at it is not safe: it stays.
  }

  /// Stops as Ctrl-Z does and comes back with the whole screen when the shell continues it.
  func suspend() {
    leave()
    lathe_signals_stop()
    reenter()
  }

  /// After a stop that was not asked for (SIGSTOP): the shell has changed the terminal meanwhile.
  func reenter() {
    // Before anything is drawn: a crash may come at any instant.
    arm()
    // Ctrl-S may have stopped the output while the terminal was the shell's: nothing would be drawn.
    tcflow(STDOUT_FILENO, TCOON)
    lathe_check_size(output)
    waitingSignals |= lathe_signals_take() & ~(1 << UInt64(SIGCONT) | 1 << UInt64(SIGTSTP))
    lathe_repaint()
    lathe_update(0, 0, false)
    enable()
    shown = nil
  }

  /// Draws everything anew with the next frame.
  func repaint() {
    shown = nil
    lathe_repaint()
  }

  /// Gives `text` to the clipboard of the machine the person sits at (OSC 52).
  func copy(_ text: String) {
    guard canReport else { return }
    send("\u{1B}]52;c;\(Base64.encode(Array(text.utf8)))\u{07}")
  }

  /// From here on a crash puts the terminal back.
  private func arm() {
    standardError.begin()
    let bytes = resetBytes()
    lathe_restore_arm(output, bytes, bytes.count, standardError.original, standardError.file)
  }

  private func enable() {
    lathe_keypad(keys)
    enableMouse()
    if canReport { send("\u{1B}[?2004h") }
  }

  /// The mouse's reports on or off, those of its ways while a button is held too: curses does not ask for them.
  private func enableMouse() {
    lathe_mouse_enable(isMouseOn)
    if canReport { send(isMouseOn ? "\u{1B}[?1002h" : "\u{1B}[?1002l") }
  }

  func leave() {
    dropAnswer()
    if canReport { send("\u{1B}[?2004l\u{1B}[?1002l") }
    lathe_mouse_enable(false)
    curs_set(1)
    endwin()
    if lathe_capability("rmcup") == nil { send("\r\n") }
    lathe_restore_disarm()
    standardError.end()
  }

  /// What a crash has to write, from the terminal's own description.
  private func resetBytes() -> [CChar] {
    var text = ""
    if canReport { text += "\u{1B}[?2004l\u{1B}[?1000l\u{1B}[?1002l\u{1B}[?1003l\u{1B}[?1006l" }
    for name in ["rmkx", "sgr0", "cnorm", "rmcup"] {
      if let value = lathe_capability(name) { text += Self.withoutPadding(String(cString: value)) }
    }
    if lathe_capability("rmcup") == nil { text += "\r\n" }
    return text.utf8.map { CChar(bitPattern: $0) }
  }

  /// Old terminals want pauses, written `$<2>`; for a crash we do without.
  private static func withoutPadding(_ capability: String) -> String {
    var result = ""
    var rest = Substring(capability)
    while let start = rest.firstRange(of: "$<"), let end = rest[start.upperBound...].firstIndex(of: ">") {
      result += rest[..<start.lowerBound]
      rest = rest[rest.index(after: end)...]
    }
    return result + rest
  }

  func send(_ text: String) {
    var bytes = Array(text.utf8)[...]
    while !bytes.isEmpty {
      let count = bytes.withUnsafeBytes { write(output, $0.baseAddress, $0.count) }
      if count < 0, errno == EINTR { continue }
      guard count > 0 else { return }
      bytes = bytes.dropFirst(count)
    }
  }

  /// Whether the terminal's font is likely to have braille: those of text consoles do not.
  private static func showsBraille(_ type: String?) -> Bool {
    !["linux", "vt", "cons", "screen.linux", "fbterm"].contains { type?.hasPrefix($0) ?? true }
  }

  private static func environment(_ name: String) -> String? { getenv(name).map { String(cString: $0) } }

  /// The screen must be standard output; keys may come from the controlling terminal while a pipe
  /// feeds standard input.
  private static func openDescriptors() throws(TerminalError) -> (input: CInt, output: CInt) {
    guard isatty(STDOUT_FILENO) == 1 else { throw .notATerminal }
    if isatty(STDIN_FILENO) == 1 { return (STDIN_FILENO, STDOUT_FILENO) }
    let descriptor = open("/dev/tty", O_RDWR | O_CLOEXEC)
    guard descriptor >= 0 else { throw .notATerminal }
    return (descriptor, STDOUT_FILENO)
  }
}
