internal import CFileAccess

/// 128 bits that stand for some bytes: what is found again by what it is about has this for a key (SipHash-2-4-128, under
/// a key that everybody knows: it tells contents apart, it keeps no secret).
package struct Digest: Sendable, Hashable {
  package let low: UInt64
  package let high: UInt64

  package init(low: UInt64, high: UInt64) { (self.low, self.high) = (low, high) }

  package init(of bytes: UnsafeRawBufferPointer, under key: Digest = .zero) {
    var digest: (UInt64, UInt64) = (0, 0)
    withUnsafeMutablePointer(to: &digest) {
      $0.withMemoryRebound(to: UInt64.self, capacity: 2) {
        lathe_digest(bytes.baseAddress, bytes.count, [key.low, key.high], $0)
      }
    }
    self.init(low: digest.0, high: digest.1)
  }

  package init(of bytes: [UInt8]) { self = bytes.withUnsafeBytes { Digest(of: $0) } }

  /// Another digest of the same bytes, several times as fast where they are many.
  package init(ofMany bytes: UnsafeRawBufferPointer, after previous: Digest = .zero) {
    var digest: (UInt64, UInt64) = (0, 0)
    withUnsafeMutablePointer(to: &digest) {
      $0.withMemoryRebound(to: UInt64.self, capacity: 2) {
        lathe_wide_digest(bytes.baseAddress, bytes.count, [previous.low, previous.high], $0)
      }
    }
    self.init(low: digest.0, high: digest.1)
  }

  package static let zero = Digest(low: 0, high: 0)

  /// 32 hexadecimal digits.
  package var hexadecimal: String { [high, low].map(Self.digits).joined() }

  private static func digits(_ word: UInt64) -> String {
    let text = String(word, radix: 16)
    return String(repeating: "0", count: 16 - text.count) + text
  }
}

/// Makes a digest of things that come one after another, each with its length, so that no two lists look alike.
package struct Digester {
  private var digest = Digest.zero
  private var waiting: [UInt8] = []

  package init() {}

  package mutating func add(_ number: Int) {
    withUnsafeBytes(of: Int64(number).littleEndian) { waiting += $0 }
    if waiting.count >= 1 << 16 { turn() }
  }

  package mutating func add(_ text: String) {
    var text = text
    text.withUTF8 { add(UnsafeRawBufferPointer($0)) }
  }

  package mutating func add(_ bytes: UnsafeRawBufferPointer) {
    add(bytes.count)
    waiting += bytes
    if waiting.count >= 1 << 16 { turn() }
  }

  package mutating func add(_ other: Digest) {
    add(Int(truncatingIfNeeded: other.low))
    add(Int(truncatingIfNeeded: other.high))
  }

  private mutating func turn() {
    let key = digest
    digest = waiting.withUnsafeBytes { Digest(of: $0, under: key) }
    waiting.removeAll(keepingCapacity: true)
  }

  package consuming func finish() -> Digest {
    turn()
    return digest
  }
}
