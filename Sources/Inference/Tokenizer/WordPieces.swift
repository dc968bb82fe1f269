@_spi(_Unicode) internal import Swift
internal import Checkpoints

/// BERT's WordPiece (J. Devlin et al., arXiv:1810.04805, `tokenization.py`): words and single punctuation marks, each
/// taken apart from the left by the longest token that fits; a word that cannot be is the unknown token.
///
/// Tokens are in GGUF's form: U+2581 begins a word, what continues one has no mark.
struct WordPieces: Sendable {
  private let ids: [[UInt8]: Int]
  private let longest: Int
  private let unknown: Int?
  private let lowercases: Bool
  private let stripsAccents: Bool

  /// BERT does not try longer words.
  private static let mostCharacters = 100

  init(_ vocabulary: Vocabulary) {
    var ids: [[UInt8]: Int] = [:]
    for (id, token) in vocabulary.tokens.enumerated() where vocabulary.isOrdinary(id) && ids[token] == nil {
      ids[token] = id
    }
    longest = ids.keys.map(\.count).max() ?? 0
    unknown = vocabulary.id(of: .unk)
    lowercases = vocabulary.lowercases ?? true
    // What is put in lower case loses its accents too, where nothing else is said.
    stripsAccents = vocabulary.stripsAccents ?? lowercases
    self.ids = ids
  }

  func encode(_ text: Substring) -> [Int] {
    var tokens: [Int] = []
    for word in words(text) { encode(word, into: &tokens) }
    return tokens
  }

  private func encode(_ word: [Unicode.Scalar], into tokens: inout [Int]) {
    let before = tokens.count
    var bytes = Array("\u{2581}".utf8)
    for scalar in word { bytes += Array(String(scalar).utf8) }
    var at = 0
    if word.count <= Self.mostCharacters {
      while at < bytes.count {
        var end = min(bytes.count, at + longest)
        // The mark alone is no piece of a word.
        let least = at == 0 ? 3 : at
        while end > least, ids[Array(bytes[at..<end])] == nil { end -= 1 }
        // Nor does it begin one within a word.
        if at > 0, bytes[at...].starts(with: "\u{2581}".utf8) { break }
        guard end > least, let id = ids[Array(bytes[at..<end])] else { break }
        tokens.append(id)
        at = end
      }
    }
    if at < bytes.count {
      tokens.removeLast(tokens.count - before)
      if let unknown { tokens.append(unknown) }
    }
  }

  /// Cleaned, without accents and in lower case where the model wants it, punctuation and Chinese characters alone.
  private func words(_ text: Substring) -> [[Unicode.Scalar]] {
    var words: [[Unicode.Scalar]] = []
    var word: [Unicode.Scalar] = []
    func finish() {
      if !word.isEmpty { words.append(word) }
      word = []
    }
    func add(_ scalar: Unicode.Scalar) {
      let kind = CharacterClass(scalar)
      // U+0085 is a control character first, and a space second.
      let isControl = kind.contains(.control) && !["\t", "\n", "\r"].contains(scalar)
      if isControl || scalar.value == 0xFFFD {
        return
      } else if kind.contains(.space) {
        finish()
      } else if stripsAccents, scalar.properties.generalCategory == .nonspacingMark {
        return
      } else if kind.contains(.punctuation) || scalar.value < 0x7F && kind.contains(.symbol) || Self.isChinese(scalar) {
        finish()
        words.append(Self.lowered(scalar, lowercases))
      } else {
        word += Self.lowered(scalar, lowercases)
      }
    }
    if stripsAccents {
      for scalar in String(text)._nfd { add(scalar) }
    } else {
      for scalar in text.unicodeScalars { add(scalar) }
    }
    finish()
    return words
  }

  private static func lowered(_ scalar: Unicode.Scalar, _ lowercases: Bool) -> [Unicode.Scalar] {
    lowercases ? Array(scalar.properties.lowercaseMapping.unicodeScalars) : [scalar]
  }

  /// BERT's ranges of ideographs.
  private static func isChinese(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar.value {
    case 0x4E00...0x9FFF, 0x3400...0x4DBF, 0x20000...0x2A6DF, 0x2A700...0x2B73F, 0x2B740...0x2B81F, 0x2B920...0x2CEAF,
      0xF900...0xFAFF, 0x2F800...0x2FA1F:
      true
    default: false
    }
  }
}
