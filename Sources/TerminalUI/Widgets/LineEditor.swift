import Workbench

/// A line that is being typed: for `:` commands, `/` filters and questions.
struct LineEditor: Hashable, Sendable {
  var prompt: String
  /// Earlier lines, the newest last.
  private(set) var history: [String]
  private var characters: [Character]
  /// In characters, 0 to the end.
  private(set) var cursor: Int
  private var historyIndex: Int?
  private var draft = ""
  /// What Tab offers now, and which of it is in the line.
  private(set) var candidates: [String] = []
  private(set) var candidate: Int?
  private var completionStart = 0

  /// What a key came to.
  enum Outcome: Hashable, Sendable {
    case editing
    case submitted(String)
    /// Esc, Ctrl-C, or Backspace in an empty line.
    case cancelled
    /// A key that means nothing in a line.
    case ignored
  }

  /// What may stand in place of the text from `start` (in characters) to the cursor.
  struct Completion: Sendable {
    var start: Int
    var candidates: [String]

    init(start: Int, candidates: [String]) {
      self.start = start
      self.candidates = candidates
    }
  }

  init(prompt: String, text: String = "", history: [String] = []) {
    self.prompt = prompt
    self.history = history
    characters = Array(text)
    cursor = characters.count
  }

  var text: String { String(characters) }

  /// Applies a key. `complete` is asked on Tab, with the text before the cursor.
  mutating func handle(
    _ key: Key, complete: (_ before: String) -> Completion = { _ in Completion(start: 0, candidates: []) }
  ) -> Outcome {
    switch key {
    case .tab: return completeNext(complete, step: 1)
    case .backTab: return completeNext(complete, step: -1)
    default: break
    }
    candidates = []
    candidate = nil
    switch key {
    case .enter:
      let line = text
      if !line.isEmpty, history.last != line { history.append(line) }
      return .submitted(line)
    case .escape, .control("c"), .control("g"): return .cancelled
    case .backspace, .control("h"):
      if characters.isEmpty { return .cancelled }
      delete(from: cursor - 1, to: cursor)
    case .delete, .control("d"): delete(from: cursor, to: cursor + 1)
    case .control("w"), .alt("\u{7F}"): delete(from: wordStart, to: cursor)
    case .alt("d"): delete(from: cursor, to: wordEnd)
    case .control("u"): delete(from: 0, to: cursor)
    case .control("k"): delete(from: cursor, to: characters.count)
    case .control("a"), .home: cursor = 0
    case .control("e"), .end: cursor = characters.count
    case .left, .control("b"): cursor = max(0, cursor - 1)
    case .right, .control("f"): cursor = min(characters.count, cursor + 1)
    case .shiftLeft, .alt("b"): cursor = wordStart
    case .shiftRight, .alt("f"): cursor = wordEnd
    case .up, .control("p"): recall(-1)
    case .down, .control("n"): recall(1)
    case .character(let character): insert(String(character))
    case .paste(let pasted): insert(pasted.split(whereSeparator: \.isNewline).joined(separator: " "))
    default: return .ignored
    }
    return .editing
  }

  /// Puts `text` at the cursor. Joined with what stands before it, so that a combining mark typed by
  /// itself becomes part of its letter.
  private mutating func insert(_ text: String) {
    let before = Array(String(characters[..<cursor]) + text)
    characters = before + characters[cursor...]
    cursor = before.count
  }

  private mutating func delete(from start: Int, to end: Int) {
    let start = max(0, start)
    let end = min(characters.count, end)
    guard start < end else { return }
    characters.removeSubrange(start..<end)
    cursor = start
  }

  private var wordStart: Int {
    var place = cursor
    while place > 0, characters[place - 1] == " " { place -= 1 }
    while place > 0, characters[place - 1] != " " { place -= 1 }
    return place
  }

  private var wordEnd: Int {
    var place = cursor
    while place < characters.count, characters[place] == " " { place += 1 }
    while place < characters.count, characters[place] != " " { place += 1 }
    return place
  }

  private mutating func replace(_ line: String) {
    characters = Array(line)
    cursor = characters.count
  }

  private mutating func recall(_ step: Int) {
    guard !history.isEmpty else { return }
    if historyIndex == nil { draft = text }
    let index = (historyIndex ?? history.count) + step
    guard index >= 0 else { return }
    if index >= history.count {
      if historyIndex != nil { replace(draft) }
      historyIndex = nil
    } else {
      historyIndex = index
      replace(history[index])
    }
  }

  /// The first Tab puts what all candidates have in common, or the only one; further ones go round.
  private mutating func completeNext(_ complete: (String) -> Completion, step: Int) -> Outcome {
    if candidates.isEmpty {
      let before = String(characters[..<cursor])
      let completion = complete(before)
      guard !completion.candidates.isEmpty else { return .editing }
      completionStart = min(max(0, completion.start), cursor)
      candidates = completion.candidates
      let typed = cursor - completionStart
      let common = candidates.dropFirst().reduce(candidates[0]) { $0.commonPrefix(with: $1) }
      if candidates.count > 1, common.count > typed {
        substitute(common)
        return .editing
      }
    }
    let next = candidate.map { ($0 + step + candidates.count) % candidates.count }
    let index = next ?? (step > 0 ? 0 : candidates.count - 1)
    substitute(candidates[index])
    candidate = index
    if candidates.count == 1 { candidates = [] }
    return .editing
  }

  private mutating func substitute(_ word: String) {
    characters.replaceSubrange(completionStart..<cursor, with: Array(word))
    cursor = completionStart + word.count
  }
}

extension String {
  fileprivate func commonPrefix(with other: String) -> String {
    String(zip(self, other).prefix { $0 == $1 }.map(\.0))
  }
}

extension Canvas {
  /// Draws the prompt and the line in the first row of `rect`, scrolled so that the cursor is in
  /// sight, and puts the hardware cursor there.
  mutating func draw(_ editor: LineEditor, in rect: Rect, style: Style = .normal) {
    let area = rect.row(0)
    guard !area.isEmpty else { return }
    fill(area, " ", style)
    let x = put(editor.prompt, x: area.x, y: area.y, Style(.key), limit: area.width)
    let room = area.maxX - x
    guard room > 0 else { return }
    let text = Array(editor.text)
    var start = 0
    func columns(_ range: Range<Int>) -> Int { TextWidth.columns(of: String(text[range])) }
    while columns(start..<editor.cursor) >= room { start += 1 }
    put(String(text[start...]), x: x, y: area.y, style, limit: room)
    cursor = Cursor(Point(x: x + columns(start..<editor.cursor), y: area.y), isVisible: true)
  }
}
