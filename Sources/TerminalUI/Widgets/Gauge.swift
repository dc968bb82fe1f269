import Workbench

extension Canvas {
  /// Progress as a bar, `▕██████▌    ▏`, in `width` columns, to an eighth of a column. Without a
  /// fraction (the end is not known) it is empty.
  mutating func gauge(
    _ fraction: Double?, x: Int, y: Int, width: Int, style: Style = Style(.accent), edge: Style = Style(.dim)
  ) {
    guard width >= 3 else { return }
    put(glyphs.gaugeLeft, x: x, y: y, edge)
    put(glyphs.gaugeRight, x: x + width - 1, y: y, edge)
    let room = width - 2
    let known = fraction.map { $0.isFinite ? min(max($0, 0), 1) : 0 } ?? 0
    let eighths = Int(saturating: (known * Double(room) * 8).rounded(.down))
    for column in 0..<room {
      put(glyphs.row(eighths - column * 8), x: x + 1 + column, y: y, style)
    }
  }

  /// A row of small columns, one a value, the highest filling its cell. More values than columns are
  /// gathered, and the highest of each group is shown, so that no outlier is lost.
  ///
  /// - Parameter top: what fills a cell; `nil` for the highest of the values.
  mutating func sparkline(
    _ values: [Double], of top: Double? = nil, x: Int, y: Int, width: Int, style: Style = Style(.bar)
  ) {
    guard width > 0, !values.isEmpty else { return }
    let columns = min(width, values.count)
    let groups = (0..<columns).map { column in
      let start = column * values.count / columns
      let end = max(start + 1, (column + 1) * values.count / columns)
      return values[start..<end].filter(\.isFinite).max() ?? 0
    }
    let most = top ?? groups.max() ?? 0
    for (column, value) in groups.enumerated() {
      let eighths = most > 0 && value > 0 ? max(1, min(8, Int(saturating: (value / most * 8).rounded()))) : 0
      put(glyphs.column(eighths), x: x + column, y: y, style)
    }
  }
}
