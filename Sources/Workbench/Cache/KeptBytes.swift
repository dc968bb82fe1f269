/// Numbers and texts as bytes of an answer that is kept, little-endian.
struct KeptWriter {
  private(set) var bytes: [UInt8] = []

  mutating func put(_ number: Int) { withUnsafeBytes(of: Int64(number).littleEndian) { bytes += $0 } }
  mutating func put(_ number: Double) { withUnsafeBytes(of: number.bitPattern.littleEndian) { bytes += $0 } }
  mutating func put(_ number: Float) { withUnsafeBytes(of: number.bitPattern.littleEndian) { bytes += $0 } }
  mutating func put(_ flag: Bool) { bytes.append(flag ? 1 : 0) }

  mutating func put(_ text: String) {
    put(text.utf8.count)
    bytes += text.utf8
  }

  mutating func put(_ content: [UInt8]) {
    put(content.count)
    bytes += content
  }

  mutating func put<Value>(_ value: Value?, _ put: (inout KeptWriter, Value) -> Void) {
    self.put(value != nil)
    if let value { put(&self, value) }
  }

  mutating func put<Value>(each values: [Value], _ put: (inout KeptWriter, Value) -> Void) {
    self.put(values.count)
    for value in values { put(&self, value) }
  }

  /// Seven bits a byte, low ones first: counts of a histogram are small as a rule.
  mutating func put(short number: UInt64) {
    var rest = number
    while rest >= 0x80 {
      bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
      rest >>= 7
    }
    bytes.append(UInt8(rest))
  }
}

/// What is kept cannot be used: it is cut short, or no such answer.
struct NotKept: Error {}

/// Reads what a `KeptWriter` wrote; believes nothing.
struct KeptReader {
  private let bytes: ArraySlice<UInt8>
  private var position: Int

  init(_ bytes: ArraySlice<UInt8>) { (self.bytes, position) = (bytes, bytes.startIndex) }
  init(_ bytes: [UInt8]) { self.init(bytes[...]) }

  var remaining: Int { bytes.endIndex - position }

  private mutating func take(_ count: Int) throws(NotKept) -> ArraySlice<UInt8> {
    guard count >= 0, count <= remaining else { throw NotKept() }
    defer { position += count }
    return bytes[position..<position + count]
  }

  private mutating func word(_ width: Int) throws(NotKept) -> UInt64 {
    var word: UInt64 = 0
    for (index, byte) in try take(width).enumerated() { word |= UInt64(byte) << UInt64(8 * index) }
    return word
  }

  mutating func int() throws(NotKept) -> Int { Int(truncatingIfNeeded: try word(8)) }
  mutating func double() throws(NotKept) -> Double { Double(bitPattern: try word(8)) }
  mutating func float() throws(NotKept) -> Float { Float(bitPattern: UInt32(truncatingIfNeeded: try word(4))) }

  mutating func bool() throws(NotKept) -> Bool {
    let byte = try word(1)
    guard byte < 2 else { throw NotKept() }
    return byte == 1
  }

  /// A number of bytes, of weights, of samples: no larger than what arithmetic on a few of them can bear.
  mutating func count() throws(NotKept) -> Int {
    let number = try int()
    guard (0...1 << 52).contains(number) else { throw NotKept() }
    return number
  }

  mutating func string() throws(NotKept) -> String {
    guard let text = String(validating: try take(try int()), as: UTF8.self) else { throw NotKept() }
    return text
  }

  mutating func content() throws(NotKept) -> [UInt8] { Array(try take(try int())) }

  mutating func optional<Value>(_ read: (inout KeptReader) throws(NotKept) -> Value) throws(NotKept) -> Value? {
    try bool() ? try read(&self) : nil
  }

  /// - Parameter least: bytes that one takes: what is claimed must fit what is left.
  mutating func each<Value>(
    least: Int, _ read: (inout KeptReader) throws(NotKept) -> Value
  ) throws(NotKept) -> [Value] {
    let count = try int()
    guard count >= 0, count <= remaining / max(1, least) else { throw NotKept() }
    var values: [Value] = []
    values.reserveCapacity(count)
    for _ in 0..<count { values.append(try read(&self)) }
    return values
  }

  mutating func short() throws(NotKept) -> UInt64 {
    var value: UInt64 = 0
    for shift in stride(from: UInt64(0), to: 63, by: 7) {
      let byte = try word(1)
      value |= (byte & 0x7F) << shift
      if byte < 0x80 { return value }
    }
    throw NotKept()
  }

  /// Nothing may be left.
  func finish() throws(NotKept) { if remaining != 0 { throw NotKept() } }
}
