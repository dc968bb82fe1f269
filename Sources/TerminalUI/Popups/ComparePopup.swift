import FileAccess
import Inference
import Workbench

/// Two recipes side by side: sizes, estimates with intervals, what was measured, and the layers in which they differ.
struct ComparePopup: Popup {
  private var sides: [Side]
  /// Layers whose schemes differ; `nil` until a job has found them.
  private var differing: [Item.ID]?
  private var chosen = 0
  private var cursor = PopupCursor()

  private struct Side: Sendable {
    let name: String
    let recipe: Recipe
    let measurement: Measurement?
    /// `nil` until a job has worked it out.
    var appraisal: Appraisal?

    var harm: Double? { appraisal.flatMap { $0.estimate.effect ?? $0.estimate.damage } }
  }

  /// - Parameter marked: the recipe that was marked; the other is the one that stands.
  init(_ marked: Recipe, over state: State) {
    let session = state.session
    let other = session.snapshots.first { $0.recipe == marked }?.name ?? "marked"
    sides = [(other, marked), ("as it stands", session.recipe)].map { name, recipe in
      Side(name: name, recipe: recipe, measurement: session.measurement(of: recipe))
    }
  }

  /// What is to be appraised for it.
  var recipes: [Recipe] { sides.map(\.recipe) }

  /// What a job worked out of the two, in their order; the better has the mark.
  mutating func take(_ appraisals: [Appraisal]) {
    guard appraisals.map(\.recipe) == recipes else { return }
    for (place, appraisal) in appraisals.enumerated() { sides[place].appraisal = appraisal }
    differing = appraisals[0].differing
    chosen = Self.better(sides)
  }

  /// The one that does less harm, by measurement where both were measured; of equals the smaller.
  private static func better(_ sides: [Side]) -> Int {
    func measured(_ side: Side) -> Double? {
      side.measurement.flatMap { measurement in
        for difference in OutputDifference.allCases {
          guard let figure = measurement.metrics.first(where: { $0.name == difference.metricName }) else { continue }
          return difference == .cosine ? 1 - figure.value : figure.value
        }
        return nil
      }
    }
    var harms = sides.map(measured)
    if harms.contains(where: { $0 == nil }) { harms = sides.map(\.harm) }
    guard let first = harms[0], let second = harms[1] else { return smaller(sides) }
    return first == second ? smaller(sides) : first < second ? 0 : 1
  }

  private static func smaller(_ sides: [Side]) -> Int {
    let bytes = sides.map { $0.appraisal?.estimate.bytes ?? 0 }
    return bytes[0] < bytes[1] ? 0 : 1
  }

  let hints: [KeyHint] = [
    ("← →", "choose"), ("Enter", "adopt it"), ("j k", "scroll"), ("x", "forget the mark"), ("Esc", "close"),
  ]

  mutating func press(_ key: Key, over state: State) -> PopupResponse {
    switch key {
    case .left, .character("h"): chosen = 0
    case .right, .character("l"): chosen = 1
    case .tab: chosen = 1 - chosen
    case .enter:
      return .commits(
        sides[chosen].recipe, "the recipe that \(chosen == 0 ? "was marked" : "stood"): \(size(sides[chosen]))")
    case .character("x"): return .performs(.named("mark-recipe"), argument: "none")
    default:
      if key.closesPopup() { return .closes }
      cursor.take(key, among: max(1, differing?.count ?? 0), page: state.page)
    }
    return .stays
  }

  private func size(_ side: Side) -> String {
    side.appraisal.map {
      "\(Format.bytes($0.estimate.bytes)), \(Format.fixed($0.estimate.bitsPerWeight, 2)) bits per weight"
    } ?? "…"
  }

  func draw(_ canvas: inout Canvas, over state: State) {
    let facts = facts(canvas.glyphs)
    let layers = differing ?? []
    let room = max(1, state.size.height - 6)
    let inside = canvas.popup(
      width: min(state.size.width - 6, 96), height: min(room, facts.count + 2 + max(1, layers.count)),
      title: "Two recipes", note: "Enter adopts", in: state.belowHeader)
    let first = max(14, inside.width * 36 / 100)
    let columns = [inside.x + first, inside.x + first + (inside.width - first) / 2]
    let width = (inside.width - first) / 2 - 1
    for (place, side) in sides.enumerated() {
      let style = place == chosen ? Style(.selection) : Style(.dim)
      canvas.put(
        "\(place == chosen ? canvas.glyphs.cursorMark : " ")\(side.name)", x: columns[place], y: inside.y, style,
        limit: width)
    }
    var y = inside.y + 1
    for fact in facts where y < inside.maxY {
      canvas.put(fact.name, x: inside.x, y: y, .dim, limit: first - 1)
      for (place, text) in fact.values.enumerated() {
        canvas.put(text, x: columns[place], y: y, fact.isEstimate ? Style(.estimate) : .normal, limit: width)
      }
      y += 1
    }
    let left = inside.maxY - y
    guard left > 0 else { return }
    canvas.put(
      differing == nil
        ? "…"
        : layers.isEmpty ? "no layer differs" : "\(layers.count) layer\(layers.count == 1 ? " differs" : "s differ")",
      x: inside.x, y: y,
      .dim, limit: inside.width)
    let start = max(0, min(cursor.row, layers.count - (left - 1)))
    let seen = layers.dropFirst(start).prefix(max(0, left - 1)).compactMap(state.session.item(id:))
    for (row, item) in seen.enumerated() {
      canvas.put(printable(item.name), x: inside.x, y: y + 1 + row, width: first - 1, .normal, cut: .start)
      for (place, side) in sides.enumerated() {
        canvas.put(
          state.short(side.recipe[item]), x: columns[place], y: y + 1 + row, place == chosen ? .normal : .dim,
          limit: width)
      }
    }
  }

  private func facts(_ glyphs: GlyphSet) -> [(name: String, values: [String], isEstimate: Bool)] {
    var facts: [(name: String, values: [String], isEstimate: Bool)] = [
      ("size", sides.map { $0.appraisal.map { Format.bytes($0.estimate.bytes) } ?? "…" }, false),
      ("bits per weight", sides.map { $0.appraisal.map { Format.fixed($0.estimate.bitsPerWeight, 3) } ?? "…" }, false),
    ]
    if sides.contains(where: { $0.appraisal?.prediction != nil }) {
      facts.append(
        (
          "\(sides.compactMap(\.appraisal?.prediction).first?.metric ?? "") \(glyphs.approximately)",
          sides.map { $0.appraisal?.prediction.map { "\($0.text) (\($0.rangeText))" } ?? "" }, true
        ))
    } else {
      facts.append(
        ("damage \(glyphs.approximately)", sides.map { $0.harm.map { Format.significant($0) } ?? "…" }, true))
    }
    var names: [String] = []
    for side in sides {
      for metric in side.measurement?.metrics ?? [] where !names.contains(metric.name) { names.append(metric.name) }
    }
    for name in names {
      facts.append(
        (
          name,
          sides.map { side in
            side.measurement?.metrics.first { $0.name == name }.map(\.text) ?? "not measured"
          }, false
        ))
    }
    return facts
  }
}
