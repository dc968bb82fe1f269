import Workbench

/// A line of a list to pick from.
struct PickerRow: Sendable {
  var title: String
  /// What stands in the columns after it.
  var cells: [String] = []
  /// What it is, in a line.
  var meaning = ""
  /// Why it cannot be picked; `nil` where it can.
  var obstacle: String?
  /// Whether it is what stands now.
  var isPresent = false
}

/// A list to pick from: typed letters search it, what cannot be picked is dim and says why, and a line below explains the
/// row under the cursor.
struct Picker: Sendable {
  private(set) var search = ""
  private(set) var cursor = PopupCursor()

  struct Heading: Sendable {
    let text: String
    let width: Int
  }

  enum Outcome: Sendable, Equatable {
    case stays
    case closes
    /// The index among all rows.
    case picks(Int)
    case complains(String)
  }

  /// - Parameter row: where the cursor begins.
  init(at row: Int = 0) { cursor.row = row }

  /// Indices of the rows that the search finds: those whose title begins with it first.
  func found(_ rows: [PickerRow]) -> [Int] {
    let terms = Filter(search)
    guard !terms.isEmpty else { return Array(rows.indices) }
    let word = search.lowercased()
    let hits = rows.indices.filter { terms.admits("\(rows[$0].title) \(rows[$0].meaning)") }
    func rank(_ index: Int) -> Int {
      let title = rows[index].title.lowercased()
      return title == word ? 0 : title.hasPrefix(word) ? 1 : title.contains(word) ? 2 : 3
    }
    return hits.sorted { (rank($0), $0) < (rank($1), $1) }
  }

  /// The index among all rows of the one under the cursor.
  func chosen(_ rows: [PickerRow]) -> Int? {
    let found = found(rows)
    return found.indices.contains(cursor.row) ? found[cursor.row] : nil
  }

  mutating func press(_ key: Key, _ rows: [PickerRow], page: Int) -> Outcome {
    if key == .escape, !search.isEmpty {
      search = ""
      cursor = PopupCursor()
      return .stays
    }
    if key.closesPopup(areLettersTyped: true) { return .closes }
    switch key {
    case .enter: return pick(chosen(rows), rows)
    case .backspace:
      search = String(search.dropLast())
      cursor = PopupCursor()
    case .character(let character):
      search.append(character)
      cursor = PopupCursor()
    default: cursor.take(key, among: found(rows).count, page: page, areLettersTyped: true)
    }
    return .stays
  }

  /// A press of the mouse: chooses a row, picks the one that is chosen.
  mutating func point(at place: Int, _ rows: [PickerRow]) -> Outcome {
    let found = found(rows)
    guard found.indices.contains(place) else { return .stays }
    if cursor.row == place { return pick(found[place], rows) }
    cursor.row = place
    return .stays
  }

  private func pick(_ index: Int?, _ rows: [PickerRow]) -> Outcome {
    guard let index else { return .closes }
    if let obstacle = rows[index].obstacle { return .complains(obstacle) }
    return .picks(index)
  }

  // MARK: - Drawing

  /// Draws the search, the headings, the rows and the explanation.
  ///
  /// - Parameters:
  ///   - title: of the first column.
  ///   - headings: of the cells, which stand to the right of it, right-aligned.
  func draw(
    _ canvas: inout Canvas, in rect: Rect, _ rows: [PickerRow], title: String, headings: [Heading] = []
  ) {
    let found = found(rows)
    let (top, rest) = rect.splitTop(2)
    let (area, foot) = rest.splitBottom(rest.height >= 4 ? 1 : 0)
    let start = canvas.put(
      search.isEmpty ? "type to search" : "search: ", x: top.x, y: top.y, search.isEmpty ? .dim : Style(.key),
      limit: top.width)
    if !search.isEmpty {
      let end = canvas.put(search, x: start, y: top.y, .normal, limit: top.maxX - start)
      canvas.cursor = Canvas.Cursor(Point(x: min(top.maxX - 1, end), y: top.y), isVisible: true)
    }
    let cells = headings.reduce(0) { $0 + $1.width + 1 }
    let titleWidth = max(8, rect.width - cells)
    canvas.put(title, x: rect.x, y: rect.y + 1, .dim, limit: titleWidth)
    var x = rect.x + titleWidth
    for heading in headings {
      canvas.put(heading.text, x: x + 1, y: rect.y + 1, width: heading.width, .dim, alignment: .right)
      x += heading.width + 1
    }
    let first = cursor.first(of: found.count, height: area.height)
    for line in 0..<area.height {
      guard found.indices.contains(first + line) else { break }
      draw(rows[found[first + line]], &canvas, area.row(line), titleWidth, headings, isHere: first + line == cursor.row)
      canvas.mark(area.row(line), .choice(first + line))
    }
    if found.isEmpty { canvas.put("nothing of that name", x: area.x, y: area.y, .dim, limit: area.width) }
    guard let chosen = chosen(rows) else { return }
    let row = rows[chosen]
    canvas.put(
      row.obstacle.map { "not here: \($0)" } ?? row.meaning, x: foot.x, y: foot.y,
      Style(row.obstacle == nil ? .accent : .warning), limit: foot.width)
  }

  private func draw(
    _ row: PickerRow, _ canvas: inout Canvas, _ line: Rect, _ titleWidth: Int, _ headings: [Heading], isHere: Bool
  ) {
    let surface: Role? = isHere ? .cursorRow : nil
    let style = row.obstacle == nil ? surface.map { Style($0) } ?? .normal : Style(.dim, on: surface)
    canvas.fill(line, " ", surface.map { Style($0) } ?? .normal)
    let mark = row.isPresent ? "\(canvas.glyphs.pointMark) " : "  "
    canvas.put(mark + row.title, x: line.x, y: line.y, style, limit: titleWidth)
    if let obstacle = row.obstacle {
      let start = line.x + min(titleWidth, TextWidth.columns(of: row.title) + 4)
      canvas.put(obstacle, x: start, y: line.y, style, limit: line.maxX - start)
      return
    }
    var x = line.x + titleWidth
    for (heading, cell) in zip(headings, row.cells) {
      canvas.put(cell, x: x + 1, y: line.y, width: heading.width, style, alignment: .right)
      x += heading.width + 1
    }
  }
}
