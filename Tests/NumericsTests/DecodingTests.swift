import Checkpoints
import Numerics
import Support
import Testing

/// Where two lists of floats first differ in any bit (NaNs and the sign of zero count too), or in length.
func difference(_ found: [Float], _ expected: [Float], anyNaN: Bool = false) -> Int? {
  guard found.count == expected.count else { return min(found.count, expected.count) }
  return found.indices.first {
    found[$0].bitPattern != expected[$0].bitPattern && !(anyNaN && found[$0].isNaN && expected[$0].isNaN)
  }
}

func decodedByReference(_ type: ElementType, _ bytes: [UInt8], count: Int) -> [Float] {
  var values = [Float](repeating: 0, count: count)
  values.withUnsafeMutableBufferPointer { into in
    bytes.withUnsafeBytes { type.decodeReference($0, into: into) }
  }
  return values
}

/// Decodes from an odd address to an address that is only Float-aligned.
func decodedUnaligned(_ type: ElementType, _ bytes: [UInt8], count: Int) -> [Float] {
  let shifted = [0] + bytes
  var values = [Float](repeating: 0, count: count + 1)
  values.withUnsafeMutableBufferPointer { into in
    shifted.withUnsafeBytes {
      type.decode(.init(rebasing: $0[1...]), into: .init(rebasing: into[1...]))
    }
  }
  return Array(values[1...])
}

@Suite(.serialized) struct DecodingTests {
  /// Not in gguf-py: activations' types, and two that it cannot dequantise.
  static let described: [BlockType] = [.q8_1, .q8_k, .q1_0, .q2_0]
  static let inGgufPy = BlockType.allCases.filter { !described.contains($0) }

  @Test(arguments: inGgufPy) func blocksDecodeToTheBitsOfGgufPy(type: BlockType) throws {
    let fixtures = try Checkpoint.open(fixture("ggml-decode.safetensors"))
    var compared = 0
    for input in fixtures.tensors
    where input.name.hasPrefix("\(type.name)/") && input.name.hasSuffix(".bytes") {
      let values = try #require(fixtures.tensor(named: input.name.dropLast(5) + "values"))
      let expected = try fixtures.floats(values)
      let stored = try fixtures.integers(input).map { UInt8($0) }
      let element = ElementType.ggml(type)
      #expect(difference(decodedByReference(element, stored, count: values.count), expected) == nil)
      for level in KernelLevel.allCases {
        level.force()
        defer { KernelLevel.release() }
        #expect(difference(element.decode(stored, count: values.count), expected) == nil, "\(level)")
      }
      compared += values.count
    }
    #expect(compared >= 2048)
  }

  @Test(arguments: BlockType.allCases, [1, 3, 17]) func fastFormsEqualTheReference(type: BlockType, blocks: Int) {
    var random = SeededGenerator(UInt64(type.rawValue))
    let element = ElementType.ggml(type)
    let stored = (0..<blocks * type.blockBytes).map { _ in UInt8.random(in: 0...255, using: &random) }
    let count = blocks * type.blockWeights
    // The payload of a NaN that an operation passes on is the processor's choice.
    let expected = decodedByReference(element, stored, count: count)
    for level in KernelLevel.allCases {
      level.force()
      defer { KernelLevel.release() }
      let found = decodedUnaligned(element, stored, count: count)
      #expect(difference(found, expected, anyNaN: true) == nil, "\(level)")
    }
  }

