import Compression
import FileAccess
import Workbench

extension State {
  /// Error against bits: t² of every width at every granularity, symmetric and affine, with the sparsity as chosen; or of
  /// the types that the chosen target has.
  ///
  /// - Parameter cursor: the cell that the keys stand on.
  func drawErrors(_ canvas: inout Canvas, _ frame: Rect, cursor: (row: Int, column: Int)? = nil) {
    let scheme = current.map { session.scheme(of: $0) } ?? .keep
    let note =
      scheme.sparsity == .none
      ? "exact" : "exact, with \(Scheme(.keep, sparsity: scheme.sparsity).description.dropFirst(5))"
    let title = (showsDecibels ? "dB by bits" : "t² by bits") + zoomedName
    let inside = drawFrame(&canvas, frame, .errors, title: title, note: cursor == nil ? note : "Enter takes · d dB")
    guard let item = current, item.kind == .weight else {
      canvas.put("no matrix of weights", x: inside.x, y: inside.y, .dim, limit: inside.width)
      return
    }
    guard let grid = errorGrid else {
      canvas.put(
        printable(session.answers.failures[item.id] ?? item.closed ?? "reading …"), x: inside.x, y: inside.y,
        .dim, limit: inside.width)
      return
    }
    if grid.groups.count == 1 {
      drawTypes(&canvas, inside, grid, item, scheme, cursor?.row)
      return
    }
    // A table of eight lines a symmetry: side by side, one below the other, or that of the cursor or the scheme alone.
    let tableWidth = 4 + Self.tableGranularities.count * Self.cellWidth
    let own = ownGroup(scheme, item, cursor)
    let isSideBySide = inside.width >= 2 * tableWidth + 2
    let isStacked = !isSideBySide && inside.height >= 17
    let (area, curve) = inside.splitTop(isStacked ? 17 : 8)
    if isSideBySide {
      // Walked, they keep their places.
      let first = cursor == nil ? own : 0
      drawGroup(&canvas, area, grid, first, scheme, cursor)
      drawGroup(&canvas, area.splitLeft(tableWidth + 2).rest, grid, 1 - first, scheme, cursor)
    } else {
      drawGroup(&canvas, area, grid, own, scheme, cursor)
      if isStacked { drawGroup(&canvas, area.splitTop(9).rest, grid, 1 - own, scheme, cursor) }
    }
    if let places = formatsPlace(inside, tables: 2 * tableWidth + 4) { drawFormats(&canvas, places, item, scheme) }
    guard isZoomed, curve.height >= 8, let table = session.table(of: item, sparsity: scheme.sparsity) else { return }
    drawErrorCurve(&canvas, curve, table, own == 1 ? .affine : .symmetric)
  }

  static let cellWidth = 7

  /// Which group is seen where there is room for one: the cursor's, or the scheme's own.
  private func ownGroup(_ scheme: Scheme, _ item: Item, _ cursor: (row: Int, column: Int)?) -> Int {
    if let cursor { return cursor.column / Self.tableGranularities.count }
    // What is kept shows the symmetry that the chosen target takes.
    let likely = scheme.format == .keep ? session.startingFormat(for: item) ?? scheme.format : scheme.format
    if case .uniform(let uniform) = likely, uniform.symmetry == .affine { return 1 }
    return 0
  }

  /// Bits downwards, granularities from the coarsest to the finest; coloured by the error, what is beaten dim, the chosen
  /// cell and the cursor's marked.
  private func drawGroup(
    _ canvas: inout Canvas, _ rect: Rect, _ grid: ErrorGrid, _ group: Int, _ scheme: Scheme,
    _ cursor: (row: Int, column: Int)?
  ) {
    let titles = grid.groups[group].columns
    // Where not all fit, the finest stay, and the cursor's.
    let shown = min(titles.count, max(0, (rect.width - 4) / Self.cellWidth))
    var first = titles.count - shown
    if let cursor, cursor.column / titles.count == group { first = min(first, cursor.column % titles.count) }
    canvas.put(grid.groups[group].title, x: rect.x, y: rect.y, .dim)
    for place in 0..<shown {
      canvas.put(
        titles[first + place], x: rect.x + 4 + place * Self.cellWidth, y: rect.y, width: Self.cellWidth - 1, .dim,
        alignment: .right)
    }
    for (row, line) in grid.rows.enumerated() where row + 1 < rect.height {
      let y = rect.y + 1 + row
      canvas.put(line.label, x: rect.x, y: y, width: 3, Style(.key), alignment: .right)
      for place in 0..<shown {
        let column = group * titles.count + first + place
        let field = Rect(x: rect.x + 4 + place * Self.cellWidth, y: y, width: Self.cellWidth - 1, height: 1)
        let isHere = cursor.map { $0.row == row && $0.column == column } ?? false
        drawCell(&canvas, field, line.cells[column], scheme, isHere: isHere)
        canvas.mark(field, .errorCell(row * 100 + column))
      }
    }
  }

