import Compression
import FileAccess
import Workbench

extension State {
  /// Error against bits: t² of every width at every granularity, symmetric and affine, with the sparsity as chosen.
  func drawErrors(_ canvas: inout Canvas, _ frame: Rect) {
    let scheme = current.map { session.scheme(of: $0) } ?? .keep
    let note =
      scheme.sparsity == .none
      ? "exact" : "exact, with \(Scheme(.keep, sparsity: scheme.sparsity).description.dropFirst(5))"
    let inside = drawFrame(&canvas, frame, .errors, title: "t² by bits" + zoomedName, note: note)
    guard let item = current, item.kind == .weight else {
      canvas.put("no matrix of weights", x: inside.x, y: inside.y, .dim, limit: inside.width)
      return
    }
    guard let table = session.table(of: item, sparsity: scheme.sparsity) else {
      canvas.put(
        printable(session.answers.failures[item.id] ?? item.closed ?? "reading …"), x: inside.x, y: inside.y,
        .dim, limit: inside.width)
      return
    }
    // A table of eight lines a symmetry: side by side, one below the other, or that of the scheme alone.
    let columnWidth = 7
    let tableWidth = 4 + ErrorTable.granularities.count * columnWidth
    // What is kept shows the symmetry that the chosen target takes.
    let likely = scheme.format == .keep ? session.startingFormat(for: item).map { Scheme($0) } ?? scheme : scheme
    let own: Symmetry = symmetry(of: likely) == .affine ? .affine : .symmetric
    let other: Symmetry = own == .affine ? .symmetric : .affine
    let isSideBySide = inside.width >= 2 * tableWidth + 2
    let isStacked = !isSideBySide && inside.height >= 17
    let (area, curve) = inside.splitTop(isStacked ? 17 : 8)
    drawTable(&canvas, area, table, own, scheme)
    if isSideBySide { drawTable(&canvas, area.splitLeft(tableWidth + 2).rest, table, other, scheme) }
    if isStacked { drawTable(&canvas, area.splitTop(9).rest, table, other, scheme) }
    if let places = formatsPlace(inside, tables: 2 * tableWidth + 4) { drawFormats(&canvas, places, item, scheme) }
    guard isZoomed, curve.height >= 8 else { return }
    let (decibels, plot) = curve.splitTop(curve.height >= 18 ? 9 : 0)
    if decibels.height > 0 {
      let below = decibels.splitTop(1).rest
      drawTable(&canvas, below, table, own, scheme, asDecibels: true)
      if isSideBySide {
        drawTable(&canvas, below.splitLeft(tableWidth + 2).rest, table, other, scheme, asDecibels: true)
      }
    }
    drawErrorCurve(&canvas, plot, table, own)
  }

  /// Where the errors of small floats and codebooks stand: beside the tables, where they fill the screen.
  private func formatsPlace(_ inside: Rect, tables: Int) -> Rect? {
    guard isZoomed, inside.width >= tables + 30 else { return nil }
    return inside.splitLeft(tables).rest.splitTop(Scheme.compared.count + 1).top
  }

  private func drawFormats(_ canvas: inout Canvas, _ rect: Rect, _ item: Item, _ scheme: Scheme) {
    canvas.put("t²", x: rect.x + 15, y: rect.y, width: 7, .dim, alignment: .right)
    canvas.put("dB", x: rect.x + 22, y: rect.y, width: 7, .dim, alignment: .right)
    for (row, format) in Scheme.compared.enumerated() where row + 1 < rect.height {
      let y = rect.y + 1 + row
      let offer = Scheme(format, sparsity: scheme.sparsity)
      let fits = item.obstacle(to: offer) == nil
      let error = fits ? session.relativeError(of: item, in: offer) : nil
      canvas.put(Scheme(format).description, x: rect.x, y: y, width: 15, fits ? Style(.key) : .dim)
      let style =
        scheme.format == format ? Style(.selection) : error == nil || isBeyondTarget(format, scheme) ? .dim : .normal
      canvas.put(
        error.map { Format.scientific($0) } ?? (fits ? "…" : "-"), x: rect.x + 15, y: y, width: 7, style,
        alignment: .right)
      canvas.put(error.map(decibelText) ?? "", x: rect.x + 22, y: y, width: 7, style, alignment: .right)
    }
  }

