internal import Checkpoints
internal import FileAccess

/// Byte-level byte-pair encoding (R. Sennrich et al., arXiv:1508.07909, over bytes as GPT-2 does): pairs of neighbours
/// are merged, the pair that training merged first always next, of equal ones the leftmost.
struct BytePairs: Sendable {
  /// Tokens by their bytes.
  private let ids: [[UInt8]: Int]
  /// Tokens of one byte; −1 where there is none.
  private let bytes: [Int]
  private let merges: [Pair: Merge]
  private let unknown: Int?
  private let ignoresMerges: Bool

  private struct Pair: Hashable {
    let left: Int32
    let right: Int32
  }
  private struct Merge {
    let rank: Int32
    let token: Int32
  }

  init(_ vocabulary: Vocabulary, ignoresMerges: Bool) {
    var ids: [[UInt8]: Int] = [:]
    ids.reserveCapacity(vocabulary.tokens.count)
    for (id, token) in vocabulary.tokens.enumerated() where vocabulary.isOrdinary(id) {
      if let text = PrintableBytes.raw(token), ids[text] == nil { ids[text] = id }
    }
    var merges: [Pair: Merge] = [:]
    merges.reserveCapacity(vocabulary.merges.count)
    for (rank, merge) in vocabulary.merges.enumerated() {
      let parts = Array(merge.utf8)
      // The space between the parts is not the first byte: a part is never empty.
      guard let space = parts.dropFirst().firstIndex(of: 0x20) else { continue }
      guard let left = PrintableBytes.raw(parts[..<space]), let right = PrintableBytes.raw(parts[(space + 1)...]),
        let a = ids[left], let b = ids[right], let whole = ids[left + right]
      else { continue }
      let pair = Pair(left: Int32(a), right: Int32(b))
      if merges[pair] == nil { merges[pair] = Merge(rank: Int32(rank), token: Int32(whole)) }
    }
    bytes = (0..<256).map { ids[[UInt8($0)]] ?? -1 }
    unknown = vocabulary.id(of: .unk)
    self.ids = ids
    self.merges = merges
    self.ignoresMerges = ignoresMerges
  }

  /// The tokens of one piece. O(n log n) in its bytes.
  func encode(_ piece: ArraySlice<UInt8>) -> [Int] {
    if ignoresMerges, let id = ids[Array(piece)] { return [id] }
    var symbols: [Int32] = []
    symbols.reserveCapacity(piece.count)
    for byte in piece {
      let id = bytes[Int(byte)]
      if id >= 0 { symbols.append(Int32(id)) } else if let unknown { symbols.append(Int32(unknown)) }
    }
    let merged = symbols.count <= 48 ? mergedShort(symbols) : mergedLong(symbols)
    return merged.map(Int.init)
  }

  /// By looking at all pairs each time: quickest for words.
  private func mergedShort(_ symbols: [Int32]) -> [Int32] {
    var symbols = symbols
    var found = pairs(symbols)
    while true {
      var best = -1
      for index in found.indices where found[index].rank >= 0 {
        if best < 0 || found[index].rank < found[best].rank { best = index }
      }
      guard best >= 0 else { return symbols }
      symbols[best] = found[best].token
      symbols.remove(at: best + 1)
      found.remove(at: best)
      if best < found.count { found[best] = merge(symbols[best], symbols[best + 1]) }
      if best > 0 { found[best - 1] = merge(symbols[best - 1], symbols[best]) }
    }
  }

  private func pairs(_ symbols: [Int32]) -> [Merge] {
    zip(symbols, symbols.dropFirst()).map { merge($0, $1) }
  }

  private func merge(_ left: Int32, _ right: Int32) -> Merge {
    merges[Pair(left: left, right: right)] ?? Merge(rank: -1, token: -1)
  }

  /// By a heap of pairs over a linked list.
  private func mergedLong(_ symbols: [Int32]) -> [Int32] {
    var list = SymbolList(symbols.count)
    var symbols = symbols
    var heap = Heap<Candidate> { ($0.rank, $0.left) < ($1.rank, $1.left) }
    func push(_ left: Int, _ right: Int) {
      let found = merge(symbols[left], symbols[right])
      guard found.rank >= 0 else { return }
      heap.push(
        Candidate(
          rank: found.rank, left: left, right: right, leftSymbol: symbols[left], rightSymbol: symbols[right],
          token: found.token))
    }
    for index in symbols.indices.dropLast() { push(index, index + 1) }
    while let best = heap.pop() {
      // A pair of before one of its parts was merged with another neighbour is none any more.
      guard symbols[best.left] == best.leftSymbol, symbols[best.right] == best.rightSymbol,
        list.next[best.left] == best.right
      else { continue }
      symbols[best.left] = best.token
      symbols[best.right] = -1
      list.remove(best.right)
      if list.previous[best.left] >= 0 { push(list.previous[best.left], best.left) }
      if list.next[best.left] < symbols.count { push(best.left, list.next[best.left]) }
    }
    return symbols.filter { $0 >= 0 }
  }

  private struct Candidate {
    let rank: Int32
    let left: Int
    let right: Int
    let leftSymbol: Int32
    let rightSymbol: Int32
    let token: Int32
  }
}

/// Neighbours of symbols of which some are gone.
struct SymbolList {
  var previous: [Int]
  var next: [Int]

  init(_ count: Int) {
    previous = (0..<count).map { $0 - 1 }
    next = (0..<count).map { $0 + 1 }
  }

  mutating func remove(_ index: Int) {
    next[previous[index]] = next[index]
    if next[index] < previous.count { previous[next[index]] = previous[index] }
  }
}

/// A binary heap: the first by `precedes` comes out first.
struct Heap<Element> {
  private var elements: [Element] = []
  private let precedes: (Element, Element) -> Bool

  init(by precedes: @escaping (Element, Element) -> Bool) { self.precedes = precedes }

  mutating func push(_ element: Element) {
    elements.append(element)
    var at = elements.count - 1
    while at > 0, precedes(elements[at], elements[(at - 1) / 2]) {
      elements.swapAt(at, (at - 1) / 2)
      at = (at - 1) / 2
    }
  }

  mutating func pop() -> Element? {
    guard let first = elements.first else { return nil }
    let last = elements.removeLast()
    guard !elements.isEmpty else { return first }
    elements[0] = last
    var at = 0
    while true {
      var least = at
      for child in [2 * at + 1, 2 * at + 2] where child < elements.count {
        if precedes(elements[child], elements[least]) { least = child }
      }
      guard least != at else { return first }
      elements.swapAt(at, least)
      at = least
    }
  }
}

/// GPT-2's printable stand-ins for bytes (`bytes_to_unicode`): a byte that is no visible Latin-1 character is U+0100
/// and up.
enum PrintableBytes {
  private static let bytes: [UInt32: UInt8] = {
    var map: [UInt32: UInt8] = [:]
    var next: UInt32 = 256
    for byte in 0..<256 as Range<UInt32> {
      if (33...126).contains(byte) || (161...172).contains(byte) || byte >= 174 {
        map[byte] = UInt8(byte)
      } else {
        map[next] = UInt8(byte)
        next += 1
      }
    }
    return map
  }()

  /// The bytes that a printable text stands for; `nil` where a character of it stands for none.
  static func raw(_ text: some Collection<UInt8>) -> [UInt8]? {
    var raw: [UInt8] = []
    raw.reserveCapacity(text.count)
    for scalar in String(decoding: text, as: UTF8.self).unicodeScalars {
      guard let byte = bytes[scalar.value] else { return nil }
      raw.append(byte)
    }
    return raw
  }
}
