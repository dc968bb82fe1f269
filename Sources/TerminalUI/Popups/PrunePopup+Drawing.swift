import Compression
import FileAccess
import Workbench

extension PrunePopup {
  func draw(_ canvas: inout Canvas, over state: State) {
    let (size, item) = (state.size, state.subject)
    let count = state.targets.count
    let inside = canvas.popup(
      width: min(size.width - 6, 92), height: min(size.height - 5, 24),
      title: "Prune " + (item.map { printable($0.name) } ?? ""),
      note: count > 1 ? "for \(count) layers" : "Enter chooses", in: state.belowHeader)
    var x = inside.x
    for kind in PruneChoice.Kind.allCases {
      let isHere = kind == choice.kind
      let start = x
      x = canvas.put(" \(kind.title) ", x: x, y: inside.y, isHere ? Style(.selection) : .dim) + 1
      canvas.mark(Rect(x: start, y: inside.y, width: x - start - 1, height: 1), .choice(kind.rawValue))
    }
    guard let item else { return }
    let scheme = state.session.scheme(of: item).with(choice.sparsity)
    if let obstacle = item.obstacle(to: scheme) {
      canvas.put("not here: \(obstacle)", x: inside.x, y: inside.y + 2, .dim, limit: inside.width)
      return
    }
    drawSlider(&canvas, inside.row(2))
    canvas.put(facts(item, scheme, over: state), x: inside.x, y: inside.y + 3, limit: inside.width)
    let area = inside.splitTop(5).rest
    switch choice.kind {
    case .magnitude: drawPrunedBars(&canvas, area, item, scheme, over: state)
    case .pattern, .weighted: drawCorner(&canvas, area, item, state.session.answers.corners[item.id])
    case .channels, .inputs, .blocks:
      drawParts(&canvas, area, norms: choice.structure.flatMap { state.session.answers.tiles[item.id]?[$0.unscaled] })
    }
  }

  private func drawSlider(_ canvas: inout Canvas, _ row: Rect) {
    if choice.kind == .pattern {
      var x = row.x
      for (index, pattern) in PruneChoice.patterns.enumerated() {
        let start = x
        x =
          canvas.put(
            " \(pattern.0):\(pattern.1) ", x: x, y: row.y,
            index == choice.pattern ? Style(.selection) : .normal) + 1
        let number = PruneChoice.Kind.allCases.count + index
        canvas.mark(Rect(x: start, y: row.y, width: x - start - 1, height: 1), .choice(number))
      }
      return
    }
    let x = canvas.put("\(choice.percent) % ", x: row.x, y: row.y, Style(.pruned).bolded)
    let slider = Rect(x: max(x, row.x + 6), y: row.y, width: max(3, row.width - 6), height: 1)
    canvas.gauge(Double(choice.percent) / 100, x: slider.x, y: row.y, width: slider.width)
    canvas.mark(slider, .slider)
  }

  /// What is known of the layer's scheme with this sparsity: zeros, t², the threshold; bounded figures with `≈`.
  private func facts(_ item: Item, _ scheme: Scheme, over state: State) -> [Canvas.Piece] {
    let (session, glyphs) = (state.session, state.glyphs)
    var pieces: [Canvas.Piece] = []
    func figure(_ name: String, _ value: String, _ role: Role = .normal) {
      pieces += [("\(name) ", .dim), (value + "   ", Style(role))]
    }
    if choice.sparsity == .none { return [("nothing goes", .dim)] }
    if let found = session.assessment(of: item, in: scheme) {
      figure("zeros", found.sparsity.map { Format.percent($0) } ?? "…")
      if let error = found.relativeError { figure("t²", Format.scientific(error)) }
      if let weighted = found.weightedError { figure("weighted", Format.scientific(weighted)) }
      if let limit = found.pruneLimit { figure("|w| <", Format.significant(Double(limit)), .pruned) }
    } else if let answer = session.answer(of: item, in: scheme) {
      let mark = answer.isExact ? "" : "\(glyphs.approximately)"
      figure("zeros", mark + Format.percent((answer.sparsity.lowerBound + answer.sparsity.upperBound) / 2))
      figure("t²", mark + Format.scientific(answer.estimate), answer.isExact ? .normal : .estimate)
      if let limit = answer.pruneLimit { figure("|w| <", mark + Format.significant(Double(limit)), .pruned) }
    } else {
      pieces.append(("t² …", .dim))
    }
    let bytes = session.bytes(of: item, in: scheme)
    let present = session.bytes(of: item, in: session.scheme(of: item))
    if bytes.exact {
      figure("size", "\(Format.bytes(present.bytes)) \(glyphs.isASCII ? "->" : "→") \(Format.bytes(bytes.bytes))")
    }
    if scheme.format != .keep { pieces.append((state.short(Scheme(scheme.format, coding: scheme.coding)), .dim)) }
    return pieces
  }

