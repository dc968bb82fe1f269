internal import Checkpoints

/// SentencePiece's unigrams (T. Kudo, arXiv:1804.10959): the division of a text whose tokens' scores, logarithms of
/// probabilities, add up to the most.
struct Unigrams: Sendable {
  private let ids: [[UInt8]: Int]
  private let scores: [Float]
  private let longest: Int
  private let unknown: Int
  private let unknownScore: Float

  init(_ vocabulary: Vocabulary) {
    var ids: [[UInt8]: Int] = [:]
    for (id, token) in vocabulary.tokens.enumerated()
    where vocabulary.isOrdinary(id) || vocabulary.kinds[id] == .userDefined {
      if ids[token] == nil { ids[token] = id }
    }
    scores = vocabulary.scores
    longest = ids.keys.map(\.count).max() ?? 0
    unknown = vocabulary.id(of: .unk) ?? vocabulary.kinds.firstIndex(of: .unknown) ?? 0
    // SentencePiece's penalty: ten below the least.
    unknownScore = (ids.values.map { vocabulary.scores[$0] }.min() ?? 0) - 10
    self.ids = ids
  }

  /// The tokens of a text whose spaces are U+2581 already (Viterbi). O(n · the longest token).
  func encode(_ text: [UInt8]) -> [Int] {
    struct Best {
      var score = -Double.infinity
      var start = 0
      var token = 0
    }
    var best = [Best](repeating: Best(), count: text.count + 1)
    best[0].score = 0
    var at = 0
    while at < text.count {
      let width = min(text.count - at, text[at] < 0x80 ? 1 : text[at] < 0xE0 ? 2 : text[at] < 0xF0 ? 3 : 4)
      func offer(_ end: Int, _ score: Float, _ token: Int) {
        let total = best[at].score + Double(score)
        if total > best[end].score { best[end] = Best(score: total, start: at, token: token) }
      }
      var hasWhole = false
      for end in at + 1..<min(text.count, at + longest) + 1 {
        guard let id = ids[Array(text[at..<end])] else { continue }
        if end == at + width { hasWhole = true }
        offer(end, scores[id], id)
      }
      if !hasWhole { offer(at + width, unknownScore, unknown) }
      at += width
    }
    var tokens: [Int] = []
    var end = text.count
    while end > 0 {
      // Unknown characters side by side are one unknown token.
      if !(best[end].token == unknown && tokens.last == unknown) { tokens.append(best[end].token) }
      end = best[end].start
    }
    return tokens.reversed()
  }
}
