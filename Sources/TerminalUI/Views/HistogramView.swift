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
    let scheme = session.scheme(of: item)
    let assessment = session.assessment(of: item, in: scheme)
    let lines = histogramFacts(item, survey, scheme, assessment).flatMap { flow($0, width: inside.width) }
    // The picture keeps the larger half; what is said last gives way.
    let (plot, text) = inside.splitBottom(
      min(lines.count, max(0, inside.height - max(7, inside.height * 58 / 100))))
    for (row, line) in lines.enumerated() where row < text.height {
      canvas.put(line, x: text.x, y: text.y + row, limit: text.width)
    }
    drawBars(&canvas, plot, survey, scheme, assessment)
  }

  private func drawBars(
    _ canvas: inout Canvas, _ rect: Rect, _ survey: Survey, _ scheme: Scheme, _ assessment: Assessment?
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
    let histogram = isError ? assessment?.error ?? survey.histogram : survey.histogram
    let low = isError ? histogram.minimum : histogram.value(at: 0.0005)
    let high = isError ? histogram.maximum : histogram.value(at: 0.9995)
    let (start, end) =
      low < high ? padded(low, high, within: histogram) : (histogram.minimum - 1, histogram.maximum + 1)
    guard start <= end else { return }
    let total = Double(max(1, histogram.total))
    let shares = { (histogram: Histogram) in
      histogram.rebinned(from: start, to: end, columns: max(1, area.width)).bars.map { $0 / total }
    }
    var plot = BarPlot(
      bins: shares(histogram), range: start...end, scale: isLogarithmic ? .logarithmic : .linear)
    if series == .reconstruction, let reconstruction = assessment?.reconstruction {
      plot.overlay = shares(reconstruction)
    }
    if !isError {
      let answer = current.flatMap { session.answer(of: $0, in: scheme) }
      plot.levels =
        (assessment?.levels ?? answer?.levels)?
        .positions(in: start...end, spacing: (end - start) / Double(max(1, area.width))) ?? []
      plot.pruned = prunedRange(assessment?.pruneLimit ?? answer?.pruneLimit)
    }
    canvas.draw(plot, in: area)
    var pieces: [Canvas.Piece] =
      switch series {
      case .original: [("weights", .dim)]
      case .reconstruction:
        [("weights", Style(.bar)), (" and ", .dim), ("what they become", Style(.overlay))]
      case .error: [("error w − ŵ", .dim)]
      }
    let (_, below, above) = histogram.rebinned(from: start, to: end, columns: 1)
    if !isError, below + above >= 1 {
      pieces.append(
        (
          " · outside \(Format.count(Int(saturating: below.rounded()))) + \(Format.count(Int(saturating: above.rounded())))",
          .dim
        ))
    }
    if let levels = assessment?.levels, levels.scales > 1, !plot.levels.isEmpty {
      pieces.append((" · levels of the mean scale", Style(.level)))
    }
    canvas.put(pieces, x: caption.x, y: caption.y, limit: caption.width)
  }

  /// A little room on both sides, but not past the numbers' own range.
  private func padded(_ low: Double, _ high: Double, within histogram: Histogram) -> (Double, Double) {
    let room = (high - low) * 0.04
    return (max(histogram.minimum, low - room), min(histogram.maximum, high + room))
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
    return [choice, facts, sizeFacts(assessment.size)]
  }

  /// Groups of pieces set in lines of at most `width` columns; a group is never torn.
  private func flow(_ groups: [[Canvas.Piece]], width: Int) -> [[Canvas.Piece]] {
    var lines: [[Canvas.Piece]] = [[]]
    var used = 0
    for group in groups {
      let columns = group.reduce(0) { $0 + TextWidth.columns(of: $1.text) }
      if used > 0, used + 2 + columns > width {
        lines.append([])
        used = 0
      }
      if used > 0 { lines[lines.count - 1].append(("  ", .normal)) }
      lines[lines.count - 1] += group
      used += columns + (used > 0 ? 2 : 0)
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