  /// The histogram with the pruned range shaded; it moves with the slider.
  private func drawPrunedBars(
    _ canvas: inout Canvas, _ area: Rect, _ item: Item, _ scheme: Scheme, over state: State
  ) {
    let session = state.session
    guard let survey = session.survey(of: item) else {
      canvas.put("reading …", x: area.x, y: area.y, .dim)
      return
    }
    let limit =
      session.assessment(of: item, in: scheme)?.pruneLimit ?? session.answer(of: item, in: scheme)?.pruneLimit
    canvas.histogramStrip(survey, in: area, isLogarithmic: state.isLogarithmic, levels: nil, pruned: prunedRange(limit))
  }

  /// The weight's first rows and columns, a cell a weight: what goes is shaded.
  private func drawCorner(_ canvas: inout Canvas, _ area: Rect, _ item: Item, _ corner: Corner?) {
    guard let corner else {
      canvas.put("reading …", x: area.x, y: area.y, .dim)
      return
    }
    let gone = gone(corner, item)
    let most = corner.values.map(abs).filter(\.isFinite).max() ?? 0
    let width = min(corner.columns, area.width)
    for row in 0..<max(0, min(corner.rows, area.height - 1)) {
      for column in 0..<width {
        let index = row * corner.columns + column
        // Kept weights by magnitude, an eighth a step; what goes as a shade.
        let height = most > 0 ? max(1, Int(saturating: Double((abs(corner.values[index]) / most * 8).rounded(.up)))) : 1
        let character = gone[index] ? canvas.glyphs.shade : canvas.glyphs.column(min(8, height))
        canvas.put(character, x: area.x + column, y: area.y + row, Style(gone[index] ? .pruned : .bar))
      }
    }
    canvas.put(
      "the first \(min(corner.rows, area.height - 1)) × \(width) weights: higher is greater, shaded goes",
      x: area.x, y: area.maxY - 1, .dim, limit: area.width)
  }

  /// Which weights of a corner go; of a share of each row it shows what goes among those it has.
  private func gone(_ corner: Corner, _ item: Item) -> [Bool] {
    let factors = item.importances.map { $0.squares[0].map { $0.squareRoot() } }
    let isWeighted = choice.kind == .weighted
    let pattern = PruneChoice.patterns[choice.pattern]
    let run = isWeighted ? corner.columns : pattern.1
    let count = isWeighted ? corner.columns * choice.percent / 100 : pattern.1 - pattern.0
    var gone = [Bool](repeating: false, count: corner.values.count)
    for row in 0..<corner.rows {
      for start in stride(from: 0, to: corner.columns - run + 1, by: run) {
        let places = (start..<start + run).map { column in
          let w = abs(corner.values[row * corner.columns + column])
          return (score: isWeighted ? w * (factors?[column] ?? 1) : w, index: row * corner.columns + column)
        }
        for place in places.sorted(by: { ($0.score, $0.index) < ($1.score, $1.index) }).prefix(count) {
          gone[place.index] = true
        }
      }
    }
    return gone
  }

  /// The norms of the parts from the least to the greatest: those that go are shaded.
  private func drawParts(_ canvas: inout Canvas, _ area: Rect, norms: TileNorms?) {
    guard let structure = choice.structure, let norms else {
      canvas.put("reading …", x: area.x, y: area.y, .dim)
      return
    }
    let sorted = norms.values.map { $0.squareRoot() }.sorted()
    let count = Int(saturating: (structure.ratio * Double(sorted.count)).rounded())
    let total = norms.values.reduce(0, +)
    let lost = sorted.prefix(count).reduce(0) { $0 + $1 * $1 }
    canvas.put(
      "\(count) of \(sorted.count) \(choice.kind.title) go, with \(Format.percent(total > 0 ? lost / total : 0)) of ‖w‖²",
      x: area.x, y: area.y, limit: area.width)
    let (_, rest) = area.splitTop(1)
    let (plot, names) = rest.splitBottom(1)
    guard !sorted.isEmpty, plot.height > 0 else { return }
    let most = sorted.last ?? 0
    for column in 0..<plot.width {
      let index = min(sorted.count - 1, column * sorted.count / plot.width)
      let goes = index < count
      let eighths = most > 0 ? max(1, Int(saturating: sorted[index] / most * Double(plot.height * 8))) : 1
      for row in 0..<plot.height where eighths > row * 8 {
        let filled = min(8, eighths - row * 8)
        canvas.put(
          goes && filled == 8 ? canvas.glyphs.shade : canvas.glyphs.column(filled), x: plot.x + column,
          y: plot.maxY - 1 - row,
          Style(goes ? .pruned : .bar))
      }
    }
    let first = norms.least(structure.ratio).enumerated().filter(\.element).prefix(24).map { "\($0.offset)" }
    canvas.put(
      first.isEmpty ? "norms, the least first" : "go: \(first.joined(separator: " "))\(count > 24 ? " …" : "")",
      x: names.x, y: names.y, .dim, limit: names.width)
  }
}

extension Sparsity.Structure {
  /// The same parts whatever share of them goes: their norms are read once.
  var unscaled: Sparsity.Structure { Sparsity.Structure(unit, ratio: 0, norm: norm) }
}
