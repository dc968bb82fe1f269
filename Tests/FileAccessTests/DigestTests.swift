import Support
import Testing

@testable import FileAccess

@Suite struct DigestTests {
  /// The first outputs of SipHash-2-4-128 under the key 00 01 … 0f, of inputs 00 01 …, from the authors' reference
  /// (github.com/veorq/SipHash, vectors.h; the same from `openssl mac -macopt size:16 SIPHASH`).
  @Test(arguments: [
    (0, "a3817f04ba25a8e66df67214c7550293"), (1, "da87c1d86b99af44347659119b22fc45"),
    (8, "3b62a9ba6258f5610f83e264f31497b4"), (63, "5150d1772f50834a503e069a973fbd7c"),
  ]) func itIsSipHash(count: Int, expected: String) {
    let bytes = (0..<count).map { UInt8($0) }
    let key = Digest(low: 0x0706_0504_0302_0100, high: 0x0f0e_0d0c_0b0a_0908)
    let digest = bytes.withUnsafeBytes { Digest(of: $0, under: key) }
    let words = [digest.low, digest.high].flatMap { word in withUnsafeBytes(of: word.littleEndian) { Array($0) } }
    #expect(words.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined() == expected)
  }

  /// The same worked out of single digests, word by word.
  @Test(arguments: [0, 1, 31, 32, 33, 64, 1000, 4096]) func aWideDigestIsThatOfFour(count: Int) {
    let bytes = (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 37) }
    let words = count / 32 * 4
    func little(_ word: UInt64) -> [UInt8] { withUnsafeBytes(of: word.littleEndian) { Array($0) } }
    let parts = (0..<4).map { lane -> (UInt64, UInt64) in
      SipHash.digest(
        stride(from: lane, to: words, by: 4).map { word in
          (0..<8).reduce(UInt64(0)) { $0 | UInt64(bytes[8 * word + $1]) << UInt64(8 * $1) }
        })
    }
    let joined =
      parts.flatMap { little($0.0) } + parts.flatMap { little($0.1) } + little(UInt64(count)) + bytes[(8 * words)...]
    let wide = bytes.withUnsafeBytes { Digest(ofMany: $0) }
    #expect(wide == Digest(of: joined))
  }

  @Test func everyBitOfManyBytesCounts() {
    var bytes = [UInt8](repeating: 7, count: 100)
    var found: Set<Digest> = [bytes.withUnsafeBytes { Digest(ofMany: $0) }]
    for place in 0..<100 {
      for bit in 0..<8 {
        bytes[place] ^= 1 << bit
        found.insert(bytes.withUnsafeBytes { Digest(ofMany: $0) })
        bytes[place] ^= 1 << bit
      }
    }
    #expect(found.count == 801)
    let other = bytes.withUnsafeBytes { Digest(ofMany: $0, after: Digest(low: 1, high: 0)) }
    #expect(!found.contains(other))
  }

  @Test func partsThatAreJoinedOtherwiseAreOthers() {
    func digest(_ texts: String...) -> Digest {
      var digester = Digester()
      for text in texts { digester.add(text) }
      return digester.finish()
    }
    #expect(digest("ab", "c") != digest("a", "bc"))
    #expect(digest("ab", "c") == digest("ab", "c"))
    #expect(digest("") != digest())
  }

  @Test(arguments: [1, 100, 65_536, 65_537, 1 << 20, 1 << 40]) func pagesLieWithinTheFileAndItsEndsAreAmongThem(
    size: Int
  ) {
    let ranges = FileSample.ranges(size: size, most: 16)
    #expect(ranges.first?.lowerBound == 0 && ranges.last?.upperBound == size)
    #expect(ranges.count <= 16 && ranges.allSatisfy { $0.lowerBound >= 0 && $0.upperBound <= size })
    #expect(ranges.reduce(0) { $0 + $1.count } <= 16 * FileSample.page)
  }
}

/// SipHash-2-4-128 under the key 0 of whole words, without the word that says how many bytes there were.
private enum SipHash {
  static func digest(_ words: [UInt64]) -> (UInt64, UInt64) {
    var v: [UInt64] = [
      0x736f_6d65_7073_6575, 0x646f_7261_6e64_6f6d ^ 0xee, 0x6c79_6765_6e65_7261, 0x7465_6462_7974_6573,
    ]
    func turned(_ x: UInt64, _ bits: UInt64) -> UInt64 { x << bits | x >> (64 - bits) }
    func rounds(_ count: Int) {
      for _ in 0..<count {
        v[0] &+= v[1]
        v[2] &+= v[3]
        v[1] = turned(v[1], 13) ^ v[0]
        v[3] = turned(v[3], 16) ^ v[2]
        v[0] = turned(v[0], 32)
        v[2] &+= v[1]
        v[0] &+= v[3]
        v[1] = turned(v[1], 17) ^ v[2]
        v[3] = turned(v[3], 21) ^ v[0]
        v[2] = turned(v[2], 32)
      }
    }
    for word in words {
      v[3] ^= word
      rounds(2)
      v[0] ^= word
    }
    v[2] ^= 0xee
    rounds(4)
    let low = v[0] ^ v[1] ^ v[2] ^ v[3]
    v[1] ^= 0xdd
    rounds(4)
    return (low, v[0] ^ v[1] ^ v[2] ^ v[3])
  }
}