  /// Whether the chosen target cannot say a format for the layer under the cursor.
  private func isBeyondTarget(_ format: Scheme.Format, _ scheme: Scheme) -> Bool {
    guard session.target != nil, let item = current else { return false }
    return session.targetObstacle(to: Scheme(format, sparsity: scheme.sparsity), of: item) != nil
  }

  private func symmetry(of scheme: Scheme) -> Symmetry? {
    if case .uniform(let uniform) = scheme.format { uniform.symmetry } else { nil }
  }

  /// Bits downwards, granularities from the coarsest to the finest; the chosen cell is marked.
  private func drawTable(
    _ canvas: inout Canvas, _ rect: Rect, _ table: ErrorTable, _ symmetry: Symmetry, _ scheme: Scheme,
    asDecibels: Bool = false
  ) {
    let granularities: [Granularity] = [.tensor, .channel, .group(128), .group(64), .group(32)]
    let shown = min(granularities.count, max(0, (rect.width - 4) / 7))
    // Where not all fit, the finest stay.
    let columns = granularities.suffix(shown)
    canvas.put(asDecibels ? "dB" : symmetry == .affine ? "aff" : "sym", x: rect.x, y: rect.y, .dim)
    for (column, granularity) in columns.enumerated() {
      let name =
        if case .group(let size) = granularity { "g\(size)" } else {
          granularity == .channel ? "chan" : "tensor"
        }
      canvas.put(name, x: rect.x + 4 + column * 7, y: rect.y, width: 6, .dim, alignment: .right)
    }
    for (row, bits) in ErrorTable.widths.reversed().enumerated() where row + 1 < rect.height {
      let y = rect.y + 1 + row
      canvas.put("\(bits)", x: rect.x, y: y, width: 3, Style(.key), alignment: .right)
      for (column, granularity) in columns.enumerated() {
        let cell = Scheme.Format.uniform(
          UniformScheme(bits: bits, granularity: granularity, symmetry: symmetry))
        let error = toolError(Scheme(cell, sparsity: scheme.sparsity)) ?? table[bits, symmetry, granularity]
        canvas.put(
          error.map { asDecibels ? decibelText($0) : Format.scientific($0) } ?? "-", x: rect.x + 4 + column * 7, y: y,
          width: 6,
          scheme.format == cell ? Style(.selection) : error == nil || isBeyondTarget(cell, scheme) ? .dim : .normal,
          alignment: .right)
      }
    }
  }

  /// The error of the numbers that the chosen target's tool makes, where they are its own; `nil` while it is not known.
  private func toolError(_ scheme: Scheme) -> Double? {
    guard session.target != nil, let item = current, session.made(scheme, of: item) != scheme else { return nil }
    return session.relativeError(of: item, in: scheme)
  }

  private func decibelText(_ error: Double) -> String {
    decibels(relativeError: error).map { Format.fixed($0, 1) } ?? "exact"
  }

  /// The same as curves, when there is room.
  private func drawErrorCurve(_ canvas: inout Canvas, _ rect: Rect, _ table: ErrorTable, _ symmetry: Symmetry) {
    let marks: [Character] = ["t", "c", "a", "b", "d"]
    let series = zip(ErrorTable.granularities, marks).map { granularity, mark in
      PointPlot.Series(
        granularity.description,
        points: ErrorTable.widths.compactMap { bits in
          table[bits, symmetry, granularity].map { (Double(bits), $0) }
        }, role: granularity == .tensor ? .curve : .axis, mark: mark, isJoined: true)
    }
    canvas.draw(
      PointPlot(
        series.filter { !$0.points.isEmpty },
        y: Axis(holding: series.flatMap { $0.points.map(\.y) }, scale: .logarithmic),
        xTitle: "bits", yTitle: "t²"), in: rect)
  }
}
