import Inference
import Workbench

extension State {
  /// Size against the estimate: the same width everywhere, and the recipe as it stands. What was measured is another
  /// quantity and has no place on this axis: it is listed below.
  func drawTradeOff(_ canvas: inout Canvas, _ frame: Rect) {
    let inside = drawFrame(&canvas, frame, .tradeoff, title: "Trade-off", note: "≈ uncalibrated")
    let (estimate, uniformPoints) = (figures.estimate, figures.uniformPoints)
    let unit = estimate.originalBytes >= 10 << 20 ? ("MiB", 1048576.0) : ("KiB", 1024.0)
    // A logarithm has no place for no damage: such a recipe stands on the floor of the plot.
    let known =
      (uniformPoints.map(\.damage) + [estimate.damage ?? 0]).filter { $0 > 0 }
    guard let least = known.min() else {
      canvas.put(
        "waiting for the errors of all layers …", x: inside.x, y: inside.y, .dim, limit: inside.width)
      return
    }
    let floor = least / 2
    let place = { (bytes: Int, damage: Double) in (x: Double(bytes) / unit.1, y: max(damage, floor)) }
    var series = [
      PointPlot.Series(
        "uniform 2…8 bits", points: uniformPoints.map { place($0.bytes, $0.damage) }, role: .curve,
        mark: glyphs.pointMark,
        isJoined: true)
    ]
    if let damage = estimate.damage {
      series.append(
        PointPlot.Series(
          "you are here", points: [place(estimate.bytes, damage)], role: .estimate, mark: glyphs.hereMark))
    }
    let points = series.flatMap(\.points)
    let list = measurementLines
    let (plot, text) = inside.splitBottom(inside.height >= 9 ? min(list.count, inside.height / 4) : 0)
    canvas.draw(
      PointPlot(
        series, x: Axis(0...max((points.map(\.x).max() ?? 1), Double(estimate.originalBytes) / unit.1)),
        y: Axis(holding: points.map(\.y), scale: .logarithmic), xTitle: unit.0,
        yTitle: "Δ\(glyphs.approximately)"), in: plot)
    for (row, line) in list.suffix(text.height).enumerated() {
      canvas.put(line, x: text.x, y: text.y + row, limit: text.width)
    }
  }

  /// Measured figures with their size and standard error; the newest last.
  private var measurementLines: [[Canvas.Piece]] {
    session.measurements.compactMap { measurement in
      guard let metric = measurement.metrics.first else { return nil }
      let isHere = measurement.recipe == session.recipe
      let text =
        "\(glyphs.measuredMark) \(metric.name) \(metric.text)"
      let rest =
        "  \(Format.bytes(measurement.bytes))" + (metric.baseline.map { " · was \(metric.format($0))" } ?? "")
        + (isHere ? " · here" : "")
      return [(text, Style(.measured)), (rest, .dim)]
    }
  }
}
