import Compression
import FileAccess
import Workbench

/// The front of size and harm as an instrument: each step is a layer's, and list, histogram and totals follow it. It stands
/// where the trade-off stands; the recipe under it is shown and not yet taken.
struct FrontPopup: Popup {
  /// `nil` while it is being worked out.
  private(set) var front: SearchFront?
  private(set) var marks: [SearchFront.Mark] = []
  private(set) var point = 0
  /// Schemes whose errors are still being found out.
  var open = 0
  /// The recipe that stood when it was opened, and its bytes.
  private let before: (recipe: Recipe, bytes: Int)
  /// What was last jumped to.
  private var reached: String?

  init(_ session: Session) { before = (session.recipe, session.estimate.bytes) }

  let hints: [KeyHint] = [
    ("← →", "step"), ("↑ ↓", "next budget"), ("m", "measure"), ("Enter", "take"), ("Esc", "as it was"),
    ("PgUp PgDn", "ten steps"),
  ]

  /// Takes a front that was worked out; the point with the most bytes that are no more than those that stand.
  ///
  /// - Returns: the recipe to show.
  mutating func take(_ front: SearchFront, open: Int, bytes: Int) -> Recipe? {
    guard front.count > 0, !front.menu.groups.isEmpty else { return nil }
    self.front = front
    self.open = open
    marks = front.marks()
    point = front.point(within: bytes) ?? 0
    return front.recipe(at: point)
  }

  mutating func press(_ key: Key, over state: State) -> PopupResponse {
    if key.closesPopup() { return .drops }
    guard let front else { return key == .enter ? .drops : .stays }
    let last = front.count - 1
    reached = nil
    switch key {
    case .right, .character("l"), .character("+"): point = min(last, point + 1)
    case .left, .character("h"), .character("-"): point = max(0, point - 1)
    case .pageUp: point = min(last, point + 10)
    case .pageDown: point = max(0, point - 10)
    case .home: point = 0
    case .end: point = last
    case .up, .character("k"): jump(front, isUp: true)
    case .down, .character("j"): jump(front, isUp: false)
    case .enter: return .takes(story(state))
    case .character("m"): return .performsOver(.named("measure"))
    default: return .stays
    }
    return .previews(front.recipe(at: point))
  }

  /// A press on the plot: the point that takes as many bytes.
  mutating func point(at bytes: Int, over state: State) -> PopupResponse {
    guard let front else { return .stays }
    reached = nil
    point = front.point(within: bytes) ?? 0
    return .previews(front.recipe(at: point))
  }

  private mutating func jump(_ front: SearchFront, isUp: Bool) {
    let mark = front.mark(from: point, isUp: isUp, among: marks)
    point = mark?.point ?? (isUp ? front.count - 1 : 0)
    reached = mark?.name
  }

  /// What is said of a recipe that was taken.
  private func story(_ state: State) -> String {
    let estimate = state.figures.estimate
    let harm = state.figures.prediction.map { ", \($0.metric) ≈ \($0.text)" } ?? ""
    return
      "from the front: \(Format.bytes(estimate.bytes)), \(Format.fixed(estimate.bitsPerWeight, 2)) bits per weight\(harm); u undoes"
  }

  // MARK: - Drawing

  func draw(_ canvas: inout Canvas, over state: State) {
    let frame = Layout(state: state).panes[.tradeoff] ?? state.belowHeader
    canvas.fill(frame, " ", .normal)
    canvas.mark(frame, .nothing)
    guard let front else {
      let inside = canvas.frame(frame, title: "Front", note: "Esc closes", style: Style(.focusedBorder))
      canvas.put("working out what each layer could take …", x: inside.x, y: inside.y, .dim, limit: inside.width)
      return
    }
    let measured = state.session.sensitivities.map { "\($0.calibration.measured) measured" }
    let inside = canvas.frame(
      frame, title: "Front \(point + 1)/\(front.count)",
      note: "\(canvas.glyphs.approximately) \(measured ?? "n·t², uncalibrated")", style: Style(.focusedBorder))
    let lines = lines(front, state, canvas.glyphs, width: inside.width)
    let (plot, text) = inside.splitBottom(min(lines.count, max(1, inside.height / 2)))
    state.drawTradeOffPlot(&canvas, plot, front: curve(front, state))
    for (row, line) in lines.prefix(text.height).enumerated() {
      canvas.put(line, x: text.x, y: text.y + row, limit: text.width)
    }
  }

