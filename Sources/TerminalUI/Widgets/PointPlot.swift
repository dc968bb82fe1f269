import Workbench

/// Points and lines over two axes: the trade-off curve, errors over bits.
struct PointPlot: Sendable {
  /// Points that belong together.
  struct Series: Sendable {
    var name: String
    var points: [(x: Double, y: Double)]
    var role: Role
    /// What stands at each point; nil for none.
    var mark: Character?
    /// Whether a line joins them, in their order.
    var isJoined: Bool
    /// A vertical bar a point; empty for none.
    var bars: [(low: Double, high: Double)]

    init(
      _ name: String, points: [(x: Double, y: Double)], role: Role, mark: Character? = nil,
      isJoined: Bool = false, bars: [(low: Double, high: Double)] = []
    ) {
      self.bars = bars
      self.name = name
      self.points = points
      self.role = role
      self.mark = mark
      self.isJoined = isJoined
    }
  }

  /// Later ones are drawn over earlier ones; marks over all lines.
  var series: [Series]
  var x: Axis
  var y: Axis
  /// What the axes show, with the unit: `MiB`, `KLD`.
  var xTitle: String
  var yTitle: String
  /// Labels of values on the axes.
  var xLabel: @Sendable (Double) -> String
  var yLabel: @Sendable (Double) -> String
  /// Whether the names of the series are listed at the upper right.
  var hasLegend: Bool

  /// A plot of `series`; axes that are not given hold all points.
  init(
    _ series: [Series], x: Axis? = nil, y: Axis? = nil, xTitle: String = "", yTitle: String = "",
    xLabel: @escaping @Sendable (Double) -> String = { Format.short($0) },
    yLabel: @escaping @Sendable (Double) -> String = { Format.short($0) }, hasLegend: Bool = true
  ) {
    self.series = series
    self.x = x ?? Axis(holding: series.flatMap { $0.points.map(\.x) })
    self.y = y ?? Axis(holding: series.flatMap { $0.points.map(\.y) })
    self.xTitle = xTitle
    self.yTitle = yTitle
    self.xLabel = xLabel
    self.yLabel = yLabel
    self.hasLegend = hasLegend
  }

  /// Both fractions of a point, upwards and to the right; nil when it has no place.
  func place(_ point: (x: Double, y: Double)) -> (x: Double, y: Double)? {
    guard let fx = x.fraction(of: point.x), let fy = y.fraction(of: point.y) else { return nil }
    return (fx, fy)
  }

  /// The part of a line from `a` to `b` inside the unit square (Liang and Barsky 1984).
  static func clipped(
    _ a: (x: Double, y: Double), _ b: (x: Double, y: Double)
  ) -> (start: (x: Double, y: Double), end: (x: Double, y: Double))? {
    let (dx, dy) = (b.x - a.x, b.y - a.y)
    var (enter, leave) = (0.0, 1.0)
    for (p, q) in [(-dx, a.x), (dx, 1 - a.x), (-dy, a.y), (dy, 1 - a.y)] {
      if p == 0 {
        if q < 0 { return nil }
      } else if p < 0 {
        enter = max(enter, q / p)
      } else {
        leave = min(leave, q / p)
      }
    }
    guard enter <= leave else { return nil }
    return ((a.x + enter * dx, a.y + enter * dy), (a.x + leave * dx, a.y + leave * dy))
  }
}

extension Canvas {
  /// Draws a plot into `rect`; in little room it gives up its labels, then its axes.
  mutating func draw(_ plot: PointPlot, in rect: Rect) {
    guard rect.width >= 3, rect.height >= 2 else { return }
    let hasAxes = rect.width >= 20 && rect.height >= 5
    let (yTicks, left, area, below) = parts(of: plot, in: rect)
    guard !area.isEmpty else { return }
    if hasAxes {
      axisLines(left, area)
      yAxis(plot, yTicks, left, area)
      xAxis(plot, area, below)
    }
    lines(plot, area)
    if plot.hasLegend { legend(plot, area) }
    for series in plot.series {
      guard let mark = series.mark else { continue }
      for point in series.points {
        guard let place = plot.place(point), (0...1).contains(place.x), (0...1).contains(place.y) else {
          continue
        }
        let (x, y) = cell(place, in: area)
        put(mark, x: x, y: y, Style(series.role))
      }
    }
  }

  /// Where a point stands in a plot that is drawn into `rect`; `nil` outside.
  func cell(of point: (x: Double, y: Double), on plot: PointPlot, in rect: Rect) -> Point? {
    guard rect.width >= 3, rect.height >= 2, let place = plot.place(point), (0...1).contains(place.x),
      (0...1).contains(place.y)
    else { return nil }
    let (x, y) = cell(place, in: parts(of: plot, in: rect).area)
    return Point(x: x, y: y)
  }

  /// What the horizontal axis says at a column; `nil` outside of a linear one.
  func value(atColumn x: Int, on plot: PointPlot, in rect: Rect) -> Double? {
    let area = parts(of: plot, in: rect).area
    guard area.width > 1, x >= area.minX, x < area.maxX, plot.x.scale == .linear else { return nil }
    let share = Double(x - area.x) / Double(area.width - 1)
    return plot.x.range.lowerBound + share * (plot.x.range.upperBound - plot.x.range.lowerBound)
  }

