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
    guard ordering.column != nil, rows.count > 1 else { return "" }
    var common: Substring?
    for row in rows {
      guard case .item(let id, 0) = row, let item = session.item(id: id) else { continue }
      let name = printable(item.name)
      let before = common ?? name[...]
      let length = zip(before, name).prefix { $0 == $1 }.count
      common = before.prefix(length)
      if length == 0 { return "" }
    }
    guard let common, let end = common.lastIndex(where: { $0 == "." || $0 == "/" }) else { return "" }
    return String(common[...end])
  }

  // MARK: - Pictures in cells

  private func drawDistribution(_ canvas: inout Canvas, _ row: Row, _ field: Rect, _ surface: Role?) {
    let shape: DistributionShape?
    var levels: [Double] = []
    var pruned: ClosedRange<Double>?
    switch row {
    case .block(_, _, let ids):
      shape = DistributionShape(
        ids.lazy.compactMap(session.item(id:)).compactMap { item in
          session.survey(of: item)?.shape.map { ($0, Double(item.count)) }
        })
    case .item(let id, _):
      guard let item = session.item(id: id), let survey = session.survey(of: item) else { return }
      shape = survey.shape
      if shape == nil {
        let text = survey.statistics.count == 0 ? "empty" : "all \(Format.short(Double(survey.statistics.minimum)))"
        canvas.put(text, x: field.x, y: field.y, Style(.dim, on: surface), limit: field.width)
        return
      }
      let scheme = session.scheme(of: item)
      if let shape, !scheme.isKeep, let found = session.assessment(of: item, in: scheme) {
        let range = Double(shape.low)...Double(shape.high)
        levels =
          found.levels?.positions(
            in: range, spacing: (range.upperBound - range.lowerBound) / Double(max(1, field.width - 1))) ?? []
        pruned = prunedRange(found.pruneLimit)
      }
    }
    guard let shape else { return }
    let width = field.width - 1
    canvas.outline(shape, x: field.x, y: field.y, width: width, levels: levels, pruned: pruned, surface)
    if shape.isStretched { canvas.put("!", x: field.maxX - 1, y: field.y, Style(.warning, on: surface)) }
  }

  /// The row's part of the damage, as a bar: the worst layer fills it.
  private func drawBar(
    _ canvas: inout Canvas, _ row: Row, _ subtotal: Session.Subtotal, _ field: Rect, _ most: Double, _ surface: Role?
  ) {
    let damage: Double
    switch row {
    case .block(_, let isFolded, _):
      // An open block's layers have bars of their own.
      guard isFolded else { return }
      damage = subtotal.damage
    case .item(let id, _): damage = session.item(id: id).flatMap(session.damageShare) ?? 0
    }
    guard most > 0, damage > 0 else { return }
    let eighths = max(1, Int(saturating: (min(1, damage / most) * Double(field.width * 8)).rounded()))
    for column in 0..<field.width {
      canvas.put(glyphs.row(eighths - column * 8), x: field.x + column, y: field.y, Style(.estimate, on: surface))
    }
  }

  /// A block's name without the parts that all blocks share: what tells encoder from decoder comes first.
  func shortBlock(_ name: String) -> String {
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

  func itemCell(_ column: Column, _ item: Item, _ depth: Int, _ total: Double) -> (text: String, role: Role?) {
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
    case .range:
      guard let s = session.survey(of: item)?.statistics, s.count > 0 else { return ("", nil) }
      let most = max(abs(Double(s.minimum)), abs(Double(s.maximum)))
      let ratio = session.reach(of: item).map { " (\(Format.significant($0, 2))σ)" } ?? ""
      let isFar = session.survey(of: item)?.shape?.isStretched == true
      return (Format.short(most) + (size.width >= 160 ? ratio : ""), isFar ? .warning : isDim ? .dim : nil)
    case .outlier: return (session.reach(of: item).map { "\(Format.fixed(min(9999, $0), 0))σ" } ?? "", nil)
    case .decibels:
      if scheme.isKeep { return ("", nil) }
      let error = session.relativeError(of: item, in: scheme)
      return (error.flatMap(Compression.decibels(relativeError:)).map { Format.fixed($0, 1) } ?? "", nil)
    case .fewer, .more:
      guard item.kind == .weight else { return ("", nil) }
      return (session.price(of: item, step: column == .fewer ? -1 : 1).map { Format.scientific($0) } ?? "", .estimate)
    case .distribution, .bar: return ("", nil)
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
