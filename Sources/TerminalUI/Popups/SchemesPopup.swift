import Checkpoints
import Compression
import FileAccess
import Workbench

/// Every scheme for the layer under the cursor, with its size and its error; what does not fit is dim, with the reason.
/// Below the list the histogram with the levels of the scheme under the cursor.
struct SchemesPopup: Popup {
  private var picker = Picker()
  private let offers: [SchemeOffer]

  let hints: [KeyHint] = [("Enter", "choose"), ("↑ ↓", "move"), ("a-z", "search"), ("Esc", "close")]

  /// Begins at the scheme that the layer has.
  init(_ state: State) {
    offers = state.schemeOffers
    let present = state.subject.map { state.session.scheme(of: $0).format }
    picker = Picker(at: offers.firstIndex { $0.scheme.format == present } ?? 0)
  }

  private static let headings = [
    Picker.Heading(text: "size", width: 9), .init(text: "bpw", width: 6), .init(text: "t²", width: 8),
    .init(text: "dB", width: 6),
  ]

  func draw(_ canvas: inout Canvas, over state: State) {
    let candidates = state.candidates(offers)
    let count = state.targets.count
    let size = state.size
    let whole = canvas.popup(
      width: min(size.width - 6, 84), height: min(size.height - 4, candidates.count + 3),
      title: state.subject.map { printable($0.name) } ?? "",
      note: count > 1 ? "for \(count) layers" : "Enter chooses", in: state.belowHeader)
    let (inside, strip) = whole.splitBottom(whole.height >= 16 ? min(10, whole.height / 3) : 0)
    if strip.height > 2 { drawLevels(&canvas, strip, of: scheme(in: candidates, state), over: state) }
    let sparsity = state.subject.map { state.session.scheme(of: $0).sparsity } ?? .none
    let title =
      sparsity == .none ? "scheme" : "scheme, \(Scheme(.keep, sparsity: sparsity).description.dropFirst(5))"
    picker.draw(&canvas, in: inside, rows(candidates, state), title: title, headings: Self.headings)
  }

  private func rows(_ candidates: [SchemeCandidate], _ state: State) -> [PickerRow] {
    let present = state.subject.map { state.session.scheme(of: $0).format }
    let weights = state.subject.map { Double(max(1, $0.count)) } ?? 1
    return candidates.map { candidate in
      let format = candidate.scheme.format
      let error = candidate.relativeError
      let mark = candidate.isEstimated ? "\(state.glyphs.approximately)" : ""
      return PickerRow(
        // The layer's sparsity stands in the heading.
        title: Scheme(format).description,
        cells: [
          Format.bytes(candidate.bytes), Format.fixed(Double(candidate.bytes) * 8 / weights, 2),
          error.map { mark + Format.scientific($0) } ?? "…",
          error.flatMap(decibels(relativeError:)).map { Format.fixed($0, 1) } ?? "",
        ],
        meaning: format.meaning, obstacle: candidate.obstacle, isPresent: format == present)
    }
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
    let candidates = state.candidates(offers)
    return follow(picker.press(key, rows(candidates, state), page: state.page), candidates)
  }

  mutating func point(at index: Int, over state: State) -> PopupResponse {
    let candidates = state.candidates(offers)
    return follow(picker.point(at: index, rows(candidates, state)), candidates)
  }

  private func follow(_ outcome: Picker.Outcome, _ candidates: [SchemeCandidate]) -> PopupResponse {
    switch outcome {
    case .stays: .stays
    case .closes: .closes
    case .complains(let reason): .complains(reason)
    case .picks(let index): .performs(.named("scheme"), argument: candidates[index].scheme.description)
    }
  }

  /// The scheme under the cursor, where it fits.
  func considered(over state: State) -> Scheme? { scheme(in: state.candidates(offers), state) }

  private func scheme(in candidates: [SchemeCandidate], _ state: State) -> Scheme? {
    guard let index = picker.chosen(rows(candidates, state)), candidates[index].obstacle == nil else { return nil }
    return candidates[index].scheme
  }

  func questions(about item: Item, over state: State) -> PopupQuestions {
    let open = state.candidates(offers).filter {
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
