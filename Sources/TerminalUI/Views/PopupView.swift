import Workbench

extension State {
  func drawPopup(_ canvas: inout Canvas) {
    guard let popup else { return }
    switch popup.content {
    case .help: drawHelp(&canvas, popup)
    case .schemes: drawSchemes(&canvas, popup)
    case .prune(let choice): drawPrune(&canvas, choice)
    case .text(let title, let lines):
      let width = lines.map(TextWidth.columns(of:)).max() ?? 0
      let inside = canvas.popup(
        width: width, height: lines.count, title: title, note: "Esc closes",
        in: belowHeader)
      for (row, line) in lines.enumerated() where row < inside.height {
        canvas.put(line, x: inside.x, y: inside.y + row, .normal, limit: inside.width)
      }
    }
  }

  /// Where popups stand: the totals stay in sight.
  private var belowHeader: Rect { Rect(size).splitTop(1).rest }

  /// The commands with their keys; those that do nothing here are dim and say why.
  private func drawHelp(_ canvas: inout Canvas, _ popup: Popup) {
    let commands = popupCommands
    let inside = canvas.popup(
      width: min(size.width - 6, 92), height: min(size.height - 4, commands.count + 2), title: "Help",
      note: "type to search · Enter runs", in: belowHeader)
    canvas.put("search: \(popup.filter)", x: inside.x, y: inside.y, Style(.key), limit: inside.width)
    canvas.cursor = Canvas.Cursor(
      Point(x: min(inside.maxX - 1, inside.x + 8 + TextWidth.columns(of: popup.filter)), y: inside.y),
      isVisible: true)
    let area = inside.splitTop(1).rest
    let first = max(0, min(popup.cursor - area.height / 2, commands.count - area.height))
    for row in 0..<area.height {
      guard commands.indices.contains(first + row) else { break }
      let command = commands[first + row]
      let isHere = first + row == popup.cursor
      let obstacle = command.obstacle(self)
      let surface: Role? = isHere ? .cursorRow : nil
      let y = area.y + row
      canvas.fill(area.row(row), " ", surface.map { Style($0) } ?? .normal)
      let text = obstacle == nil ? nil : Role.dim
      canvas.put(command.keyLabel, x: area.x, y: y, width: 14, Style(text ?? .key, on: surface))
      canvas.put(
        ":\(command.name) \(command.arguments)", x: area.x + 15, y: y, width: min(30, area.width / 3),
        Style(text ?? .normal, on: surface))
      let x = area.x + 16 + min(30, area.width / 3)
      var words = command.summary
      if let obstacle {
        // Where there is no room for both, the reason is what is missing.
        let reason = "not here: \(obstacle)"
        words += " (\(reason))"
        if TextWidth.columns(of: words) > area.maxX - x { words = reason }
      }
      canvas.put(words, x: x, y: y, Style(text ?? .normal, on: surface), limit: area.maxX - x)
    }
    if commands.isEmpty { canvas.put("nothing of that name", x: area.x, y: area.y, .dim, limit: area.width) }
  }

  /// Every scheme for the layer under the cursor, with its size and its error; what does not fit is dim, with the reason.
  private func drawSchemes(_ canvas: inout Canvas, _ popup: Popup) {
    let offers = schemeOffers
    let title = subject.map { printable($0.name) } ?? ""
    let count = targets.count
    let whole = canvas.popup(
      width: min(size.width - 6, 76), height: min(size.height - 4, offers.count + 1), title: title,
      note: count > 1 ? "for \(count) layers" : "Enter chooses", in: belowHeader)
    // Below the list the histogram with the levels of the scheme under the cursor.
    let (inside, strip) = whole.splitBottom(whole.height >= 16 ? min(10, whole.height / 3) : 0)
    if strip.height > 2, let item = subject, let survey = session.survey(of: item) {
      let scheme = consideredScheme
      let levels = scheme.flatMap {
        session.assessment(of: item, in: $0)?.levels ?? session.findings.answers[item.id]?[$0]?.levels
      }
      let caption =
        scheme == nil
        ? "no levels: it does not fit"
        : levels == nil
          ? "levels …"
          : "levels"
            + ((levels?.scales ?? 1) > 1 ? " of the mean of \(levels?.scales ?? 1) scales" : "")
      canvas.put(caption, x: strip.x, y: strip.y, levels == nil ? .dim : Style(.level), limit: strip.width)
      let limit = scheme.flatMap { session.assessment(of: item, in: $0)?.pruneLimit }
      drawStrip(
        &canvas, strip.splitTop(1).rest, survey, levels: levels, pruned: limit.map { -Double($0)...Double($0) })
    }
    canvas.put("scheme", x: inside.x, y: inside.y, .dim)
    canvas.put("size", x: inside.x + 28, y: inside.y, width: 10, .dim, alignment: .right)
    canvas.put("t²", x: inside.x + 39, y: inside.y, width: 9, .dim, alignment: .right)
    canvas.put("SQNR dB", x: inside.x + 49, y: inside.y, width: 8, .dim, alignment: .right)
    let area = inside.splitTop(1).rest
    let first = max(0, min(popup.cursor - area.height / 2, offers.count - area.height))
    for row in 0..<area.height {
      guard offers.indices.contains(first + row) else { break }
      let offer = offers[first + row]
      let surface: Role? = first + row == popup.cursor ? .cursorRow : nil
      let style = offer.obstacle == nil ? surface.map { Style($0) } ?? .normal : Style(.dim, on: surface)
      let y = area.y + row
      canvas.fill(area.row(row), " ", surface.map { Style($0) } ?? .normal)
      canvas.put(offer.scheme.description, x: area.x, y: y, width: 28, style)
      canvas.put(Format.bytes(offer.bytes), x: area.x + 28, y: y, width: 10, style, alignment: .right)
      if let obstacle = offer.obstacle {
        canvas.put(obstacle, x: area.x + 40, y: y, style, limit: area.maxX - area.x - 40)
        continue
      }
      let error = offer.relativeError
      canvas.put(
        error.map { (offer.isEstimated ? "\(glyphs.approximately)" : "") + Format.scientific($0) } ?? "…",
        x: area.x + 39, y: y, width: 9, style,
        alignment: .right)
      canvas.put(
        error.flatMap(decibels(relativeError:)).map { Format.fixed($0, 1) } ?? "", x: area.x + 49, y: y,
        width: 8, style,
        alignment: .right)
    }
  }
}
