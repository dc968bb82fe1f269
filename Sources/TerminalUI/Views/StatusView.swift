import FileAccess
import Workbench

/// A key as the foot of the screen shows it, and what it does.
typealias KeyHint = (key: String, word: String)

extension State {
  /// Running work with its progress, and the last message.
  func drawStatus(_ canvas: inout Canvas, _ rect: Rect) {
    var x = rect.x + 1
    if let measuring {
      x = canvas.put(
        "\(spin) measuring \(measuring.done)/\(measuring.of == 0 ? "…" : "\(measuring.of)") ", x: x,
        y: rect.y, Style(.measured))
      if measuring.of > 0 {
        canvas.gauge(Double(measuring.done) / Double(measuring.of), x: x, y: rect.y, width: 12)
        x += 13
      }
    } else if let calibrating {
      x = canvas.put(
        "\(spin) calibrating \(calibrating.what) \(calibrating.done)/\(calibrating.of == 0 ? "…" : "\(calibrating.of)") ",
        x: x, y: rect.y, Style(.measured))
      if calibrating.of > 0 {
        canvas.gauge(Double(calibrating.done) / Double(calibrating.of), x: x, y: rect.y, width: 12)
        x += 13
      }
    } else if let exporting {
      let left = exporting.secondsLeft.map { " · " + Format.duration($0) } ?? ""
      x = canvas.put("\(spin) writing ", x: x, y: rect.y, Style(.accent))
      canvas.gauge(exporting.fraction, x: x, y: rect.y, width: 12)
      x = canvas.put(
        " \(Format.bytes(Int(saturating: exporting.bytesPerSecond)))/s\(left) ", x: x + 13, y: rect.y, .dim)
    } else if let progress {
      let left = progress.secondsLeft.map { " · " + Format.duration($0) } ?? ""
      x = canvas.put("\(spin) analysing ", x: x, y: rect.y, Style(.accent))
      canvas.gauge(progress.fraction, x: x, y: rect.y, width: 12)
      x += 13
      let rate = Format.count(Int(saturating: progress.weightsPerSecond))
      x = canvas.put(
        "\(progress.jobs) job\(progress.jobs == 1 ? "" : "s") · \(rate) weights/s\(left) ", x: x, y: rect.y,
        .dim)
    }
    if let message {
      drawMessage(&canvas, message, x: x, rect)
    } else if isQuiet, let item = current, let note = session.note(on: item) {
      canvas.put(
        "\(printable(item.name)): \(printable(note))", x: x, y: rect.y, Style(.warning),
        limit: max(0, rect.maxX - x))
    } else if isQuiet {
      let wanted = session.surveyCount
      let count = session.answers.surveys.count
      let text =
        count < wanted
        ? "\(count) of \(wanted) weights and biases analysed" : "all \(wanted) weights and biases analysed"
      canvas.put(text, x: x, y: rect.y, .dim, limit: max(0, rect.maxX - x))
    }
  }

  /// Whether nothing runs whose progress stands here.
  private var isQuiet: Bool { measuring == nil && calibrating == nil && progress == nil }

  /// The message; where it is too long for the line, the key that shows it whole stands at the end.
  private func drawMessage(_ canvas: inout Canvas, _ message: Message, x: Int, _ rect: Rect) {
    let style = Style(message.kind == .error ? .error : .good)
    let room = max(0, rect.maxX - x)
    guard TextWidth.columns(of: message.text) > room else {
      canvas.put(message.text, x: x, y: rect.y, style)
      return
    }
    let hint = " ! all"
    let end = canvas.put(
      TextWidth.clipped(message.text, to: max(0, room - hint.count)), x: x, y: rect.y, style,
      limit: max(0, room - hint.count))
    canvas.put(hint, x: end, y: rect.y, Style(.key), limit: rect.maxX - end)
  }

  /// The keys that matter in the list, those that are seen longest first.
  private static let hints: [KeyHint] = [
    ("-+", "bits"), ("g", "group"), ("y", "symmetry"), ("[]", "sparsity"), ("p", "prune"), ("s", "scheme"),
    ("u", "undo"), ("h", "series"), ("Tab", "pane"), ("/", "filter"), ("o", "sort"), ("m", "measure"),
    ("t", "target"), ("e", "export"), (":", "command"),
  ]

  private var spin: Character { glyphs.spinner[spinner % glyphs.spinner.count] }

  /// The prompt, or the keys that matter here.
  func drawHints(_ canvas: inout Canvas, _ rect: Rect) {
    canvas.fill(rect, " ", .normal)
    if let prompt {
      if prompt.purpose == .confirmQuit {
        let count = session.history.unsavedChanges
        let text =
          " Recipe not written: \(count) change\(count == 1 ? "" : "s") would be lost. w write  y leave  Esc stay"
        canvas.put(text, x: rect.x, y: rect.y, Style(.warning), limit: rect.width)
      } else {
        canvas.draw(prompt.editor, in: rect)
        drawCandidates(&canvas, prompt, above: rect)
      }
      return
    }
    let hints = popup?.hints ?? Self.hints
    var x = rect.x + 1
    let end = rect.maxX - 14
    for (key, word) in hints {
      guard x + key.count + word.count + 3 <= end else { continue }
      x = canvas.put(key, x: x, y: rect.y, Style(.key))
      x = canvas.put(" \(word)  ", x: x, y: rect.y, .dim)
    }
    x = canvas.put("?", x: rect.maxX - 13, y: rect.y, Style(.key))
    x = canvas.put(" help ", x: x, y: rect.y, .dim)
    x = canvas.put("q", x: x, y: rect.y, Style(.key))
    canvas.put(" quit", x: x, y: rect.y, .dim)
  }

  /// What Tab offers, in the line above the prompt.
  private func drawCandidates(_ canvas: inout Canvas, _ prompt: Prompt, above rect: Rect) {
    let candidates = prompt.editor.candidates
    guard candidates.count > 1, rect.y > 0 else { return }
    let line = Rect(x: rect.x, y: rect.y - 1, width: rect.width, height: 1)
    canvas.fill(line, " ", .normal)
    var x = line.x + 1
    let chosen = prompt.editor.candidate ?? 0
    for (index, candidate) in candidates.enumerated().dropFirst(max(0, chosen - 2)) {
      let word = candidate.split(separator: " ").last.map(String.init) ?? candidate
      guard x + word.count + 2 <= line.maxX else {
        canvas.put(glyphs.ellipsis, x: min(x, line.maxX - 1), y: line.y, .dim)
        break
      }
      x =
        canvas.put(
          printable(word), x: x, y: line.y, Style(index == prompt.editor.candidate ? .selection : .dim)) + 2
    }
  }
}
