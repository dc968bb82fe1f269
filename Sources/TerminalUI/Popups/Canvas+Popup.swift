extension Canvas {
  /// Clears a place in the middle of `area` and frames it: for help, questions and menus.
  ///
  /// - Parameters:
  ///   - width, height: of the inside; as much of it as there is room for.
  /// - Returns: the inside.
  mutating func popup(
    width: Int, height: Int, title: String, note: String = "", in area: Rect? = nil,
    style: Style = Style(.focusedBorder)
  ) -> Rect {
    let area = area ?? bounds
    let outer = area.centered(width: width + 4, height: height + 2)
    fill(outer, " ", .normal)
    mark(outer, .nothing)
    frame(outer, title: title, note: note, style: style)
    return outer.inset(dx: 2, dy: 1)
  }
}
