import CKernels
import Coding
import Support
import Testing

/// Entropy coders: what goes in comes out, the length is what theory allows, and no bytes can do harm.
@Suite(.serialized) struct EntropyCoderTests {
  static let lengths = [0, 1, 2, 3, 7, 8, 9, 31, 32, 33, 63, 64, 65, 127, 1023, 4097, 262_143, 262_145]

  static func symbols(_ count: Int, _ kind: Int) -> [UInt8] {
    var generator = SeededGenerator(UInt64(count * 7 + kind))
    switch kind {
    case 0: return generator.gaussian(count, deviation: 3).map { UInt8(truncatingIfNeeded: Int($0.rounded())) }
    case 1: return generator.gaussian(count, deviation: 40).map { UInt8(truncatingIfNeeded: Int($0.rounded())) }
    case 2: return [UInt8](repeating: 77, count: count)
    case 3: return (0..<count).map { UInt8(truncatingIfNeeded: $0) }
    // One symbol a thousand times as frequent as the other.
    default: return (0..<count).map { $0 % 1000 == 999 ? 1 : 0 }
    }
  }

  @Test(arguments: EntropyCoder.allCases, lengths)
  func whatIsEncodedDecodesToItself(_ coder: EntropyCoder, _ count: Int) {
    for kind in 0..<5 {
      let symbols = Self.symbols(count, kind)
      var streams: [[UInt8]] = []
      atEveryLevel { level in
        let bytes = coder.encode(symbols)
        let isSame = (try? coder.decode(bytes, count: count)) == symbols
        #expect(isSame, "level \(level), kind \(kind)")
        streams.append(bytes)
      }
      let isOne = streams.allSatisfy { $0 == streams[0] }
      #expect(isOne, "a level writes other bytes")
    }
  }

  @Test(arguments: EntropyCoder.allCases) func theLengthIsNearTheEntropy(_ coder: EntropyCoder) {
    for kind in [0, 1] {
      let symbols = Self.symbols(200_000, kind)
      var counts = [Int](repeating: 0, count: 256)
      for symbol in symbols { counts[Int(symbol)] += 1 }
      let bound = entropy(of: counts) * Double(symbols.count) / 8
      let length = Double(coder.encode(symbols).count)
      #expect(length >= bound)
      // rANS: frequencies in 12 bits and 132 bytes a block. Huffman: less than 0.086 + p_max bits a symbol (Gallager 1978).
      let most = Double(counts.max()!) / Double(symbols.count)
      let slack = coder == .rans ? 0.005 * bound : (0.086 + most) / 8 * Double(symbols.count)
      #expect(length <= bound + slack + 600, "\(coder) kind \(kind): \(length), bound \(bound)")
    }
  }

  @Test(arguments: EntropyCoder.allCases) func shortenedStreamsAreErrors(_ coder: EntropyCoder) {
    let symbols = Self.symbols(3000, 0)
    let bytes = coder.encode(symbols)
    atEveryLevel { _ in
      for length in Array(0..<80) + Array(stride(from: 80, to: bytes.count, by: 37)) {
        #expect(throws: CodingError.self) { try coder.decode(Array(bytes[..<length]), count: symbols.count) }
      }
      #expect(throws: CodingError.self) { try coder.decode(bytes + [0], count: symbols.count) }
      #expect(throws: CodingError.self) { try coder.decode(bytes, count: symbols.count + 1) }
      #expect(throws: CodingError.self) { try coder.decode(bytes, count: symbols.count + 300_000) }
    }
  }

  /// Changed bytes may decode to other symbols, but never reach outside: the buffers end where a page does that may not
  /// be touched.
  @Test(arguments: EntropyCoder.allCases) func changedStreamsStayWithinTheirBytes(_ coder: EntropyCoder) {
    let symbols = Self.symbols(2000, 1)
    let bytes = coder.encode(symbols)
    var generator = SeededGenerator(11)
    atEveryLevel { _ in
      for trial in 0..<400 {
        var changed = bytes
        for _ in 0...trial % 4 {
          changed[Int(generator.next() % UInt64(bytes.count))] = UInt8(truncatingIfNeeded: generator.next())
        }
        let decoded = try? coder.decode(changed, count: symbols.count)
        #expect(decoded == nil || decoded!.count == symbols.count)
      }
      for count in [16, 200, 3000] {
        let noise = (0..<count).map { _ in UInt8(truncatingIfNeeded: generator.next()) }
        #expect(throws: CodingError.self) { try coder.decode(noise, count: 50_000) }
      }
    }
  }

  @Test func aBlockIsNeverReadBehindItsEnd() throws {
    let symbols = Self.symbols(2000, 1)
    var counts = [Int](repeating: 0, count: 256)
    for symbol in symbols { counts[Int(symbol)] += 1 }
    let huffman = try #require(DecoderTable(huffman: HuffmanCode(counts: counts).lengths))
    let rans = try #require(DecoderTable(rans: RansTable(counts: counts).frequencies))
    let page = GuardedBytes(capacity: 4096)
    var generator = SeededGenerator(5)
    atEveryLevel { _ in
      for size in [0, 1, 27, 28, 40, 127, 128, 129, 200, 207, 208, 209, 1000] {
        for _ in 0..<50 {
          let bytes = page.fill((0..<size).map { _ in UInt8(truncatingIfNeeded: generator.next()) })
          // Lengths and states that pass the first look, so that the loops themselves are tried.
          if size >= 128 { for lane in 0..<32 { bytes[4 * lane + 3] &= 0x7f } }
          var target = [UInt8](repeating: 0, count: 2000)
          #expect(lathe_rans_decode(rans.pointer, bytes, size, &target, 2000) != 0)
          if size >= 28 { for byte in 0..<28 { bytes[byte] = byte % 4 == 0 ? UInt8(min(255, (size - 28) / 8)) : 0 } }
          #expect(lathe_huffman_decode(huffman.pointer, bytes, size, &target, 2000) != 0)
        }
      }
    }
  }

  @Test func tablesThatAreNoneAreRefused() {
    var lengths = [UInt8](repeating: 0, count: 256)
    #expect(DecoderTable(huffman: lengths) == nil)
    (lengths[3], lengths[4], lengths[5]) = (1, 1, 1)
    #expect(DecoderTable(huffman: lengths) == nil)
    (lengths[4], lengths[5]) = (2, 0)
    #expect(DecoderTable(huffman: lengths) == nil)
    (lengths[3], lengths[4]) = (12, 0)
    #expect(DecoderTable(huffman: lengths) == nil)
    var frequencies = [UInt16](repeating: 16, count: 256)
    #expect(DecoderTable(rans: frequencies) != nil)
    frequencies[9] = 17
    #expect(DecoderTable(rans: frequencies) == nil)
    frequencies[9] = 15
    #expect(DecoderTable(rans: frequencies) == nil)
  }
}
