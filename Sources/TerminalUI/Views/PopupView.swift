import Workbench

extension State {
  func drawPopup(_ canvas: inout Canvas) {
    guard let popup else { return }
    switch popup.content {
    case .help: drawHelp(&canvas, popup)
    case .schemes: drawSchemes(&canvas, popup)
    case .prune(let choice): drawPrune(&canvas, choice)
    case .text(let title, let lines):
      let width = lines.map(TextWidth.columns(of:)).max() ?? 0
      let inside = canvas.popup(
        width: width, height: min(lines.count, textHeight), title: title,
        note: scrollRange(of: lines) > 0 ? "j k scroll · Esc closes" : "Esc closes", in: belowHeader)
      for (row, line) in lines.dropFirst(min(popup.cursor, scrollRange(of: lines))).prefix(inside.height).enumerated() {
        canvas.put(line, x: inside.x, y: inside.y + row, .normal, limit: inside.width)
      }
    }
  }

  /// Lines of a text that do not fit the screen.
  func scrollRange(of lines: [String]) -> Int { max(0, lines.count - textHeight) }

  /// Rows of a text's frame at most: the totals above it and the keys below stay in sight.
  private var textHeight: Int { max(1, size.height - 5) }

  /// Where popups stand: the totals stay in sight.
  var belowHeader: Rect { Rect(size).splitTop(1).rest }

  /// The commands with their keys; those that do nothing here are dim and say why.
  private func drawHelp(_ canvas: inout Canvas, _ popup: Popup) {
    let commands = popupCommands
    let inside = canvas.popup(
      width: min(size.width - 6, 92), height: min(size.height - 4, commands.count + 2), title: "Help",
      note: "type to search · Enter runs", in: belowHeader)
    canvas.put("search: \(popup.filter)", x: inside.x, y: inside.y, Style(.key), limit: inside.width)
    canvas.cursor = Canvas.Cursor(
      Point(x: min(inside.maxX - 1, inside.x + 8 + TextWidth.columns(of: popup.filter)), y: inside.y),
      isVisible: true)
    let area = inside.splitTop(1).rest
    let first = max(0, min(popup.cursor - area.height / 2, commands.count - area.height))
    for row in 0..<area.height {
      guard commands.indices.contains(first + row) else { break }
      let command = commands[first + row]
      let isHere = first + row == popup.cursor
      let obstacle = command.obstacle(self)
      let surface: Role? = isHere ? .cursorRow : nil
      let y = area.y + row
      canvas.fill(area.row(row), " ", surface.map { Style($0) } ?? .normal)
      let text = obstacle == nil ? nil : Role.dim
      canvas.put(command.keyLabel, x: area.x, y: y, width: 14, Style(text ?? .key, on: surface))
      canvas.put(
        ":\(command.name) \(command.arguments)", x: area.x + 15, y: y, width: min(30, area.width / 3),
        Style(text ?? .normal, on: surface))
      let x = area.x + 16 + min(30, area.width / 3)
      var words = command.summary
      if let obstacle {
        // Where there is no room for both, the reason is what is missing.
        let reason = "not here: \(obstacle)"
        words += " (\(reason))"
        if TextWidth.columns(of: words) > area.maxX - x { words = reason }
      }
      canvas.put(words, x: x, y: y, Style(text ?? .normal, on: surface), limit: area.maxX - x)
    }
    if commands.isEmpty { canvas.put("nothing of that name", x: area.x, y: area.y, .dim, limit: area.width) }
  }
}
