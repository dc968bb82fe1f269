import Compression
import Workbench

extension State {
  /// Words that may follow in the command line, whole lines.
  func completions(of line: String) -> [String] {
    let (name, rest) = line.firstWord
    if !line.contains(" ") { return Command.all.map(\.name).filter { $0.hasPrefix(name) } }
    guard let command = try? Command.find(name) else { return [] }
    let words = rest.split(separator: " ", omittingEmptySubsequences: false).map(String.init)
    let last = words.last ?? ""
    let before = String(line.dropLast(last.count))
    var candidates: [String]
    switch (command.name, words.count) {
    case ("export", ...1): candidates = Target.all.map(\.name)
    case ("target", ...1): candidates = ["none"] + Target.all.map(\.name)
    case ("export", _), ("recipe", _), ("measure", _), ("calibrate", _), ("sensitivity", _),
      ("keep-sensitivity", _), ("bins", _), ("importance", _):
      candidates = Paths.completions(of: last)
    case ("view", _): candidates = Pane.allCases.map(\.rawValue)
    case ("sort", _): candidates = ["file"] + Column.allCases.map(\.rawValue)
    case ("group", ...1): candidates = ["tensor", "channel", "32", "64", "128"]
    case ("symmetry", ...1): candidates = Symmetry.allCases.map(\.rawValue)
    case ("sparsity", ...1):
      candidates = [
        "0.3", "0.5", "2:4", "1:4", "4:8", "channel:0.25", "input:0.25", "block:4x4:0.5", "model:0.3", "wanda:0.5",
      ]
    case ("coding", ...1): candidates = Scheme.Coding.allCases.map(\.rawValue)
    case ("scheme", ...1): candidates = Scheme.words
    case ("bits", ...1): candidates = UniformScheme.widths.map(String.init)
    case ("set", _):
      if let equals = last.lastIndex(of: "=") {
        let head = String(last[...equals])
        candidates = Scheme.words.map { head + $0 }
      } else {
        candidates = session.items.filter { $0.kind == .weight }.map { $0.name + "=" }
      }
    default: candidates = session.items.filter { $0.kind == .weight }.map(\.name)
    }
    if command.arguments.isEmpty { candidates = [] }
    return candidates.filter { $0.hasPrefix(last) }.map { before + $0 }
  }
}
