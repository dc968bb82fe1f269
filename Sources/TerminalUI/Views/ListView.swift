import Checkpoints
import Compression
import FileAccess
import Numerics
import Workbench

extension State {
  /// The columns of the list as they are drawn.
  var shownColumns: [(column: Column, width: Int)] {
    shownColumns(in: Layout(state: self).list.width - 2)
  }

  private func shownColumns(in width: Int) -> [(column: Column, width: Int)] {
    Column.fitting(
      max(0, width), chosen: columns ?? preferredColumns, sorted: ordering.column, hasPrices: size.width >= 160,
      longestName: longestName)
  }

  /// Of long lists the first tell.
  var longestNameAmongRows: Int {
    rows.prefix(400).reduce(0) { most, row in
      switch row {
      case .block(let name, _, _): max(most, TextWidth.columns(of: shortBlock(name)) + 2)
      case .item(let id, let depth):
        session.item(id: id).map { max(most, 2 * Int(depth) + TextWidth.columns(of: shortName($0, depth: Int(depth)))) }
          ?? most
      }
    }
  }

  /// The tree of blocks and layers, or the flat list that a sort makes of it.
  func drawList(_ canvas: inout Canvas, _ frame: Rect, _ inside: Rect) {
    canvas.frame(frame, title: listTitle, note: listNotes.joined(separator: " · "))
    let columns = shownColumns(in: inside.width - 2)
    drawHeadings(&canvas, inside.x + 2, inside.y - 1, columns)
    let selected = selection
    let drawing = RowDrawing(
      columns: columns, total: session.damageTotal, most: session.damageMost, prefix: commonPrefix)
    for line in 0..<inside.height {
      let index = scroll + line
      guard rows.indices.contains(index) else { break }
      let row = rows[index]
      let isMarked = !row.items.isEmpty && row.items.allSatisfy(selected.contains)
      let surface: Role? = index == cursor ? .cursorRow : isMarked ? .selection : nil
      let y = inside.y + line
      canvas.fill(inside.row(line), " ", surface.map { Style($0) } ?? .normal)
      canvas.mark(inside.row(line), .row(index))
      if case .block = row { canvas.mark(Rect(x: inside.x, y: y, width: 4, height: 1), .fold(index)) }
      let mark = index == cursor ? String(glyphs.cursorMark) : isMarked ? String(glyphs.markedMark) : " "
      canvas.put(mark, x: inside.x, y: y, Style(.accent, on: surface))
      drawRow(&canvas, row, x: inside.x + 1, y, drawing, surface)
      if index == cursor { canvas.cursor = Canvas.Cursor(Point(x: inside.x, y: y)) }
    }
    if rows.isEmpty {
      let text =
        filter.isEmpty ? "this model has no tensors" : "no layer has \"\(filter.text)\"; Esc shows all"
      canvas.put(text, x: inside.x + 1, y: inside.y, .dim, limit: inside.width - 2)
    }
  }

  /// `Layers` with both counts: the weights, which are shown, and all.
  private var listTitle: String {
    let all = session.items.count
    if showsAll || weightCount == all { return "Layers" }
    return "Layers \(weightCount) of \(all)"
  }

  private var listNotes: [String] {
    let selected = selection
    var notes: [String] = []
    if !filter.isEmpty { notes.append("/\(filter.text)") }
    if !selected.isEmpty {
      let hidden = hidden(among: selected)
      notes.append("\(selected.count) marked" + (hidden > 0 ? ", \(hidden) hidden" : ""))
    }
    // Where the header has no room for it.
    if let target = session.target, size.width < 100 {
      notes.append(figures.misfits.isEmpty ? target.name : "\(target.name) \(glyphs.times)\(figures.misfits.count)")
    }
    if session.isLocked { notes.append("locked") }
    notes.append(rows.isEmpty ? "0/0" : "\(cursor + 1)/\(rows.count)")
    return notes
  }

