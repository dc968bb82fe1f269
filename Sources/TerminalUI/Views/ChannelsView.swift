import Compression
import Workbench

extension State {
  /// The range of each output channel: where one channel is wider than the others, a scale a tensor wastes codes.
  func drawChannels(_ canvas: inout Canvas, _ frame: Rect) {
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
