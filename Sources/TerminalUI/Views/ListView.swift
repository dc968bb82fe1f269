import Checkpoints
import Compression
import FileAccess
import Numerics
import Workbench

extension State {
  /// The tree of blocks and layers, or the flat list that a sort makes of it.
  func drawList(_ canvas: inout Canvas, _ frame: Rect, _ inside: Rect) {
    let selected = selection
    let place = rows.isEmpty ? "0/0" : "\(cursor + 1)/\(rows.count)"
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
    notes.append(place)
    canvas.frame(frame, title: "Layers", note: notes.joined(separator: " · "))
    let columns = Column.fitting(inside.width - 2)
    drawHeadings(&canvas, inside.x + 2, inside.y - 1, columns)
    let total = session.damageTotal
    for line in 0..<inside.height {
      let index = scroll + line
      guard rows.indices.contains(index) else { break }
      let row = rows[index]
      let isMarked = !row.items.isEmpty && row.items.allSatisfy(selected.contains)
      let surface: Role? = index == cursor ? .cursorRow : isMarked ? .selection : nil
      let y = inside.y + line
      canvas.fill(inside.row(line), " ", surface.map { Style($0) } ?? .normal)
      let mark = index == cursor ? String(glyphs.cursorMark) : isMarked ? String(glyphs.markedMark) : " "
      canvas.put(mark, x: inside.x, y: y, Style(.accent, on: surface))
      drawRow(&canvas, row, x: inside.x + 1, y, columns, surface, total)
      if index == cursor { canvas.cursor = Canvas.Cursor(Point(x: inside.x, y: y)) }
    }
    if rows.isEmpty {
      let text =
        filter.isEmpty ? "this model has no tensors" : "no layer has \"\(filter.text)\"; Esc shows all"
      canvas.put(text, x: inside.x + 1, y: inside.y, .dim, limit: inside.width - 2)
    }
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
      x += width + 1
    }
  }

  private func drawRow(
    _ canvas: inout Canvas, _ row: Row, x: Int, _ y: Int, _ columns: [(column: Column, width: Int)],
    _ surface: Role?,
    _ total: Double
  ) {
    var x = x + 1
    // A block may hold thousands of items: they are added up once for all its cells.
    let subtotal = if case .block(_, _, let ids) = row { session.subtotal(of: ids) } else { Session.Subtotal() }
    for (column, width) in columns {
      let (full, role) = cell(column, of: row, subtotal, total: total)
      // Who chose gives way where the scheme needs the room; the colour still tells it.
      let isMarked = full.hasSuffix(" \(glyphs.pencil)") || full.hasSuffix(" \(glyphs.searchMark)")
      let text = isMarked && TextWidth.columns(of: full) > width ? String(full.dropLast(2)) : full
      var style = role.map { Style($0, on: surface) } ?? surface.map { Style($0) } ?? .normal
      let isBlock = if case .block = row { true } else { false }
      if isBlock, column == .name { style.bold = true }
      canvas.put(
        text, x: x, y: y, width: width, style, alignment: column.isNumber ? .right : .left,
        cut: column != .name ? .end : isBlock ? .middle : .start)
      x += width + 1
    }
  }

  /// A block's name without the parts that all blocks share: what tells encoder from decoder comes first.
  private func shortBlock(_ name: String) -> String {
    for prefix in ["model.", "transformer.", "module."] where name.hasPrefix(prefix) {
      return String(name.dropFirst(prefix.count))
    }
    return name
  }

  /// A cell's text and what it means.
  private func cell(_ column: Column, of row: Row, _ subtotal: Session.Subtotal, total: Double) -> (String, Role?) {
    switch row {
    case .block(let name, let isFolded, let ids):
      blockCell(column, name, isFolded, subtotal, count: ids.count, total)
    case .item(let id, let depth):
      session.item(id: id).map { itemCell(column, $0, Int(depth), total) } ?? ("", nil)
    }
  }

  private func blockCell(
    _ column: Column, _ name: String, _ isFolded: Bool, _ subtotal: Session.Subtotal, count: Int, _ total: Double
  ) -> (String, Role?) {
    switch column {
    case .name: return ("\(isFolded ? glyphs.folded : glyphs.unfolded) \(printable(shortBlock(name)))", nil)
    case .size: return (Format.bytes(subtotal.stored), .dim)
    case .coded: return (Format.bytes(subtotal.bytes), .dim)
    case .scheme:
      switch subtotal.scheme {
      case .none: return ("", .dim)
      case .one(let scheme): return (short(scheme), .dim)
      case .several: return ("mixed", .dim)
      }
    case .share: return (share(subtotal.damage, of: total), .estimate)
    case .shape: return ("\(count) tensors", .dim)
    default: return ("", nil)
    }
  }

  private func itemCell(_ column: Column, _ item: Item, _ depth: Int, _ total: Double) -> (String, Role?) {
    let scheme = session.scheme(of: item)
    let isDim = item.kind != .weight
    switch column {
    case .name:
      return (String(repeating: "  ", count: depth) + shortName(item, depth: depth), isDim ? .dim : nil)
    case .kind: return (item.kindText, .dim)
    case .shape: return (item.shapeText, .dim)
    case .dtype: return (item.packing?.code ?? item.type.name, .dim)
    case .size: return (Format.bytes(item.bytes), isDim ? .dim : nil)
    case .scheme:
      if session.targetNote(on: item) != nil { return (short(scheme) + " !", .dim) }
      if session.note(on: item) != nil, scheme.isKeep { return ("keep !", .warning) }
      let origin = session.recipe.choices[item.name]?.by
      let role: Role? =
        origin == .user
        ? .chosenByUser : origin == .search ? .chosenBySearch : origin == .rule ? .chosenByRule : .dim
      if session.nonFinite(in: item) ?? 0 > 0 { return (short(scheme) + " !", .warning) }
      let mark = origin == .user ? " \(glyphs.pencil)" : origin == .search ? " \(glyphs.searchMark)" : ""
      return (short(scheme) + mark, role)
    case .coded:
      let (bytes, exact) = session.bytes(of: item, in: scheme)
      return ((exact ? "" : "≤") + Format.bytes(bytes), isDim ? .dim : nil)
    case .zeros:
      return (
        session.zeros(of: item).map(percent) ?? (item.isReadable && item.kind != .buffer ? "…" : ""), isDim ? .dim : nil
      )
    case .error:
      if scheme.isKeep { return ("0", .dim) }
      if session.answers.failures[item.id] != nil { return ("error", .error) }
      let isUnknown = session.assessment(of: item, in: scheme).map { $0.relativeError == nil } ?? !scheme.isComputed
      if isUnknown || session.hasNoFiniteNumber(item) { return ("?", .warning) }
      let isEstimated = session.isErrorEstimated(of: item, in: scheme)
      let mark = isEstimated ? "\(glyphs.approximately)" : ""
      return (
        session.relativeError(of: item, in: scheme).map { mark + Format.scientific($0) } ?? "…",
        isEstimated ? .estimate : nil
      )
    case .perByte:
      return (session.damagePerByte(of: item).map { Format.scientific($0) } ?? "", .estimate)
    case .share: return (session.damageShare(of: item).map { share($0, of: total) } ?? "…", .estimate)
    }
  }

  /// A percentage without a space, whole from one on: `13%`, `0.4%`.
  private func percent(_ fraction: Double) -> String {
    let value = fraction * 100
    return value == 0 || value >= 0.95
      ? "\(Format.fixed(value, 0))%" : value < 0.05 ? ">0%" : "\(Format.fixed(value, 1))%"
  }

  private func share(_ part: Double, of total: Double) -> String {
    guard total > 0, part > 0 else { return "0" }
    let percent = part / total * 100
    return percent < 0.5 ? "<1" : Format.fixed(percent, 0)
  }

  /// A scheme in as few letters as a column has: `int4 g32`, `int4 ch a`, with its sparsity as `30%`.
  func short(_ scheme: Scheme) -> String {
    var text = scheme.format.short
    switch scheme.sparsity {
    case .none: break
    case .ratio(let ratio): text += " \(Format.fixed(ratio * 100, 0))%"
    case .threshold: text += " <\(glyphs.isASCII ? "t" : "τ")"
    case .pattern(let keep, let of): text += " \(keep):\(of)"
    case .weighted(let ratio): text += " w\(Format.fixed(ratio * 100, 0))%"
    case .weightedPattern(let keep, let of): text += " w\(keep):\(of)"
    case .model(let ratio): text += " m\(Format.fixed(ratio * 100, 0))%"
    case .structured(let structure):
      let unit =
        switch structure.unit {
        case .channel: "ch"
        case .input: "in"
        case .head: "hd"
        case .block: "bl"
        }
      text += " \(unit)\(Format.fixed(structure.ratio * 100, 0))%"
    }
    if scheme.coding != .none { text += scheme.coding == .huffman ? " h" : " r" }
    return text
  }
}
