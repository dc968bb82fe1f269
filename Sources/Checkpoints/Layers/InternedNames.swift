/// Names that many layers share, each kept once.
struct InternedNames {
  private var known: [Substring: String] = [:]

  subscript(name: Substring) -> String {
    mutating get {
      if let found = known[name] { return found }
      let own = String(name)
      // The key holds its own bytes and not those of the name that it was cut from.
      known[own[...]] = own
      return own
    }
  }
}

/// Roles by what a name says when the numbers of blocks and experts in it are all the same: of hundreds of thousands of
/// names few differ in more.
struct RolesByName {
  private struct Key: Hashable {
    let name: [UInt8]
    let axes: Int
  }

  private var known: [Key: Layer.Role] = [:]
  /// A file may have any number of unlike names.
  private static let most = 4096

  /// `Layer.Role(name:shape:)`.
  mutating func role(_ name: String, _ shape: [Int]) -> Layer.Role {
    let key = Key(name: Self.numberless(name), axes: min(shape.count, 3))
    if let found = known[key] { return found }
    let role = Layer.Role(name: name, shape: shape)
    if known.count < Self.most { known[key] = role }
    return role
  }

  /// The name with a 0 for every part that is a number.
  private static func numberless(_ name: String) -> [UInt8] {
    var name = name
    return name.withUTF8 { bytes in
      var text: [UInt8] = []
      text.reserveCapacity(bytes.count)
      var start = 0
      for at in 0...bytes.count
      where at == bytes.count || bytes[at] == UInt8(ascii: ".") || bytes[at] == UInt8(ascii: "/") {
        let part = bytes[start..<at]
        // More digits than a number has are none.
        if !part.isEmpty, part.count <= 18, part.allSatisfy({ 0x30...0x39 ~= $0 }) {
          text.append(0x30)
        } else {
          text.append(contentsOf: part)
        }
        if at < bytes.count { text.append(bytes[at]) }
        start = at + 1
      }
      return text
    }
  }
}
