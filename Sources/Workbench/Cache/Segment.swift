import FileAccess

/// A file of answers about one model, written once:
///
///     16   "lathe answers\n", then the version of the form (2 bytes, as all numbers little-endian)
///     16   the stamp: when the model's files were last written (`ModelKey`)
///     8    a check of these 32 bytes
///
/// and then answers, one after another:
///
///     8    a check of all that follows of this one
///     16   its key: what it is about
///     1    its kind
///     4    bytes of its content
///     …    its content (`KeptWriter`)
///
/// A check is the lower half of a `Digest`. What does not pass it is as if it were not there.
enum Segment {
  /// Changes whenever the form of what is kept does, or what any answer means: answers of another version are not read.
  static let version: UInt16 = 2

  enum Kind: UInt8, Sendable {
    case survey = 1
    case table, assessment, measurement, sensitivities
    /// The digest of bytes that answers are about (`ContentCheck`).
    case bytes
  }

  /// Where an answer's content lies.
  struct Entry: Sendable {
    let key: Digest
    let kind: Kind
    let offset: Int
    let length: Int
  }

  static let headerSize = 40
  static let entrySize = 29
  static let ending = ".answers"

  static func header(stamp: Digest, version: UInt16 = version) -> [UInt8] {
    var bytes = Array("lathe answers\n".utf8) + [UInt8(version & 255), UInt8(version >> 8)]
    bytes.append(word: stamp.low)
    bytes.append(word: stamp.high)
    bytes.append(word: Digest(of: bytes).low)
    return bytes
  }

  static func entry(_ key: Digest, _ kind: Kind, _ content: [UInt8]) -> [UInt8] {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(entrySize + content.count)
    bytes.append(word: 0)
    bytes.append(word: key.low)
    bytes.append(word: key.high)
    bytes.append(kind.rawValue)
    for shift in stride(from: 0, to: 32, by: 8) { bytes.append(UInt8(truncatingIfNeeded: content.count >> shift)) }
    bytes += content
    let check = bytes.withUnsafeBytes { Digest(of: UnsafeRawBufferPointer(rebasing: $0[8...])).low }
    for index in 0..<8 { bytes[index] = UInt8(truncatingIfNeeded: check >> UInt64(8 * index)) }
    return bytes
  }

  /// The stamp of a file of this version; `nil` for every other file.
  static func stamp(of file: MappedFile) -> Digest? {
    guard let bytes = try? file.copy(offset: 0, count: headerSize) else { return nil }
    let stamp = Digest(low: bytes.word(at: 16), high: bytes.word(at: 24))
    return bytes == header(stamp: stamp) ? stamp : nil
  }

  /// Calls `found` with every answer that is whole. Reads the file once, in windows.
  ///
  /// - Parameter found: is given the entry and all its bytes, check and key included.
  static func walk(_ file: MappedFile, found: (Entry, ArraySlice<UInt8>) -> Void) {
    var (window, start): ([UInt8], Int) = ([], 0)
    var position = headerSize
    func load(_ count: Int) -> Int? {
      guard count <= file.size - position else { return nil }
      if position >= start, position + count <= start + window.count { return position - start }
      let size = min(max(count, 1 << 20), file.size - position)
      guard let bytes = try? file.copy(offset: position, count: size) else { return nil }
      (window, start) = (bytes, position)
      return 0
    }
    while let head = load(entrySize) {
      let length = (0..<4).reduce(0) { $0 | Int(window[head + 25 + $1]) << (8 * $1) }
      // Beyond a length that is wrong nothing can be found again.
      guard let at = load(entrySize + length) else { return }
      let bytes = window[at..<at + entrySize + length]
      let check = window.withUnsafeBytes {
        Digest(of: UnsafeRawBufferPointer(rebasing: $0[at + 8..<at + entrySize + length])).low
      }
      if check == window.word(at: at), let kind = Kind(rawValue: window[at + 24]) {
        let key = Digest(low: window.word(at: at + 8), high: window.word(at: at + 16))
        found(Entry(key: key, kind: kind, offset: position + entrySize, length: length), bytes)
      }
      position += entrySize + length
    }
  }
}

extension [UInt8] {
  fileprivate mutating func append(word: UInt64) {
    for shift in stride(from: UInt64(0), to: 64, by: 8) { append(UInt8(truncatingIfNeeded: word >> shift)) }
  }

  fileprivate func word(at start: Int) -> UInt64 {
    (0..<8).reduce(0) { $0 | UInt64(self[start + $1]) << UInt64(8 * $1) }
  }
}
