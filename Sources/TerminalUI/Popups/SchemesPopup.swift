import Checkpoints
import Compression
import FileAccess
import Workbench

/// Every scheme for the layer under the cursor, with its size and its error; what does not fit is dim, with the reason.
/// Below the list the histogram with the levels of the scheme under the cursor.
struct SchemesPopup: Popup {
  private var cursor = PopupCursor()

  let hints: [KeyHint] = [("Enter", "choose"), ("j k", "move"), ("Esc", "close")]

  func draw(_ canvas: inout Canvas, over state: State) {
    let candidates = state.schemeCandidates
    let count = state.targets.count
    let size = state.size
    let whole = canvas.popup(
      width: min(size.width - 6, 84), height: min(size.height - 4, candidates.count + 1),
      title: state.subject.map { printable($0.name) } ?? "",
      note: count > 1 ? "for \(count) layers" : "Enter chooses", in: state.belowHeader)
    let (inside, strip) = whole.splitBottom(whole.height >= 16 ? min(10, whole.height / 3) : 0)
    if strip.height > 2 { drawLevels(&canvas, strip, of: scheme(in: candidates), over: state) }
    let columns = Columns(inside)
    let sparsity = state.subject.map { state.session.scheme(of: $0).sparsity } ?? .none
    canvas.put(
      sparsity == .none ? "scheme" : "scheme, \(Scheme(.keep, sparsity: sparsity).description.dropFirst(5))",
      x: columns.scheme, y: inside.y, .dim, limit: 32)
    canvas.put("size", x: columns.size, y: inside.y, width: 10, .dim, alignment: .right)
    canvas.put("t²", x: columns.error, y: inside.y, width: 9, .dim, alignment: .right)
    canvas.put("SQNR dB", x: columns.decibels, y: inside.y, width: 8, .dim, alignment: .right)
    let area = inside.splitTop(1).rest
    let first = cursor.first(of: candidates.count, height: area.height)
    for row in 0..<area.height {
      guard candidates.indices.contains(first + row) else { break }
      draw(candidates[first + row], &canvas, area.row(row), columns, isHere: first + row == cursor.row)
    }
  }

  /// Where the columns begin.
  private struct Columns {
    let scheme: Int
    let size: Int
    let error: Int
    let decibels: Int

    init(_ inside: Rect) {
      (scheme, size, error, decibels) = (inside.x, inside.x + 33, inside.x + 44, inside.x + 54)
    }
  }

  private func draw(
    _ candidate: SchemeCandidate, _ canvas: inout Canvas, _ line: Rect, _ columns: Columns, isHere: Bool
  ) {
    let surface: Role? = isHere ? .cursorRow : nil
    let style = candidate.obstacle == nil ? surface.map { Style($0) } ?? .normal : Style(.dim, on: surface)
    let y = line.y
    canvas.fill(line, " ", surface.map { Style($0) } ?? .normal)
    // The layer's sparsity stands in the heading.
    canvas.put(Scheme(candidate.scheme.format).description, x: columns.scheme, y: y, width: 33, style)
    if let obstacle = candidate.obstacle {
      canvas.put(obstacle, x: columns.size + 2, y: y, style, limit: line.maxX - columns.size - 2)
      return
    }
    canvas.put(Format.bytes(candidate.bytes), x: columns.size, y: y, width: 10, style, alignment: .right)
    let error = candidate.relativeError
    let mark = candidate.isEstimated ? "\(canvas.glyphs.approximately)" : ""
    canvas.put(
      error.map { mark + Format.scientific($0) } ?? "…", x: columns.error, y: y, width: 9, style, alignment: .right)
    canvas.put(
      error.flatMap(decibels(relativeError:)).map { Format.fixed($0, 1) } ?? "", x: columns.decibels, y: y, width: 8,
      style, alignment: .right)
  }

  /// The layer's histogram with the levels of a scheme on its axis.
  private func drawLevels(_ canvas: inout Canvas, _ rect: Rect, of scheme: Scheme?, over state: State) {
    let session = state.session
    guard let item = state.subject, let survey = session.survey(of: item) else { return }
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
    canvas.histogramStrip(
      survey, in: rect.splitTop(1).rest, isLogarithmic: state.isLogarithmic, levels: levels,
      pruned: prunedRange(assessment?.pruneLimit))
  }

  mutating func press(_ key: Key, over state: State) -> PopupResponse {
    if key.closesPopup() { return .closes }
    let candidates = state.schemeCandidates
    guard key == .enter else {
      cursor.take(key, among: candidates.count, page: state.page)
      return .stays
    }
    guard candidates.indices.contains(cursor.row) else { return .closes }
    if let obstacle = candidates[cursor.row].obstacle { return .complains(obstacle) }
    return .performs(.named("scheme"), argument: candidates[cursor.row].scheme.description)
  }

  /// The scheme under the cursor, where it fits.
  func considered(over state: State) -> Scheme? { scheme(in: state.schemeCandidates) }

  private func scheme(in candidates: [SchemeCandidate]) -> Scheme? {
    guard candidates.indices.contains(cursor.row), candidates[cursor.row].obstacle == nil else { return nil }
    return candidates[cursor.row].scheme
  }

  func questions(about item: Item, over state: State) -> PopupQuestions {
    let open = state.schemeCandidates.filter {
      $0.obstacle == nil && $0.scheme.format != .keep && !item.isLong(in: $0.scheme)
        && ($0.relativeError == nil || $0.isEstimated)
    }
    return PopupQuestions(others: open.map { .assessment(item.id, state.session.made($0.scheme, of: item)) })
  }
}

extension Item {
  /// Whether a scheme's error takes so long that it is found only where somebody looks at it: a codebook's on some
  /// millions of weights.
  fileprivate func isLong(in scheme: Scheme) -> Bool {
    guard case .block(let type) = scheme.format else { return false }
    return BlockQuantizer.searchesCodebook.contains(type) && matrix.rows * matrix.columns > 1 << 22
  }
}
