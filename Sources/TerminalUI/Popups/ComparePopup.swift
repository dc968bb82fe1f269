import FileAccess
import Inference
import Workbench

/// Two recipes side by side: sizes, estimates with intervals, what was measured, and the layers in which they differ.
struct ComparePopup: Popup {
  private let sides: [Side]
  /// Name and both schemes, of layers that differ.
  private let layers: [(name: String, schemes: [String])]
  private var chosen: Int
  private var cursor = PopupCursor()

  private struct Side: Sendable {
    let name: String
    let recipe: Recipe
    let bytes: Int
    let bits: Double
    let harm: Double?
    let prediction: Calibration.Prediction?
    let measurement: Measurement?
  }

  /// - Parameter marked: the recipe that was marked; the other is the one that stands.
  init(_ marked: Recipe, over state: State) {
    let session = state.session
    let other = session.snapshots.first { $0.recipe == marked }?.name ?? "marked"
    let sides = [(other, marked), ("as it stands", session.recipe)].map { name, recipe in
      let estimate = session.estimate { recipe[$0] }
      return Side(
        name: name, recipe: recipe, bytes: estimate.bytes, bits: estimate.bitsPerWeight,
        harm: estimate.effect ?? estimate.damage, prediction: session.prediction(of: estimate),
        measurement: session.measurement(of: recipe))
    }
    layers = session.items.compactMap { item in
      let schemes = sides.map { $0.recipe[item] }
      return schemes[0] == schemes[1] ? nil : (printable(item.name), schemes.map(state.short))
    }
    chosen = Self.better(sides)
    self.sides = sides
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
    guard let first = harms[0], let second = harms[1] else { return sides[0].bytes < sides[1].bytes ? 0 : 1 }
    return first == second ? (sides[0].bytes < sides[1].bytes ? 0 : 1) : first < second ? 0 : 1
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
      cursor.take(key, among: max(1, layers.count), page: state.page)
    }
    return .stays
  }

  private func size(_ side: Side) -> String {
    "\(Format.bytes(side.bytes)), \(Format.fixed(side.bits, 2)) bits per weight"
  }

  func draw(_ canvas: inout Canvas, over state: State) {
    let facts = facts(canvas.glyphs)
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
      layers.isEmpty ? "no layer differs" : "\(layers.count) layer\(layers.count == 1 ? " differs" : "s differ")",
      x: inside.x, y: y,
      .dim, limit: inside.width)
    let start = max(0, min(cursor.row, layers.count - (left - 1)))
    for (row, layer) in layers.dropFirst(start).prefix(max(0, left - 1)).enumerated() {
      canvas.put(layer.name, x: inside.x, y: y + 1 + row, width: first - 1, .normal, cut: .start)
      for (place, scheme) in layer.schemes.enumerated() {
        canvas.put(scheme, x: columns[place], y: y + 1 + row, place == chosen ? .normal : .dim, limit: width)
      }
    }
  }

  private func facts(_ glyphs: GlyphSet) -> [(name: String, values: [String], isEstimate: Bool)] {
    var facts: [(name: String, values: [String], isEstimate: Bool)] = [
      ("size", sides.map { Format.bytes($0.bytes) }, false),
      ("bits per weight", sides.map { Format.fixed($0.bits, 3) }, false),
    ]
    if sides.contains(where: { $0.prediction != nil }) {
      facts.append(
        (
          "\(sides.compactMap(\.prediction).first?.metric ?? "") \(glyphs.approximately)",
          sides.map { $0.prediction.map { "\($0.text) (\($0.rangeText))" } ?? "" }, true
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
