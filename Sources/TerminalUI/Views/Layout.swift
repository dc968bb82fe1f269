import FileAccess
import Workbench

/// Where everything stands on the screen: a function of the size and of what is zoomed.
struct Layout {
  let header: Rect
  /// The frame around the list, and the rows in it.
  let listFrame: Rect
  let list: Rect
  /// The frames of the panes that are seen.
  let panes: [State.Pane: Rect]
  /// The frame of the map, which stands in the place of them all.
  let map: Rect?
  /// Progress and messages, and below them the keys or the prompt.
  let status: Rect
  let hints: Rect

  init(state: State) {
    let (top, rest) = Rect(state.size).splitTop(1)
    let (body, foot) = rest.splitBottom(2)
    header = top
    (status, hints) = (foot.row(0), foot.row(1))
    if state.map != nil {
      (listFrame, list) = (Rect(x: 0, y: 1, width: 0, height: 0), Rect(x: 0, y: 1, width: 0, height: 0))
      (map, panes) = (body, [:])
      return
    }
    map = nil
    if state.isZoomed {
      (listFrame, list) = (Rect(x: 0, y: 1, width: 0, height: 0), Rect(x: 0, y: 1, width: 0, height: 0))
      panes = [state.pane: body]
      return
    }
    let (left, right) = body.splitLeft(Self.listWidth(state.size.width))
    listFrame = left
    list = left.inset().splitTop(1).rest
    guard !right.isEmpty else {
      panes = [:]
      return
    }
    guard state.isWide else {
      panes = [state.pane: right]
      return
    }
    if right.height < 34 {
      // Room for the histogram and one more: the pane that was asked for, or the errors.
      let other = state.pane == .histogram ? .errors : state.pane
      let (upper, lower) = right.splitBottom(max(10, right.height / 2))
      panes = [.histogram: upper, other: lower]
      return
    }
    // The middle pane shows errors, or channels when these were asked for; the trade-off keeps the foot.
    let middle: State.Pane = state.pane == .channels ? .channels : .errors
    // The histogram has ten rows of bars at least.
    let (upper, tradeoff) = right.splitBottom(max(9, min((right.height - 10) * 42 / 100, right.height - 10 - 17)))
    let (histogram, table) = upper.splitBottom(10)
    panes = [.histogram: histogram, middle: table, .tradeoff: tradeoff]
  }

  /// Below 66 columns the list has the screen for itself.
  private static func listWidth(_ width: Int) -> Int {
    switch width {
    case ..<66: width
    case ..<100: max(42, width * 55 / 100)
    case ..<160: max(58, min(80, width * 64 / 100))
    default: min(116, width * 56 / 100)
    }
  }
}

extension State {
  /// Keeps the row under the cursor in sight.
  mutating func scrollToCursor() {
    let height = max(1, Layout(state: self).list.height)
    let margin = min(2, (height - 1) / 2)
    scroll = min(scroll, max(0, cursor - margin))
    scroll = max(scroll, min(cursor + margin, rows.count - 1) - height + 1)
    scroll = max(0, min(scroll, max(0, rows.count - height)))
  }

  /// The whole screen.
  func view(_ size: Size) -> Canvas {
    var state = self
    state.size = size
    state.scrollToCursor()
    var canvas = Canvas(size, glyphs: glyphs)
    let layout = Layout(state: state)
    state.drawHeader(&canvas, layout.header)
    if !layout.listFrame.isEmpty { state.drawList(&canvas, layout.listFrame, layout.list) }
    if let frame = layout.map, let map { state.drawMap(&canvas, frame, map) }
    for (pane, frame) in layout.panes {
      canvas.mark(frame, .pane(pane))
      state.draw(pane, &canvas, frame)
    }
    state.drawStatus(&canvas, layout.status)
    state.popup?.draw(&canvas, over: state)
    state.drawHints(&canvas, layout.hints)
    return canvas
  }

  private func draw(_ pane: Pane, _ canvas: inout Canvas, _ frame: Rect) {
    switch pane {
    case .histogram: drawHistogram(&canvas, frame)
    case .errors: drawErrors(&canvas, frame)
    case .channels: drawChannels(&canvas, frame)
    case .tradeoff: drawTradeOff(&canvas, frame)
    }
  }

  /// Which layer a pane speaks of, where the list is not beside it.
  var zoomedName: String { isZoomed ? current.map { " · " + printable($0.name) } ?? "" : "" }

  /// A pane's frame; that of the pane that Tab stands on is brighter.
  func drawFrame(_ canvas: inout Canvas, _ rect: Rect, _ pane: Pane, title: String, note: String = "") -> Rect {
    canvas.frame(
      rect, title: title, note: note, style: Style(pane == self.pane ? .focusedBorder : .border),
      titleStyle: Style(.title))
  }
}
