import Compression
import FileAccess
import Workbench

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
        x = canvas.put(measuringText(measuring), x: x + 13, y: rect.y, .dim)
      }
    } else if let calibrating {
      x = canvas.put(
        "\(spin) calibrating \(calibrating.what) \(calibrating.done)/\(calibrating.of == 0 ? "…" : "\(calibrating.of)") ",
        x: x, y: rect.y, Style(.measured))
      if calibrating.of > 0 {
        canvas.gauge(Double(calibrating.done) / Double(calibrating.of), x: x, y: rect.y, width: 12)
        x += 13
      }
    } else if let recovering {
      let count = recovering.of == 0 ? "…" : "\(recovering.of)"
      x = canvas.put(
        "\(spin) choosing codes, \(recovering.what) \(recovering.done)/\(count) ", x: x, y: rect.y, Style(.measured))
      if recovering.of > 0 {
        canvas.gauge(Double(recovering.done) / Double(recovering.of), x: x, y: rect.y, width: 12)
        x += 13
      }
      if let loss = recovering.loss { x = canvas.put("loss \(Format.scientific(loss)) ", x: x, y: rect.y, .dim) }
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
    } else if isNew, session.recipe.choices.isEmpty {
      let words = "- + bits · a the best at every size · m measure · M map · ? all keys"
      canvas.put(words, x: x, y: rect.y, Style(.accent), limit: max(0, rect.maxX - x))
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
  private var isQuiet: Bool { measuring == nil && calibrating == nil && recovering == nil && progress == nil }

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

  /// `34/s · 12 s · top-1 97.1 %`.
  private func measuringText(_ progress: MeasuringProgress) -> String {
    var parts: [String] = []
    if progress.perSecond > 0 { parts.append("\(Format.significant(progress.perSecond))/s") }
    if let left = progress.secondsLeft { parts.append(Format.duration(left)) }
    if let figure = progress.figure { parts.append(figure) }
    return parts.joined(separator: " · ") + " "
  }

  /// The keys that matter in the list, those that are seen longest first.
  private static let hints: [KeyHint] = [
    ("- +", "bits"), ("s", "scheme"), ("a", "best"), ("m", "measure"), ("t", "target"), ("e", "export"), ("p", "prune"),
    ("u", "undo"), ("/", "filter"), (":", "command"), ("M", "map"), ("R", "recipes"), ("T", "table"), ("Tab", "pane"),
    ("h", "series"), ("o", "sort"), ("c", "calibrate"), ("g", "group, recover"), (".", "all"), ("=", "overlay"),
    ("|", "columns"),
    ("r", "ridge"),
    ("C", "compare"), ("@", "kind"), ("b", "N bits"), ("y", "symmetry"),
  ]

  private static let mapHints: [KeyHint] = [
    ("arrows", "move"), ("h", "what"), ("- +", "bits"), ("s", "scheme"), ("p", "prune"), ("v", "rectangle"),
    ("Enter", "open"), ("Esc", "list"), ("Space", "mark"), ("a", "best"), ("m", "measure"), ("e", "export"),
    ("u", "undo"),
  ]

  private var spin: Character { glyphs.spinner[spinner % glyphs.spinner.count] }

  /// The prompt, what may follow a first key, or the keys that matter here.
  func drawHints(_ canvas: inout Canvas, _ rect: Rect) {
    canvas.fill(rect, " ", .normal)
    if let prompt {
      drawPrompt(&canvas, prompt, rect)
      return
    }
    if let first = pending.first, popup == nil {
      let start = canvas.put(" \(pending.text) ", x: rect.x, y: rect.y, Style(.key))
      draw(
        Chord.beginning(with: first).map { (String($0.second), $0.word) } + [("Esc", "nothing")], &canvas, rect,
        x: start)
      return
    }
    var x = rect.x + 1
    if let count = pending.count { x = canvas.put("\(count) ", x: x, y: rect.y, Style(.accent)) }
    let end = rect.maxX - 14
    draw(popup?.hints ?? (map == nil ? Self.hints : Self.mapHints), &canvas, rect, x: x, end: end)
    draw([("?", "help"), ("q", "quit")], &canvas, rect, x: rect.maxX - 13)
  }

  private func draw(_ hints: [KeyHint], _ canvas: inout Canvas, _ rect: Rect, x: Int, end: Int? = nil) {
    var x = x
    for (key, word) in hints {
      let shown = key == "- +" ? "-+" : key
      guard x + shown.count + word.count + 2 <= end ?? rect.maxX else { continue }
      let start = x
      x = canvas.put(shown, x: x, y: rect.y, Style(.key))
      x = canvas.put(" \(word)  ", x: x, y: rect.y, .dim)
      if let pressed = Key(hint: key) {
        canvas.mark(Rect(x: start, y: rect.y, width: x - start - 2, height: 1), .key(pressed))
      }
    }
  }

  private func drawPrompt(_ canvas: inout Canvas, _ prompt: Prompt, _ rect: Rect) {
    switch prompt.purpose {
    case .confirmQuit:
      let count = session.history.unsavedChanges
      let end = canvas.put(
        " Recipe not written: \(count) change\(count == 1 ? "" : "s") would be lost. ", x: rect.x, y: rect.y,
        Style(.warning), limit: rect.width)
      draw([("w", "write"), ("y", "leave"), ("Esc", "stay")], &canvas, rect, x: end)
    case .confirm:
      let path = TextWidth.clippedName(prompt.editor.prompt, to: max(8, rect.width - 46))
      let end = canvas.put(" \(path) is there already. ", x: rect.x, y: rect.y, Style(.warning), limit: rect.width)
      draw([("y", "overwrite"), ("Esc", "leave it")], &canvas, rect, x: end)
    case .command, .filter:
      canvas.draw(prompt.editor, in: rect)
      if prompt.isCommand { drawCandidates(&canvas, prompt, above: rect) }
    }
  }

  /// What may be typed, above the prompt: commands with their arguments while the name is typed, then words that may
  /// follow; the one that Tab has put into the line is marked.
  private func drawCandidates(_ canvas: inout Canvas, _ prompt: Prompt, above rect: Rect) {
    let lines = candidateLines(prompt)
    let height = min(lines.count, max(0, min(10, rect.y - 2)))
    guard height > 0 else { return }
    let chosen = prompt.editor.candidate ?? 0
    let first = max(0, min(chosen - height / 2, lines.count - height))
    let area = Rect(x: rect.x, y: rect.y - height, width: rect.width, height: height)
    for row in 0..<height {
      let (text, note) = lines[first + row]
      let line = area.row(row)
      let isHere = prompt.editor.candidate == first + row
      canvas.fill(line, " ", isHere ? Style(.selection) : Style(.status))
      let x = canvas.put(
        " " + text + "  ", x: line.x, y: line.y, isHere ? Style(.selection) : Style(.status), limit: line.width)
      canvas.put(
        note, x: max(x, line.x + min(34, line.width / 2)), y: line.y,
        Style(.dim, on: isHere ? .selection : .status),
        limit: max(0, line.maxX - max(x, line.x + min(34, line.width / 2))))
    }
    if lines.count > height {
      canvas.put("\(glyphs.ellipsis)", x: rect.maxX - 2, y: rect.y - 1, Style(.dim, on: .status))
    }
  }

  private func candidateLines(_ prompt: Prompt) -> [(text: String, note: String)] {
    let typed = prompt.editor.text
    let candidates =
      prompt.editor.candidates.isEmpty ? Array(completions(of: typed).prefix(200)) : prompt.editor.candidates
    if !typed.contains(" ") || candidates.first.map({ !$0.contains(" ") }) == true {
      return candidates.compactMap { name in
        guard let command = Command.all.first(where: { $0.name == name }) else { return nil }
        return ("\(name) \(command.arguments)", command.summary)
      }
    }
    guard let command = try? Command.find(typed.firstWord.word) else { return [] }
    let syntax = (text: "\(command.name) \(command.arguments)", note: command.summary)
    let words = candidates.map { candidate -> (text: String, note: String) in
      let word = candidate.split(separator: " ").last.map(String.init) ?? candidate
      return (printable(word), note(on: word, of: command))
    }
    // Chosen ones count from the first candidate: the syntax stands above while none is.
    return prompt.editor.candidate == nil ? [syntax] + words : words
  }

  /// What a word that may follow a command is.
  private func note(on word: String, of command: Command) -> String {
    switch command.name {
    case "target", "export": Target.listing.first { $0.name == word }?.summary ?? ""
    case "sort", "columns": Column(rawValue: word)?.meaning ?? ""
    case "scheme": (try? Scheme(spec: word))?.format.meaning ?? ""
    default: RoleWord(word)?.meaning ?? ""
    }
  }
}
