import ArgumentParser

/// A command that says in prose and in examples what it is for. `--help` and the manual page are made of the same.
protocol Explained: ParsableCommand {
  /// What the options alone do not say. A paragraph a line.
  static var explanation: String { get }
  /// Command lines that work as they stand where `Samples` is; what they write goes to the working folder. At most 72
  /// columns a line; a line that ends in a backslash goes on.
  static var examples: [String] { get }
  /// Words that the command knows and what they mean, listed below the explanation.
  static var glossary: Glossary? { get }
  /// What `--json` prints, field by field: the path (`layers[].name`; NAME is any key) and its meaning.
  static var fields: [(path: String, meaning: String)] { get }
}

/// A titled list of words and their meanings.
struct Glossary {
  var title: String
  var rows: [(word: String, meaning: String)]

  /// For `--help`: meanings in a column of their own, where those of options stand.
  var text: String {
    let (indent, width) = (26, 79)
    let lines = rows.flatMap { row in
      var lines: [String] = []
      var line = "  " + row.word
      if line.count > indent - 2 {
        lines.append(line)
        line = ""
      }
      line += String(repeating: " ", count: indent - line.count - 1)
      for word in row.meaning.split(separator: " ") {
        if line.count + 1 + word.count > width {
          lines.append(line)
          line = String(repeating: " ", count: indent - 1)
        }
        line += " " + word
      }
      return lines + [line]
    }
    return title.uppercased() + ":\n" + lines.joined(separator: "\n")
  }
}

extension Explained {
  static var glossary: Glossary? { nil }
  static var fields: [(path: String, meaning: String)] { [] }

  /// What `--help` shows below the abstract.
  static var discussion: String {
    let lines = examples.flatMap { $0.split(separator: "\n") }.map { "  " + $0 }
    return explanation + (glossary.map { "\n\n" + $0.text } ?? "") + "\n\nEXAMPLES:\n" + lines.joined(separator: "\n")
  }
}
