import Compression
import FileAccess
import Workbench

/// A line of the layer list: a block with what is in it, or an item.
enum Row: Sendable, Hashable {
  indirect case block(name: String, isFolded: Bool, items: [Int])
  case item(Int, depth: Int8)

  /// The items that an edit of this row changes.
  var items: [Int] {
    switch self {
    case .block(_, _, let items): items
    case .item(let id, _): [id]
    }
  }

  /// What stays the same while rows come and go.
  enum Identity: Hashable {
    case block(String), item(Int)
  }

  var identity: Identity {
    switch self {
    case .block(let name, _, _): .block(name)
    case .item(let id, _): .item(id)
    }
  }
}

/// A filter as people type it: terms that must all occur in some column, `!` negates a term.
struct Filter: Equatable, Sendable {
  let text: String
  let terms: [Term]

  struct Term: Equatable, Sendable {
    /// In lower case.
    var bytes: [UInt8]
    var isNegated: Bool
  }

  init(_ text: String) {
    self.text = text
    terms = text.lowercased().split(separator: " ").compactMap { term in
      let isNegated = term.hasPrefix("!")
      let word = isNegated ? term.dropFirst() : term
      // A whole word for layers of a kind means that kind alone: @q is not @qkv.
      let end: [UInt8] = RoleWord(word) == nil ? [] : [0x0A]
      return word.isEmpty ? nil : Term(bytes: Array(word.utf8) + end, isNegated: isNegated)
    }
  }

  var isEmpty: Bool { terms.isEmpty }

  /// Whether some term has a digit or a sign of figures in it.
  var looksForFigures: Bool {
    terms.contains { $0.bytes.contains { 0x30...0x39 ~= $0 || $0 == 0x25 || $0 >= 0x80 } }
  }

  func admits(_ columns: String) -> Bool {
    let columns = columns.lowercased()
    return terms.allSatisfy { columns.contains(String(decoding: $0.bytes, as: UTF8.self)) != $0.isNegated }
  }

  static func == (a: Filter, b: Filter) -> Bool { a.text == b.text }
}

extension State {
  /// The rows under filter, folds and order. Blocks stand where their first item does.
  ///
  /// - Complexity: O(items); items are looked at in place, being large.
  func makeRows() -> [Row] {
    let items = session.items
    let shown = admittedPlaces()
    if let column = ordering.column {
      return sorted(shown, by: column).map { .item(items[$0].id, depth: 0) }
    }
    var members = [[Int]](repeating: [], count: session.blockNames.count)
    for place in shown {
      if let block = session.block(of: place) { members[block].append(items[place].id) }
    }
    var rows: [Row] = []
    rows.reserveCapacity(shown.count + members.count)
    for place in shown {
      guard let block = session.block(of: place) else {
        rows.append(.item(items[place].id, depth: 0))
        continue
      }
      let ids = members[block]
      guard !ids.isEmpty else { continue }
      members[block] = []
      // A filter shows what it found, folded or not.
      let isFolded = filter.isEmpty && folded.contains(session.blockNames[block])
      rows.append(.block(name: session.blockNames[block], isFolded: isFolded, items: ids))
      if !isFolded { rows += ids.lazy.map { .item($0, depth: 1) } }
    }
    return rows
  }

  /// The places of the items that the filter lets through, in the order in which they are shown: weights alone, unless all
  /// were asked for, or nothing else is found.
  private func admittedPlaces() -> [Int] {
    let found: [Int]
    if !filter.isEmpty, let searchIndex {
      var known: [Scheme: [UInt8]] = [:]
      let columns = searchedFigures(filter)
      var admitted = [Bool](repeating: false, count: session.items.count)
      for place in searchIndex.places(filter.terms, extra: { changingText(of: session.items[$0], &known, columns) }) {
        admitted[place] = true
      }
      found = shownOrder.filter { admitted[$0] }
    } else {
      found = shownOrder
    }
    guard !showsAll else { return found }
    let weights = found.filter { session.items[$0].kind == .weight }
    return weights.isEmpty ? found : weights
  }

  /// Places in the order of a column.
  private func sorted(_ places: [Int], by column: Column) -> [Int] {
    let items = session.items
    func number(_ item: Item) -> Double {
      let scheme = session.scheme(of: item)
      return switch column {
      case .size: Double(item.bytes)
      case .coded: Double(session.bytes(of: item, in: scheme).bytes)
      case .zeros: session.zeros(of: item) ?? -1
      case .error: session.relativeError(of: item, in: scheme) ?? -1
      case .share, .bar: session.damageShare(of: item) ?? -1
      case .decibels: session.relativeError(of: item, in: scheme).map { $0 > 0 ? -$0 : -.infinity } ?? -.infinity
      case .range: session.survey(of: item).map { Double(max(-$0.statistics.minimum, $0.statistics.maximum)) } ?? -1
      case .outlier: session.reach(of: item) ?? -1
      case .distribution: session.survey(of: item)?.statistics.kurtosis ?? -1
      case .fewer: session.price(of: item, step: -1) ?? -1
      case .more: session.price(of: item, step: 1) ?? -1
      case .perByte: session.damagePerByte(of: item) ?? -1
      default: 0
      }
    }
    func text(_ item: Item) -> String {
      switch column {
      case .kind: item.kindText
      case .shape: item.shapeText
      case .dtype: item.storage
      case .scheme: "\(session.scheme(of: item))"
      default: item.name
      }
    }
    // Keys are made once.
    let order: [Int]
    if column.isNumber || column == .distribution {
      let keys = places.map { number(items[$0]) }
      order = keys.indices.sorted { keys[$0] == keys[$1] ? $0 < $1 : keys[$0] < keys[$1] }
    } else {
      let keys = places.map { text(items[$0]) }
      order = keys.indices.sorted { keys[$0] == keys[$1] ? $0 < $1 : keys[$0] < keys[$1] }
    }
    return (ordering.isDescending ? order.reversed() : order).map { places[$0] }
  }

  /// An item's name within its block: what the tree repeats above it is left out.
  func shortName(_ item: Item, depth: Int) -> String {
    guard depth > 0, let block = item.blockName, item.name.hasPrefix(block + ".") else {
      return printable(item.name)
    }
    return printable(String(item.name.dropFirst(block.count + 1)))
  }
}

extension Session {
  /// How many standard deviations the farthest weight is away from zero.
  func reach(of item: Item) -> Double? {
    guard let s = survey(of: item)?.statistics, s.count > 0, s.deviation > 0 else { return nil }
    return max(abs(Double(s.minimum)), abs(Double(s.maximum))) / s.deviation
  }

  /// The share of zeros in an item as chosen: assessed, or as surveyed where it is kept.
  func zeros(of item: Item) -> Double? {
    let scheme = scheme(of: item)
    if let sparsity = assessment(of: item, in: scheme)?.sparsity { return sparsity }
    guard scheme.isKeep, let statistics = survey(of: item)?.statistics, statistics.count > 0 else {
      return nil
    }
    return Double(statistics.zeros) / Double(statistics.count)
  }
}
