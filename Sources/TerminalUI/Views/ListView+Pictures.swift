import Compression
import Workbench

// What stands in cells as a picture.

extension State {
  func drawDistribution(_ canvas: inout Canvas, _ row: Row, _ field: Rect, _ surface: Role?) {
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
  func drawBar(
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
}
