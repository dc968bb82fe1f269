import Compression
import Workbench

extension Canvas {
  /// A layer's histogram without its tails, with levels on the axis and a pruned range.
  mutating func histogramStrip(
    _ survey: Survey, in area: Rect, isLogarithmic: Bool, levels: Levels?, pruned: ClosedRange<Double>?
  ) {
    let histogram = survey.histogram
    let (low, high) = (histogram.value(at: 0.0005), histogram.value(at: 0.9995))
    guard low < high, area.height > 1 else { return }
    let total = Double(max(1, histogram.total))
    var plot = BarPlot(
      bins: histogram.rebinned(from: low, to: high, columns: max(1, area.width)).bars.map { $0 / total },
      range: low...high, scale: isLogarithmic ? .logarithmic : .linear)
    plot.pruned = pruned
    plot.levels = levels?.positions(in: low...high, spacing: (high - low) / Double(max(1, area.width))) ?? []
    draw(plot, in: area)
  }
}

/// What a magnitude prunes, as a range around zero.
func prunedRange(_ limit: Float?) -> ClosedRange<Double>? {
  limit.flatMap { $0 >= 0 ? -Double($0)...Double($0) : nil }
}
