/// A sparse list of codes by their distances (Han et al., arXiv 1510.00149): each entry is a code of b bits and, in k
/// bits, how many zeros stand before it. Where 2^k zeros or more stand, an entry with the code zero fills in.
///
///     k                        1 byte
///     number of entries        8 bytes, little-endian
///     distances, then codes    each list filled up to a whole byte
package struct RelativeIndex {
  package static let headerBytes = 9
  package static let widths = 16

  package let bytes: [UInt8]

  package init(_ codes: [Int32], bits: Int, distanceBits: Int) {
    var (distances, kept) = (BitWriter(), BitWriter())
    var entries = 0
    var zeros = 0
    func put(_ distance: Int, _ code: Int32) {
      distances.put(distance, distanceBits)
      kept.put(Int(code), bits)
      entries += 1
    }
    for code in codes {
      if code == 0 {
        zeros += 1
        continue
      }
      while zeros >= (1 << distanceBits) {
        put((1 << distanceBits) - 1, 0)
        zeros -= 1 << distanceBits
      }
      put(zeros, code)
      zeros = 0
    }
    let header = [UInt8(distanceBits)] + (0..<8).map { UInt8(truncatingIfNeeded: entries >> (8 * $0)) }
    bytes = header + distances.finish() + kept.finish()
  }

  /// The codes modulo 2^b of `count` weights; `nil` for bytes that hold no such list.
  package static func codes(_ bytes: [UInt8], count: Int, bits: Int) -> [UInt32]? {
    guard bytes.count >= headerBytes, (1...widths).contains(Int(bytes[0])) else { return nil }
    let width = Int(bytes[0])
    let entries = (0..<8).reduce(UInt64(0)) { $0 | UInt64(bytes[1 + $1]) << (8 * UInt64($1)) }
    guard entries <= UInt64(count) else { return nil }
    var distances = BitReader(bytes, byte: headerBytes)
    var kept = BitReader(bytes, byte: headerBytes + (Int(entries) * width + 7) / 8)
    var codes = [UInt32](repeating: 0, count: count)
    var at = 0
    for _ in 0..<Int(entries) {
      guard let distance = distances.take(width), let code = kept.take(bits), at + distance < count else { return nil }
      at += distance
      codes[at] = UInt32(code)
      at += 1
    }
    return codes
  }
}
