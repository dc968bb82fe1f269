import Compression
import FileAccess
import Workbench

extension State {
  /// The map: a cell a layer, coloured by what was asked for, sums at the right and at the foot.
  func drawMap(_ canvas: inout Canvas, _ frame: Rect, _ map: LayerMap) {
    let words = LayerMap.Quantity.allCases.map { $0 == map.quantity ? "[\($0.rawValue)]" : $0.rawValue }
    let inside = canvas.frame(
      frame, title: "Map", note: "h: " + words.joined(separator: " "), style: Style(.focusedBorder))
    let (head, rest) = inside.splitTop(1)
    let (body, foot) = rest.splitBottom(rest.height >= 6 ? 2 : 0)
    guard body.height > 0 else { return }
    let cell = 5
    let nameWidth = min(
      max(10, inside.width / 4), map.rows.map { TextWidth.columns(of: shortBlockName($0.name)) }.max() ?? 10)
    let sumWidth = inside.width >= nameWidth + 40 ? 10 : 0
    let room = max(1, (inside.width - nameWidth - 2 - sumWidth) / cell)
    let firstColumn = max(0, min(max(0, map.place.column) - room / 2, map.columns.count - room))
    let shownColumns = firstColumn..<min(map.columns.count, firstColumn + room)
    let firstRow = max(0, min(max(0, map.place.row) - body.height / 2, map.rows.count - body.height))
    let x0 = inside.x + nameWidth + 2
    let covered = map.covered
    for column in shownColumns {
      let place = Rect(x: x0 + (column - firstColumn) * cell, y: head.y, width: cell - 1, height: 1)
      let isHere = map.place.row < 0 && covered.columns.contains(column)
      canvas.put(
        map.columns[column], x: place.x, y: place.y, width: place.width, Style(isHere ? .cursorRow : .key),
        alignment: .right)
      canvas.mark(place, .mapCell(MapPlace(row: -1, column: column)))
    }
    if sumWidth > 0 { canvas.put("Δ by layer", x: inside.maxX - sumWidth, y: head.y, .dim, limit: sumWidth) }
    let most = mapDamages(map).max() ?? 0
    for line in 0..<body.height {
      let row = firstRow + line
      guard map.rows.indices.contains(row) else { break }
      let y = body.y + line
      let isHere = map.place.column < 0 && covered.rows.contains(row)
      let name = Rect(x: inside.x, y: y, width: nameWidth, height: 1)
      canvas.put(
        TextWidth.clippedName(printable(shortBlockName(map.rows[row].name)), to: nameWidth), x: name.x, y: y,
        width: nameWidth, isHere ? Style(.cursorRow) : .normal)
      canvas.mark(name, .mapCell(MapPlace(row: row, column: -1)))
      for column in shownColumns {
        let place = Rect(x: x0 + (column - firstColumn) * cell, y: y, width: cell - 1, height: 1)
        let isCovered = covered.rows.contains(row) && covered.columns.contains(column)
        drawCell(&canvas, place, map.rows[row].cells[column], map.quantity, isCovered: isCovered, most)
        canvas.mark(place, .mapCell(MapPlace(row: row, column: column)))
        if row == map.place.row, column == map.place.column { canvas.cursor = .init(Point(x: place.x, y: y)) }
      }
      guard sumWidth > 0 else { continue }
      let damages = map.rows[row].cells.filter { !$0.isEmpty }.map { ids in
        session.subtotal(of: ids).damage
      }
      canvas.sparkline(
        damages, of: most, x: inside.maxX - sumWidth, y: y, width: sumWidth, style: Style(.estimate))
    }
    drawMapFoot(&canvas, foot, map, shownColumns, x0, cell)
  }

  /// The names of blocks without what all share.
  private func shortBlockName(_ name: String) -> String { shortBlock(name) }

  /// Of each cell that is not empty.
  private func mapDamages(_ map: LayerMap) -> [Double] {
    map.rows.flatMap { line in
      line.cells.filter { !$0.isEmpty }.map { ids in
        session.subtotal(of: ids).damage
      }
    }
  }

