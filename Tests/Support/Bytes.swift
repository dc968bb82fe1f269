/// Builds files byte by byte, little-endian.
public struct ByteWriter {
  public var bytes: [UInt8] = []

  public init(_ bytes: [UInt8] = []) { self.bytes = bytes }

  public mutating func integer(_ value: some FixedWidthInteger) {
    withUnsafeBytes(of: value.littleEndian) { bytes.append(contentsOf: $0) }
  }
  public mutating func float(_ value: Float) { integer(value.bitPattern) }
  public mutating func text(_ text: String) { bytes += Array(text.utf8) }
  /// GGUF's strings: a u64 of length, then UTF-8.
  public mutating func counted(_ text: String) {
    integer(UInt64(text.utf8.count))
    self.text(text)
  }
  public mutating func pad(to multiple: Int) { while bytes.count % multiple != 0 { bytes.append(0) } }

  // Protobuf.
  public mutating func varint(_ value: UInt64) {
    var rest = value
    while rest >= 0x80 {
      bytes.append(UInt8(rest & 0x7F) | 0x80)
      rest >>= 7
    }
    bytes.append(UInt8(rest))
  }
  public mutating func field(_ number: Int, _ value: Int) {
    varint(UInt64(number << 3))
    varint(UInt64(bitPattern: Int64(value)))
  }
  public mutating func field(_ number: Int, _ message: [UInt8]) {
    varint(UInt64(number << 3 | 2))
    varint(UInt64(message.count))
    bytes += message
  }
  public mutating func field(_ number: Int, _ text: String) { field(number, Array(text.utf8)) }
}
