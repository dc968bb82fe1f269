import Compression
import Inference
import Workbench

extension State {
  /// Size against the estimate: the same width everywhere, and the recipe as it stands.
  ///
  /// Calibrated, the axis is the metric itself: the curve has its band, the recipe its error bar, and what was measured
  /// stands at what was measured, with its standard error and a line to what had been estimated. Uncalibrated, the axis
  /// is the relative damage, and measured figures, being another quantity, are listed below alone.
  func drawTradeOff(_ canvas: inout Canvas, _ frame: Rect) {
    let method = figures.prediction?.method ?? (session.sensitivities == nil ? "uncalibrated" : "calibrated")
    let inside = drawFrame(&canvas, frame, .tradeoff, title: "Trade-off", note: "\(glyphs.approximately) \(method)")
    let list = measurementLines
    let (plot, text) = inside.splitBottom(inside.height >= 9 ? min(list.count, inside.height / 4) : 0)
    drawTradeOffPlot(&canvas, plot)
    for (row, line) in list.suffix(text.height).enumerated() {
      canvas.put(line, x: text.x, y: text.y + row, limit: text.width)
    }
  }

  /// The plot alone.
  ///
  /// - Parameter front: what a search finds at every size, by bytes and what the axis shows; empty for none.
  func drawTradeOffPlot(_ canvas: inout Canvas, _ plot: Rect, front: [(bytes: Int, value: Double)] = []) {
    var series = session.sensitivities == nil ? damageSeries : metricSeries
    guard !series.isEmpty else {
      canvas.put(
        "waiting for the errors of all layers …", x: plot.x, y: plot.y, .dim, limit: plot.width)
      return
    }
    if !front.isEmpty {
      let known = series.flatMap(\.points).map(\.y)
      let (floor, top) = ((known.min() ?? 1e-9) / 2, 4 * (known.max() ?? .infinity))
      // What is far beyond all else would press it together.
      let points = front.filter { $0.value <= top }.map {
        (x: Double($0.bytes) / sizeUnit.bytes, y: max($0.value, floor))
      }
      // Under what stands on it.
      series.insert(.init("front", points: points, role: .chosenBySearch, isJoined: true), at: 0)
    }
    let points = series.flatMap(\.points)
    let bars = series.flatMap(\.bars).flatMap { [$0.low, $0.high] }
    // An interval that reaches far down would press all else together.
    let least = (points.map(\.y).min() ?? 0) / 4
    let whole = Double(figures.estimate.originalBytes) / sizeUnit.bytes
    let drawn = PointPlot(
      series, x: Axis(0...max(points.map(\.x).max() ?? 1, whole)),
      y: Axis(holding: points.map(\.y) + bars.filter { $0 >= least }, scale: .logarithmic), xTitle: sizeUnit.name,
      yTitle: session.sensitivities == nil ? "Δ\(glyphs.approximately)" : metricTitle)
    canvas.draw(drawn, in: plot)
    if front.isEmpty {
      for (index, point) in curvePoints.enumerated() {
        let place = (x: Double(point.bytes) / sizeUnit.bytes, y: point.value)
        guard let cell = canvas.cell(of: place, on: drawn, in: plot) else { continue }
        canvas.mark(Rect(x: cell.x - 1, y: cell.y, width: 3, height: 1), .curvePoint(index))
      }
    } else {
      // Everywhere on the plot: the point of the front that is as wide.
      for x in plot.minX..<plot.maxX {
        guard let size = canvas.value(atColumn: x, on: drawn, in: plot) else { continue }
        let bytes = Int(saturating: size * sizeUnit.bytes)
        canvas.mark(Rect(x: x, y: plot.y, width: 1, height: plot.height), .choice(bytes))
      }
    }
  }

