import Workbench

extension State {
  /// What the mouse does: whatever was drawn under it says so (`Zone`). The wheel scrolls what it is over.
  mutating func click(_ event: MouseEvent) -> [Effect] {
    guard prompt == nil || event.kind == .press else { return [] }
    switch event.kind {
    case .scrollDown: return wheel(1, at: event.point)
    case .scrollUp: return wheel(-1, at: event.point)
    case .drag: return drag(event)
    case .release:
      isDragging = false
      return []
    case .press, .doublePress: break
    }
    let zone = view(size).zone(at: event.point)
    if popup != nil { return clickPopup(event, zone) }
    if prompt != nil {
      // A press anywhere else ends what is typed, as Esc does.
      if case .key(let key)? = zone?.action { return press(key) }
      return press(.escape)
    }
    clearMessage()
    pending = PendingKeys()
    switch zone?.action {
    case .key(let key): return press(key)
    case .row(let index): return clickRow(index, event)
    case .fold(let index):
      guard rows.indices.contains(index), case .block(_, let isFolded, _) = rows[index] else { return [] }
      go(to: index)
      return fold(!isFolded)
    case .sort(let column):
      let isSame = ordering.column == column
      // A third press brings the file's order back.
      if isSame, ordering.isDescending != column.isNumber {
        ordering = Ordering()
      } else {
        ordering = Ordering(column: column, isDescending: isSame ? !ordering.isDescending : column.isNumber)
      }
    case .pane(let pane):
      self.pane = pane
      if event.kind == .doublePress { isZoomed.toggle() }
    case .errorCell(let cell): return chooseErrorCell(cell)
    case .curvePoint(let index): return goToCurvePoint(index)
    case .mapCell(let place): return clickMap(place, event)
    case .choice, .slider, .nothing, nil: break
    }
    return []
  }

  private mutating func clickRow(_ index: Int, _ event: MouseEvent) -> [Effect] {
    guard rows.indices.contains(index) else { return [] }
    if event.shift { beginRange() } else if range != nil { clearSelection() }
    go(to: index)
    return event.kind == .doublePress ? perform(.named("zoom"), "") : []
  }

  /// A press on a row chooses it, on the chosen one is Enter; beside the popup it is Esc.
  private mutating func clickPopup(_ event: MouseEvent, _ zone: Zone?) -> [Effect] {
    switch zone?.action {
    case .key(let key): return browse(key)
    case .choice(let index): return point(at: index)
    case .slider:
      isDragging = true
      return drag(event)
    case .nothing: return []
    default: return browse(.escape)
    }
  }

  private mutating func drag(_ event: MouseEvent) -> [Effect] {
    guard isDragging, popup != nil, let zone = view(size).zones.last(where: { $0.action == .slider }) else { return [] }
    let place = Double(event.point.x - zone.rect.x) / Double(max(1, zone.rect.width - 1))
    popups[popups.count - 1].slide(to: min(1, max(0, place)))
    return []
  }

  private mutating func wheel(_ step: Int, at point: Point) -> [Effect] {
    if popup != nil { return browse(step > 0 ? .down : .up) }
    guard prompt == nil else { return [] }
    let layout = Layout(state: self)
    if let pane = layout.panes.first(where: { $0.value.contains(point) })?.key {
      if pane == .channels || pane == .errors { paneScroll = max(0, paneScroll + 3 * step) }
      return []
    }
    return move(3 * step)
  }
}
