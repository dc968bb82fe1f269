/// Keys written down, to be replayed without a person: characters as typed, the others by name.
///
///     jj4<Wait>:export<Space>gguf<Enter>q
///
/// Names, in any case: `<Enter> <Esc> <Tab> <S-Tab> <Space> <Up> <Down> <Left> <Right> <S-Up> <S-Down>
/// <S-Left> <S-Right> <PageUp> <PageDown> <Home> <End> <BS> <Del> <lt> <gt> <C-x> <A-x>`, and
/// `<Wait>`, `<Resize 80x24>`, `<Click 10,5>`, `<DoubleClick 10,5>`, `<Drag 12,5>`,
/// `<Release 12,5>`, `<ScrollUp 10,5>`, `<ScrollDown 10,5>`.
/// A newline is no key (write `<Enter>`), so that a script may have lines.
struct KeyScript: Hashable, Sendable {
  /// One entry of a script.
  enum Step: Hashable, Sendable {
    case key(Key)
    /// Until all jobs are done.
    case wait
  }

  var steps: [Step]

  init(steps: [Step]) { self.steps = steps }

  static let names: [(name: String, value: Key)] = [
    ("Enter", .enter), ("Esc", .escape), ("Tab", .tab), ("S-Tab", .backTab), ("Space", .character(" ")),
    ("Up", .up), ("Down", .down), ("Left", .left), ("Right", .right), ("S-Up", .shiftUp),
    ("S-Down", .shiftDown), ("S-Left", .shiftLeft), ("S-Right", .shiftRight), ("Home", .home),
    ("End", .end), ("PageUp", .pageUp), ("PageDown", .pageDown), ("BS", .backspace), ("Del", .delete),
    ("lt", .character("<")), ("gt", .character(">")), ("CR", .enter), ("Return", .enter),
    ("Escape", .escape), ("Backspace", .backspace), ("Delete", .delete),
  ]

  /// Reads a script.
  ///
  /// - Throws: `KeyScriptError` with the place of what it does not know.
  init(_ text: String) throws(KeyScriptError) {
    steps = []
    var line = 1
    var column = 1
    var rest = Substring(text)
    while let character = rest.popFirst() {
      switch character {
      case "\n", "\r\n", "\r":
        line += 1
        column = 0
      case "<":
        guard let end = rest.firstIndex(where: { $0 == ">" || $0.isNewline }), rest[end] == ">" else {
          throw KeyScriptError(
            line: line, column: column, problem: "'<' without '>'; write <lt> for '<' itself")
        }
        let name = String(rest[..<end])
        guard let step = Self.step(named: name) else {
          throw KeyScriptError(line: line, column: column, problem: "no key is named <\(name)>")
        }
        steps.append(step)
        column += name.count + 1
        rest = rest[rest.index(after: end)...]
      case "\t": steps.append(.key(.tab))
      default: steps.append(.key(.character(character)))
      }
      column += 1
    }
  }

  private static func step(named name: String) -> Step? {
    let lower = name.lowercased()
    if lower == "wait" { return .wait }
    if let known = names.first(where: { $0.name.lowercased() == lower }) { return .key(known.value) }
    if let letter = single(after: "c-", in: lower), letter.isASCII { return .key(.control(letter)) }
    if single(after: "a-", in: lower) != nil, let exact = name.last { return .key(.alt(exact)) }
    let words = lower.split(separator: " ")
    guard words.count == 2 else { return nil }
    if words[0] == "resize" { return Size(String(words[1])).map { .key(.resize($0)) } }
    return mouse(String(words[0]), at: words[1]).map { .key(.mouse($0)) }
  }

  private static func single(after prefix: String, in name: String) -> Character? {
    name.hasPrefix(prefix) && name.count == prefix.count + 1 ? name.last : nil
  }

  private static func mouse(_ word: String, at place: Substring) -> MouseEvent? {
    let numbers = place.split(separator: ",").compactMap { Int($0) }
    guard numbers.count == 2, place.split(separator: ",").count == 2,
      numbers.allSatisfy({ (-10_000...10_000).contains($0) })
    else { return nil }
    let point = Point(x: numbers[0], y: numbers[1])
    switch word {
    case "click": return MouseEvent(.press, at: point)
    case "doubleclick": return MouseEvent(.doublePress, at: point)
    case "drag": return MouseEvent(.drag, at: point)
    case "release": return MouseEvent(.release, at: point)
    case "scrollup": return MouseEvent(.scrollUp, at: point, button: 0)
    case "scrolldown": return MouseEvent(.scrollDown, at: point, button: 0)
    default: return nil
    }
  }
}

/// A key script that does not parse: where and why.
package struct KeyScriptError: Error, Hashable, Sendable, CustomStringConvertible {
  /// From 1.
  var line: Int
  /// From 1, in characters.
  var column: Int
  var problem: String

  package var description: String {
    line == 1 ? "keys, position \(column): \(problem)" : "keys, line \(line), position \(column): \(problem)"
  }
}
