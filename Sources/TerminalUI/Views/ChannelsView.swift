import Compression
import FileAccess
import Workbench

extension State {
  /// The range of each output channel: where one channel is wider than the others, a scale a tensor wastes codes.
  func drawChannels(_ canvas: inout Canvas, _ frame: Rect) {
    if showsRidge {
      drawRidge(&canvas, frame)
      return
    }
    let count = current.flatMap { session.survey(of: $0)?.channelMaxima.count } ?? 0
    let inside = drawFrame(
      &canvas, frame, .channels, title: "Ranges by channel" + zoomedName, note: count > 0 ? "\(count) channels" : "")
    guard let item = current, let survey = session.survey(of: item), !survey.channelMaxima.isEmpty else {
      canvas.put("reading …", x: inside.x, y: inside.y, .dim, limit: inside.width)
      return
    }
    let extents = zip(survey.channelMinima, survey.channelMaxima).map { Double(max(abs($0), abs($1))) }
    let most = extents.max() ?? 0
    let sorted = extents.sorted()
    let median = sorted[sorted.count / 2]
    let (first, rest) = inside.splitTop(2)
    canvas.put(
      "max|w| of a channel: median \(Format.significant(median)), most \(Format.significant(most)) "
        + "(\(median > 0 ? Format.fixed(most / median, 1) : "-")\(glyphs.times))",
      x: first.x, y: first.y, .dim, limit: first.width)
    canvas.sparkline(extents, x: first.x, y: first.y + 1, width: first.width)
    guard rest.height > 0, most > 0 else { return }
    // One line a channel: its range as a bar around zero.
    let start = min(paneScroll, max(0, extents.count - rest.height))
    for row in 0..<rest.height {
      let channel = start + row
      guard extents.indices.contains(channel) else { break }
      drawRange(
        &canvas, rest.row(row), channel, Double(survey.channelMinima[channel]),
        Double(survey.channelMaxima[channel]), most)
    }
  }

  /// Channels as thin densities over one range, the widest first: a row a channel.
  private func drawRidge(_ canvas: inout Canvas, _ frame: Rect) {
    let ridge = current.flatMap { session.answers.ridges[$0.id] }
    let inside = drawFrame(
      &canvas, frame, .channels, title: "Channels, the widest first" + zoomedName,
      note: ridge.map { $0.channels.count < $0.count ? "\($0.channels.count) of \($0.count)" : "\($0.count)" }
        ?? "r: ranges")
    guard let ridge, !ridge.channels.isEmpty else {
      let reason = current.map { $0.kind == .weight ? $0.closed ?? "reading …" : "no matrix of weights" } ?? ""
      canvas.put(printable(reason), x: inside.x, y: inside.y, .dim, limit: inside.width)
      return
    }
    let sorted = ridge.channels.sorted { $0.extent == $1.extent ? $0.index < $1.index : $0.extent > $1.extent }
    let (labels, rest) = inside.splitLeft(7)
    let (bars, figures) = rest.splitLeft(max(8, rest.width - 10))
    let (rows, axis) = inside.splitBottom(inside.height >= 4 ? 1 : 0)
    // Where not all fit, they are taken evenly; zoomed, they scroll.
    let step = isZoomed ? 1 : max(1, sorted.count / max(1, rows.height))
    let start = isZoomed ? min(paneScroll, max(0, sorted.count - rows.height)) : 0
    for line in 0..<rows.height {
      let place = start + line * step
      guard sorted.indices.contains(place) else { break }
      let channel = sorted[place]
      let y = rows.y + line
      canvas.put("\(channel.index)", x: labels.x, y: y, width: labels.width - 1, .dim, alignment: .right)
      canvas.put(
        Format.significant(Double(channel.extent), 2), x: figures.x, y: y, width: figures.width, .normal,
        alignment: .right)
      let most = Double(channel.counts.max() ?? 0)
      guard most > 0 else { continue }
      var heights = SIMD32<UInt8>()
      for column in 0..<DistributionShape.columns {
        let pair = max(channel.counts[2 * column], channel.counts[2 * column + 1])
        if pair > 0 { heights[column] = UInt8(max(1, min(255, (Double(pair) / most * 255).rounded()))) }
      }
      let shape = DistributionShape(
        low: Float(ridge.range.lowerBound), high: Float(ridge.range.upperBound), heights: heights, isStretched: false)
      canvas.outline(shape, x: bars.x, y: y, width: bars.width)
    }
    let (low, high) = (Format.short(ridge.range.lowerBound), Format.short(ridge.range.upperBound))
    canvas.put(low, x: bars.x, y: axis.y, .dim, limit: bars.width)
    canvas.put(high, x: bars.x, y: axis.y, width: bars.width, .dim, alignment: .right)
    canvas.put(low, x: bars.x, y: axis.y, .dim, limit: bars.width)
  }

  private func drawRange(
    _ canvas: inout Canvas, _ rect: Rect, _ channel: Int, _ low: Double, _ high: Double, _ most: Double
  ) {
    canvas.put("\(channel)", x: rect.x, y: rect.y, width: 6, .dim, alignment: .right)
    let figures = "\(Format.significant(low, 2)) … \(Format.significant(high, 2))"
    let bar = Rect(x: rect.x + 7, y: rect.y, width: max(0, rect.width - 30), height: 1)
    let place = { (value: Double) in bar.x + Int(saturating: (value / most + 1) / 2 * Double(max(0, bar.width - 1))) }
    if bar.width > 4 {
      for x in place(low)...max(place(low), place(high)) {
        canvas.put(glyphs.isASCII ? "=" : "▄", x: x, y: rect.y, Style(.bar))
      }
      canvas.put(glyphs.vertical, x: place(0), y: rect.y, Style(.axis))
    }
    canvas.put(figures, x: bar.maxX + 1, y: rect.y, width: 22, .normal, alignment: .right)
  }
}
