import Compression
import FileAccess
import Workbench

extension State {
  /// The layer's numbers: what they are, what they become, or how far off they are.
  func drawHistogram(_ canvas: inout Canvas, _ frame: Rect) {
    guard let item = current else {
      _ = drawFrame(&canvas, frame, .histogram, title: "Histogram")
      return
    }
    let note = [item.shapeText, item.orderText, item.storage, Format.bytes(item.bytes)].compactMap { $0 }
      .joined(separator: " · ")
    let inside = drawFrame(&canvas, frame, .histogram, title: printable(item.name), note: note)
    guard let survey = session.survey(of: item) else {
      let reason = session.answers.failures[item.id] ?? item.closed ?? "reading …"
      canvas.put(printable(reason), x: inside.x, y: inside.y, .dim, limit: inside.width)
      return
    }
    if let words = survey.plainWords {
      canvas.put(words, x: inside.x, y: inside.y, Style(.warning), limit: inside.width)
      return
    }
    let scheme = session.scheme(of: item)
    let assessment = session.assessment(of: item, in: scheme)
    var lines = histogramFacts(item, survey, scheme, assessment).flatMap { flow($0, width: inside.width) }
    if let words = session.insight(on: item) {
      let pieces = words.split(separator: " ").map { [(text: String($0), style: Style(.accent))] }
      lines = flow(pieces, width: inside.width, gap: 1) + lines
    }
    if let overlay = overlayShown(item) { lines = overlayFacts(item, survey, overlay) + lines }
    // The picture keeps the larger part, ten rows of bars where there is room; what is said last gives way.
    let least = inside.height >= 14 ? 12 : max(7, inside.height * 58 / 100)
    let (plot, text) = inside.splitBottom(min(lines.count, max(0, inside.height - least)))
    for (row, line) in lines.enumerated() where row < text.height {
      canvas.put(line, x: text.x, y: text.y + row, limit: text.width)
    }
    drawBars(&canvas, plot, item, survey, scheme, assessment)
  }

  /// The layer that is drawn over this one, where it is another.
  private func overlayShown(_ item: Item) -> Overlay? {
    guard let overlay, overlay.file != nil ? overlay.name == item.name : overlay.name != item.name else { return nil }
    return overlay
  }

  private func drawBars(
    _ canvas: inout Canvas, _ rect: Rect, _ item: Item, _ survey: Survey, _ scheme: Scheme, _ assessment: Assessment?
  ) {
    let (caption, area) = rect.splitTop(1)
    let isError = series == .error
    if isError, assessment?.error == nil {
      let isExact = scheme.isKeep || assessment?.relativeError == 0
      canvas.put(
        isExact ? "no error: kept exactly" : "error …", x: rect.x, y: rect.y, .dim, limit: rect.width)
      return
    }
    guard !survey.histogram.counts.isEmpty || isError else {
      canvas.put("reading …", x: rect.x, y: rect.y, .dim, limit: rect.width)
      return
    }
    let whole = isError ? assessment?.error ?? survey.histogram : survey.histogram
    // A few weights far out leave the others a bin or two: a second look has bins over what is drawn.
    let fine = isError ? whole : session.answers.closeUps[item.id] ?? whole
    let range = isError ? whole.minimum...max(whole.maximum, whole.minimum + 1e-30) : whole.drawnRange
    let (start, end) = (range.lowerBound, range.upperBound)
    let total = Double(max(1, whole.total))
    let isFine = !glyphs.isASCII && glyphs.dots == .braille
    let columns = max(1, area.width) * (isFine ? 2 : 1)
    let shares = { (histogram: Histogram, total: Double) in
      histogram.drawn(in: columns).rebinned(from: start, to: end, columns: columns).bars.map { $0 / total }
    }
    let mirrored = isError ? nil : assessment?.reconstruction
    var plot = MirrorPlot(
      up: shares(fine, total), down: [], range: range, scale: isLogarithmic ? .logarithmic : .linear)
    switch series {
    case .original: if let mirrored { plot.down = bars(of: mirrored, from: start, to: end, columns, total) }
    case .reconstruction:
      if let mirrored { plot.up = bars(of: mirrored, from: start, to: end, columns, total) }
    case .error: break
    }
    if let overlay = overlayShown(item), !overlay.survey.histogram.counts.isEmpty, !isError {
      plot.over = shares(overlay.survey.histogram, Double(max(1, overlay.survey.histogram.total)))
    }
    if !isError {
      let answer = session.answer(of: item, in: scheme)
      plot.levels =
        (assessment?.levels ?? answer?.levels)?
        .positions(in: range, spacing: (end - start) / Double(max(1, area.width))) ?? []
      plot.pruned = prunedRange(assessment?.pruneLimit ?? answer?.pruneLimit)
    }
    canvas.draw(plot, in: area)
    // Whole words or shorter ones.
    let long = captionPieces(plot, whole, range, isError: isError, item)
    let needed = long.reduce(0) { $0 + TextWidth.columns(of: $1.text) }
    canvas.put(
      needed <= caption.width ? long : captionPieces(plot, whole, range, isError: isError, item, isShort: true),
      x: caption.x, y: caption.y, limit: caption.width)
  }

  /// What weights become stands on levels: each bin by itself, not spread out.
  private func bars(
    of histogram: Histogram, from start: Double, to end: Double, _ columns: Int, _ total: Double
  ) -> [Double] {
    histogram.rebinned(from: start, to: end, columns: columns).bars.map { $0 / total }
  }

