/// Numbers for names that many layers share: 0, 1, … in the order in which they are first asked for.
struct InternedNames {
  private var known: [Name: Int] = [:]
  /// Neighbours mostly have the same.
  private var last: (name: Name, number: Int)?

  /// By number.
  var names: [String] { known.sorted { $0.value < $1.value }.map { String($0.key) } }

  /// The number of the name of the block that a layer stands in; `nil` for none.
  mutating func block(of layer: borrowing Layer) -> Int? {
    if let last, layer.hasBlock(named: last.name) { return last.number }
    return layer.storedBlockName.map { self[$0] }
  }

  subscript(name: Name) -> Int {
    mutating get {
      if let last, last.name.isSame(name) { return last.number }
      let number = known[name] ?? known.count
      known[name] = number
      last = (name, number)
      return number
    }
  }
}

/// Roles by what a name says when the numbers of blocks and experts in it are all the same: of hundreds of thousands of
/// names few differ in more.
struct RolesByName {
  /// The names, each with a number of axes behind it, and their roles.
  private var known: [(name: [UInt8], role: Layer.Role)] = []
  private var places = NameTable(minimumCapacity: 64)
  /// A file may have any number of unlike names.
  private static let most = 4096

  /// Room for a name.
  private var text: [UInt8] = []

  /// `Layer.Role(name:shape:)`.
  mutating func role(_ name: UnsafeBufferPointer<UInt8>, _ shape: [Int]) -> Layer.Role {
    if text.count < name.count + 1 { text = [UInt8](repeating: 0, count: 2 * name.count + 64) }
    return knownRole(name, shape) ?? newRole(name, shape)
  }

  private mutating func knownRole(_ name: UnsafeBufferPointer<UInt8>, _ shape: [Int]) -> Layer.Role? {
    // Taken out while the rest is looked at.
    var text: [UInt8] = []
    swap(&text, &self.text)
    defer { swap(&text, &self.text) }
    return text.withUnsafeMutableBufferPointer { text in
      let count = Self.write(name, UInt8(min(shape.count, 3)), to: text)
      let key = UnsafeBufferPointer(rebasing: text[..<count])
      return places.find(key) { known[$0].name.withUnsafeBufferPointer { $0.isSame(key) } }.map { known[$0].role }
    }
  }

  private mutating func newRole(_ name: UnsafeBufferPointer<UInt8>, _ shape: [Int]) -> Layer.Role {
    let role = Layer.Role(name: String(decoding: name, as: UTF8.self), shape: shape)
    guard known.count < Self.most else { return role }
    let key = text.withUnsafeMutableBufferPointer { text in
      Array(text[..<Self.write(name, UInt8(min(shape.count, 3)), to: text)])
    }
    let known = known
    _ = key.withUnsafeBufferPointer { key in
      places.enter(known.count, key) { known[$0].name.withUnsafeBufferPointer { $0.isSame(key) } }
    }
    self.known.append((key, role))
    return role
  }

  /// The name with a 0 for every part that is a number, and a byte behind it.
  ///
  /// - Parameter text: has room for both.
  /// - Returns: their length.
  private static func write(
    _ name: UnsafeBufferPointer<UInt8>, _ last: UInt8, to text: UnsafeMutableBufferPointer<UInt8>
  ) -> Int {
    var (start, count, isNumber) = (0, 0, true)
    for at in 0...name.count {
      let isEnd = at == name.count || name[at] == UInt8(ascii: ".") || name[at] == UInt8(ascii: "/")
      if isEnd {
        // More digits than a number has are none.
        if isNumber, at > start, at - start <= 18 {
          count -= at - start - 1
          text[count - 1] = 0x30
        }
        (start, isNumber) = (at + 1, true)
      } else {
        isNumber = isNumber && 0x30...0x39 ~= name[at]
      }
      text[count] = at < name.count ? name[at] : last
      count += 1
    }
    return count
  }
}
