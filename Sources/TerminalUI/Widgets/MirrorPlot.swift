import Workbench

/// Two histograms on one axis, the weights upwards and what they become downwards, with the quantisation levels through
/// both and the pruned range shaded.
struct MirrorPlot: Sendable {
  var up: [Double]
  /// Empty where nothing is mirrored: the axis is then the floor.
  var down: [Double]
  /// A second series over the upper one, as a line, to its own scale of shares.
  var over: [Double] = []
  var range: ClosedRange<Double>
  var scale: Axis.Scale
  var levels: [Double] = []
  var pruned: ClosedRange<Double>?
  /// Rows of the lower part for each row of the upper one.
  static let mirrored = 0.4

  /// The height that fills the plot: a lone spike, higher than half again the next, is clipped, and says its value.
  static func top(_ heights: [Double]) -> (top: Double, clipped: Int?) {
    let sorted = heights.sorted(by: >)
    guard let first = sorted.first, sorted.count > 8, let next = sorted.dropFirst(2).first, next > 0, first > 4 * next
    else { return (sorted.first ?? 0, nil) }
    return (1.5 * next, heights.firstIndex(of: first))
  }
}

extension Canvas {
  /// Draws it into `rect`: heights at the left, the axis between both parts, values below.
  mutating func draw(_ plot: MirrorPlot, in rect: Rect) {
    guard rect.width >= 3, rect.height >= 2 else { return }
    let hasLabels = rect.width >= 24 && rect.height >= 5
    let (left, right) = rect.splitLeft(hasLabels ? 8 : 0)
    let (body, labels) = right.splitBottom(hasLabels ? 1 : 0)
    let rows = body.height - 1
    let below = plot.down.isEmpty ? 0 : max(rows >= 3 ? 1 : 0, Int(Double(rows) * MirrorPlot.mirrored))
    let (upper, rest) = body.splitTop(rows - below)
    let (axis, lower) = rest.splitTop(1)
    let isFine = !glyphs.isASCII && glyphs.dots == .braille
    let columns = upper.width * (isFine ? 2 : 1)
    let ups = BarPlot.gathered(plot.up, into: columns)
    let downs = plot.down.isEmpty ? [] : BarPlot.gathered(plot.down, into: columns)
    let overs = plot.over.isEmpty ? [] : BarPlot.gathered(plot.over, into: columns)
    let (top, spike) = plot.scale == .linear ? MirrorPlot.top(ups) : (ups.max() ?? 0, nil)
    let ruler = BarPlot.Ruler(ups + overs, scale: plot.scale, top: max(top, overs.max() ?? 0))
    let bars = BarPlot(bins: [], range: plot.range, pruned: plot.pruned)
    fill(ups.map(ruler.fraction), in: upper, isDown: false, isFine, bars)
    if !downs.isEmpty {
      let (lowTop, _) = plot.scale == .linear ? MirrorPlot.top(downs) : (downs.max() ?? 0, nil)
      let ruler = BarPlot.Ruler(downs, scale: plot.scale, top: lowTop)
      fill(downs.map(ruler.fraction), in: lower, isDown: true, isFine, bars)
    }
    if !overs.isEmpty { trace(overs.map(ruler.fraction), in: upper, isFine) }
    levelAxis(plot, axis, through: lower)
    if let spike {
      let x = upper.x + spike / (isFine ? 2 : 1)
      let text = Format.percent(ups[spike] * (isFine ? 1 : 1))
      let start = min(max(upper.x, x + 2), max(upper.x, upper.maxX - text.count))
      put(text, x: start, y: upper.y, Style(.warning), limit: upper.maxX - start)
      put(glyphs.ascending, x: x, y: upper.y, Style(.warning))
    }
    guard hasLabels else { return }
    for y in body.minY..<body.maxY { put(glyphs.vertical, x: left.maxX - 1, y: y, Style(.axis)) }
    put(Format.percent(ruler.top), x: left.x, y: upper.y, width: left.width - 1, .dim, alignment: .right)
    if plot.scale == .logarithmic, upper.height > 1 {
      put("log", x: left.x, y: upper.y + 1, width: left.width - 1, .dim, alignment: .right)
    }
    put("0", x: left.x, y: axis.y, width: left.width - 1, .dim, alignment: .right)
    rangeLabels(plot.range, labels, bars)
  }

