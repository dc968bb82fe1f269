/// What the person at the keyboard did; also what the terminal did (`resize`).
enum Key: Hashable, Sendable {
  case character(Character)
  case enter
  case escape
  case tab
  case backTab
  case up
  case down
  case left
  case right
  case shiftUp
  case shiftDown
  case shiftLeft
  case shiftRight
  case home
  case end
  case pageUp
  case pageDown
  case backspace
  case delete
  /// Ctrl and a lower-case letter.
  case control(Character)
  /// Alt (or Esc at the same instant) and a character.
  case alt(Character)
  case mouse(MouseEvent)
  /// The screen has this size now; also the first key that every program gets.
  case resize(Size)
  /// Text that was pasted, not typed: newlines as `\n`.
  case paste(String)
}

/// One event of the mouse, in cells.
struct MouseEvent: Hashable, Sendable {
  enum Kind: Hashable, Sendable {
    case press
    case release
    /// It moves while a button is held.
    case drag
    /// The second press at the same place within 400 ms; comes in place of `press`.
    case doublePress
    case scrollUp
    case scrollDown
  }

  var kind: Kind
  var point: Point
  /// 1 left, 2 middle, 3 right; 0 for the wheel.
  var button: Int
  var shift: Bool

  init(_ kind: Kind, at point: Point, button: Int = 1, shift: Bool = false) {
    self.kind = kind
    self.point = point
    self.button = button
    self.shift = shift
  }
}

extension Key: CustomStringConvertible {
  /// The key as scripts and help texts spell it: `x`, `<Enter>`, `<C-r>`.
  var description: String {
    switch self {
    case .character("<"): "<lt>"
    case .character(" "): "<Space>"
    case .character(let c): String(c)
    case .control(let c): "<C-\(c)>"
    case .alt(let c): "<A-\(c)>"
    case .resize(let size): "<Resize \(size)>"
    case .paste(let text): "<Paste \(text)>"
    case .mouse(let event): "<\(event.kind) \(event.point.x),\(event.point.y)>"
    default: KeyScript.names.first { $0.value == self }.map { "<\($0.name)>" } ?? "?"
    }
  }

  /// The key as a help text shows it: `Enter`, `Ctrl-R`, `Space`, `<`.
  var label: String {
    switch self {
    case .character(" "): "Space"
    case .character(let c): String(c)
    case .control(let c): "Ctrl-\(c.uppercased())"
    case .alt(let c): "Alt-\(c)"
    case .escape: "Esc"
    case .backTab: "Shift-Tab"
    case .shiftUp: "Shift-Up"
    case .shiftDown: "Shift-Down"
    case .shiftLeft: "Shift-Left"
    case .shiftRight: "Shift-Right"
    default: String(description.dropFirst().dropLast())
    }
  }
}
