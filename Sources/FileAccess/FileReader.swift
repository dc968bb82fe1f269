/// Reads a header from front to back through a small window, with every read checked against an end that the
/// caller sets. Skipping costs nothing, so a header that lies between gigabytes of weights is cheap.
package final class FileReader {
  package let file: MappedFile
  /// Where the next read begins, in bytes from the file's start.
  ///
  /// A reader belongs to one thread and calls nobody back: checking every access anew took a fifteenth of a long header.
  @exclusivity(unchecked) package private(set) var position: Int
  /// No read goes past this byte.
  @exclusivity(unchecked) package private(set) var end: Int
  /// Whether integers have their highest byte first.
  package var isBigEndian = false
  /// Elements of lists that were looked at one by one; see `GGUFValue`.
  package var listed = 0
  /// What is being read, for messages: "header", "graph".
  package let part: String

  @exclusivity(unchecked) private var window: [UInt8] = []
  @exclusivity(unchecked) private var windowStart = 0
  private let windowSize: Int

  /// - Parameter window: how many bytes are read at once; at least the largest number that is read.
  package init(_ file: MappedFile, from position: Int = 0, to end: Int? = nil, part: String, window: Int = 1 << 14) {
    windowSize = window
    self.file = file
    self.position = min(position, file.size)
    self.end = min(end ?? file.size, file.size)
    self.part = part
  }

  package var remaining: Int { end - position }

  package func fail(_ reason: String) -> FileError { FileError(file: file.path, reason) }

  /// The error of a header that wants more than there is.
  private func truncated(_ count: Int) -> FileError {
    fail("\(part) is cut short: \(bytes(count)) wanted at byte \(position), \(bytes(remaining)) left")
  }

  /// Jumps to a byte at or before `end`, for reading up to `limit` (the former end, or before it).
  package func enter(limit: Int) throws(FileError) -> Int {
    guard limit >= position, limit <= end else { throw truncated(limit - position) }
    let outer = end
    end = limit
    return outer
  }

  /// Ends what `enter` began.
  package func leave(_ outer: Int) {
    position = end
    end = outer
  }

  /// Goes back or forth to a range that was checked when it was passed.
  package func seek(to range: Range<Int>) {
    position = range.lowerBound
    end = range.upperBound
  }

  package func skip(_ count: Int) throws(FileError) {
    guard count >= 0, count <= remaining else { throw truncated(count) }
    position += count
  }

  /// Makes `count` (at most the window's size) bytes from `position` on lie in the window; returns their index.
  @inline(__always)
  private func load(_ count: Int) throws(FileError) -> Int {
    guard count <= end - position else { throw truncated(count) }
    let index = position - windowStart
    if index >= 0, index + count <= window.count { return index }
    try refill()
    return 0
  }

  private func refill() throws(FileError) {
    window = try file.copy(offset: position, count: min(windowSize, file.size - position))
    windowStart = position
  }

  package func u8() throws(FileError) -> UInt8 {
    let index = try load(1)
    position += 1
    return window[index]
  }

  /// An integer in the reader's byte order.
  // Inlined where it is called, so that no header is read through the integers' witness tables.
  @inlinable package func integer<Integer: FixedWidthInteger>(_ type: Integer.Type = Integer.self) throws(FileError)
    -> Integer
  {
    Integer(truncatingIfNeeded: try word(Integer.bitWidth / 8))
  }

  /// The next `width` bytes (at most 8) as a number in the reader's byte order.
  @usableFromInline package func word(_ width: Int) throws(FileError) -> UInt64 {
    let index = try load(width)
    position += width
    var word: UInt64 = 0
    if !isBigEndian, index + 8 <= window.count {
      word = window.withUnsafeBytes { UInt64(littleEndian: $0.loadUnaligned(fromByteOffset: index, as: UInt64.self)) }
      return width == 8 ? word : word & (1 << UInt64(8 * width) - 1)
    }
    for byte in 0..<width {
      word |= UInt64(window[index + byte]) << UInt64(8 * (isBigEndian ? width - 1 - byte : byte))
    }
    return word
  }

  /// A protobuf varint: seven bits a byte, low ones first, at most ten bytes.
  package func varint() throws(FileError) -> UInt64 {
    var value: UInt64 = 0
    for shift in stride(from: UInt64(0), to: 70, by: 7) {
      let byte = try u8()
      value |= UInt64(byte & 0x7F) << shift
      if byte < 0x80 { return value }
    }
    throw fail(
      "\(part) has a number of more than ten bytes before byte \(position): not protobuf, or damaged")
  }

  /// A length that must fit what is left.
  package func length(_ claimed: UInt64, of what: String) throws(FileError) -> Int {
    guard let count = Int(exactly: claimed), count <= remaining else {
      throw fail(
        "\(what) at byte \(position) claims \(bytes(claimed)), but \(bytes(remaining)) are left in the \(part)"
      )
    }
    return count
  }

  package func bytesCopied(_ count: Int) throws(FileError) -> [UInt8] {
    guard count >= 0, count <= remaining else { throw truncated(count) }
    defer { position += count }
    let index = position - windowStart
    if index >= 0, index + count <= window.count { return Array(window[index..<index + count]) }
    return try file.copy(offset: position, count: count)
  }

  /// Puts `count` bytes in the place of what `bytes` holds.
  package func read(_ count: Int, into bytes: inout [UInt8]) throws(FileError) {
    guard count >= 0, count <= remaining else { throw truncated(count) }
    bytes.removeAll(keepingCapacity: true)
    if count <= windowSize {
      let index = try load(count)
      bytes.append(contentsOf: window[index..<index + count])
    } else {
      bytes = try file.copy(offset: position, count: count)
    }
    position += count
  }

  /// The same of UTF-8, as `string(_:limit:of:)`.
  package func readText(
    _ count: Int, limit: Int = 1 << 16, of what: String, into bytes: inout [UInt8]
  ) throws(FileError) {
    try checkLength(count, limit, of: what)
    let at = position
    try read(count, into: &bytes)
    guard bytes.withUnsafeBytes({ Self.isASCII($0) }) || String(validating: bytes, as: UTF8.self) != nil else {
      throw fail("\(what) at byte \(at) is not UTF-8")
    }
  }

  private static func isASCII(_ bytes: UnsafeRawBufferPointer) -> Bool { bytes.reduce(0, |) < 0x80 }

  private func checkLength(_ count: Int, _ limit: Int, of what: String) throws(FileError) {
    guard count <= limit else {
      throw fail("\(what) at byte \(position) is \(bytes(count)) long, at most \(limit) expected")
    }
  }

  /// `count` bytes of UTF-8; a text longer than `limit` is refused as no name.
  package func string(_ count: Int, limit: Int = 1 << 16, of what: String) throws(FileError) -> String {
    try checkLength(count, limit, of: what)
    let at = position
    let raw = try bytesCopied(count)
    guard let text = String(validating: raw, as: UTF8.self) else {
      throw fail("\(what) at byte \(at) is not UTF-8")
    }
    return text
  }
}
