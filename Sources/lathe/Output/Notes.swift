import Workbench

/// Says notes of the form `NAME: REASON` on standard error: those with one kind of reason in one line with their number,
/// unless all are wanted.
func noteAll(_ notes: [String], verbose: Bool) {
  if verbose { return notes.forEach { note("lathe: \($0)") } }
  var order: [String] = []
  var kinds: [String: [(name: String, reason: String)]] = [:]
  for text in notes {
    let (name, reason) = parts(of: text)
    // Sizes differ from layer to layer: the words are the kind.
    let kind = reason.split(whereSeparator: \.isNumber).joined(separator: "0")
    if kinds[kind] == nil { order.append(kind) }
    kinds[kind, default: []].append((name, reason))
  }
  for kind in order {
    guard let found = kinds[kind], let first = found.first else { continue }
    if found.count == 1 || first.name.isEmpty {
      for one in found { note("lathe: " + (one.name.isEmpty ? "" : one.name + ": ") + one.reason) }
    } else {
      let names = found.prefix(2).map(\.name).joined(separator: ", ")
      let more = found.count > 2 ? ", …" : ""
      note(
        "lathe: \(found.count) layers (\(names)\(more)): \(first.reason)\(Set(found.map(\.reason)).count > 1 ? ", and the like" : "")"
      )
    }
  }
  if kinds.values.contains(where: { $0.count > 2 && !$0[0].name.isEmpty }) {
    note("lathe: --verbose lists every layer")
  }
}

/// The name before the first colon; empty for a note about the whole.
private func parts(of text: String) -> (name: String, reason: String) {
  guard let colon = text.firstRange(of: ": "), !text[..<colon.lowerBound].contains(" ") else { return ("", text) }
  return (String(text[..<colon.lowerBound]), String(text[colon.upperBound...]))
}
