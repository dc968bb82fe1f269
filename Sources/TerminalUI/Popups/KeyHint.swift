/// A key as the foot of the screen shows it, and what it does.
typealias KeyHint = (key: String, word: String)

extension Key {
  /// The key that a press of the mouse on a hint, or help, stands for: the first of those that it names; `nil` where it
  /// names a kind of keys.
  init?(hint: String) {
    let first = hint.split(separator: " ").first.map(String.init) ?? hint
    switch first {
    case "Enter": self = .enter
    case "Esc": self = .escape
    case "Tab": self = .tab
    case "Space": self = .character(" ")
    case "←": self = .left
    case "→": self = .right
    case "↑": self = .up
    case "↓": self = .down
    case "PgUp": self = .pageUp
    case "PgDn": self = .pageDown
    default:
      guard first.count == 1, let character = first.first else { return nil }
      self = .character(character)
    }
  }
}
