internal import Checkpoints

/// Tokens that stand for a text of their own: `<|endoftext|>`, `[MASK]`. They are found before a text is divided, from
/// the left, the longest first.
struct SpecialTokens: Sendable {
  /// By first byte, the longest first.
  private var byFirst: [UInt8: [(text: [UInt8], id: Int, isControl: Bool)]] = [:]

  init(_ vocabulary: Vocabulary) {
    for (id, kind) in vocabulary.kinds.enumerated() where kind == .control || kind == .userDefined || kind == .unknown {
      let text = vocabulary.tokens[id]
      guard let first = text.first else { continue }
      byFirst[first, default: []].append((text, id, kind != .userDefined))
    }
    for first in byFirst.keys { byFirst[first]?.sort { ($1.text.count, $0.id) < ($0.text.count, $1.id) } }
  }

  enum Part {
    case text(Range<Int>)
    case token(Int)
  }

  /// The text's parts in order.
  ///
  /// - Parameter takesControl: Whether tokens that steer are recognised, or only those that users added.
  func parts(_ text: [UInt8], takesControl: Bool) -> [Part] {
    guard !byFirst.isEmpty else { return text.isEmpty ? [] : [.text(0..<text.count)] }
    var parts: [Part] = []
    var (left, at) = (0, 0)
    while at < text.count {
      let found = byFirst[text[at]]?.first {
        (takesControl || !$0.isControl) && text[at...].starts(with: $0.text)
      }
      guard let found else {
        at += 1
        continue
      }
      if left < at { parts.append(.text(left..<at)) }
      parts.append(.token(found.id))
      at += found.text.count
      left = at
    }
    if left < text.count { parts.append(.text(left..<text.count)) }
    return parts
  }
}

extension Vocabulary {
  /// Whether a token is one that text is made of.
  func isOrdinary(_ id: Int) -> Bool {
    kinds[id] == .normal || kinds[id] == .byte || kinds[id] == .userDefined
  }

  func isAdded(_ role: Role) -> Bool? { additions.first { $0.role == role }?.isAdded }
}
