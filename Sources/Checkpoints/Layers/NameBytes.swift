#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Musl)
  internal import Musl
#elseif canImport(Darwin)
  internal import Darwin
#endif

extension String {
  /// The bytes of a name, where they stand in nearly all.
  @inline(__always)
  func withBytes<Result>(_ body: (UnsafeBufferPointer<UInt8>) -> Result) -> Result {
    if let result = utf8.withContiguousStorageIfAvailable(body) { return result }
    return Array(utf8).withUnsafeBufferPointer(body)
  }
}

extension UnsafeBufferPointer<UInt8> {
  /// Whether these are the other's bytes.
  func isSame(_ other: UnsafeBufferPointer<UInt8>) -> Bool {
    guard count == other.count, let one = baseAddress, let two = other.baseAddress else { return count == other.count }
    return memcmp(one, two, count) == 0
  }

  /// Whether the word's bytes are the last of these.
  func ends(with word: StaticString) -> Bool {
    let length = word.utf8CodeUnitCount
    guard count >= length else { return false }
    for at in 0..<length where self[count - length + at] != word.utf8Start[at] { return false }
    return true
  }

  /// Whether these are the word's bytes and no more.
  func isWord(_ word: StaticString) -> Bool { count == word.utf8CodeUnitCount && ends(with: word) }

  /// Whether no byte is beyond ASCII, eight at a time.
  var isASCII: Bool {
    let bytes = UnsafeRawBufferPointer(self)
    var (all, at) = (UInt64(0), 0)
    while at + 8 <= count {
      all |= bytes.loadUnaligned(fromByteOffset: at, as: UInt64.self)
      at += 8
    }
    while at < count {
      all |= UInt64(self[at])
      at += 1
    }
    return all & 0x8080_8080_8080_8080 == 0
  }

  /// These bytes as a part of their own, counted from 0.
  func part(_ range: Range<Int>) -> UnsafeBufferPointer<UInt8> { UnsafeBufferPointer(rebasing: self[range]) }

  /// Where the last part of the name begins: after the last dot or slash.
  var lastPart: Int {
    var at = count
    while at > 0, self[at - 1] != UInt8(ascii: "."), self[at - 1] != UInt8(ascii: "/") { at -= 1 }
    return at
  }
}
