import Coding
import Testing

struct RelativeIndexTests {
  @Test func damagedRelativeIndicesAreNone() {
    let bytes = RelativeIndex([0, 0, 3, 0, -1], bits: 4, distanceBits: 2).bytes
    #expect(RelativeIndex.codes(bytes, count: 5, bits: 4) == [0, 0, 3, 0, 15])
    for length in 0..<bytes.count {
      #expect(RelativeIndex.codes(Array(bytes[..<length]), count: 5, bits: 4) == nil)
    }
    #expect(RelativeIndex.codes([0] + bytes.dropFirst(), count: 5, bits: 4) == nil)
    #expect(RelativeIndex.codes(bytes, count: 3, bits: 4) == nil)
  }
}