  /// The front's points, thinned out to what a plot shows: bytes and the metric, or damage as the plot counts it.
  private func curve(_ front: SearchFront, _ state: State) -> [(bytes: Int, value: Double)] {
    let step = max(1, front.count / 160)
    let here = max(front.harms[point], .leastNormalMagnitude)
    let damage = state.figures.estimate.damage ?? 0
    return stride(from: 0, to: front.count, by: step).map { place in
      let harm = front.harms[place]
      let value = state.session.sensitivities?.calibration.prediction(of: harm).value ?? damage * harm / here
      return (front.bytes[place], value)
    }
  }

  private func lines(
    _ front: SearchFront, _ state: State, _ glyphs: GlyphSet, width: Int
  ) -> [[Canvas.Piece]] {
    let estimate = state.figures.estimate
    let size = "\(Format.bytes(estimate.bytes))  \(Format.fixed(estimate.bitsPerWeight, 2)) bpw  "
    var harm = estimate.damage.map { "damage \(glyphs.approximately) \(Format.significant($0))" } ?? ""
    if let prediction = state.figures.prediction {
      let short = "\(prediction.metric) \(glyphs.approximately) \(prediction.text)"
      let long = "\(short) (\(prediction.rangeText))"
      harm = TextWidth.columns(of: size + long) <= width ? long : short
    }
    var lines: [[Canvas.Piece]] = [[(size, .normal), (harm, Style(.estimate))]]
    if let change = front.change(to: point) {
      let others = change.names.count > 1 ? " and \(change.names.count - 1) with it" : ""
      let gain = Format.significant(100 * change.gain / max(front.harms[point - 1], .leastNormalMagnitude), 2)
      let schemes = "\(state.short(change.from)) \(glyphs.isASCII ? "->" : "→") \(state.short(change.to))  "
      let price = "+\(Format.bytes(change.bytes)), \(glyphs.isASCII ? "-" : "−")\(gain) %"
      // Names differ at their ends.
      let room = max(10, width - TextWidth.columns(of: others + schemes + price) - 1)
      let whole = printable(change.names[0])
      let name = whole.count <= room ? whole : String(glyphs.ellipsis) + whole.suffix(room - 1)
      lines.append([("\(name)\(others) ", Style(.chosenBySearch)), (schemes, .normal), (price, .dim)])
    }
    if let reached { lines.append([("within \(reached)", Style(.accent))]) }
    if let beaten = beaten(front, state) { lines.append([(beaten, .dim)]) }
    if open > 0 { lines.append([("\(open) errors are still being found out: the front will move", .dim)]) }
    return lines
  }

  /// What is said of the recipe that stood, where a point of the front takes no more and harms less.
  private func beaten(_ front: SearchFront, _ state: State) -> String? {
    guard !before.recipe.choices.isEmpty, let better = front.point(within: before.bytes) else { return nil }
    let own = state.session.estimate { before.recipe[$0] }
    guard let harm = own.effect ?? (state.session.sensitivities == nil ? nil : 0), front.harms[better] < harm * 0.999
    else {
      return nil
    }
    let cut = Format.significant(100 * (1 - front.harms[better] / harm), 2)
    return
      "yours (\(Format.bytes(before.bytes))) is beaten by point \(better + 1): \(Format.bytes(front.bytes[better])), −\(cut) %"
  }
}
