/// Numbers for names that many layers share: 0, 1, … in the order in which they are first asked for.
struct InternedNames {
  private var known: [Name: Int] = [:]
  /// Neighbours mostly have the same.
  private var last: (name: Name, number: Int)?

  /// By number.
  var names: [String] { known.sorted { $0.value < $1.value }.map { String($0.key) } }

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
  private struct Key: Hashable {
    let name: [UInt8]
    let axes: Int

    static func == (a: Key, b: Key) -> Bool {
      a.axes == b.axes && a.name.withUnsafeBufferPointer { one in b.name.withUnsafeBufferPointer { one.isSame($0) } }
    }

    func hash(into hasher: inout Hasher) {
      hasher.combine(name.withUnsafeBufferPointer { NameHash.of($0) })
      hasher.combine(axes)
    }
  }

  private var known: [Key: Layer.Role] = [:]
  /// A file may have any number of unlike names.
  private static let most = 4096

  /// Room for a name.
  private var text: [UInt8] = []

  /// `Layer.Role(name:shape:)`.
  mutating func role(_ name: UnsafeBufferPointer<UInt8>, _ shape: [Int]) -> Layer.Role {
    Self.write(name, to: &text)
    let key = Key(name: text, axes: min(shape.count, 3))
    if let found = known[key] { return found }
    let role = Layer.Role(name: String(decoding: name, as: UTF8.self), shape: shape)
    if known.count < Self.most { known[key] = role }
    return role
  }

  /// The name with a 0 for every part that is a number.
  private static func write(_ name: UnsafeBufferPointer<UInt8>, to text: inout [UInt8]) {
    text.removeAll(keepingCapacity: true)
    // What was copied already ends where a number begins.
    var (start, copied, isNumber) = (0, 0, true)
    for at in 0...name.count {
      guard at == name.count || name[at] == UInt8(ascii: ".") || name[at] == UInt8(ascii: "/") else {
        isNumber = isNumber && 0x30...0x39 ~= name[at]
        continue
      }
      // More digits than a number has are none.
      if isNumber, at > start, at - start <= 18 {
        text.append(contentsOf: name.part(copied..<start))
        text.append(0x30)
        copied = at
      }
      (start, isNumber) = (at + 1, true)
    }
    text.append(contentsOf: name.part(copied..<name.count))
  }
}
