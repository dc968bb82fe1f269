/// The nodes of a pickle in few bytes: a checkpoint of hundreds of thousands of tensors has millions.
///
/// A value is a word of 64 bits; what fits none stands in a list beside. What a node is made of is a run of words. What is
/// put into it later, which few are, stands apart.
final class PickleStore {
  /// The lowest three bits say what it is, the others which.
  struct Word: Hashable {
    fileprivate let bits: UInt64

    fileprivate init(_ tag: UInt64, _ payload: Int) { bits = UInt64(truncatingIfNeeded: payload) << 3 | tag }

    fileprivate var tag: UInt64 { bits & 7 }
    fileprivate var payload: Int { Int(Int64(bitPattern: bits) >> 3) }
    static let none = Word(0, 0)

    /// The number of the node that it is; `nil` where it is none.
    var node: Int? { tag == 7 ? payload : nil }
  }

  private enum Tag: UInt8 { case tuple, list, set, dictionary, global, call, persistent }

  private struct Entry {
    let first: UInt32
    let count: UInt32
    let tag: Tag
  }

  /// What was put into a node after it was made.
  private struct Contents {
    var items: [Word] = []
    var pairs: [Word] = []
  }

  private var entries: [Entry] = []
  private var words: [Word] = []
  private var contents: [Int: Contents] = [:]
  private var states: [Int: Word] = [:]
  private var globals: [(module: String, name: String)] = []
  private var texts: [String] = []
  private var floats: [Double] = []
  private var integers: [Int] = []
  private var ranges: [Range<Int>] = []
  /// The runs of the last tuples: neighbours have the shape and the strides of one another.
  private var latest: [Range<Int>] = []
  private static let mostLatest = 8

  var count: Int { entries.count }
}

// MARK: - Values

extension PickleStore {
  func word(_ value: Pickle.Value) -> Word {
    switch value {
    case .none: return .none
    case .bool(let value): return Word(0, value ? 2 : 1)
    case .int(let value):
      if (value << 3) >> 3 == value { return Word(1, value) }
      integers.append(value)
      return Word(0, integers.count + 2)
    case .float(let value):
      floats.append(value)
      return Word(2, floats.count - 1)
    case .string(let text):
      texts.append(text)
      return Word(3, texts.count - 1)
    case .bytes(let range): return Word(4, place(range))
    case .text(let range): return Word(5, place(range))
    case .bigInt(let range): return Word(6, place(range))
    case .node(let index): return Word(7, index)
    }
  }

  private func place(_ range: Range<Int>) -> Int {
    ranges.append(range)
    return ranges.count - 1
  }

  func value(_ word: Word) -> Pickle.Value {
    switch word.tag {
    case 0 where word.payload > 2: .int(integers[word.payload - 3])
    case 0: word.payload == 0 ? .none : .bool(word.payload == 2)
    case 1: .int(word.payload)
    case 2: .float(floats[word.payload])
    case 3: .string(texts[word.payload])
    case 4: .bytes(ranges[word.payload])
    case 5: .text(ranges[word.payload])
    case 6: .bigInt(ranges[word.payload])
    default: .node(word.payload)
    }
  }
}

// MARK: - Making nodes

extension PickleStore {
  /// - Precondition: there are fewer than 2³² nodes and words: `PickleMachine` bounds both.
  private func add(_ tag: Tag, _ first: Int, _ count: Int) -> Word {
    entries.append(Entry(first: UInt32(clamping: first), count: UInt32(clamping: count), tag: tag))
    return Word(7, entries.count - 1)
  }

  private func add(_ tag: Tag, _ parts: some Collection<Word>) -> Word {
    words.append(contentsOf: parts)
    return add(tag, words.count - parts.count, parts.count)
  }

  func addTuple(_ items: ArraySlice<Word>) -> Word {
    if let run = latest.first(where: { words[$0].elementsEqual(items) }) {
      return add(.tuple, run.lowerBound, run.count)
    }
    let node = add(.tuple, items)
    if items.count <= 4 {
      if latest.count == Self.mostLatest { latest.removeFirst() }
      latest.append(words.count - items.count..<words.count)
    }
    return node
  }

  func addList(_ items: [Word]) -> Word { filled(add(.list, 0, 0), items, []) }
  func addSet(_ items: [Word]) -> Word { filled(add(.set, 0, 0), items, []) }
  func addDictionary(_ pairs: [Word]) -> Word { filled(add(.dictionary, 0, 0), [], pairs) }
  func addCall(_ function: Word, _ arguments: Word) -> Word { add(.call, [function, arguments]) }
  func addPersistent(_ identifier: Word) -> Word { add(.persistent, CollectionOfOne(identifier)) }

  func addGlobal(module: String, name: String) -> Word {
    globals.append((module, name))
    return add(.global, globals.count - 1, 0)
  }

  private func filled(_ node: Word, _ items: [Word], _ pairs: [Word]) -> Word {
    if !items.isEmpty || !pairs.isEmpty { contents[node.payload] = Contents(items: items, pairs: pairs) }
    return node
  }

  func append(_ items: some Collection<Word>, to node: Int) {
    if !items.isEmpty { contents[node, default: Contents()].items.append(contentsOf: items) }
  }

  func set(_ pairs: some Collection<Word>, in node: Int) {
    if !pairs.isEmpty { contents[node, default: Contents()].pairs.append(contentsOf: pairs) }
  }

  /// Gives an object its state; nothing does not replace one.
  func setState(_ state: Word, of node: Int) {
    if states[node] == nil || state != .none { states[node] = state }
  }
}

// MARK: - Reading nodes

extension PickleStore {
  func kind(_ node: Int) -> Pickle.Kind {
    let entry = entries[node]
    let first = Int(entry.first)
    return switch entry.tag {
    case .tuple: .tuple
    case .list: .list
    case .set: .set
    case .dictionary: .dictionary
    case .global: .global(module: globals[first].module, name: globals[first].name)
    case .call: .call(function: value(words[first]), arguments: value(words[first + 1]))
    case .persistent: .persistent(value(words[first]))
    }
  }

  /// - Complexity: O(items), as a list of its own.
  func items(_ node: Int) -> [Pickle.Value] {
    let entry = entries[node]
    var items: [Pickle.Value] = []
    if entry.tag == .tuple {
      for word in words[Int(entry.first)..<Int(entry.first) + Int(entry.count)] { items.append(value(word)) }
    }
    for word in contents[node]?.items ?? [] { items.append(value(word)) }
    return items
  }

  /// - Complexity: O(pairs), as a list of its own.
  func pairs(_ node: Int) -> [Pickle.Value] { (contents[node]?.pairs ?? []).map { value($0) } }

  func hasPairs(_ node: Int) -> Bool { contents[node]?.pairs.isEmpty == false }
  func state(_ node: Int) -> Pickle.Value? { states[node].map { value($0) } }
}

/// The values that a pickle remembers, mostly by the numbers from 0 on.
struct PickleMemo {
  private var first: [PickleStore.Word] = []
  private var others: [Int: PickleStore.Word] = [:]

  var count: Int { first.count + others.count }

  subscript(index: Int) -> PickleStore.Word? {
    get { first.indices.contains(index) ? first[index] : others[index] }
    set {
      guard let newValue else { return }
      if first.indices.contains(index) {
        first[index] = newValue
      } else if index == first.count {
        first.append(newValue)
        others[index] = nil
        while !others.isEmpty, let next = others.removeValue(forKey: first.count) { first.append(next) }
      } else {
        others[index] = newValue
      }
    }
  }
}
