import Workbench

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// A histogram: columns of eighth blocks, with the quantisation levels on its axis and the pruned band.
struct BarPlot: Sendable {
  /// One height a bin (a count or a share); the bins divide `range` evenly. Negative and not finite
  /// ones count as none.
  var bins: [Double]
  /// The values from the lower edge of the first bin to the upper edge of the last.
  var range: ClosedRange<Double>
  /// Of the heights.
  var scale: Axis.Scale
  /// Values marked on the axis: what the weights can be after quantisation.
  var levels: [Double]
  /// Values that are set to zero.
  var pruned: ClosedRange<Double>?
  /// What a height is called at the axis.
  var heightLabel: @Sendable (Double) -> String

  init(
    bins: [Double], range: ClosedRange<Double>, scale: Axis.Scale = .linear,
    levels: [Double] = [], pruned: ClosedRange<Double>? = nil,
    heightLabel: @escaping @Sendable (Double) -> String = { Format.percent($0) }
  ) {
    self.bins = bins
    self.range = range
    self.scale = scale
    self.levels = levels
    self.pruned = pruned
    self.heightLabel = heightLabel
  }

  /// The heights gathered into `columns` columns: the mean over the part of the values that a column
  /// covers, whether bins or columns are more.
  static func gathered(_ bins: [Double], into columns: Int) -> [Double] {
    guard !bins.isEmpty, columns > 0 else { return Array(repeating: 0, count: max(0, columns)) }
    let span = Double(bins.count) / Double(columns)
    return (0..<columns).map { column in
      let (start, end) = (Double(column) * span, Double(column + 1) * span)
      var sum = 0.0
      for bin in Int(saturating: start)..<min(bins.count, Int(saturating: end.rounded(.up))) {
        let covered = min(end, Double(bin + 1)) - max(start, Double(bin))
        if bins[bin].isFinite, bins[bin] > 0, covered > 0 { sum += bins[bin] * covered }
      }
      return sum / span
    }
  }

  /// From a height to its share of the plot's height.
  struct Ruler {
    let top: Double
    let floor: Double
    let scale: Axis.Scale

    /// - Parameter top: the height that fills the plot; `nil` for the greatest.
    init(_ heights: [Double], scale: Axis.Scale, top most: Double? = nil) {
      top = most ?? heights.max() ?? 0
      // Half of the least, so that the least is seen; eight decades are the most that one sees.
      floor = max((heights.filter { $0 > 0 }.min() ?? 1) / 2, top * 1e-8)
      self.scale = scale
    }

    func fraction(_ height: Double) -> Double {
      guard height > 0, top > 0 else { return 0 }
      if scale == .linear { return min(1, height / top) }
      return min(max(0, log(height / floor) / log(top / floor)), 1)
    }
  }

  /// The column of a value among `columns`; nil outside the range.
  func column(of value: Double, columns: Int) -> Int? {
    let extent = range.upperBound - range.lowerBound
    guard value.isFinite, extent > 0, range.contains(value), columns > 0 else { return nil }
    return min(columns - 1, Int(saturating: (value - range.lowerBound) / extent * Double(columns)))
  }

  /// Whether a column lies in the pruned band with its middle.
  func isPruned(_ column: Int, columns: Int) -> Bool {
    guard let pruned else { return false }
    let extent = range.upperBound - range.lowerBound
    return pruned.contains(range.lowerBound + (Double(column) + 0.5) / Double(columns) * extent)
  }
}

extension Canvas {
  /// Draws a histogram into `rect`: heights at the left, columns, the axis with the levels, and the
  /// values below it. What there is no room for is left out, the labels first.
  mutating func draw(_ plot: BarPlot, in rect: Rect) {
    guard rect.width >= 3, rect.height >= 1 else { return }
    let labels = rect.width >= 24 && rect.height >= 5
    let top = BarPlot.Ruler(BarPlot.gathered(plot.bins, into: rect.width), scale: plot.scale).top
    let labelWidth = labels ? max(6, TextWidth.columns(of: plot.heightLabel(top)) + 1) : 0
    let (left, right) = rect.splitLeft(labels ? labelWidth + 1 : 0)
    let (bars, below) = right.splitTop(rect.height - (labels ? 2 : rect.height >= 3 ? 1 : 0))

    let heights = BarPlot.gathered(plot.bins, into: bars.width)
    let ruler = BarPlot.Ruler(heights, scale: plot.scale)
    for (column, height) in heights.enumerated() {
      bar(
        ruler.fraction(height), x: bars.x + column, in: bars,
        pruned: plot.isPruned(column, columns: bars.width))
    }
    if below.height > 0 { levelAxis(plot, below.row(0)) }
    guard labels else { return }
    for y in bars.minY..<bars.maxY { put(glyphs.vertical, x: left.maxX - 1, y: y, Style(.axis)) }
    put(glyphs.bottomLeft, x: left.maxX - 1, y: bars.maxY, Style(.axis))
    let width = labelWidth - 1
    put(plot.heightLabel(ruler.top), x: left.x, y: bars.y, width: width, Style(.dim), alignment: .right)
    let least = plot.heightLabel(plot.scale == .linear ? 0 : ruler.floor)
    put(least, x: left.x, y: bars.maxY - 1, width: width, Style(.dim), alignment: .right)
    if plot.scale == .logarithmic {
      put("log", x: left.x, y: bars.y + 1, width: width, Style(.dim), alignment: .right)
    }
    valueLabels(plot, below.row(1))
  }

  /// One column from the bottom; the least height is seen as one eighth.
  private mutating func bar(_ fraction: Double, x: Int, in area: Rect, pruned: Bool) {
    guard fraction > 0 else { return }
    let eighths = max(1, Int(saturating: (fraction * Double(area.height * 8)).rounded()))
    for row in 0..<area.height where eighths > row * 8 {
      let filled = eighths - row * 8
      let character = pruned && filled >= 8 ? glyphs.shade : glyphs.column(filled)
      put(character, x: x, y: area.maxY - 1 - row, Style(pruned ? .pruned : .bar))
    }
  }

  private mutating func levelAxis(_ plot: BarPlot, _ row: Rect) {
    for x in row.minX..<row.maxX {
      let pruned = plot.isPruned(x - row.x, columns: row.width)
      put(glyphs.horizontal, x: x, y: row.y, Style(pruned ? .pruned : .axis))
    }
    for level in plot.levels {
      guard let column = plot.column(of: level, columns: row.width) else { continue }
      put(glyphs.teeUp, x: row.x + column, y: row.y, Style(.level))
    }
  }

  /// The ends of the range and, where there is room, zero.
  private mutating func valueLabels(_ plot: BarPlot, _ row: Rect) {
    let low = Format.short(plot.range.lowerBound)
    let high = Format.short(plot.range.upperBound)
    put(low, x: row.x, y: row.y, Style(.dim), limit: row.width)
    let start = row.maxX - TextWidth.columns(of: high)
    let lowEnd = row.x + TextWidth.columns(of: low)
    guard start > lowEnd else { return }
    put(high, x: start, y: row.y, Style(.dim))
    guard let zero = plot.column(of: 0, columns: row.width), row.x + zero > lowEnd, row.x + zero < start - 1
    else { return }
    put("0", x: row.x + zero, y: row.y, Style(.dim))
  }
}