  private func drawCell(
    _ canvas: inout Canvas, _ field: Rect, _ cell: ErrorGrid.Cell?, _ scheme: Scheme, isHere: Bool
  ) {
    let style: Style
    if isHere {
      style = Style(.cursorRow)
      canvas.cursor = Canvas.Cursor(Point(x: field.x, y: field.y))
    } else if let cell, scheme.format == cell.format {
      style = Style(.selection)
    } else if let cell, let error = cell.error, !cell.isBeyond, !cell.isDominated {
      style = error > 0 ? Heat.style((6 + logarithm(error)) / 6) : .normal
    } else {
      style = .dim
    }
    canvas.put(
      cell.map { $0.error.map(errorText) ?? ($0.isBeyond ? "-" : "…") } ?? "-", x: field.x, y: field.y,
      width: field.width, style, alignment: .right)
  }

  private func errorText(_ error: Double) -> String {
    showsDecibels ? decibelText(error) : Format.scientific(error)
  }

  /// The chosen target's types, the most bits first: error both ways, bytes, bits per weight.
  private func drawTypes(
    _ canvas: inout Canvas, _ rect: Rect, _ grid: ErrorGrid, _ item: Item, _ scheme: Scheme, _ cursor: Int?
  ) {
    canvas.put("type", x: rect.x, y: rect.y, .dim)
    for (x, title) in [(13, "t²"), (21, "dB"), (29, "size"), (39, "bpw")] where x + 6 <= rect.width {
      canvas.put(title, x: rect.x + x, y: rect.y, width: 8, .dim, alignment: .right)
    }
    let area = rect.splitTop(1).rest
    let present = cursor ?? grid.place(of: scheme.format)?.row ?? 0
    let first = max(0, min(present - area.height / 2, grid.rows.count - area.height))
    for line in 0..<area.height {
      let row = first + line
      guard let cell = grid[row, 0] else { break }
      let y = area.y + line
      let isDim = cell.isBeyond || cell.isDominated
      let surface: Role? = cursor == row ? .cursorRow : cell.format == scheme.format ? .selection : nil
      canvas.fill(area.row(line), " ", surface.map { Style($0) } ?? .normal)
      canvas.put(
        grid.rows[row].label, x: area.x, y: y, isDim ? Style(.dim, on: surface) : Style(.key, on: surface), limit: 12)
      let heat = isDim ? nil : cell.error.flatMap { $0 > 0 ? Heat.style((6 + logarithm($0)) / 6) : nil }
      let plain = isDim ? Style(.dim, on: surface) : surface.map { Style($0) } ?? .normal
      canvas.put(
        cell.error.map { Format.scientific($0) } ?? (cell.isBeyond ? "-" : "…"), x: area.x + 14, y: y, width: 7,
        surface == nil ? heat ?? plain : plain, alignment: .right)
      canvas.put(cell.error.map(decibelText) ?? "", x: area.x + 21, y: y, width: 8, plain, alignment: .right)
      if rect.width >= 38 {
        canvas.put(Format.bytes(cell.bytes), x: area.x + 29, y: y, width: 9, plain, alignment: .right)
      }
      if rect.width >= 46 {
        let bits = Format.fixed(Double(cell.bytes) * 8 / Double(max(1, item.count)), 2)
        canvas.put(bits, x: area.x + 39, y: y, width: 7, plain, alignment: .right)
      }
      canvas.mark(area.row(line), .errorCell(row * 100))
      if cursor == row { canvas.cursor = Canvas.Cursor(Point(x: area.x, y: y)) }
    }
  }

  // MARK: - Beside and below the table

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
      let isBeyond = session.targetObstacle(to: offer, of: item) != nil
      let error = fits ? session.relativeError(of: item, in: offer) : nil
      canvas.put(Scheme(format).description, x: rect.x, y: y, width: 15, fits ? Style(.key) : .dim)
      let style: Style = scheme.format == format ? Style(.selection) : error == nil || isBeyond ? .dim : .normal
      canvas.put(
        error.map { Format.scientific($0) } ?? (fits ? "…" : "-"), x: rect.x + 15, y: y, width: 7, style,
        alignment: .right)
      canvas.put(error.map(decibelText) ?? "", x: rect.x + 22, y: y, width: 7, style, alignment: .right)
    }
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
