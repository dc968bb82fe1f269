/// Walks JSON (RFC 8259) in its bytes, strictly and without building a tree: what a long header needs.
///
///     try json.beginObject()
///     while let key = try json.nextKey() { … try json.skip() … }
///
/// Every error names the file and the byte. Depth is bounded, so no nesting can exhaust the stack.
package struct JSONScanner {
  package let text: [UInt8]
  /// Where the next byte is read.
  package var at = 0
  /// For each open object or array, whether a member was read already.
  private var begun: [Bool] = []
  /// The file that the text is from, and what of it ("header"), for messages; and the text's place in the file.
  private let file: String
  private let part: String
  private let base: Int
  static let maximumDepth = 64
  /// Values that were made a tree of; see `JSONValue`.
  var valueCount = 0

  package init(_ text: [UInt8], file: String, part: String, base: Int = 0) {
    self.text = text
    self.file = file
    self.part = part
    self.base = base
  }

  package func fail(_ reason: String) -> FileError {
    FileError(file: file, "\(part): \(reason) at byte \(base + at)")
  }

  // MARK: Structure

  package mutating func beginObject() throws(FileError) { try begin(UInt8(ascii: "{"), "an object") }
  package mutating func beginArray() throws(FileError) { try begin(UInt8(ascii: "["), "a list") }

  /// Goes on in an object some of whose members stand before the text, which begins behind one of them.
  package mutating func continueObject() { begun.append(true) }

  /// Whether the whole text is read.
  package var isAtEnd: Bool { at == text.count }

  private mutating func begin(_ bracket: UInt8, _ what: String) throws(FileError) {
    guard peek() == bracket else { throw fail("\(what) expected") }
    guard begun.count < Self.maximumDepth else { throw fail("nested more than \(Self.maximumDepth) deep") }
    at += 1
    begun.append(false)
  }

  /// The next member's name, its value next; `nil` at the object's end, which is then left.
  package mutating func nextKey() throws(FileError) -> String? {
    guard try nextMember(UInt8(ascii: "}")) else { return nil }
    let key = try string()
    try colon()
    return key
  }

  /// The same as bytes, put in the place of what `key` holds; `false` at the object's end.
  package mutating func nextKey(into key: inout [UInt8]) throws(FileError) -> Bool {
    guard try nextMember(UInt8(ascii: "}")) else { return false }
    if let range = try plainString() {
      key.removeAll(keepingCapacity: true)
      text.withUnsafeBufferPointer { key.append(contentsOf: $0[range]) }
    } else {
      key = Array(try escapedString(at + 1).utf8)
    }
    try colon()
    return true
  }

  private mutating func colon() throws(FileError) {
    guard peek() == UInt8(ascii: ":") else { throw fail("':' expected") }
    at += 1
  }

  /// Whether another element follows; at the array's end it is left.
  package mutating func nextElement() throws(FileError) -> Bool { try nextMember(UInt8(ascii: "]")) }

  private mutating func nextMember(_ close: UInt8) throws(FileError) -> Bool {
    guard let byte = peek() else { throw fail("the end is missing") }
    let isFirst = begun[begun.count - 1] == false
    if byte == close {
      at += 1
      begun.removeLast()
      return false
    }
    if isFirst {
      begun[begun.count - 1] = true
    } else {
      guard byte == UInt8(ascii: ",") else { throw fail("',' expected") }
      at += 1
      _ = peek()
    }
    return true
  }

  /// Only spaces may follow.
  package mutating func finish() throws(FileError) {
    guard peek() == nil else { throw fail("something follows the end") }
  }

  /// The next byte that is no space, not consumed.
  package mutating func peek() -> UInt8? {
    while at < text.count {
      switch text[at] {
      case 0x20, 0x09, 0x0A, 0x0D: at += 1
      default: return text[at]
      }
    }
    return nil
  }

  // MARK: Values

  package mutating func string() throws(FileError) -> String {
    guard let range = try plainString() else { return try escapedString(at + 1) }
    return String(decoding: text[range], as: UTF8.self)
  }

  /// The bytes of a string that is written as it is, which are UTF-8; it is consumed. `nil`, at its quote, where it has
  /// escapes, or an error.
  private mutating func plainString() throws(FileError) -> Range<Int>? {
    guard peek() == UInt8(ascii: "\"") else { throw fail("a string expected") }
    let start = at + 1
    let (end, isText) = text.withUnsafeBufferPointer { text in
      var (end, all) = (start, UInt8(0))
      while end < text.count, text[end] >= 0x20, text[end] != UInt8(ascii: "\""), text[end] != UInt8(ascii: "\\") {
        all |= text[end]
        end += 1
      }
      guard end < text.count, text[end] == UInt8(ascii: "\"") else { return (-1, false) }
      let part = UnsafeBufferPointer(rebasing: text[start..<end])
      return (end, all < 0x80 || String(validating: part, as: UTF8.self) != nil)
    }
    guard end >= 0 else { return nil }
    guard isText else { throw fail("not UTF-8") }
    at = end + 1
    return start..<end
  }

  /// A string with at least one escape (or an error), from after its quote.
  private mutating func escapedString(_ start: Int) throws(FileError) -> String {
    var unescaped: [UInt8] = []
    at = start
    while at < text.count {
      let byte = text[at]
      if byte == UInt8(ascii: "\"") {
        guard let value = String(validating: unescaped, as: UTF8.self) else { throw fail("not UTF-8") }
        at += 1
        return value
      }
      if byte < 0x20 { throw fail("a control character in a string") }
      at += 1
      if byte == UInt8(ascii: "\\") {
        unescaped.append(contentsOf: String(Character(try escape())).utf8)
      } else {
        unescaped.append(byte)
      }
    }
    throw fail("the end of a string is missing")
  }

  /// What stands after a backslash.
  private mutating func escape() throws(FileError) -> Unicode.Scalar {
    guard at < text.count else { throw fail("the end of a string is missing") }
    let byte = text[at]
    at += 1
    switch byte {
    case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): return Unicode.Scalar(byte)
    case UInt8(ascii: "b"): return "\u{8}"
    case UInt8(ascii: "f"): return "\u{c}"
    case UInt8(ascii: "n"): return "\n"
    case UInt8(ascii: "r"): return "\r"
    case UInt8(ascii: "t"): return "\t"
    case UInt8(ascii: "u"):
      var code = try hexadecimal()
      if (0xD800..<0xDC00).contains(code) {
        guard at + 1 < text.count, text[at] == UInt8(ascii: "\\"), text[at + 1] == UInt8(ascii: "u") else {
          throw fail("half of a surrogate pair")
        }
        at += 2
        let low = try hexadecimal()
        guard (0xDC00..<0xE000).contains(low) else { throw fail("half of a surrogate pair") }
        code = 0x10000 + (code - 0xD800) << 10 + (low - 0xDC00)
      }
      guard let scalar = Unicode.Scalar(code) else { throw fail("half of a surrogate pair") }
      return scalar
    default: throw fail("an unknown escape")
    }
  }

  private mutating func hexadecimal() throws(FileError) -> UInt32 {
    var code: UInt32 = 0
    for _ in 0..<4 {
      guard at < text.count, let digit = Character(Unicode.Scalar(text[at])).hexDigitValue else {
        throw fail("four hexadecimal digits expected")
      }
      code = code << 4 | UInt32(digit)
      at += 1
    }
    return code
  }

  /// A whole number from 0 to Int.max, as sizes and offsets are.
  package mutating func size() throws(FileError) -> Int {
    if let size = plainSize() { return size }
    let digits = try number()
    guard let value = Int(digits), value >= 0, digits.first != "-" else {
      throw fail("a whole number from 0 to \(Int.max) expected, found \(shortened(digits, to: 40))")
    }
    return value
  }

  /// A size of at most eighteen digits, read where it stands; `nil`, with nothing consumed, for everything else.
  private mutating func plainSize() -> Int? {
    guard let first = peek(), (0x30...0x39).contains(first) else { return nil }
    var (value, end) = (0, at)
    while end < text.count, (0x30...0x39).contains(text[end]), end - at < 19 {
      value = value &* 10 &+ Int(text[end] - 0x30)
      end += 1
    }
    // No leading zero, no fraction, no exponent; more digits may overflow.
    guard end < text.count, end - at < 19, first != 0x30 || end == at + 1, text[end] != UInt8(ascii: "."),
      text[end] | 0x20 != UInt8(ascii: "e")
    else { return nil }
    at = end
    return value
  }

  /// A number as it is written.
  package mutating func number() throws(FileError) -> String {
    _ = peek()
    let start = at
    func digits() -> Bool {
      let first = at
      while at < text.count, (0x30...0x39).contains(text[at]) { at += 1 }
      return at > first
    }
    if at < text.count, text[at] == UInt8(ascii: "-") { at += 1 }
    let leading = at
    guard digits(), text[leading] != UInt8(ascii: "0") || at == leading + 1 else {
      throw fail("a number expected")
    }
    if at < text.count, text[at] == UInt8(ascii: ".") {
      at += 1
      guard digits() else { throw fail("digits expected") }
    }
    if at < text.count, text[at] | 0x20 == UInt8(ascii: "e") {
      at += 1
      if at < text.count, text[at] == UInt8(ascii: "+") || text[at] == UInt8(ascii: "-") { at += 1 }
      guard digits() else { throw fail("digits expected") }
    }
    return String(decoding: text[start..<at], as: UTF8.self)
  }

  /// `true`, `false` or `null`.
  private mutating func word() throws(FileError) -> String {
    for word in ["true", "false", "null"] where text[at...].starts(with: word.utf8) {
      at += word.utf8.count
      return word
    }
    throw fail("a value expected")
  }

  /// Passes over any value, checking it; returns its text as it is written.
  @discardableResult
  package mutating func skip() throws(FileError) -> ArraySlice<UInt8> {
    let first = peek()
    let start = at
    switch first {
    case UInt8(ascii: "{"):
      try beginObject()
      while try nextKey() != nil { try skip() }
    case UInt8(ascii: "["):
      try beginArray()
      while try nextElement() { try skip() }
    case UInt8(ascii: "\""): _ = try string()
    case let digit? where digit == UInt8(ascii: "-") || (0x30...0x39).contains(digit): _ = try number()
    case nil: throw fail("a value is missing")
    default: _ = try word()
    }
    return text[start..<at]
  }

  /// Any value short, for a list of metadata: strings bare, everything else as it is written, on one line.
  package mutating func printed(limit: Int = 2000) throws(FileError) -> String {
    if peek() == UInt8(ascii: "\"") { return shortened(try string(), to: limit) }
    let written = try skip()
    let oneLine = written.split(whereSeparator: { $0 == 0x0A || $0 == 0x0D || $0 == 0x09 }).map { line in
      String(decoding: line.drop(while: { $0 == 0x20 }), as: UTF8.self)
    }
    return shortened(oneLine.joined(separator: " "), to: limit)
  }
}
