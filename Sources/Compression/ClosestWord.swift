/// The word that somebody probably meant: the nearest by insertions, deletions, changes and swaps of neighbours (Damerau
/// 1964, optimal string alignment), or the only one that begins so.
///
/// - Returns: `nil` where none is near: more than a third of the letters would have to change.
/// - Complexity: O(words · letters²).
public func closestWord(to text: String, among words: some Sequence<String>) -> String? {
  let wanted = Array(text.lowercased().unicodeScalars.prefix(64))
  guard !wanted.isEmpty else { return nil }
  var best: (distance: Int, word: String)?
  var beginnings: [String] = []
  for word in words {
    let letters = Array(word.lowercased().unicodeScalars.prefix(64))
    if letters.starts(with: wanted) { beginnings.append(word) }
    let distance = distance(wanted, letters)
    if distance <= max(1, max(wanted.count, letters.count) / 3), best.map({ distance < $0.distance }) ?? true {
      best = (distance, word)
    }
  }
  return best?.word ?? (beginnings.count == 1 ? beginnings[0] : nil)
}

/// ` (did you mean "…"?)`, or nothing.
public func suggestion(for text: String, among words: some Sequence<String>) -> String {
  closestWord(to: text, among: words).map { " (did you mean \"\($0)\"?)" } ?? ""
}

private func distance(_ a: [Unicode.Scalar], _ b: [Unicode.Scalar]) -> Int {
  var before: [Int] = []
  var last = Array(0...b.count)
  for i in a.indices {
    var row = [i + 1]
    for j in b.indices {
      var cost = min(last[j + 1] + 1, row[j] + 1, last[j] + (a[i] == b[j] ? 0 : 1))
      if i > 0, j > 0, a[i] == b[j - 1], a[i - 1] == b[j] { cost = min(cost, before[j - 1] + 1) }
      row.append(cost)
    }
    (before, last) = (last, row)
  }
  return last[b.count]
}