  private func drawCell(
    _ canvas: inout Canvas, _ place: Rect, _ ids: [Item.ID], _ quantity: LayerMap.Quantity, isCovered: Bool,
    _ most: Double
  ) {
    let items = ids.compactMap(session.item(id:))
    guard !items.isEmpty else {
      canvas.put(isCovered ? "··" : "", x: place.x, y: place.y, width: place.width, .dim, alignment: .right)
      return
    }
    let (text, heat) = mapFigure(items, quantity, most)
    let isMarked = !marked.isEmpty && ids.allSatisfy(marked.contains)
    let style: Style =
      isCovered ? Style(.cursorRow) : isMarked ? Style(.selection) : heat.map { Heat.style($0) } ?? .dim
    canvas.put(text, x: place.x, y: place.y, width: place.width, style, alignment: .right)
  }

  /// A cell's figure in four letters, and how hot it is, from 0 to 1; `nil` where nothing is known.
  private func mapFigure(
    _ items: [Item], _ quantity: LayerMap.Quantity, _ most: Double
  ) -> (text: String, heat: Double?) {
    let count = items.reduce(0) { $0 + $1.count }
    guard count > 0 else { return ("", nil) }
    switch quantity {
    case .bits:
      let bytes = items.reduce(0) { $0 + session.bytes(of: $1, in: session.scheme(of: $1)).bytes }
      let bits = Double(bytes) * 8 / Double(count)
      let text = bits >= 9.95 || abs(bits - bits.rounded()) < 0.05 ? Format.fixed(bits, 0) : Format.fixed(bits, 1)
      let mark = items.contains { session.note(on: $0) != nil } ? "!" : ""
      // Few bits are hot: there is where the harm is.
      return (text + mark, items.allSatisfy { session.scheme(of: $0).isKeep } ? nil : 1 - min(1, bits / 9))
    case .error:
      var error = 0.0
      for item in items {
        guard let own = session.relativeError(of: item, in: session.scheme(of: item)) else { return ("…", nil) }
        error += own * Double(item.count)
      }
      error /= Double(count)
      return error == 0
        ? ("0", nil) : (Format.scientific(error, decimals: 0), min(1, max(0, (6 + logarithm(error)) / 6)))
    case .damage:
      let damage = session.subtotal(of: items.map(\.id)).damage
      let total = session.damageTotal
      guard total > 0 else { return ("0", nil) }
      let percent = damage / total * 100
      return (percent < 0.5 ? "<1%" : "\(Format.fixed(percent, 0))%", most > 0 ? damage / most : nil)
    case .outliers:
      let far = items.compactMap(session.reach).max()
      guard let far else { return ("…", nil) }
      return ("\(Format.fixed(min(9999, far), 0))σ", min(1, max(0, logarithm(far / 4) / 1.5)))
    case .zeros:
      let zeros = items.reduce(0.0) { $0 + (session.zeros(of: $1) ?? 0) * Double($1.count) } / Double(count)
      return ("\(Format.fixed(zeros * 100, 0))%", zeros > 0 ? zeros : nil)
    }
  }

  /// Below the cells: each column as a whole, and what the cursor is on.
  private func drawMapFoot(
    _ canvas: inout Canvas, _ foot: Rect, _ map: LayerMap, _ columns: Range<Int>, _ x0: Int, _ cell: Int
  ) {
    guard foot.height > 0 else { return }
    let items = map.items.compactMap(session.item(id:))
    if items.isEmpty { canvas.put("no layer here", x: foot.x, y: foot.maxY - 1, .dim, limit: foot.width) }
    let bytes = items.reduce(0) { $0 + session.bytes(of: $1, in: session.scheme(of: $1)).bytes }
    let name = items.count == 1 ? printable(items[0].name) : "\(items.count) layers"
    let schemes = Set(items.map { session.scheme(of: $0) })
    let scheme = schemes.count == 1 ? schemes.first.map(short) ?? "" : "\(schemes.count) schemes"
    if !items.isEmpty {
      canvas.put(
        "\(name)  \(scheme)  \(Format.bytes(items.reduce(0) { $0 + $1.bytes })) \(glyphs.isASCII ? "->" : "→") \(Format.bytes(bytes))",
        x: foot.x, y: foot.maxY - 1, Style(.accent), limit: foot.width)
    }
    // Of very many layers a sum with every frame would be felt.
    guard foot.height > 1, map.hasRoles, weightCount <= 5000 else { return }
    canvas.put("all", x: foot.x, y: foot.y, .dim)
    for column in columns {
      let ids = map.rows.flatMap { $0.cells[column] }
      let (text, _) = mapFigure(ids.compactMap(session.item(id:)), map.quantity, 0)
      canvas.put(
        text, x: x0 + (column - columns.lowerBound) * cell, y: foot.y, width: cell - 1, .dim, alignment: .right)
    }
  }
}
