/// A program on the screen as a value: keys and messages change it, and a pure function draws it.
/// `Loop` runs it on a terminal, `Headless` without one.
protocol Program {
  /// What background work posts.
  associatedtype Message: Sendable

  /// A key was pressed, or the screen has a new size; `Key.resize` is the first that comes.
  mutating func handle(_ key: Key)

  /// What was posted since the last frame, in order.
  mutating func receive(_ messages: [Message])

  /// A tenth of a second has gone by while `wantsTick`: spinners turn.
  mutating func tick()

  /// The screen as it is now. Only draws; asked for once a frame.
  func view(_ size: Size) -> Canvas

  /// The program is over and the screen goes down.
  var isDone: Bool { get }

  /// Whether something moves by itself (a spinner, a rate). While false, nothing at all runs.
  var wantsTick: Bool { get }

  /// No job is running or waiting: what `<Wait>` in a script waits for.
  var isIdle: Bool { get }

  /// Whether an answer is on its way that the next key may depend on (a file is read): keys wait for it, but for Esc and
  /// ^C.
  var isAnswering: Bool { get }

  /// Whether a message is such an answer.
  static func isAnswer(_ message: Message) -> Bool

  /// What the terminal is to do beyond showing the canvas; asked for after every change, and given
  /// once.
  mutating func takeRequests() -> [TerminalRequest]
}

extension Program {
  mutating func tick() {}
  var wantsTick: Bool { false }
  var isIdle: Bool { true }
  var isAnswering: Bool { false }
  static func isAnswer(_ message: Message) -> Bool { false }
  mutating func takeRequests() -> [TerminalRequest] { [] }
}

/// Something that a program wants of the terminal.
enum TerminalRequest: Hashable, Sendable {
  /// Mouse reports on or off; off gives the terminal its own selection back.
  case mouse(Bool)
  /// Text for the clipboard, through the terminal (OSC 52), so that it works over ssh.
  case copy(String)
  /// Everything anew, after something else wrote on the screen (Ctrl-L).
  case repaint
  /// Stop, as Ctrl-Z does, until the shell continues the program.
  case suspend
}
