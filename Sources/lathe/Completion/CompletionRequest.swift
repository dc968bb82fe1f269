/// What the shells' scripts call: `lathe __complete SHELL …`. It is not parsed as other commands are, for the words
/// that follow may be anything. The answer is a line a candidate: kind, text, third field, description, between tabs.
enum CompletionRequest {
  static let word = "__complete"

  /// The answer's text.
  ///
  /// - Parameter arguments: what follows `__complete`. For bash its `COMP_WORDBREAKS` and the line up to the cursor, for
  ///   the others the words after the program's name, the last as typed so far.
  static func answer(_ arguments: [String]) -> String {
    guard let shell = arguments.first.flatMap(Shell.init(rawValue:)) else { return "" }
    let rest = arguments.dropFirst()
    switch shell {
    case .bash:
      guard rest.count == 2, let breaks = rest.first, let text = rest.last else { return "" }
      return bash(ShellLine(text, breaks: breaks))
    case .zsh:
      return lines(Completer().candidates(after: Array(rest.dropLast()), typing: rest.last ?? ""))
    case .fish:
      // fish gives the last word as it stands, quotes and all.
      return lines(Completer().candidates(after: Array(rest.dropLast()), typing: ShellLine(rest.last ?? "").current))
    }
  }

  private static func lines(_ candidates: [Candidate]) -> String {
    candidates.map { line($0, text: $0.text, third: $0.before) }.joined()
  }

  private static func line(_ candidate: Candidate, text: String, third: String) -> String {
    "\(candidate.kind.rawValue)\t\(text)\t\(third)\t\(candidate.description)\n"
  }

  /// bash replaces only the end of the word, and inserts what it gets as it is.
  private static func bash(_ line: ShellLine) -> String {
    let kept = line.current.dropLast(line.replaced.count)
    if line.isRedirected { return "files\t\t\(line.replaced)\t\n" }
    return Completer().candidates(after: Array(line.words.dropFirst()), typing: line.current).map { candidate in
      switch candidate.kind {
      case .files, .folders:
        // `--recipe=` is kept by bash where `=` breaks words; where it does not, the file's name begins behind it.
        let start = line.replaced.hasPrefix(candidate.before) ? candidate.before.count : 0
        return Self.line(candidate, text: candidate.text, third: String(line.replaced.dropFirst(start)))
      case .word, .part:
        let text = String(candidate.text.dropFirst(kept.count))
        return Self.line(candidate, text: line.openQuote == nil ? escaped(text) : text, third: "")
      }
    }.joined()
  }

  /// With a backslash before everything that means something to a shell.
  private static func escaped(_ text: String) -> String {
    String(text.flatMap { " \t*?[](){}<>|&;$`\"'\\!#~".contains($0) ? ["\\", $0] : [$0] })
  }
}
