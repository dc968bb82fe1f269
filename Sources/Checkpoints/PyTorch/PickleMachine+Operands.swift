internal import FileAccess

/// The operands of a pickle's opcodes: numbers, texts and bytes, counted or on a line of their own.
extension PickleMachine {
  /// The longest line of protocol 0.
  private static let longestLine = 1 << 20

  /// Passes over counted bytes that stay in the file.
  private func pass(_ claimed: UInt64, of what: String) throws(CheckpointError) -> Range<Int> {
    let count = try reader.length(claimed, of: what)
    defer { try? reader.skip(count) }
    return reader.position..<reader.position + count
  }

  /// A whole number in two's complement, little-endian.
  mutating func pushLong(_ claimed: UInt64) throws(CheckpointError) {
    guard claimed <= 8 else { return try push(.bigInt(try pass(claimed, of: "a number"))) }
    let bytes = try reader.bytesCopied(Int(claimed))
    var pattern = UInt64(0)
    for byte in bytes.reversed() { pattern = pattern << 8 | UInt64(byte) }
    let unused = UInt64(64 - 8 * bytes.count)
    try push(.int(bytes.isEmpty ? 0 : Int(Int64(bitPattern: pattern << unused) >> Int64(unused))))
  }

  mutating func pushText(_ claimed: UInt64) throws(CheckpointError) {
    guard claimed <= Self.longestText, held <= Self.maximumHeld else {
      return try push(.text(try pass(claimed, of: "a text")))
    }
    held += Int(claimed)
    let at = reader.position
    let bytes = try reader.bytesCopied(Int(claimed))
    // Python writes lone surrogates as they are; such a text is no name.
    guard let text = String(validating: bytes, as: UTF8.self) else {
      return try push(.text(at..<at + bytes.count))
    }
    try push(.string(text))
  }

  mutating func pushBytes(_ claimed: UInt64) throws(CheckpointError) {
    try push(.bytes(try pass(claimed, of: "a bytes object")))
  }

  /// Python 2's strings are texts and bytes alike: short ASCII is taken for text.
  mutating func pushOldString(_ claimed: UInt64) throws(CheckpointError) {
    let range = try pass(claimed, of: "a string")
    guard range.count <= Self.longestText, held <= Self.maximumHeld else { return try push(.bytes(range)) }
    let bytes = try reader.file.copy(offset: range.lowerBound, count: range.count)
    guard bytes.allSatisfy({ $0 < 0x80 }) else { return try push(.bytes(range)) }
    held += bytes.count
    try push(.string(String(decoding: bytes, as: UTF8.self)))
  }

  // MARK: Lines (protocol 0, and the names of classes)

  /// Up to the next line feed, which is passed over.
  private mutating func lineBytes() throws(CheckpointError) -> [UInt8] {
    var line: [UInt8] = []
    while true {
      let byte = try reader.u8()
      if byte == 0x0A { return line }
      guard line.count < Self.longestLine else { throw fail("a line of more than \(Self.longestLine) bytes") }
      line.append(byte)
    }
  }

  mutating func readLine() throws(CheckpointError) -> String {
    let line = try lineBytes()
    guard line.count <= Self.longestText, let text = String(validating: line, as: UTF8.self) else {
      throw fail("a name that is too long or not UTF-8")
    }
    held += line.count
    guard held <= 2 * Self.maximumHeld else { throw tooMany(2 * Self.maximumHeld, "bytes of names") }
    return text
  }

  mutating func readIndex() throws(CheckpointError) -> Int {
    let line = try readLine()
    guard let index = Int(line), index >= 0 else { throw fail("'\(shortened(line, to: 40))' for a number") }
    return index
  }

  /// INT, LONG, FLOAT, STRING, UNICODE.
  mutating func pushLine(_ opcode: UInt8) throws(CheckpointError) {
    let at = reader.position
    let line = try lineBytes()
    let range = at..<at + line.count
    let text = String(decoding: line, as: UTF8.self)
    switch opcode {
    case UInt8(ascii: "I") where text == "00" || text == "01": try push(.bool(text == "01"))
    case UInt8(ascii: "I"), UInt8(ascii: "L"):
      let digits = text.hasSuffix("L") ? text.dropLast() : text[...]
      guard digits.utf8.allSatisfy({ (0x30...0x39).contains($0) || $0 == 0x2D }), !digits.isEmpty else {
        throw fail("'\(shortened(text, to: 40))' for a whole number")
      }
      try push(Int(digits).map { .int($0) } ?? .bigInt(range))
    case UInt8(ascii: "F"):
      guard let value = Double(text) else { throw fail("'\(shortened(text, to: 40))' for a number") }
      try push(.float(value))
    case UInt8(ascii: "V"): try pushEscaped(line, range)
    default:
      guard line.count >= 2, line[0] == line[line.count - 1], line[0] == 0x27 || line[0] == 0x22 else {
        throw fail("a string without its quotes")
      }
      try pushEscaped(Array(line.dropFirst().dropLast()), range)
    }
  }

  /// A line that may hold escapes: without any it is text; with some it stays in the file, as no name needs them.
  private mutating func pushEscaped(_ line: [UInt8], _ range: Range<Int>) throws(CheckpointError) {
    guard line.count <= Self.longestText, held <= Self.maximumHeld, !line.contains(0x5C),
      line.allSatisfy({ $0 < 0x80 })
    else { return try push(.text(range)) }
    held += line.count
    try push(.string(String(decoding: line, as: UTF8.self)))
  }
}
