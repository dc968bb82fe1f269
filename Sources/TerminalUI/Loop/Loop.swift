#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// Runs a program on the terminal, on the thread that calls it, which should be the main thread.
///
/// The thread sleeps in `poll(2)` on the keyboard, the mailbox and the signals. One batch of what came
/// in makes one frame: a key is answered at once, messages at most sixty times a second. While
/// nothing comes and nothing moves, nothing runs.
enum Loop {
  /// How a run ended.
  enum Outcome: Hashable, Sendable {
    case done
    /// A signal asked for the end, and the program is to exit with 128 + its number.
    case signal(Int32)
    /// The terminal is gone.
    case hangup

    /// The status to exit with.
    var exitStatus: Int32 {
      switch self {
      case .done: 0
      case .signal(let number): 128 + number
      case .hangup: 128 + SIGHUP
      }
    }
  }

  static let frame = Duration.microseconds(16_667)
  static let tick = Duration.milliseconds(100)

  /// Runs until the program is done. The terminal must be started, and the caller stops it.
  static func run<P: Program>(
    _ program: inout P, on terminal: Terminal, mailbox: Mailbox<P.Message>
  ) -> Outcome {
    var pace = Pace()
    // Typed while an answer was on its way.
    var held: [Key] = []
    program.handle(.resize(terminal.size))
    while true {
      for request in program.takeRequests() { perform(request, on: terminal) }
      if program.isDone { return .done }
      let now = ContinuousClock.now
      if pace.isFrameDue(at: now) {
        terminal.draw(program.view(terminal.size))
        pace.drew(at: now)
      }
      // Messages wait until a frame can show them: however many come, they are worked through once a frame.
      let isListening = pace.isListening(at: now)
      let isDue = !held.isEmpty && !program.isAnswering
      let wake = isDue ? now : pace.nextWake(wantsTick: program.wantsTick, at: now)
      let events = terminal.wait(
        for: isListening ? mailbox.descriptor : -1, upTo: wake.map { now.duration(to: $0) })
      switch terminal.takeSignals() {
      case .end(let number): return number == SIGHUP ? .hangup : .signal(number)
      case .suspend:
        terminal.suspend()
        program.handle(.resize(terminal.size))
        pace.wantsFrame(urgent: true)
      case .continued:
        terminal.resume()
        program.handle(.resize(terminal.size))
        pace.wantsFrame(urgent: true)
      case .none: break
      }
      if events.isHangup { return .hangup }
      let keys = held + terminal.readKeys()
      held = []
      for key in keys where !program.isDone {
        switch key {
        case .control("z"):
          terminal.suspend()
          program.handle(.resize(terminal.size))
        case .control("l"): terminal.repaint()
        case .escape, .control("c"), .resize: program.handle(key)
        default: if program.isAnswering || !held.isEmpty { held.append(key) } else { program.handle(key) }
        }
      }
      if !keys.isEmpty { pace.wantsFrame(urgent: true) }
      let messages = pace.isListening(at: ContinuousClock.now) ? mailbox.take() : []
      if !messages.isEmpty {
        program.receive(messages)
        pace.wantsFrame(urgent: false)
      }
      if program.wantsTick, pace.takeTick(at: ContinuousClock.now) {
        program.tick()
        pace.wantsFrame(urgent: false)
      }
    }
  }

  private static func perform(_ request: TerminalRequest, on terminal: Terminal) {
    switch request {
    case .mouse(let on): terminal.isMouseOn = on
    case .copy(let text): terminal.copy(text)
    case .repaint: terminal.repaint()
    case .suspend: terminal.suspend()
    }
  }
}

/// When to draw and when to tick: the clock arithmetic of the loop, apart so that it can be tested.
struct Pace {
  typealias Instant = ContinuousClock.Instant
  private var needsFrame = true
  private var isUrgent = true
  private var earliestFrame: Instant?
  private var nextTick: Instant?

  mutating func wantsFrame(urgent: Bool) {
    needsFrame = true
    if urgent { isUrgent = true }
  }

  func isFrameDue(at now: Instant) -> Bool {
    needsFrame && (isUrgent || earliestFrame.map { now >= $0 } ?? true)
  }

  mutating func drew(at now: Instant) {
    (needsFrame, isUrgent) = (false, false)
    earliestFrame = now + Loop.frame
  }

  /// Whether what a message changes could be drawn at once.
  func isListening(at now: Instant) -> Bool { earliestFrame.map { now >= $0 } ?? true }

  /// The next instant at which something is due by itself, or messages may be taken again; nil for none.
  mutating func nextWake(wantsTick: Bool, at now: Instant) -> Instant? {
    if !wantsTick { nextTick = nil } else if nextTick == nil { nextTick = now + Loop.tick }
    let frame = needsFrame || !isListening(at: now) ? earliestFrame ?? now : nil
    return [frame, nextTick].compactMap { $0 }.min()
  }

  /// Whether a tick is due; late ticks are not made up for.
  mutating func takeTick(at now: Instant) -> Bool {
    guard let due = nextTick, now >= due else { return false }
    nextTick = now + Loop.tick
    return true
  }
}
