internal import Checkpoints

/// SentencePiece's byte pairs (T. Kudo and J. Richardson, arXiv:1808.06226) as llama.cpp merges them: of all pairs of
/// neighbours that make a token the one of the highest score is next, of equal ones the leftmost. What is no token in
/// the end is written byte by byte.
struct ScoredPairs: Sendable {
  private let ids: [[UInt8]: Int]
  private let scores: [Float]
  private let bytes: [Int]
  private let unknown: Int?

  init(_ vocabulary: Vocabulary) {
    var ids: [[UInt8]: Int] = [:]
    for (id, token) in vocabulary.tokens.enumerated() where ids[token] == nil { ids[token] = id }
    let hex = Array("0123456789ABCDEF".utf8)
    bytes = (0..<256).map { byte in
      ids[Array("<0x".utf8) + [hex[byte >> 4], hex[byte & 15], UInt8(ascii: ">")]] ?? ids[[UInt8(byte)]] ?? -1
    }
    scores = vocabulary.scores
    unknown = vocabulary.id(of: .unk)
    self.ids = ids
  }

  private struct Candidate {
    let score: Float
    let left: Int
    let right: Int
    /// Bytes of both parts: another number says that one of them has grown since.
    let size: Int
  }

  /// The tokens of a text whose spaces are U+2581 already. O(n log n).
  func encode(_ text: [UInt8]) -> [Int] {
    var symbols: [Range<Int>] = []
    var at = 0
    while at < text.count {
      let width = text[at] < 0x80 ? 1 : text[at] < 0xE0 ? 2 : text[at] < 0xF0 ? 3 : 4
      symbols.append(at..<min(text.count, at + width))
      at += width
    }
    var list = SymbolList(symbols.count)
    var heap = Heap<Candidate> { $0.score > $1.score || $0.score == $1.score && $0.left < $1.left }
    func push(_ left: Int, _ right: Int) {
      let range = symbols[left].lowerBound..<symbols[right].upperBound
      if let id = ids[Array(text[range])] {
        heap.push(Candidate(score: scores[id], left: left, right: right, size: range.count))
      }
    }
    for index in symbols.indices.dropLast() { push(index, index + 1) }
    while let best = heap.pop() {
      let (left, right) = (symbols[best.left], symbols[best.right])
      guard !left.isEmpty, !right.isEmpty, left.count + right.count == best.size else { continue }
      symbols[best.left] = left.lowerBound..<right.upperBound
      symbols[best.right] = right.upperBound..<right.upperBound
      list.remove(best.right)
      if list.previous[best.left] >= 0 { push(list.previous[best.left], best.left) }
      if list.next[best.left] < symbols.count { push(best.left, list.next[best.left]) }
    }
    var tokens: [Int] = []
    for symbol in symbols where !symbol.isEmpty {
      if let id = ids[Array(text[symbol])] {
        tokens.append(id)
      } else {
        tokens += text[symbol].compactMap { bytes[Int($0)] >= 0 ? bytes[Int($0)] : unknown }
      }
    }
    return tokens
  }
}
