import Workbench

extension State {
  /// Every scheme for the layer under the cursor, with its size and its error; what does not fit is dim, with the
  /// reason. Below the list the histogram with the levels of the scheme under the cursor.
  func drawSchemes(_ canvas: inout Canvas, _ popup: Popup) {
    let offers = schemeOffers
    let count = targets.count
    let sparsity = subject.map { session.scheme(of: $0).sparsity } ?? .none
    let whole = canvas.popup(
      width: min(size.width - 6, 84), height: min(size.height - 4, offers.count + 1),
      title: subject.map { printable($0.name) } ?? "", note: count > 1 ? "for \(count) layers" : "Enter chooses",
      in: belowHeader)
    let (inside, strip) = whole.splitBottom(whole.height >= 16 ? min(10, whole.height / 3) : 0)
    if strip.height > 2 { drawLevels(&canvas, strip) }
    let columns = [inside.x, inside.x + 33, inside.x + 44, inside.x + 54]
    canvas.put(
      sparsity == .none ? "scheme" : "scheme, \(Scheme(.keep, sparsity: sparsity).description.dropFirst(5))",
      x: columns[0], y: inside.y, .dim, limit: 32)
    canvas.put("size", x: columns[1], y: inside.y, width: 10, .dim, alignment: .right)
    canvas.put("t²", x: columns[2], y: inside.y, width: 9, .dim, alignment: .right)
    canvas.put("SQNR dB", x: columns[3], y: inside.y, width: 8, .dim, alignment: .right)
    let area = inside.splitTop(1).rest
    let first = max(0, min(popup.cursor - area.height / 2, offers.count - area.height))
    for row in 0..<area.height {
      guard offers.indices.contains(first + row) else { break }
      let offer = offers[first + row]
      let surface: Role? = first + row == popup.cursor ? .cursorRow : nil
      let style = offer.obstacle == nil ? surface.map { Style($0) } ?? .normal : Style(.dim, on: surface)
      let y = area.y + row
      canvas.fill(area.row(row), " ", surface.map { Style($0) } ?? .normal)
      // The layer's sparsity stands in the heading.
      canvas.put(Scheme(offer.scheme.format).description, x: columns[0], y: y, width: 33, style)
      if let obstacle = offer.obstacle {
        canvas.put(obstacle, x: columns[1] + 2, y: y, style, limit: area.maxX - columns[1] - 2)
        continue
      }
      canvas.put(Format.bytes(offer.bytes), x: columns[1], y: y, width: 10, style, alignment: .right)
      let error = offer.relativeError
      let mark = offer.isEstimated ? "\(glyphs.approximately)" : ""
      canvas.put(
        error.map { mark + Format.scientific($0) } ?? "…", x: columns[2], y: y, width: 9, style, alignment: .right)
      canvas.put(
        error.flatMap(decibels(relativeError:)).map { Format.fixed($0, 1) } ?? "", x: columns[3], y: y, width: 8,
        style, alignment: .right)
    }
  }

  /// The layer's histogram with the levels of the scheme under the cursor on its axis.
  private func drawLevels(_ canvas: inout Canvas, _ rect: Rect) {
    guard let item = subject, let survey = session.survey(of: item) else { return }
    let scheme = consideredScheme
    let assessment = scheme.flatMap { session.assessment(of: item, in: $0) }
    let levels = assessment?.levels ?? scheme.flatMap { session.answer(of: item, in: $0)?.levels }
    let caption: String
    if let levels {
      caption = levels.scales > 1 ? "levels of the mean of \(levels.scales) scales" : "levels"
    } else if let scheme {
      caption = assessment != nil || scheme.isKeep ? "no grid of levels" : "levels …"
    } else {
      caption = "it does not fit"
    }
    canvas.put(caption, x: rect.x, y: rect.y, levels == nil ? .dim : Style(.level), limit: rect.width)
    let pruned = prunedRange(assessment?.pruneLimit)
    drawStrip(&canvas, rect.splitTop(1).rest, survey, levels: levels, pruned: pruned)
  }
}
