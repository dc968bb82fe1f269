import Workbench

/// A line of the layer list: a block with what is in it, or an item.
enum Row: Sendable, Hashable {
  case block(name: String, isFolded: Bool, items: [Int])
  case item(Int, depth: Int)

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
  private let terms: [(text: String, negated: Bool)]

  init(_ text: String) {
    self.text = text
    terms = text.lowercased().split(separator: " ").compactMap { term in
      let negated = term.hasPrefix("!")
      let word = String(negated ? term.dropFirst() : term)
      return word.isEmpty ? nil : (word, negated)
    }
  }

  var isEmpty: Bool { terms.isEmpty }

  func admits(_ columns: String) -> Bool {
    let columns = columns.lowercased()
    return terms.allSatisfy { columns.contains($0.text) != $0.negated }
  }

  static func == (a: Filter, b: Filter) -> Bool { a.text == b.text }
}

extension State {
  /// The rows under filter, folds and order. Blocks stand where their first item does.
  func makeRows() -> [Row] {
    let shown = session.items.filter { filter.isEmpty || filter.admits(searchText(of: $0)) }
    if let column = ordering.column {
      return sorted(shown, by: column).map { .item($0.id, depth: 0) }
    }
    var rows: [Row] = []
    var members: [String: [Int]] = [:]
    for item in shown {
      if let block = item.layer.blockName { members[block, default: []].append(item.id) }
    }
    var seen: Set<String> = []
    for item in shown {
      guard let block = item.layer.blockName else {
        rows.append(.item(item.id, depth: 0))
        continue
      }
      guard seen.insert(block).inserted else { continue }
      let ids = members[block] ?? []
      // A filter shows what it found, folded or not.
      let isFolded = folded.contains(block) && filter.isEmpty
      rows.append(.block(name: block, isFolded: isFolded, items: ids))
      if !isFolded { rows += ids.map { .item($0, depth: 1) } }
    }
    return rows
  }

  private func searchText(of item: Item) -> String {
    "\(item.name) \(item.tensorName) \(item.layer.operatorName ?? "") \(item.layer.role.rawValue) \(item.storage) "
      + "\(item.shapeText) \(session.scheme(of: item)) \(session.note(on: item) ?? "")"
  }

  private func sorted(_ items: [Item], by column: Column) -> [Item] {
    func number(_ item: Item) -> Double {
      let scheme = session.scheme(of: item)
      return switch column {
      case .size: Double(item.bytes)
      case .coded: Double(session.bytes(of: item, in: scheme).bytes)
      case .zeros: session.zeros(of: item) ?? -1
      case .error: session.relativeError(of: item, in: scheme) ?? -1
      case .share: session.damageShare(of: item) ?? -1
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
    // Keys are made once, and places are sorted: items are large.
    let places: [Int]
    if column.isNumber {
      let keys = items.map(number)
      places = items.indices.sorted { keys[$0] == keys[$1] ? $0 < $1 : keys[$0] < keys[$1] }
    } else {
      let keys = items.map(text)
      places = items.indices.sorted { keys[$0] == keys[$1] ? $0 < $1 : keys[$0] < keys[$1] }
    }
    return (ordering.isDescending ? places.reversed() : places).map { items[$0] }
  }

  /// An item's name within its block: what the tree repeats above it is left out.
  func shortName(_ item: Item, depth: Int) -> String {
    guard depth > 0, let block = item.layer.blockName, item.name.hasPrefix(block + ".") else {
      return printable(item.name)
    }
    return printable(String(item.name.dropFirst(block.count + 1)))
  }
}

extension Session {
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
