import Workbench

/// The commands with their keys, to search and to run; those that do nothing here are dim and say why.
struct HelpPopup: Popup {
  private var search = ""
  private var cursor = PopupCursor()

  let hints: [KeyHint] = [("Enter", "run"), ("Esc", "close"), ("a-z", "search")]

  private var commands: [Command] { Command.found(by: search) }

  func draw(_ canvas: inout Canvas, over state: State) {
    let commands = commands
    let inside = canvas.popup(
      width: min(state.size.width - 6, 92), height: min(state.size.height - 4, commands.count + 2), title: "Help",
      note: "type to search · Enter runs", in: state.belowHeader)
    canvas.put("search: \(search)", x: inside.x, y: inside.y, Style(.key), limit: inside.width)
    canvas.cursor = Canvas.Cursor(
      Point(x: min(inside.maxX - 1, inside.x + 8 + TextWidth.columns(of: search)), y: inside.y), isVisible: true)
    let area = inside.splitTop(1).rest
    let first = cursor.first(of: commands.count, height: area.height)
    for row in 0..<area.height {
      guard commands.indices.contains(first + row) else { break }
      draw(
        commands[first + row], &canvas, area.row(row), isHere: first + row == cursor.row,
        obstacle: commands[first + row].obstacle(state))
    }
    if commands.isEmpty { canvas.put("nothing of that name", x: area.x, y: area.y, .dim, limit: area.width) }
  }

  private func draw(_ command: Command, _ canvas: inout Canvas, _ line: Rect, isHere: Bool, obstacle: String?) {
    let surface: Role? = isHere ? .cursorRow : nil
    canvas.fill(line, " ", surface.map { Style($0) } ?? .normal)
    let text = obstacle == nil ? nil : Role.dim
    let nameWidth = min(30, line.width / 3)
    canvas.put(command.keyLabel, x: line.x, y: line.y, width: 14, Style(text ?? .key, on: surface))
    canvas.put(
      ":\(command.name) \(command.arguments)", x: line.x + 15, y: line.y, width: nameWidth,
      Style(text ?? .normal, on: surface))
    let x = line.x + 16 + nameWidth
    var words = command.summary
    if let obstacle {
      // Where there is no room for both, the reason is what is missing.
      let reason = "not here: \(obstacle)"
      words += " (\(reason))"
      if TextWidth.columns(of: words) > line.maxX - x { words = reason }
    }
    canvas.put(words, x: x, y: line.y, Style(text ?? .normal, on: surface), limit: line.maxX - x)
  }

  mutating func press(_ key: Key, over state: State) -> PopupResponse {
    if key.closesPopup(areLettersTyped: true) { return .closes }
    switch key {
    case .enter: return chosen
    case .backspace: search = String(search.dropLast())
    case .character(let character):
      search.append(character)
      cursor = PopupCursor()
    default: cursor.take(key, among: commands.count, page: state.page, areLettersTyped: true)
    }
    return .stays
  }

  private var chosen: PopupResponse {
    let commands = commands
    guard commands.indices.contains(cursor.row) else { return .closes }
    let command = commands[cursor.row]
    // A command that needs a word is put into the prompt.
    return command.keys.isEmpty && !command.arguments.isEmpty
      ? .types(command.name + " ") : .performs(command, argument: "")
  }
}
