import Checkpoints
import FileAccess
import Inference
import Workbench

extension State {
  /// The model and the totals: what it was, what it becomes. The totals stay when the width runs out.
  func drawHeader(_ canvas: inout Canvas, _ rect: Rect) {
    canvas.fill(rect, " ", Style(.status))
    var totals = totalPieces(isShort: rect.width < 110, isLong: rect.width >= 150)
    var width: Int { totals.reduce(0) { $0 + TextWidth.columns(of: $1.text) } }
    // Whole figures or none: what matters least goes first, the new size stays.
    while width > rect.width, totals.count > 1 {
      switch totals.count {
      case 4...: totals.remove(at: totals.count - 2)
      case 3: totals.removeFirst()
      default: totals.removeLast()
      }
    }
    canvas.put(totals, x: max(0, rect.maxX - width), y: rect.y)
    guard rect.maxX - width >= 8 else { return }
    let checkpoint = session.checkpoint
    let name = checkpoint.path.split(separator: "/").last.map(String.init) ?? checkpoint.path
    var x = canvas.put(" lathe ", x: rect.x, y: rect.y, Style(.title, on: .status))
    let end = rect.maxX - width - 1
    x = canvas.put(printable(name) + "  ", x: x, y: rect.y, Style(.status).bolded, limit: max(0, end - x))
    let parts = [
      architecture, "\(Format.count(session.parameterCount)) parameters",
      "\(checkpoint.tensors.count) tensors",
    ]
    var separator = ""
    if let target = session.target {
      let misfits = figures.misfits
      let misses = misfits.isEmpty ? "" : ": \(misfits.count) do\(misfits.count == 1 ? "es" : "") not fit"
      let text = "for \(target.name)\(misses)"
      if x + TextWidth.columns(of: text) <= end {
        x = canvas.put(text, x: x, y: rect.y, Style(misfits.isEmpty ? .accent : .warning, on: .status))
        separator = " · "
      }
    }
    for part in parts.compactMap({ $0 }).map(printable)
    where x + TextWidth.columns(of: separator + part) <= end {
      x = canvas.put(separator + part, x: x, y: rect.y, Style(.status))
      separator = " · "
    }
  }

  private var architecture: String? {
    session.checkpoint.metadata.first {
      ["general.architecture", "architecture", "architectures", "model_type"].contains($0.key)
    }?.value ?? session.checkpoint.format.rawValue
  }

  /// `36.2 KiB → 9.1 KiB  3.97×  8.50 bpw  damage ≈ 0.013`; an estimate is never drawn as a measurement.
  private func totalPieces(isShort: Bool, isLong: Bool) -> [Canvas.Piece] {
    let (status, estimate) = (Style(.status), figures.estimate)
    // With a file to be written for a target, its size counts; until it is known, that of the parameters.
    let fileSize = figures.fileSize
    let fileBytes = fileSize?.version == session.exportVersion ? fileSize?.bytes : nil
    let bytes = fileBytes ?? estimate.bytes
    let pending = fileBytes != nil || estimate.isExact && fileSize == nil ? "" : estimate.isExact ? "…" : "≤"
    let ratio = bytes > 0 ? Double(estimate.originalBytes) / Double(bytes) : 1
    var pieces: [Canvas.Piece] = [
      ("\(Format.bytes(estimate.originalBytes)) \(glyphs.isASCII ? "->" : "→") ", status),
      ("\(pending)\(Format.bytes(bytes))", status.bolded),
      ("  \(Format.fixed(ratio, 2))\(glyphs.times)", status),
      ("  \(Format.fixed(estimate.bitsPerWeight, 2)) bpw", status),
    ]
    if let measured = session.measurement(of: session.recipe), let metric = measured.metrics.first {
      pieces.append(
        (
          "  \(glyphs.measuredMark) \(metric.name) \(metric.format(metric.value))",
          Style(.measured, on: .status)
        ))
    }
    if !isShort || session.measurement(of: session.recipe) == nil {
      pieces += estimatePieces(isShort: isShort, isLong: isLong)
    }
    pieces.append((" ", status))
    return pieces
  }

  /// `KL ≈ 0.012 (0.010–0.015)`, or the relative damage where nothing was measured.
  private func estimatePieces(isShort: Bool, isLong: Bool) -> [Canvas.Piece] {
    let style = Style(.estimate, on: .status)
    let about = glyphs.approximately
    if session.sensitivities != nil {
      let name = metricTitle
      guard let prediction = figures.prediction else { return [("  \(name) \(about) …", style)] }
      if isShort { return [("  \(name)\(about)\(prediction.text)", style)] }
      let range = "  \(name) \(about) \(prediction.text) (\(prediction.rangeText))"
      return [(range + (isLong ? " \(prediction.method)" : ""), style)]
    }
    let damage = figures.estimate.damage.map { Format.significant($0) } ?? "…"
    let text = "  \(isShort ? "Δ" : "damage ")\(about)\(isShort ? "" : " ")\(damage)"
    return [(text + (isLong ? " uncalibrated" : ""), style)]
  }

  /// What the estimate is of, as axes and totals name it.
  var metricTitle: String {
    switch session.sensitivities?.values.difference {
    case .kl: "KL"
    case .cosine: "1\(glyphs.isASCII ? "-" : "−")cos"
    case .squaredError: "MSE"
    case nil: "Δ"
    }
  }
}
