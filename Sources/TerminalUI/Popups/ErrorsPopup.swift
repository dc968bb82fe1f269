import Compression
import Workbench

/// The table of errors as an instrument: arrows walk it, Enter takes the cell for the layers that an edit changes. It stands
/// where the table stands.
struct ErrorsPopup: Popup {
  /// Where the keys have gone; `nil` while they have not.
  private var moved: (row: Int, column: Int)?

  /// The cell that the keys stand on: at first the layer's own scheme, or what it would begin with.
  private func place(_ grid: ErrorGrid, _ state: State) -> (row: Int, column: Int) {
    if let moved { return (min(moved.row, grid.rows.count - 1), min(moved.column, grid.columnCount - 1)) }
    let format = state.current.map { state.session.scheme(of: $0).format } ?? .keep
    let start = state.current.flatMap(state.session.startingFormat) ?? .uniform(UniformScheme(bits: 8))
    return grid.place(of: format) ?? grid.place(of: start) ?? (0, max(0, (grid.groups.first?.columns.count ?? 1) - 1))
  }

  let hints: [KeyHint] = [("arrows", "move"), ("Enter", "take"), ("d", "t² or dB"), ("Esc", "close")]

  func draw(_ canvas: inout Canvas, over state: State) {
    let frame = Layout(state: state).panes[.errors] ?? state.belowHeader.splitBottom(2).rest
    canvas.fill(frame, " ", .normal)
    canvas.mark(frame, .nothing)
    var state = state
    state.pane = .errors
    state.drawErrors(&canvas, frame, cursor: state.errorGrid.map { place($0, state) } ?? (0, 0))
    // Presses reach the popup, not what is under it.
    for (index, zone) in canvas.zones.enumerated() {
      if case .errorCell(let cell) = zone.action { canvas.zones[index] = Zone(rect: zone.rect, action: .choice(cell)) }
    }
  }

  mutating func press(_ key: Key, over state: State) -> PopupResponse {
    guard let grid = state.errorGrid else { return key.closesPopup() ? .closes : .stays }
    var (row, column) = place(grid, state)
    switch key {
    case .down, .character("j"): row = min(grid.rows.count - 1, row + 1)
    case .up, .character("k"): row = max(0, row - 1)
    case .left, .character("h"): column = max(0, column - 1)
    case .right, .character("l"): column = min(grid.columnCount - 1, column + 1)
    case .home: column = 0
    case .end: column = grid.columnCount - 1
    case .pageUp: row = 0
    case .pageDown: row = grid.rows.count - 1
    case .character("d"):
      return .changes { state in
        state.showsDecibels.toggle()
        return []
      }
    case .enter: return take(grid, state)
    default: return key.closesPopup() || key == .character("T") ? .closes : .stays
    }
    moved = (row, column)
    return .stays
  }

  mutating func point(at index: Int, over state: State) -> PopupResponse {
    guard let grid = state.errorGrid else { return .closes }
    let isHere = place(grid, state) == (index / 100, index % 100)
    moved = (index / 100, index % 100)
    return isHere ? take(grid, state) : .stays
  }

  private func take(_ grid: ErrorGrid, _ state: State) -> PopupResponse {
    let (row, column) = place(grid, state)
    guard let cell = grid[row, column], let item = state.current else {
      return .complains("the layer's rows do not divide into such groups")
    }
    let scheme = Scheme(cell.format, sparsity: state.session.scheme(of: item).sparsity)
    if let obstacle = item.obstacle(to: scheme) ?? state.session.targetObstacle(to: scheme, of: item) {
      return .complains(obstacle)
    }
    return .performs(.named("scheme"), argument: scheme.description)
  }

  func considered(over state: State) -> Scheme? {
    guard let item = state.current, let grid = state.errorGrid else { return nil }
    let (row, column) = place(grid, state)
    guard let cell = grid[row, column], !cell.isBeyond else { return nil }
    return Scheme(cell.format, sparsity: state.session.scheme(of: item).sparsity)
  }

  /// Of a target's own types, whose errors no table has.
  func questions(about item: Item, over state: State) -> PopupQuestions {
    guard let grid = state.errorGrid else { return PopupQuestions() }
    let sparsity = state.session.scheme(of: item).sparsity
    let open = grid.rows.flatMap { $0.cells }.compactMap { $0 }.filter { $0.error == nil && !$0.isBeyond }
    return PopupQuestions(
      others: open.map { .assessment(item.id, state.session.made(Scheme($0.format, sparsity: sparsity), of: item)) })
  }
}