  /// Columns from the axis away: braille dots, two a cell; or eighths of cells, which hang from above in reverse.
  private mutating func fill(
    _ fractions: [Double], in area: Rect, isDown: Bool, _ isFine: Bool, _ bars: BarPlot
  ) {
    guard area.height > 0 else { return }
    let role: Role = isDown ? .overlay : .bar
    let units = isFine ? 4 : 8
    func filled(_ fraction: Double, _ row: Int) -> Int {
      guard fraction > 0 else { return 0 }
      let all = max(1, Int(saturating: (fraction * Double(area.height * units)).rounded()))
      return min(units, max(0, all - row * units))
    }
    for cell in 0..<area.width {
      let isPruned = !isDown && bars.isPruned(cell, columns: area.width)
      for row in 0..<area.height {
        let y = isDown ? area.y + row : area.maxY - 1 - row
        if isFine {
          let (left, right) = (filled(fractions[2 * cell], row), filled(fractions[2 * cell + 1], row))
          guard left + right > 0 else { break }
          let character = isDown ? glyphs.brailleColumnsDown(left, right) : glyphs.brailleColumns(left, right)
          put(character, x: area.x + cell, y: y, Style(isPruned ? .pruned : role))
        } else {
          let count = filled(fractions[cell], row)
          guard count > 0 else { break }
          if isDown, !glyphs.isASCII, count < 8 {
            var style = Style(role)
            style.reverse = true
            put(glyphs.column(8 - count), x: area.x + cell, y: y, style)
          } else {
            let character = isPruned && count >= 8 ? glyphs.shade : isDown && count < 4 ? "'" : glyphs.column(count)
            put(character, x: area.x + cell, y: y, Style(isPruned ? .pruned : role))
          }
        }
      }
    }
  }

  /// A second series as a line over the first.
  private mutating func trace(_ fractions: [Double], in area: Rect, _ isFine: Bool) {
    var grid = DotGrid(columns: area.width, rows: area.height, glyphs: glyphs)
    func y(_ fraction: Double) -> Int {
      grid.height - 1 - min(grid.height - 1, Int(saturating: fraction * Double(grid.height - 1)))
    }
    let step = Double(grid.width) / Double(max(1, fractions.count))
    for (index, pair) in zip(fractions, fractions.dropFirst()).enumerated() where pair.0 > 0 || pair.1 > 0 {
      let (x0, x1) = (Int(Double(index) * step), Int(Double(index + 1) * step))
      grid.line(x0, y(pair.0), x1, y(pair.1))
    }
    grid.draw(on: &self, x: area.x, y: area.y, style: Style(.measured))
  }

  private mutating func levelAxis(_ plot: MirrorPlot, _ row: Rect, through lower: Rect) {
    let bars = BarPlot(bins: [], range: plot.range, pruned: plot.pruned)
    for x in row.minX..<row.maxX {
      let isPruned = bars.isPruned(x - row.x, columns: row.width)
      put(isPruned ? glyphs.shade : glyphs.horizontal, x: x, y: row.y, Style(isPruned ? .pruned : .axis))
    }
    for level in plot.levels {
      guard let column = bars.column(of: level, columns: row.width) else { continue }
      put(glyphs.cross, x: row.x + column, y: row.y, Style(.level))
      // Through what they become, where nothing stands.
      for y in lower.minY..<lower.maxY where self[row.x + column, y].character == " " {
        put(glyphs.vertical, x: row.x + column, y: y, Style(.level))
      }
    }
  }

  /// The ends of the range and, where there is room, zero.
  private mutating func rangeLabels(_ range: ClosedRange<Double>, _ row: Rect, _ bars: BarPlot) {
    let (low, high) = (Format.short(range.lowerBound), Format.short(range.upperBound))
    put(low, x: row.x, y: row.y, .dim, limit: row.width)
    let start = row.maxX - TextWidth.columns(of: high)
    let end = row.x + TextWidth.columns(of: low)
    guard start > end else { return }
    put(high, x: start, y: row.y, .dim)
    guard let zero = bars.column(of: 0, columns: row.width), row.x + zero > end, row.x + zero < start - 1 else {
      return
    }
    put("0", x: row.x + zero, y: row.y, .dim)
  }
}
