/// Reads a header from front to back through a small window, with every read checked against an end that the
/// caller sets. Skipping costs nothing, so a header that lies between gigabytes of weights is cheap.
final class FileReader {
  let file: MappedFile
  /// Where the next read begins, in bytes from the file's start.
  private(set) var position: Int
  /// No read goes past this byte.
  private(set) var end: Int
  /// Whether integers have their highest byte first.
  var isBigEndian = false
  /// Elements of lists that were looked at one by one; see `GGUFValue`.
  var listed = 0
  /// What is being read, for messages: "header", "graph".
  let part: String

  private var window: [UInt8] = []
  private var windowStart = 0
  private let windowSize: Int

  /// - Parameter window: how many bytes are read at once; at least the largest number that is read.
  init(_ file: MappedFile, from position: Int = 0, to end: Int? = nil, part: String, window: Int = 1 << 14) {
    windowSize = window
    self.file = file
    self.position = min(position, file.size)
    self.end = min(end ?? file.size, file.size)
    self.part = part
  }

  var remaining: Int { end - position }

  func fail(_ reason: String) -> CheckpointError { CheckpointError(file: file.path, reason) }

  /// The error of a header that wants more than there is.
  private func truncated(_ count: Int) -> CheckpointError {
    fail("\(part) is cut short: \(bytes(count)) wanted at byte \(position), \(bytes(remaining)) left")
  }

  /// Jumps to a byte at or before `end`, for reading up to `limit` (the former end, or before it).
  func enter(limit: Int) throws(CheckpointError) -> Int {
    guard limit >= position, limit <= end else { throw truncated(limit - position) }
    let outer = end
    end = limit
    return outer
  }

  /// Ends what `enter` began.
  func leave(_ outer: Int) {
    position = end
    end = outer
  }

  /// Goes back or forth to a range that was checked when it was passed.
  func seek(to range: Range<Int>) {
    position = range.lowerBound
    end = range.upperBound
  }

  func skip(_ count: Int) throws(CheckpointError) {
    guard count >= 0, count <= remaining else { throw truncated(count) }
    position += count
  }

  /// Makes `count` (at most the window's size) bytes from `position` on lie in the window; returns their index.
  @inline(__always)
  private func load(_ count: Int) throws(CheckpointError) -> Int {
    guard count <= end - position else { throw truncated(count) }
    let index = position - windowStart
    if index >= 0, index + count <= window.count { return index }
    try refill()
    return 0
  }

  private func refill() throws(CheckpointError) {
    window = try file.copy(offset: position, count: min(windowSize, file.size - position))
    windowStart = position
  }

  func u8() throws(CheckpointError) -> UInt8 {
    let index = try load(1)
    position += 1
    return window[index]
  }

  /// An integer in the reader's byte order.
  func integer<Integer: FixedWidthInteger>(_ type: Integer.Type = Integer.self) throws(CheckpointError)
    -> Integer
  {
    let width = Integer.bitWidth / 8
    let index = try load(width)
    position += width
    let stored = window.withUnsafeBytes { $0.loadUnaligned(fromByteOffset: index, as: Integer.self) }
    return isBigEndian ? Integer(bigEndian: stored) : Integer(littleEndian: stored)
  }

  /// A protobuf varint: seven bits a byte, low ones first, at most ten bytes.
  func varint() throws(CheckpointError) -> UInt64 {
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
  func length(_ claimed: UInt64, of what: String) throws(CheckpointError) -> Int {
    guard let count = Int(exactly: claimed), count <= remaining else {
      throw fail(
        "\(what) at byte \(position) claims \(bytes(claimed)), but \(bytes(remaining)) are left in the \(part)"
      )
    }
    return count
  }

  func bytesCopied(_ count: Int) throws(CheckpointError) -> [UInt8] {
    guard count >= 0, count <= remaining else { throw truncated(count) }
    defer { position += count }
    let index = position - windowStart
    if index >= 0, index + count <= window.count { return Array(window[index..<index + count]) }
    return try file.copy(offset: position, count: count)
  }

  /// `count` bytes of UTF-8; a text longer than `limit` is refused as no name.
  func string(_ count: Int, limit: Int = 1 << 16, of what: String) throws(CheckpointError) -> String {
    guard count <= limit else {
      throw fail("\(what) at byte \(position) is \(bytes(count)) long, at most \(limit) expected")
    }
    let at = position
    let raw = try bytesCopied(count)
    guard let text = String(validating: raw, as: UTF8.self) else {
      throw fail("\(what) at byte \(at) is not UTF-8")
    }
    return text
  }
}
