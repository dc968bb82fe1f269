import Checkpoints
import Compression
import Numerics
import Workbench

/// What the filter looks for in each item: all that its row can show of it, in lower case, as bytes in one piece.
///
/// A letter typed into the filter is answered within a frame on models of tens of thousands of tensors, so nothing is
/// put together then but what the recipe changes.
struct SearchIndex: Sendable {
  private let bytes: [UInt8]
  /// Where each item's text ends.
  private let ends: [Int]

  /// - Complexity: O(characters of all names): some microseconds an item.
  init(_ items: [Item]) {
    var bytes: [UInt8] = []
    var ends: [Int] = []
    ends.reserveCapacity(items.count)
    bytes.reserveCapacity(items.count * 96)
    for item in items {
      bytes.append(lowered: item.name)
      if item.tensorName != item.name { bytes.append(lowered: item.tensorName) }
      if let name = item.layer.operatorName { bytes.append(lowered: name) }
      for text in [item.layer.role.rawValue, item.kindText, item.storage, item.type.name, item.shapeText] {
        bytes.append(lowered: text)
      }
      for word in RoleWord.words(for: item.layer.role) { bytes.append(lowered: word) }
      bytes.append(lowered: Format.bytes(item.bytes))
      ends.append(bytes.count)
    }
    (self.bytes, self.ends) = (bytes, ends)
  }

  var count: Int { ends.count }

  /// The places of the items in whose text, or in what is added to it, every term occurs and no negated one does.
  ///
  /// - Parameter extra: what belongs to an item besides, in lower case; asked for where the text alone does not tell.
  func places(_ terms: [Filter.Term], extra: (Int) -> [UInt8]) -> [Int] {
    bytes.withUnsafeBufferPointer { bytes in
      ends.indices.filter { place in
        let text = UnsafeBufferPointer(rebasing: bytes[(place > 0 ? ends[place - 1] : 0)..<ends[place]])
        var more: [UInt8]?
        return terms.allSatisfy { term in
          if text.holds(term.bytes) { return !term.isNegated }
          let added = more ?? extra(place)
          more = added
          return added.withUnsafeBufferPointer { $0.holds(term.bytes) } != term.isNegated
        }
      }
    }
  }
}

extension [UInt8] {
  /// Adds a text in lower case, and a line's end that no term has in it.
  mutating func append(lowered text: String) {
    var text = text
    let isASCII = text.withUTF8 { $0.allSatisfy { $0 < 0x80 } }
    if isASCII {
      text.withUTF8 { append(contentsOf: $0.lazy.map { 0x41...0x5A ~= $0 ? $0 | 0x20 : $0 }) }
    } else {
      append(contentsOf: text.lowercased().utf8)
    }
    append(0x0A)
  }
}

extension UnsafeBufferPointer<UInt8> {
  /// Whether the word stands anywhere in these bytes.
  fileprivate func holds(_ word: [UInt8]) -> Bool {
    guard let first = word.first, count >= word.count else { return word.isEmpty }
    return word.withUnsafeBufferPointer { word in
      for start in 0...(count - word.count) where self[start] == first {
        var matched = 1
        while matched < word.count, self[start + matched] == word[matched] { matched += 1 }
        if matched == word.count { return true }
      }
      return false
    }
  }
}

extension State {
  /// Makes the index if a filter wants it and no job has brought it yet.
  mutating func prepareSearch() { prepareSearch(for: filter) }

  mutating func prepareSearch(for filter: Filter) {
    if !filter.isEmpty, searchIndex?.count != session.items.count { searchIndex = SearchIndex(session.items) }
  }

  /// The columns that show figures, where a filter looks for something like a figure: only then are they put into words.
  func searchedFigures(_ filter: Filter) -> [Column] {
    filter.looksForFigures ? shownColumns.map(\.column).filter(\.isFigure) : []
  }

  /// What the recipe and what was found out add to an item's text: its scheme in long and in short, and its note.
  ///
  /// - Parameter columns: whose figures are looked through (`searchedFigures`).
  func changingText(of item: Item, _ known: inout [Scheme: [UInt8]], _ columns: [Column]) -> [UInt8] {
    let scheme = session.scheme(of: item)
    var text: [UInt8]
    if let found = known[scheme] {
      text = found
    } else {
      text = []
      text.append(lowered: "\(scheme)")
      text.append(lowered: short(scheme))
      known[scheme] = text
    }
    if let note = session.ownNote(on: item) ?? figures.misfits[item.id] { text.append(lowered: note) }
    for column in columns { text.append(lowered: itemCell(column, item, 0, 0).text) }
    return text
  }
}
