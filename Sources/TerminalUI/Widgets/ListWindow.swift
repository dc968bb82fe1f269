/// Which rows of a long list are on the screen, and which one is selected. Only numbers: a list of a
/// million rows costs what is seen of it.
public struct ListWindow: Hashable, Sendable {
  /// Rows of the list.
  public private(set) var count: Int
  /// Rows of the screen.
  public private(set) var height: Int
  /// The row that the keys act on; 0 in an empty list.
  public private(set) var selected: Int
  /// The first row shown.
  public private(set) var top: Int
  /// The other end of a range that is being selected.
  public var anchor: Int?
  /// Rows kept in sight above and below the selected one.
  private var margin: Int { min(2, max(0, (height - 1) / 2)) }

  public init(count: Int = 0, height: Int = 0, selected: Int = 0) {
    (self.count, self.height, self.selected, top) = (max(0, count), max(0, height), selected, 0)
    settle()
  }

  /// The rows on the screen.
  public var visible: Range<Int> { top..<min(count, top + height) }

  /// The rows from the anchor to the selected one; that one alone without an anchor.
  public var range: ClosedRange<Int> {
    let other = min(max(0, anchor ?? selected), max(0, count - 1))
    return min(other, selected)...max(other, selected)
  }

  /// The list or the screen has another size.
  public mutating func resize(count: Int, height: Int) {
    (self.count, self.height) = (max(0, count), max(0, height))
    settle()
  }

  public mutating func select(_ row: Int) {
    selected = row
    settle()
  }

  public mutating func move(by rows: Int) { select(selected + rows) }

  /// By screens; the selected row keeps its place on the screen where it can.
  public mutating func page(by screens: Int) {
    let rows = screens * max(1, height - 1)
    top += rows
    move(by: rows)
  }

  /// Scrolls as the wheel does: the selection stays unless it would leave the screen.
  public mutating func scroll(by rows: Int) {
    guard count > 0 else { return }
    top = min(max(0, top + rows), max(0, count - height))
    selected = min(max(selected, top + (top > 0 ? margin : 0)), max(top, visible.upperBound - 1))
    settle()
  }

  /// The row of the list at row `line` of the screen, if there is one.
  public func row(atLine line: Int) -> Int? {
    let row = top + line
    return line >= 0 && line < height && row < count ? row : nil
  }

  /// The usual keys of a list: arrows, j and k, pages, home and end, g and G.
  ///
  /// - Returns: whether it was one.
  public mutating func handle(_ key: Key) -> Bool {
    switch key {
    case .up, .character("k"): move(by: -1)
    case .down, .character("j"): move(by: 1)
    case .pageUp, .control("b"): page(by: -1)
    case .pageDown, .control("f"): page(by: 1)
    case .control("u"): move(by: -max(1, height / 2))
    case .control("d"): move(by: max(1, height / 2))
    case .home, .character("g"): select(0)
    case .end, .character("G"): select(count - 1)
    default: return false
    }
    return true
  }

  private mutating func settle() {
    selected = min(max(0, selected), max(0, count - 1))
    top = min(top, selected - margin)
    top = max(top, selected + margin + 1 - height)
    top = min(max(0, top), max(0, count - height))
    // The margin gives way at the list's ends, and never hides the selected row.
    if selected >= top + height, height > 0 { top = selected + 1 - height }
    if selected < top { top = selected }
  }
}

extension Canvas {
  /// A scroll bar in the column `x`, over the rows of `rect`; nothing where all is in sight.
  public mutating func scrollBar(_ window: ListWindow, x: Int, in rect: Rect) {
    guard window.count > rect.height, rect.height > 0 else { return }
    let length = max(1, rect.height * rect.height / window.count)
    let hidden = max(1, window.count - rect.height)
    let start = (rect.height - length) * window.top / hidden
    for row in 0..<length {
      put(glyphs.isASCII ? "#" : "▐", x: x, y: rect.y + start + row, Style(.dim))
    }
  }
}
