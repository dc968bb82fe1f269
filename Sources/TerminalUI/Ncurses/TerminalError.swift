/// Why there is no screen to draw on.
package enum TerminalError: Error, Hashable, Sendable, CustomStringConvertible {
  case notATerminal
  case unknownType(String)
  case cannotMoveCursor(String)

  package var description: String {
    switch self {
    case .notATerminal:
      "standard output is not a terminal; the other commands (see --help), or --script and --dump, need none"
    case .unknownType(let name):
      "the terminal type '\(name)' is unknown, and so is xterm-256color; set TERM, or install ncurses' terminal descriptions"
    case .cannotMoveCursor(let name):
      "a terminal of type '\(name)' cannot move its cursor; set TERM to what it really is, or use the other commands"
    }
  }
}
