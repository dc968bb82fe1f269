/// Text in mdoc, the markup of manual pages: groff and mandoc both read it.
struct Mdoc {
  private(set) var text = ""

  /// A macro with its arguments, as it stands in the markup.
  mutating func macro(_ line: String) { text += ".\(line)\n" }

  /// Prose: a sentence begins a line, and lines are short. No word is hyphenated, for many are names or commands.
  mutating func prose(_ string: String) {
    for sentence in Self.sentences(string) {
      var line = ""
      for word in sentence.split(separator: " ").map({ #"\%"# + Self.escaped(String($0)) }) {
        if !line.isEmpty, line.utf8.count + word.utf8.count > 77 {
          put(line)
          line = ""
        }
        line += (line.isEmpty ? "" : " ") + word
      }
      put(line)
    }
  }

  /// A line of text that no dot at its start makes a macro.
  private mutating func put(_ line: String) {
    text += (line.hasPrefix(".") || line.hasPrefix("'") ? #"\&"# : "") + line + "\n"
  }

  /// Paragraphs, a line each.
  mutating func paragraphs(_ string: String) {
    for (index, line) in string.split(separator: "\n").enumerated() {
      if index > 0 { macro("Pp") }
      prose(String(line))
    }
  }

  /// Lines as they stand.
  mutating func literal(_ lines: [String]) {
    macro("Bd -literal")
    for line in lines { put(Self.escaped(line)) }
    macro("Ed")
  }

  /// One argument of a macro: quoted, and never taken for a macro itself.
  static func argument(_ string: String) -> String {
    let escaped = escaped(string).replacing("\"", with: #"\(dq"#)
    return escaped.contains(" ") || escaped.count <= 3 ? "\"\\&\(escaped)\"" : escaped
  }

  /// Characters that roff would change or take for markup, by their names.
  static func escaped(_ string: String) -> String {
    var text = ""
    for scalar in string.unicodeScalars {
      switch scalar {
      case "\\": text += #"\e"#
      case "-": text += #"\-"#
      case "'": text += #"\(aq"#
      case "`": text += #"\(ga"#
      case "^": text += #"\(ha"#
      case "~": text += #"\(ti"#
      case "…": text += "..."
      case _ where scalar.value > 126:
        let digits = String(scalar.value, radix: 16, uppercase: true)
        text += #"\[u"# + String(repeating: "0", count: max(0, 4 - digits.count)) + digits + "]"
      default: text.unicodeScalars.append(scalar)
      }
    }
    return text
  }

  /// Cut after a full stop that a capital letter follows; roff sets the space between sentences itself.
  private static func sentences(_ string: String) -> [String] {
    var found: [String] = []
    var sentence = ""
    for word in string.split(separator: " ") {
      if sentence.last == ".", word.first?.isUppercase == true || word.first == "<" {
        found.append(sentence)
        sentence = ""
      }
      sentence += (sentence.isEmpty ? "" : " ") + word
    }
    return found + [sentence]
  }
}