  private func drawHeadings(
    _ canvas: inout Canvas, _ x: Int, _ y: Int, _ columns: [(column: Column, width: Int)]
  ) {
    var x = x
    for (column, width) in columns {
      var title = column.title
      if ordering.column == column {
        title += String(ordering.isDescending ? glyphs.descending : glyphs.ascending)
      }
      canvas.put(
        title, x: x, y: y, width: width, Style(ordering.column == column ? .accent : .dim),
        alignment: column.isNumber ? .right : .left)
      canvas.mark(Rect(x: x, y: y, width: width, height: 1), .sort(column))
      x += width + 1
    }
  }

  /// What all rows of a frame are drawn with.
  private struct RowDrawing {
    let columns: [(column: Column, width: Int)]
    /// The damage of all items together, and of the worst.
    let total: Double
    let most: Double
    /// What all names begin with.
    let prefix: String
  }

  private func drawRow(
    _ canvas: inout Canvas, _ row: Row, x: Int, _ y: Int, _ drawing: RowDrawing, _ surface: Role?
  ) {
    var x = x + 1
    // A block may hold thousands of items: they are added up once for all its cells.
    let subtotal = if case .block(_, _, let ids) = row { session.subtotal(of: ids) } else { Session.Subtotal() }
    let isBlock = if case .block = row { true } else { false }
    for (column, width) in drawing.columns {
      let field = Rect(x: x, y: y, width: width, height: 1)
      x += width + 1
      switch column {
      case .distribution:
        drawDistribution(&canvas, row, field, surface)
        continue
      case .bar:
        drawBar(&canvas, row, subtotal, field, drawing.most, surface)
        continue
      default: break
      }
      let (full, role) = cell(column, of: row, subtotal, total: drawing.total)
      // Who chose gives way where the scheme needs the room; the colour still tells it.
      let isMarked = full.hasSuffix(" \(glyphs.pencil)") || full.hasSuffix(" \(glyphs.searchMark)")
      var text = isMarked && TextWidth.columns(of: full) > width ? String(full.dropLast(2)) : full
      // So does how far out that is.
      if column == .range, TextWidth.columns(of: text) > width { text = String(text.prefix { $0 != " " }) }
      var style = role.map { Style($0, on: surface) } ?? surface.map { Style($0) } ?? .normal
      if column == .name {
        style.bold = isBlock
        drawName(&canvas, text, field, style, drawing.prefix, surface)
      } else {
        canvas.put(text, x: field.x, y: y, width: width, style, alignment: column.isNumber ? .right : .left)
      }
    }
  }

  /// A name: cut in its middle, its end whole for as long as it goes, what all names begin with dim.
  private func drawName(
    _ canvas: inout Canvas, _ text: String, _ field: Rect, _ style: Style, _ prefix: String, _ surface: Role?
  ) {
    let marks = text.prefix { $0 == " " || $0 == glyphs.folded || $0 == glyphs.unfolded }
    let name = String(text.dropFirst(marks.count))
    let start = canvas.put(String(marks), x: field.x, y: field.y, style, limit: field.width)
    let shown = TextWidth.clippedName(name, to: max(0, field.maxX - start))
    guard !prefix.isEmpty, shown.hasPrefix(prefix), shown.count > prefix.count else {
      canvas.put(shown, x: start, y: field.y, style, limit: field.maxX - start)
      return
    }
    let rest = canvas.put(prefix, x: start, y: field.y, Style(.dim, on: surface), limit: field.maxX - start)
    canvas.put(String(shown.dropFirst(prefix.count)), x: rest, y: field.y, style, limit: field.maxX - rest)
  }

  /// What all names in a flat list begin with, to a part's end; none in a tree, whose blocks say it once.
  private var commonPrefix: String {
    guard rows.count > 1 else { return "" }
    var common: Substring?
    for row in rows {
      guard case .item(let id, 0) = row, let item = session.item(id: id) else { return "" }
      let name = printable(item.name)
      let before = common ?? name[...]
      let length = zip(before, name).prefix { $0 == $1 }.count
      common = before.prefix(length)
      if length == 0 { return "" }
    }
    guard let common, let end = common.lastIndex(where: { $0 == "." || $0 == "/" }) else { return "" }
    // A letter or two are not worth another shade.
    return common[...end].count > 3 ? String(common[...end]) : ""
  }
}
