/// A place on the screen that answers the mouse. Whatever draws something marks what a press on it does; the last that was
/// drawn lies on top.
struct Zone: Hashable, Sendable {
  let rect: Rect
  let action: Action

  enum Action: Hashable, Sendable {
    /// As if the key were pressed.
    case key(Key)
    /// The list's row of this index.
    case row(Int)
    case fold(Int)
    case sort(Column)
    case pane(State.Pane)
    /// The row, cell or point of this number of the popup that is open.
    case choice(Int)
    /// A slider of the popup that is open: what counts is where on it.
    case slider
    /// A cell of the table of errors, `row * 100 + column`.
    case errorCell(Int)
    /// A recipe of the trade-off: the uniform ones first, then those that were measured.
    case curvePoint(Int)
    /// A cell of the map, a row's or a column's name.
    case mapCell(MapPlace)
    /// Nothing happens: the inside of a popup.
    case nothing
  }
}

extension Canvas {
  /// What a press on `rect` does from now on.
  mutating func mark(_ rect: Rect, _ action: Zone.Action) {
    if !rect.isEmpty { zones.append(Zone(rect: rect, action: action)) }
  }

  /// The zone under a point, the topmost.
  func zone(at point: Point) -> Zone? { zones.last { $0.rect.contains(point) } }
}