  /// Blocks put together after ggml-common.h's descriptions: d = 0.5, and codes whose values are easy to tell.
  @Test func typesThatGgufPyLacksDecodeAsDescribed() {
    let half: [UInt8] = [0x00, 0x38]
    let signed: [Int8] = (0..<256).map { Int8(truncatingIfNeeded: 7 * $0) }
    let codes = signed.map { UInt8(bitPattern: $0) }
    let q8 = signed.map { Float($0) / 2 }
    #expect(ElementType.ggml(.q8_1).decode(half + [9, 9] + codes[..<32], count: 32) == Array(q8[..<32]))
    let sums = [UInt8](repeating: 9, count: 32)
    #expect(ElementType.ggml(.q8_k).decode([0, 0, 0, 0x3F] + codes + sums, count: 256) == q8)

    // Bit i of Q1_0 is set where i is a multiple of three; code i of Q2_0 is i modulo 4.
    var bits = [UInt8](repeating: 0, count: 16)
    for i in stride(from: 0, to: 128, by: 3) { bits[i / 8] |= 1 << UInt8(i % 8) }
    #expect(
      ElementType.ggml(.q1_0).decode(half + bits, count: 128) == (0..<128).map { $0 % 3 == 0 ? 0.5 : -0.5 })
    let pairs = [UInt8](repeating: 0b1110_0100, count: 16)
    #expect(ElementType.ggml(.q2_0).decode(half + pairs, count: 64) == (0..<64).map { Float($0 % 4 - 1) / 2 })
  }

  @Test func everyHalfIsTheProcessorsOwnFloat() {
    let codes = (0...UInt16.max).map { $0 }
    let stored = codes.flatMap { [UInt8(truncatingIfNeeded: $0), UInt8($0 >> 8)] }
    for level in KernelLevel.allCases {
      level.force()
      defer { KernelLevel.release() }
      let found = ElementType.f16.decode(stored, count: codes.count)
      let reference = decodedByReference(.f16, stored, count: codes.count)
      #expect(difference(found, reference) == nil, "\(level)")
      #if !(os(macOS) && arch(x86_64))
        let own = codes.map { Float(Float16(bitPattern: $0)) }
        #expect(difference(found, own, anyNaN: true) == nil, "\(level)")
      #endif
    }
  }

  @Test(arguments: [ElementType.f16, .bf16, .f64, .f32], [0, 1, 3, 7, 9, 17, 1023])
  func plainTypesDecodeAtOddLengths(type: ElementType, count: Int) {
    var random = SeededGenerator(11)
    let stored = (0..<count * type.block.bytes).map { _ in UInt8.random(in: 0...255, using: &random) }
    let expected = decodedByReference(type, stored, count: count)
    for level in KernelLevel.allCases {
      level.force()
      defer { KernelLevel.release() }
      #expect(difference(decodedUnaligned(type, stored, count: count), expected) == nil, "\(level)")
    }
  }

  @Test(arguments: [
    "F8_E4M3", "F8_E5M2", "F8_E4M3FNUZ", "F8_E5M2FNUZ", "F8_E8M0", "F6_E3M2", "F6_E2M3", "F4",
  ])
  func everyCodeOfASmallTypeIsAsMlDtypesHasIt(name: String) throws {
    let types: [ElementType] = [
      .f8e4m3, .f8e5m2, .f8e4m3fnuz, .f8e5m2fnuz, .f8e8m0, .f6e3m2, .f6e2m3, .f4e2m1,
    ]
    let type = try #require(types.first { $0.name == name })
    let fixtures = try Checkpoint.open(fixture("plain-decode.safetensors"))
    let expected = try fixtures.floats(try #require(fixtures.tensor(named: "\(name).values")))
    let found = type.decode(packed(expected.count, bits: Int(type.bits)), count: expected.count)
    #expect(difference(found, expected, anyNaN: true) == nil)
  }

  /// The codes 0, 1, 2, …, each of `bits` bits, the lowest bits of the bytes first.
  private func packed(_ count: Int, bits: Int) -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: count * bits / 8)
    for code in 0..<count {
      for bit in 0..<bits where code >> bit & 1 == 1 {
        bytes[(code * bits + bit) / 8] |= 1 << UInt8((code * bits + bit) % 8)
      }
    }
    return bytes
  }

  @Test func nibblesComeLowOneFirstAndTheLastByteMayBeHalfUsed() {
    // ONNX IR, "INT4 and UINT4": pack(x, y) = y << 4 | (x & 0x0F).
    #expect(ElementType.i4.decode([0x78, 0x0F], count: 3) == [-8, 7, -1])
    #expect(ElementType.u4.decode([0x78, 0x0F], count: 3) == [8, 7, 15])
  }

  @Test func integersBecomeTheNearestFloat() {
    var writer = ByteWriter()
    writer.integer(Int64(-3))
    writer.integer(Int64(1 << 24 + 1))
    #expect(ElementType.i64.decode(writer.bytes, count: 2) == [-3, 16_777_216])
    #expect(ElementType.i8.decode([0x80, 0x7F], count: 2) == [-128, 127])
    #expect(ElementType.u16.decode([0xFF, 0xFF], count: 1) == [65535])
    #expect(ElementType.bool.decode([0, 2], count: 2) == [0, 1])
  }

  @Test func exactIntegersRefuseWhatDoesNotFit() {
    #expect(ElementType.u64.decodeIntegers([UInt8](repeating: 0xFF, count: 8), count: 1) == nil)
    #expect(ElementType.f32.decodeIntegers([0, 0, 0, 0], count: 1) == nil)
    #expect(ElementType.i16.decodeIntegers([0xFE, 0xFF], count: 1) == [-2])
    #expect(ElementType.i16.decodeIntegers([0xFE], count: 1) == nil)
  }
}
