import Workbench

/// The commands with their keys, to search and to run, and the words that the screen uses; those that do nothing here are
/// dim and say why. Over another popup its own keys come first.
struct HelpPopup: Popup {
  private var search = ""
  private var cursor = PopupCursor()
  /// The keys of the popup that it was opened over.
  private let own: [KeyHint]

  let hints: [KeyHint] = [("Enter", "run"), ("↑ ↓", "move"), ("a-z", "search"), ("Esc", "close")]

  init(over popup: (any Popup)?) { own = popup?.hints ?? [] }

  private enum Entry {
    case key(KeyHint)
    case command(Command)
    case word(Glossary.Word)
  }

  private var entries: [Entry] {
    let terms = Filter(search)
    let keys = own.filter { terms.isEmpty || terms.admits("\($0.key) \($0.word)") }
    let words = Glossary.words.filter { terms.isEmpty || terms.admits("\($0.word) \($0.meaning)") }
    return keys.map(Entry.key) + Command.found(by: search).map(Entry.command) + words.map(Entry.word)
  }

  func draw(_ canvas: inout Canvas, over state: State) {
    let entries = entries
    let inside = canvas.popup(
      width: state.size.width - 6, height: min(state.size.height - 4, entries.count + 2), title: "Help",
      note: "type to search · Enter runs", in: state.belowHeader)
    canvas.put("search: \(search)", x: inside.x, y: inside.y, Style(.key), limit: inside.width)
    canvas.cursor = Canvas.Cursor(
      Point(x: min(inside.maxX - 1, inside.x + 8 + TextWidth.columns(of: search)), y: inside.y), isVisible: true)
    let area = inside.splitTop(1).rest
    let first = cursor.first(of: entries.count, height: area.height)
    for row in 0..<area.height {
      guard entries.indices.contains(first + row) else { break }
      let isHere = first + row == cursor.row
      canvas.mark(area.row(row), .choice(first + row))
      switch entries[first + row] {
      case .key(let hint):
        draw(&canvas, area.row(row), hint.key, "here", hint.word, isDim: false, isHere: isHere)
      case .word(let word):
        draw(&canvas, area.row(row), word.word, "", word.meaning, isDim: false, isHere: isHere)
      case .command(let command):
        draw(&canvas, area.row(row), command, isHere: isHere, obstacle: command.obstacle(state))
      }
    }
    if entries.isEmpty { canvas.put("nothing of that name", x: area.x, y: area.y, .dim, limit: area.width) }
  }

  private func draw(_ canvas: inout Canvas, _ line: Rect, _ command: Command, isHere: Bool, obstacle: String?) {
    var words = command.summary
    if let obstacle {
      // Where there is no room for both, the reason is what is missing.
      let reason = "not here: \(obstacle)"
      words += " (\(reason))"
      if TextWidth.columns(of: words) > line.width - 16 - nameWidth(line) { words = reason }
    }
    draw(
      &canvas, line, command.keyLabel, ":\(command.name) \(command.arguments)", words, isDim: obstacle != nil,
      isHere: isHere)
  }

  private func nameWidth(_ line: Rect) -> Int { min(44, line.width / 3) }

  private func draw(
    _ canvas: inout Canvas, _ line: Rect, _ key: String, _ name: String, _ words: String, isDim: Bool, isHere: Bool
  ) {
    let surface: Role? = isHere ? .cursorRow : nil
    canvas.fill(line, " ", surface.map { Style($0) } ?? .normal)
    let plain = isDim ? Style(.dim, on: surface) : surface.map { Style($0) } ?? .normal
    canvas.put(key, x: line.x, y: line.y, width: 14, Style(isDim ? .dim : .key, on: surface))
    let nameWidth = name.isEmpty ? -1 : nameWidth(line)
    if nameWidth > 0 { canvas.put(name, x: line.x + 15, y: line.y, width: nameWidth, plain) }
    let x = line.x + 16 + nameWidth
    canvas.put(words, x: x, y: line.y, plain, limit: line.maxX - x)
  }

  mutating func press(_ key: Key, over state: State) -> PopupResponse {
    if key.closesPopup(areLettersTyped: true) { return .closes }
    switch key {
    case .enter: return chosen
    case .backspace: search = String(search.dropLast())
    case .character(let character):
      search.append(character)
      cursor = PopupCursor()
    default: cursor.take(key, among: entries.count, page: state.page, areLettersTyped: true)
    }
    return .stays
  }

  mutating func point(at index: Int, over state: State) -> PopupResponse {
    if cursor.row == index { return chosen }
    cursor.row = index
    return .stays
  }

  private var chosen: PopupResponse {
    let entries = entries
    guard entries.indices.contains(cursor.row) else { return .closes }
    switch entries[cursor.row] {
    case .word: return .stays
    case .key(let hint): return Key(hint: hint.key).map { .passes($0) } ?? .closes
    case .command(let command):
      // A command that needs a word is put into the prompt.
      return command.keys.isEmpty && !command.arguments.isEmpty
        ? .types(command.name + " ") : .performs(command, argument: "")
    }
  }
}

/// The words that the screen uses.
enum Glossary {
  typealias Word = (word: String, meaning: String)

  static let words: [Word] = [
    ("t²", "relative squared error of a layer, ‖ŵ − w‖² / ‖w‖²: 0.01 is a tenth of the weights' size off"),
    ("SQNR, dB", "signal to quantisation noise, −10·log10 t²: 20 dB is t² of 0.01, 6 dB about a bit"),
    ("Δ", "a layer's part of the recipe's damage, in percent"),
    ("damage", "what a recipe does in all, against int4,group=32 everywhere; uncalibrated: it only ranks"),
    ("bpw", "bits per weight: 8 · bytes / parameters, scales included"),
    ("KL", "how far the outputs' probabilities are from the original's, nats; 0 is the same"),
    ("≈", "an estimate; measured figures have none"),
    ("σ", "standard deviation of a layer's weights"),
    ("group, g32", "so many weights in a row share a scale: smaller groups err less and take more room"),
    ("channel", "a scale for each output"),
    ("symmetric", "levels around zero; affine ones reach from the least to the greatest weight"),
    ("q4_k, q6_k …", "llama.cpp's block types: codes with scales in two levels"),
    ("sparsity", "the share of weights that are exactly zero"),
    ("2:4", "two of every four weights stay: what sparse tensor cores want"),
    ("outlier", "a weight far from the others that sets the scale for all that share one"),
    ("calibrate", "measure what each layer's compression does on some data: then estimates are of a metric"),
    ("front", "the best recipe at every size, as far as estimates know"),
    ("huffman, rans", "entropy coding: frequent codes take fewer bits; no error, less room"),
    ("!", "something is to be said of the layer: the status line says it"),
  ]
}
