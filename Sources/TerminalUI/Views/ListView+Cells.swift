import Checkpoints
import Compression
import FileAccess
import Numerics
import Workbench

// What stands in cells as words and figures.

extension State {
  /// A block's name without the parts that all blocks share: what tells encoder from decoder comes first.
  func shortBlock(_ name: String) -> String {
    for prefix in ["model.", "transformer.", "module."] where name.hasPrefix(prefix) {
      return String(name.dropFirst(prefix.count))
    }
    return name
  }

  /// A cell's text and what it means.
  func cell(_ column: Column, of row: Row, _ subtotal: Session.Subtotal, total: Double) -> (String, Role?) {
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
    if scheme.by != .nearest { text += " \(scheme.by.rawValue)" }
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
