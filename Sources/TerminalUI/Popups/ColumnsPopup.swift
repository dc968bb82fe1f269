import Workbench

/// Which columns the list has: Space takes one in or out, Enter is done.
struct ColumnsPopup: Popup {
  private var cursor = PopupCursor()
  private var columns: Set<Column>

  init(_ state: State) { columns = Set(state.shownColumns.map(\.column)) }

  let hints: [KeyHint] = [
    ("Space", "in or out"), ("j k", "move"), ("a", "what fits"), ("Enter", "done"), ("Esc", "close"),
  ]

  private static let all = Column.allCases.filter { $0 != .name }

  func draw(_ canvas: inout Canvas, over state: State) {
    let inside = canvas.popup(
      width: min(state.size.width - 6, 78), height: min(state.size.height - 4, Self.all.count),
      title: "Columns", note: "what does not fit is left out", in: state.belowHeader)
    let first = cursor.first(of: Self.all.count, height: inside.height)
    for line in 0..<inside.height {
      let index = first + line
      guard Self.all.indices.contains(index) else { break }
      let (column, surface): (Column, Role?) = (Self.all[index], index == cursor.row ? .cursorRow : nil)
      canvas.fill(inside.row(line), " ", surface.map { Style($0) } ?? .normal)
      let mark = columns.contains(column) ? "[x] " : "[ ] "
      let y = inside.y + line
      let x = canvas.put(mark, x: inside.x, y: y, Style(.key, on: surface), limit: inside.width)
      canvas.put(column.rawValue, x: x, y: y, width: 13, surface.map { Style($0) } ?? .normal)
      canvas.put(column.meaning, x: x + 14, y: y, Style(.dim, on: surface), limit: inside.maxX - x - 14)
      canvas.mark(inside.row(line), .choice(index))
    }
  }

  mutating func press(_ key: Key, over state: State) -> PopupResponse {
    switch key {
    case .enter: return .performs(.named("columns"), argument: words)
    case .character(" "), .character("x"):
      toggle(cursor.row)
      return .stays
    case .character("a"): return .performs(.named("columns"), argument: "auto")
    default:
      if key.closesPopup() { return .closes }
      cursor.take(key, among: Self.all.count, page: state.page)
      return .stays
    }
  }

  mutating func point(at index: Int, over state: State) -> PopupResponse {
    guard Self.all.indices.contains(index) else { return .stays }
    cursor.row = index
    toggle(index)
    return .stays
  }

  private mutating func toggle(_ index: Int) { columns.formSymmetricDifference([Self.all[index]]) }

  private var words: String {
    (["name"] + Self.all.filter(columns.contains).map(\.rawValue)).joined(separator: ",")
  }
}
