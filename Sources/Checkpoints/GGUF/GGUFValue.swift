internal import FileAccess

/// A value of GGUF's metadata, as far as a person or a check needs it: numbers and texts, lists only short.
enum GGUFValue {
  case number(String)
  case text(String)
  /// The first elements, what they are and how many in all; a vocabulary is passed over, not held.
  case list(first: [String], of: String, count: Int)

  private static let shown = 8
  static let maximumDepth = 8
  /// Longer texts (chat templates) are cut for metadata.
  private static let longestText = 4096

  var text: String {
    switch self {
    case .number(let text), .text(let text): text
    case .list(let first, let type, let count):
      count <= first.count
        ? "[" + first.joined(separator: ", ") + "]"
        : "[" + first.joined(separator: ", ") + ", …] (\(count) of \(type))"
    }
  }

  /// GGUF's value types: name and bytes, 0 where the value says its length.
  private static let types: [(name: String, size: Int)] = [
    ("u8", 1), ("i8", 1), ("u16", 2), ("i16", 2), ("u32", 4), ("i32", 4), ("f32", 4), ("bool", 1),
    ("string", 0),
    ("array", 0), ("u64", 8), ("i64", 8), ("f64", 8),
  ]

  /// Texts and lists within lists of one file: vocabularies have some hundred thousand tokens, and as many merges.
  private static let mostListed = 1 << 23

  /// Reads the type and the value of `key`.
  static func read(_ reader: GGUFReader, key: String) throws(CheckpointError) -> GGUFValue {
    try read(reader, type: try readType(reader, key), key: key, depth: 0)
  }

  private static func readType(_ reader: GGUFReader, _ key: String) throws(CheckpointError) -> Int {
    let type: UInt32 = try reader.base.integer()
    guard type < types.count else { throw reader.base.fail("the key '\(key)' has the unknown value type \(type)") }
    return Int(type)
  }

  private static func read(
    _ reader: GGUFReader, type: Int, key: String, depth: Int
  ) throws(CheckpointError) -> GGUFValue {
    switch type {
    case 0: return .number("\(try reader.base.u8())")
    case 1: return .number("\(Int8(bitPattern: try reader.base.u8()))")
    case 2: return .number("\(try reader.base.integer(UInt16.self))")
    case 3: return .number("\(try reader.base.integer(Int16.self))")
    case 4: return .number("\(try reader.base.integer(UInt32.self))")
    case 5: return .number("\(try reader.base.integer(Int32.self))")
    case 6: return .number("\(Float(bitPattern: try reader.base.integer()))")
    case 7: return .text(try reader.base.u8() == 0 ? "false" : "true")
    case 8: return .text(try readText(reader, key))
    case 9: return try readList(reader, key: key, depth: depth)
    case 10: return .number("\(try reader.base.integer(UInt64.self))")
    case 11: return .number("\(try reader.base.integer(Int64.self))")
    default: return .number("\(Double(bitPattern: try reader.base.integer()))")
    }
  }

  private static func readText(_ reader: GGUFReader, _ key: String) throws(CheckpointError) -> String {
    let length = try reader.length(of: "the value of '\(key)'")
    let held = min(length, longestText)
    // Tokens need not be UTF-8; what is not comes out as replacement characters.
    let text = String(decoding: try reader.base.bytesCopied(held), as: UTF8.self)
    try reader.base.skip(length - held)
    return held < length ? text + "…" : text
  }

  private static func readList(_ reader: GGUFReader, key: String, depth: Int) throws(CheckpointError)
    -> GGUFValue
  {
    guard depth < maximumDepth else { throw reader.base.fail("the key '\(key)' has lists nested too deep") }
    let type = try readType(reader, key)
    let claimed = try reader.count()
    let (name, size) = types[type]
    let least = UInt64(size > 0 ? size : type == 8 ? reader.countSize : 4 + reader.countSize)
    guard claimed <= UInt64(reader.base.remaining) / least else {
      throw reader.base.fail(
        "the key '\(key)' claims a list of \(claimed), more than the \(bytes(reader.base.remaining)) left")
    }
    let count = Int(claimed)
    var first: [String] = []
    for _ in 0..<min(count, shown) {
      first.append(shortened(try read(reader, type: type, key: key, depth: depth + 1).text, to: 60))
    }
    let rest = count - first.count
    if size > 0 {
      try reader.base.skip(rest * size)
    } else {
      // Each is looked at: a sparse file has room for billions of empty ones.
      reader.base.listed += rest
      guard reader.base.listed <= mostListed else {
        throw reader.base.fail("the key '\(key)' takes lists of texts beyond \(mostListed) elements")
      }
      for _ in 0..<rest {
        if type == 8 {
          try reader.base.skip(try reader.length(of: "a text of '\(key)'"))
        } else {
          _ = try readList(reader, key: key, depth: depth + 1)
        }
      }
    }
    return .list(first: first, of: name, count: count)
  }
}