  /// What a press of the mouse on the curve goes to: the uniform recipes, then those that were measured.
  private var curvePoints: [(bytes: Int, value: Double, recipe: CurveRecipe)] {
    let isCalibrated = session.sensitivities != nil
    let uniform = figures.uniformPoints.compactMap { point -> (bytes: Int, value: Double, recipe: CurveRecipe)? in
      let value = isCalibrated ? point.prediction?.value : point.damage
      return value.flatMap { value in Int(point.label).map { (point.bytes, value, .uniform($0)) } }
    }
    guard isCalibrated else { return uniform }
    let measured = session.measurements.compactMap { measurement -> (bytes: Int, value: Double, recipe: CurveRecipe)? in
      guard let point = figures.measuredPoints.first(where: { $0.isOwn && $0.bytes == measurement.bytes }) else {
        return nil
      }
      return (point.bytes, point.value, .measured(measurement.recipe))
    }
    return uniform + measured
  }

  private enum CurveRecipe {
    case uniform(Int)
    case measured(Recipe)
  }

  /// Takes the recipe of a point of the curve, as one step.
  mutating func goToCurvePoint(_ index: Int) -> [Effect] {
    let points = curvePoints
    guard points.indices.contains(index) else { return [] }
    let story = EditStory(self)
    switch points[index].recipe {
    case .measured(let recipe): session.commit(recipe)
    case .uniform(let bits):
      let scheme = Scheme(.uniform(UniformScheme(bits: bits)))
      _ = session.change(session.items.filter { $0.kind == .weight && $0.obstacle(to: scheme) == nil }.map(\.id)) {
        _, _ in
        scheme
      }
    }
    sessionChanged()
    tell(story, word: "")
    return []
  }

  private var sizeUnit: (name: String, bytes: Double) {
    figures.estimate.originalBytes >= 10 << 20 ? ("MiB", 1048576) : ("KiB", 1024)
  }

  private var damageSeries: [PointPlot.Series] {
    let (estimate, uniformPoints) = (figures.estimate, figures.uniformPoints)
    // A logarithm has no place for no damage: such a recipe stands on the floor of the plot.
    let known = (uniformPoints.map(\.damage) + [estimate.damage ?? 0]).filter { $0 > 0 }
    guard let least = known.min() else { return [] }
    let place = { (bytes: Int, damage: Double) in (x: Double(bytes) / sizeUnit.bytes, y: max(damage, least / 2)) }
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
    return series
  }

  private var metricSeries: [PointPlot.Series] {
    let uniform = figures.uniformPoints.compactMap { point in point.prediction.map { (point.bytes, $0) } }
    let measured = figures.measuredPoints.filter { $0.value > 0 }
    let known = uniform.map(\.1.value) + measured.map(\.value) + [figures.prediction?.value ?? 0]
    guard let least = known.filter({ $0 > 0 }).min() else { return [] }
    let floor = least / 2
    let place = { (bytes: Int, value: Double) in (x: Double(bytes) / sizeUnit.bytes, y: max(value, floor)) }
    var series: [PointPlot.Series] = [
      .init("", points: uniform.map { place($0, $1.low) }, role: .axis, isJoined: true),
      .init("", points: uniform.map { place($0, $1.high) }, role: .axis, isJoined: true),
      .init(
        "uniform 2…8 bits, 90 %", points: uniform.map { place($0, $1.value) }, role: .curve, mark: glyphs.pointMark,
        isJoined: true),
    ]
    for point in measured where point.isOwn && point.estimate > 0 {
      series.append(
        .init(
          "", points: [place(point.bytes, point.value), place(point.bytes, point.estimate)], role: .dim, isJoined: true)
      )
    }
    if !measured.isEmpty {
      series.append(
        .init(
          "measured", points: measured.map { place($0.bytes, $0.value) }, role: .measured, mark: glyphs.measuredMark,
          bars: measured.map { (max($0.value - $0.standardError, floor), $0.value + $0.standardError) }))
    }
    if let prediction = figures.prediction {
      series.append(
        .init(
          "you are here", points: [place(figures.estimate.bytes, prediction.value)], role: .estimate,
          mark: glyphs.hereMark, bars: [(max(prediction.low, floor), prediction.high)]))
    }
    return series
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