  private func parts(of plot: PointPlot, in rect: Rect) -> (ticks: [Double], left: Rect, area: Rect, below: Rect) {
    let hasAxes = rect.width >= 20 && rect.height >= 5
    let ticks = hasAxes ? plot.y.ticks(about: max(2, rect.height / 2)) : []
    let labels = ticks.map { TextWidth.columns(of: plot.yLabel($0)) } + [TextWidth.columns(of: plot.yTitle)]
    let (left, right) = rect.splitLeft(hasAxes ? min(10, labels.max() ?? 0) + 1 : 0)
    let (area, below) = right.splitTop(rect.height - (hasAxes ? 2 : 0))
    return (ticks, left, area, below)
  }

  private func cell(_ place: (x: Double, y: Double), in area: Rect) -> (Int, Int) {
    (
      area.x + Int(saturating: (place.x * Double(area.width - 1)).rounded()),
      area.maxY - 1 - Int(saturating: (place.y * Double(area.height - 1)).rounded())
    )
  }

  private mutating func lines(_ plot: PointPlot, _ area: Rect) {
    for series in plot.series where series.isJoined || !series.bars.isEmpty {
      var grid = DotGrid(columns: area.width, rows: area.height, glyphs: glyphs)
      func dot(_ place: (x: Double, y: Double)) -> (Int, Int) {
        // The middle of the cell that a mark would stand in.
        let x = (place.x * Double(area.width - 1) + 0.5) * Double(grid.across)
        let y = ((1 - place.y) * Double(area.height - 1) + 0.5) * Double(grid.down)
        return (min(grid.width - 1, Int(saturating: x)), min(grid.height - 1, Int(saturating: y)))
      }
      let pieces = series.isJoined ? Array(zip(series.points, series.points.dropFirst())) : []
      let bars = zip(series.points, series.bars).map { (($0.x, $1.low), ($0.x, $1.high)) }
      for (a, b) in pieces + bars {
        guard let from = plot.place(a), let to = plot.place(b), let part = PointPlot.clipped(from, to) else {
          continue
        }
        let ((x0, y0), (x1, y1)) = (dot(part.start), dot(part.end))
        grid.line(x0, y0, x1, y1)
      }
      grid.draw(on: &self, x: area.x, y: area.y, style: Style(series.role))
    }
  }

  private mutating func axisLines(_ left: Rect, _ area: Rect) {
    let x = left.maxX - 1
    for y in area.minY..<area.maxY { put(glyphs.vertical, x: x, y: y, Style(.axis)) }
    for column in area.minX..<area.maxX { put(glyphs.horizontal, x: column, y: area.maxY, Style(.axis)) }
    put(glyphs.bottomLeft, x: x, y: area.maxY, Style(.axis))
  }

  private mutating func yAxis(_ plot: PointPlot, _ ticks: [Double], _ left: Rect, _ area: Rect) {
    let width = left.width - 1
    for tick in ticks {
      guard let fraction = plot.y.fraction(of: tick) else { continue }
      let (_, y) = cell((0, fraction), in: area)
      guard y > area.minY || plot.yTitle.isEmpty else { continue }
      put(plot.yLabel(tick), x: left.x, y: y, width: width, Style(.dim), alignment: .right)
      put(glyphs.teeRight, x: left.maxX - 1, y: y, Style(.axis))
    }
    if !plot.yTitle.isEmpty {
      put(plot.yTitle, x: left.x, y: area.minY, width: width, Style(.axis), alignment: .right)
    }
  }

  private mutating func xAxis(_ plot: PointPlot, _ area: Rect, _ below: Rect) {
    let row = below.row(1)
    // The title stands in the line of the axis, so that it takes no label's place.
    let title = plot.xTitle.isEmpty ? "" : " \(plot.xTitle) "
    let titleStart = area.maxX - TextWidth.columns(of: title)
    var free = row.minX
    for tick in plot.x.ticks(about: max(2, area.width / 9)) {
      guard let fraction = plot.x.fraction(of: tick) else { continue }
      let (x, _) = cell((fraction, 0), in: area)
      put(glyphs.teeDown, x: x, y: below.y, Style(.axis))
      let label = plot.xLabel(tick)
      let columns = TextWidth.columns(of: label)
      let start = min(max(row.minX, x - columns / 2), row.maxX - columns)
      guard start >= free else { continue }
      put(label, x: start, y: row.y, Style(.dim))
      free = start + columns + 1
    }
    put(title, x: max(area.minX, titleStart), y: below.y, Style(.axis), limit: area.width)
  }

  /// The names, each after its mark or a piece of its line, at the upper right.
  private mutating func legend(_ plot: PointPlot, _ area: Rect) {
    let named = plot.series.filter { !$0.name.isEmpty }
    let width = (named.map { TextWidth.columns(of: $0.name) }.max() ?? 0) + 2
    guard width <= area.width / 2, named.count <= area.height / 2 else { return }
    for (row, series) in named.enumerated() {
      let x = area.maxX - width
      put(series.mark ?? glyphs.horizontal, x: x, y: area.y + row, Style(series.role))
      put(series.name, x: x + 2, y: area.y + row, Style(.dim))
    }
  }
}
