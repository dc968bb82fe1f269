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
