import Workbench

extension State {
  /// The pruning popup: a slider, and what would go, drawn for the kind of sparsity.
  func drawPrune(_ canvas: inout Canvas, _ choice: PruneChoice) {
    let item = subject
    let count = targets.count
    let inside = canvas.popup(
      width: min(size.width - 6, 92), height: min(size.height - 5, 24),
      title: "Prune " + (item.map { printable($0.name) } ?? ""),
      note: count > 1 ? "for \(count) layers" : "Enter chooses", in: Rect(size).splitTop(1).rest)
    var x = inside.x
    for kind in PruneChoice.Kind.allCases {
      let isHere = kind == choice.kind
      x = canvas.put(" \(kind.title) ", x: x, y: inside.y, isHere ? Style(.selection) : .dim) + 1
    }
    guard let item else { return }
    let scheme = session.scheme(of: item).with(choice.sparsity)
    if let obstacle = item.obstacle(to: scheme) {
      canvas.put("not here: \(obstacle)", x: inside.x, y: inside.y + 2, .dim, limit: inside.width)
      return
    }
    drawSlider(&canvas, inside.row(2), choice)
    canvas.put(facts(item, choice, scheme), x: inside.x, y: inside.y + 3, limit: inside.width)
    let area = inside.splitTop(5).rest
    switch choice.kind {
    case .magnitude: drawPrunedBars(&canvas, area, item, scheme)
    case .pattern, .weighted: drawCorner(&canvas, area, item, choice)
    case .channels, .inputs, .blocks: drawParts(&canvas, area, item, choice)
    }
  }

  private func drawSlider(_ canvas: inout Canvas, _ row: Rect, _ choice: PruneChoice) {
    if choice.kind == .pattern {
      var x = row.x
      for (index, pattern) in PruneChoice.patterns.enumerated() {
        x =
          canvas.put(
            " \(pattern.0):\(pattern.1) ", x: x, y: row.y,
            index == choice.pattern ? Style(.selection) : .normal) + 1
      }
      return
    }
    let x = canvas.put("\(choice.percent) % ", x: row.x, y: row.y, Style(.pruned).bolded)
    canvas.gauge(Double(choice.percent) / 100, x: max(x, row.x + 6), y: row.y, width: max(3, row.width - 6))
  }

  /// What is known of the layer's scheme with this sparsity: zeros, t², the threshold; bounded figures with `≈`.
  private func facts(_ item: Item, _ choice: PruneChoice, _ scheme: Scheme) -> [Canvas.Piece] {
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
    if scheme.format != .keep { pieces.append((short(Scheme(scheme.format, coding: scheme.coding)), .dim)) }
    return pieces
  }

  /// The histogram with the pruned range shaded; it moves with the slider.
  private func drawPrunedBars(_ canvas: inout Canvas, _ area: Rect, _ item: Item, _ scheme: Scheme) {
    guard let survey = session.survey(of: item) else {
      canvas.put("reading …", x: area.x, y: area.y, .dim)
      return
    }
    let limit =
      session.assessment(of: item, in: scheme)?.pruneLimit ?? session.answer(of: item, in: scheme)?.pruneLimit
    drawStrip(&canvas, area, survey, levels: nil, pruned: prunedRange(limit))
  }

  /// What a magnitude prunes, as a range around zero.
  func prunedRange(_ limit: Float?) -> ClosedRange<Double>? {
    limit.flatMap { $0 >= 0 ? -Double($0)...Double($0) : nil }
  }

  /// A layer's histogram without its tails, with levels on the axis and a pruned range.
  func drawStrip(
    _ canvas: inout Canvas, _ area: Rect, _ survey: Survey, levels: Levels?, pruned: ClosedRange<Double>?
  ) {
    let histogram = survey.histogram
    let (low, high) = (histogram.value(at: 0.0005), histogram.value(at: 0.9995))
    guard low < high, area.height > 1 else { return }
    let total = Double(max(1, histogram.total))
    var plot = BarPlot(
      bins: histogram.rebinned(from: low, to: high, columns: max(1, area.width)).bars.map { $0 / total },
      range: low...high, scale: isLogarithmic ? .logarithmic : .linear)
    plot.pruned = pruned
    plot.levels = levels?.positions(in: low...high, spacing: (high - low) / Double(max(1, area.width))) ?? []
    canvas.draw(plot, in: area)
  }

  /// The weight's first rows and columns, a cell a weight: what goes is shaded.
  private func drawCorner(_ canvas: inout Canvas, _ area: Rect, _ item: Item, _ choice: PruneChoice) {
    guard let corner = session.findings.corners[item.id] else {
      canvas.put("reading …", x: area.x, y: area.y, .dim)
      return
    }
    let gone = gone(corner, item, choice)
    let most = corner.values.map(abs).filter(\.isFinite).max() ?? 0
    let width = min(corner.columns, area.width)
    for row in 0..<max(0, min(corner.rows, area.height - 1)) {
      for column in 0..<width {
        let index = row * corner.columns + column
        // Kept weights by magnitude, an eighth a step; what goes as a shade.
        let height = most > 0 ? max(1, Int(saturating: Double((abs(corner.values[index]) / most * 8).rounded(.up)))) : 1
        let character = gone[index] ? glyphs.shade : glyphs.column(min(8, height))
        canvas.put(character, x: area.x + column, y: area.y + row, Style(gone[index] ? .pruned : .bar))
      }
    }
    canvas.put(
      "the first \(min(corner.rows, area.height - 1)) × \(width) weights: higher is greater, shaded goes",
      x: area.x, y: area.maxY - 1, .dim, limit: area.width)
  }

  /// Which weights of a corner go; of a share of each row it shows what goes among those it has.
  private func gone(_ corner: Corner, _ item: Item, _ choice: PruneChoice) -> [Bool] {
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
  private func drawParts(_ canvas: inout Canvas, _ area: Rect, _ item: Item, _ choice: PruneChoice) {
    guard let structure = choice.structure, let norms = session.findings.tiles[item.id]?[structure.unscaled] else {
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
          goes && filled == 8 ? glyphs.shade : glyphs.column(filled), x: plot.x + column, y: plot.maxY - 1 - row,
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
