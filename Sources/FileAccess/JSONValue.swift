/// A JSON text as a tree, for the small files beside a model: configs and tokenizers. Objects keep their order.
public enum JSONValue: Sendable, Hashable {
  case null
  case bool(Bool)
  /// As it is written.
  case number(String)
  case string(String)
  case array([JSONValue])
  case object([Member])

  public struct Member: Sendable, Hashable {
    public let key: String
    public let value: JSONValue

    public init(key: String, value: JSONValue) { (self.key, self.value) = (key, value) }
  }

  /// Files that go with a model are not larger.
  static let maximumFileSize = 64 << 20
  /// Values of one file: a tokenizer has up to two million.
  static let mostValues = 4 << 20

  /// Reads a file.
  ///
  /// - Returns: `nil` where there is no such file.
  /// - Throws: where it is no JSON.
  public init?(path: String) throws(FileError) {
    guard case .file = fileKind(path) else { return nil }
    let file = try MappedFile(path)
    guard file.size <= Self.maximumFileSize else {
      throw FileError(file: path, "is \(FileAccess.bytes(file.size)) long: too long for what goes with a model")
    }
    var scanner = JSONScanner(try file.copy(offset: 0, count: file.size), file: path, part: "JSON")
    self = try scanner.value()
    try scanner.finish()
  }

  /// Reads a text.
  ///
  /// - Parameter path: what an error names.
  /// - Throws: where it is no JSON.
  public init(text: String, path: String) throws(FileError) {
    var scanner = JSONScanner(Array(text.utf8), file: path, part: "JSON")
    self = try scanner.value()
    try scanner.finish()
  }

  // MARK: Looking into it

  /// A member of an object; of a repeated one the last.
  public subscript(key: String) -> JSONValue? {
    guard case .object(let members) = self else { return nil }
    return members.last { $0.key == key }?.value
  }

  public var members: [Member] { if case .object(let members) = self { members } else { [] } }
  public var elements: [JSONValue] { if case .array(let values) = self { values } else { [] } }
  public var string: String? { if case .string(let text) = self { text } else { nil } }
  public var bool: Bool? { if case .bool(let value) = self { value } else { nil } }
  public var double: Double? { if case .number(let text) = self { Double(text) } else { nil } }
  public var isNull: Bool { self == .null }

  /// A whole number, written with a point or an exponent too.
  public var int: Int? {
    guard case .number(let text) = self else { return nil }
    return Int(text) ?? Double(text).flatMap { Int(exactly: $0) }
  }
}

extension JSONScanner {
  /// Any value as a tree; depth is bounded.
  mutating func value() throws(FileError) -> JSONValue {
    valueCount += 1
    guard valueCount <= JSONValue.mostValues else { throw fail("has more than \(JSONValue.mostValues) values") }
    switch peek() {
    case UInt8(ascii: "{"):
      var members: [JSONValue.Member] = []
      try beginObject()
      while let key = try nextKey() { members.append(.init(key: key, value: try value())) }
      return .object(members)
    case UInt8(ascii: "["):
      var values: [JSONValue] = []
      try beginArray()
      while try nextElement() { values.append(try value()) }
      return .array(values)
    case UInt8(ascii: "\""): return .string(try string())
    case UInt8(ascii: "t"), UInt8(ascii: "f"), UInt8(ascii: "n"):
      let word = try skip()
      return word.first == UInt8(ascii: "n") ? .null : .bool(word.first == UInt8(ascii: "t"))
    default: return .number(try number())
    }
  }
}
