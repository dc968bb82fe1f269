import Workbench

/// Lines to read.
struct TextPopup: Popup {
  let title: String
  let lines: [String]
  /// Lines that are scrolled out above.
  private var cursor = PopupCursor()

  init(title: String, lines: [String]) { (self.title, self.lines) = (title, lines) }

  func draw(_ canvas: inout Canvas, over state: State) {
    let (room, hidden) = (room(over: state), hidden(over: state))
    let inside = canvas.popup(
      width: lines.map(TextWidth.columns(of:)).max() ?? 0, height: min(lines.count, room), title: title,
      note: hidden > 0 ? "j k scroll · Esc closes" : "Esc closes", in: state.belowHeader)
    for (row, line) in lines.dropFirst(min(cursor.row, hidden)).prefix(inside.height).enumerated() {
      canvas.put(line, x: inside.x, y: inside.y + row, .normal, limit: inside.width)
    }
  }

  mutating func press(_ key: Key, over state: State) -> PopupResponse {
    if key == .enter || key.closesPopup() { return .closes }
    cursor.take(key, among: hidden(over: state) + 1, page: state.page)
    return .stays
  }

  /// Lines that do not fit the screen.
  private func hidden(over state: State) -> Int { max(0, lines.count - room(over: state)) }

  /// Rows at most: the totals above it and the keys below stay in sight.
  private func room(over state: State) -> Int { max(1, state.size.height - 5) }
}