  private func captionPieces(
    _ plot: MirrorPlot, _ whole: Histogram, _ range: ClosedRange<Double>, isError: Bool, _ item: Item,
    isShort: Bool = false
  ) -> [Canvas.Piece] {
    var pieces: [Canvas.Piece] =
      switch series {
      case .original:
        plot.down.isEmpty
          ? [("weights", .dim)]
          : isShort
            ? [("weights", Style(.bar)), (" ", .dim), ("become", Style(.overlay))]
            : [("weights", Style(.bar)), (", below ", .dim), ("what they become", Style(.overlay))]
      case .reconstruction: [("what they become", Style(.bar))]
      case .error: [("error w − ŵ", .dim)]
      }
    if let overlay = overlayShown(item), !plot.over.isEmpty {
      pieces += [(" over it ", .dim), (printable(overlay.file ?? overlay.name), Style(.measured))]
    }
    let (_, below, above) = whole.rebinned(from: range.lowerBound, to: range.upperBound, columns: 1)
    if !isError, below + above >= 1 {
      let counts = [below, above].map { Format.count(Int(saturating: $0.rounded())) }
      pieces.append((" · outside \(counts[0]) + \(counts[1])", .dim))
    }
    return pieces
  }

  /// Both layers' figures, one below the other.
  private func overlayFacts(_ item: Item, _ survey: Survey, _ overlay: Overlay) -> [[Canvas.Piece]] {
    [(item.name, survey.statistics, Role.bar), (overlay.file ?? overlay.name, overlay.survey.statistics, .measured)].map
    {
      name, s, role in
      [
        (TextWidth.clippedName(printable(name), to: 18) + "  ", Style(role)),
        (
          "min \(Format.short(Double(s.minimum)))  max \(Format.short(Double(s.maximum)))  σ \(Format.short(s.deviation))  kurtosis \(Format.significant(s.kurtosis))  zeros \(Format.count(s.zeros))",
          .normal
        ),
      ]
    }
  }

  /// Figures in groups: range, moments and tails; the scheme with its error; what is pruned; the size.
  private func histogramFacts(
    _ item: Item, _ survey: Survey, _ scheme: Scheme, _ assessment: Assessment?
  ) -> [[[Canvas.Piece]]] {
    let s = survey.statistics
    func figure(_ name: String, _ value: String, _ role: Role = .normal) -> [Canvas.Piece] {
      [("\(name) ", .dim), (value, Style(role))]
    }
    var facts = [
      figure("min", Format.short(Double(s.minimum))),
      figure("max", Format.short(Double(s.maximum))),
      figure("σ", Format.short(s.deviation)), figure("mean", Format.short(s.mean)),
      figure("kurtosis", Format.significant(s.kurtosis)), figure("zeros", Format.count(s.zeros)),
      figure(">4σ", Format.count(s.outliers)),
    ]
    if s.nans + s.infinities > 0 { facts.append(figure("NaN/inf", "\(s.nans)/\(s.infinities)", .error)) }
    guard !scheme.isKeep else { return [facts] }
    var choice: [[Canvas.Piece]] = [[("\(scheme)", Style(.chosenByUser))]]
    if let error = session.relativeError(of: item, in: scheme) {
      let isEstimated = session.isErrorEstimated(of: item, in: scheme)
      choice.append(
        figure(
          "t²", (isEstimated ? "\(glyphs.approximately)" : "") + Format.scientific(error),
          isEstimated ? .estimate : .normal))
      if let weighted = assessment?.weightedError {
        choice.append(figure("weighted", Format.scientific(weighted)))
      }
      if let sqnr = decibels(relativeError: error) {
        choice.append(figure("SQNR", "\(Format.fixed(sqnr, 1)) dB"))
      }
    } else {
      choice.append([(scheme.isComputed ? "…" : "its error is not yet computed", .dim)])
    }
    guard let assessment else { return [choice, facts] }
    if let limit = assessment.pruneLimit, let zeros = assessment.sparsity {
      choice.append([
        ("pruned |w| < \(Format.significant(Double(limit))), zeros \(Format.percent(zeros))", Style(.pruned))
      ])
    }
    if let levels = assessment.levels, levels.scales > 1 {
      choice.append([("levels of the mean of \(Format.count(levels.scales)) scales", Style(.level))])
    }
    return [choice, facts, sizeFacts(assessment.size)]
  }

  /// Groups of pieces set in lines of at most `width` columns; a group is never torn.
  private func flow(_ groups: [[Canvas.Piece]], width: Int, gap: Int = 2) -> [[Canvas.Piece]] {
    var lines: [[Canvas.Piece]] = [[]]
    var used = 0
    for group in groups {
      let columns = group.reduce(0) { $0 + TextWidth.columns(of: $1.text) }
      if used > 0, used + gap + columns > width {
        lines.append([])
        used = 0
      }
      if used > 0 { lines[lines.count - 1].append((String(repeating: " ", count: gap), .normal)) }
      lines[lines.count - 1] += group
      used += columns + (used > 0 ? gap : 0)
    }
    return lines
  }

  /// Every form's size, the one that is taken first.
  private func sizeFacts(_ size: Compression.Size) -> [[Canvas.Piece]] {
    var facts: [[Canvas.Piece]] = [[("\(size.form.rawValue) ", .dim), (Format.bytes(size.bytes), .normal)]]
    for (form, bytes) in size.forms where form != size.form {
      let bits = form == .index ? size.indexBits.map { "/\($0)" } ?? "" : ""
      facts.append([("\(form.rawValue)\(bits) \(Format.bytes(bytes))", .dim)])
    }
    if size.least.form != size.form {
      facts.append([("least: \(size.least.form.rawValue)", Style(.accent))])
    }
    if let entropy = size.entropy { facts.append([("entropy \(Format.fixed(entropy, 2)) bits", .dim)]) }
    return facts
  }
}
