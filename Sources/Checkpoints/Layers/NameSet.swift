/// Names of a list, each of which is to be there once.
struct NameSet {
  private var names: [Name] = []
  private var places = NameTable(minimumCapacity: 0)
  /// `nil` while all names are ASCII, and the table has them.
  private var texts: Set<String>?
  private let writer = NameWriter()

  /// The name as it is kept, with a number where it is taken (`Layer.unique`).
  mutating func unique(_ name: Name) -> Name {
    if texts == nil, !name.withBytes(\.isASCII) { texts = Set(names.map { String($0) }) }
    if var texts {
      // Not held twice while it is changed.
      self.texts = nil
      defer { self.texts = texts }
      return writer.write(Layer.unique(String(name), &texts))
    }
    if let new = insert(name) { return new }
    let numbered = writer.write(Layer.numbered(String(name)) { other in other.withBytes { holds($0) } })
    return insert(numbered) ?? numbered
  }

  private func holds(_ name: UnsafeBufferPointer<UInt8>) -> Bool {
    places.find(name) { place in names[place].withBytes { $0.isSame(name) } } != nil
  }

  /// - Returns: `nil` where the name is there.
  private mutating func insert(_ name: Name) -> Name? {
    let isTaken = name.withBytes { [names] bytes in
      places.enter(names.count, bytes) { place in names[place].withBytes { $0.isSame(bytes) } } != nil
    }
    if isTaken { return nil }
    let kept = name.withBytes { writer.write($0) }
    names.append(kept)
    return kept
  }
}
