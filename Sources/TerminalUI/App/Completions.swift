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
    case ("session", ...1): candidates = ["save ", "open "]
    case ("rescued", ...1): candidates = Rescued.allCases.map(\.rawValue)
    case ("session", _): candidates = Paths.completions(of: last)
    case ("export", _), ("recipe", _), ("measure", _), ("calibrate", _), ("recover", _), ("sensitivity", _),
      ("keep-sensitivity", _), ("bins", _), ("importance", _):
      candidates = Paths.completions(of: last)
    case ("write", _), ("write-quit", _), ("overlay", _): candidates = Paths.completions(of: last)
    case ("columns", _):
      let head = last.lastIndex(of: ",").map { String(last[...$0]) } ?? ""
      candidates = (head.isEmpty ? ["auto"] : []) + Column.allCases.map { head + $0.rawValue }
    case ("device", _): candidates = DeviceProfile.all.map(\.name)
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
        candidates = patterns.map { $0 + "=" }
      }
    default: candidates = patterns
    }
    if command.arguments.isEmpty { candidates = [] }
    return candidates.filter { $0.hasPrefix(last) }.map { before + $0 }
  }

  /// Words for kinds of layers that there are, then the names of weights.
  private var patterns: [String] {
    let weights = session.items.filter { $0.kind == .weight }
    let roles = Set(weights.map(\.role))
    return RoleWord.all.filter { word in roles.contains(where: word.means) }.map(\.text) + weights.map(\.name)
  }
}
