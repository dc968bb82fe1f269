internal import Checkpoints

/// Tokens that stand for a text of their own: `<|endoftext|>`, `[MASK]`. They are found before a text is divided, from
/// the left, the longest first.
struct SpecialTokens: Sendable {
  /// All of them, and those that users added.
  private let all: PatternAutomaton
  private let added: PatternAutomaton

  init(_ vocabulary: Vocabulary) {
    var (all, added): ([(text: [UInt8], id: Int)], [(text: [UInt8], id: Int)]) = ([], [])
    for (id, kind) in vocabulary.kinds.enumerated() where kind == .control || kind == .userDefined || kind == .unknown {
      all.append((vocabulary.tokens[id], id))
      if kind == .userDefined { added.append((vocabulary.tokens[id], id)) }
    }
    (self.all, self.added) = (PatternAutomaton(all), PatternAutomaton(added))
  }

  enum Part {
    case text(Range<Int>)
    case token(Int)
  }

  /// The text's parts in order. Linear in the text.
  ///
  /// - Parameter takesControl: Whether tokens that steer are recognised, or only those that users added.
  func parts(_ text: [UInt8], takesControl: Bool) -> [Part] {
    let automaton = takesControl ? all : added
    guard !automaton.isEmpty else { return text.isEmpty ? [] : [.text(0..<text.count)] }
    let longest = automaton.longestMatches(text)
    var parts: [Part] = []
    var (left, at) = (0, 0)
    while at < text.count {
      guard let found = automaton.pattern(longest[at]) else {
        at += 1
        continue
      }
      if left < at { parts.append(.text(left..<at)) }
      parts.append(.token(found.id))
      at += found.length
      left = at
    }
    if left < text.count { parts.append(.text(left..<text.count)) }
    return parts
  }
}

/// Finds for each place of a text the longest of some patterns that begins there, in time linear in the text whatever
/// the patterns share (A. Aho and M. Corasick 1975, on texts and patterns read backwards).
struct PatternAutomaton: Sendable {
  /// By state and byte: the next state of the tree of reversed patterns.
  private var next: [UInt64: Int32] = [:]
  /// The state of the longest shorter ending.
  private var fallback: [Int32] = [0]
  /// The longest pattern that ends in a state, as a number of `patterns`; −1 for none.
  private var longest: [Int32] = [-1]
  private var patterns: [(length: Int, id: Int)] = []

  var isEmpty: Bool { patterns.isEmpty }

  /// - Parameter texts: of equal ones the first counts; empty ones do not.
  init(_ texts: [(text: [UInt8], id: Int)]) {
    var children: [[(byte: UInt8, state: Int32)]] = [[]]
    for (text, id) in texts where !text.isEmpty {
      var state: Int32 = 0
      for byte in text.reversed() {
        if let known = next[Self.key(state, byte)] {
          state = known
        } else {
          let made = Int32(children.count)
          next[Self.key(state, byte)] = made
          children[Int(state)].append((byte, made))
          children.append([])
          fallback.append(0)
          longest.append(-1)
          state = made
        }
      }
      guard longest[Int(state)] < 0 else { continue }
      longest[Int(state)] = Int32(patterns.count)
      patterns.append((text.count, id))
    }
    // Nearest to the root first: a state's fallback is finished before the state.
    var queue: [Int32] = [0]
    var at = 0
    while at < queue.count {
      let state = queue[at]
      at += 1
      for (byte, child) in children[Int(state)] {
        fallback[Int(child)] = state == 0 ? 0 : step(fallback[Int(state)], byte)
        if longest[Int(child)] < 0 { longest[Int(child)] = longest[Int(fallback[Int(child)])] }
        queue.append(child)
      }
    }
  }

  private static func key(_ state: Int32, _ byte: UInt8) -> UInt64 { UInt64(UInt32(state)) << 8 | UInt64(byte) }

  private func step(_ from: Int32, _ byte: UInt8) -> Int32 {
    var state = from
    while true {
      if let found = next[Self.key(state, byte)] { return found }
      if state == 0 { return 0 }
      state = fallback[Int(state)]
    }
  }

  /// For each place of a text the number of the longest pattern that begins there, −1 for none.
  func longestMatches(_ text: [UInt8]) -> [Int32] {
    var found = [Int32](repeating: -1, count: text.count)
    var state: Int32 = 0
    for place in text.indices.reversed() {
      state = step(state, text[place])
      found[place] = longest[Int(state)]
    }
    return found
  }

  func pattern(_ number: Int32) -> (length: Int, id: Int)? { number < 0 ? nil : patterns[Int(number)] }
}

extension Vocabulary {
  /// Whether a token is one that text is made of.
  func isOrdinary(_ id: Int) -> Bool {
    kinds[id] == .normal || kinds[id] == .byte || kinds[id] == .userDefined
  }

  func isAdded(_ role: Role) -> Bool? { additions.first { $0.role == role }?.isAdded }
}
