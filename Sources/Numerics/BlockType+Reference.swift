// The layouts are those of ggml-common.h, the order of the operations that of gguf-py's dequantize, so that
// every bit agrees. `bytes` is one block, `out` its weights.

extension BlockType {
  typealias Bytes = UnsafePointer<UInt8>
  typealias Weights = UnsafeMutablePointer<Float>

  /// Decodes one block of `blockBytes` bytes to `blockWeights` weights.
  func decodeBlock(_ bytes: Bytes, _ out: Weights) { traits.reference(self, bytes, out) }

  /// The binary16 at byte `offset`.
  static func half(_ bytes: Bytes, _ offset: Int) -> Float {
    SmallFloat.f16.value(of: UInt16(bytes[offset]) | UInt16(bytes[offset + 1]) << 8)
  }

  /// Bits `shift` … of byte `index`, `mask` wide.
  static func field(_ bytes: Bytes, _ index: Int, _ shift: Int, _ mask: Int) -> Int {
    Int(bytes[index]) >> shift & mask
  }
}

// MARK: - One scale a block

extension BlockType {
  /// d·q with q = ±1, a bit each: 1 for +.
  static func decodeQ10(_ bytes: Bytes, _ out: Weights) {
    for i in 0..<128 { out[i] = half(bytes, 0) * (field(bytes, 2 + i / 8, i % 8, 1) == 1 ? 1 : -1) }
  }

  /// d·(q − 1), two bits each.
  static func decodeQ20(_ bytes: Bytes, _ out: Weights) {
    for i in 0..<64 { out[i] = half(bytes, 0) * Float(field(bytes, 2 + i / 4, i % 4 * 2, 3) - 1) }
  }

  /// d·q with d in single precision.
  static func decodeQ8K(_ bytes: Bytes, _ out: Weights) {
    let d = UnsafeRawPointer(bytes).loadUnaligned(as: UInt32.self)
    decodeBytes(bytes + 4, Float(bitPattern: UInt32(littleEndian: d)), 256, out)
  }

  /// Four runs of sixteen E2M1 under a scale each.
  static func decodeNVFP4(_ bytes: Bytes, _ out: Weights) {
    for part in 0..<4 {
      decodeTable(fp4Levels, ScaleFormat.halfUE4M3(bytes[part]), bytes + 4 + 8 * part, 8, out + 16 * part)
    }
  }

  /// Q4_0, Q5_0, Q8_0: d·q with q centred on zero; Q4_1, Q5_1: d·q + m. Layout: d, (m), (32 fifth bits), codes;
  /// nibbles hold weights 0…15 low and 16…31 high.
  func decodeLegacy(_ bytes: Bytes, _ out: Weights) {
    let d = Self.half(bytes, 0)
    if self == .q8_0 {
      for i in 0..<32 { out[i] = Float(Int8(bitPattern: bytes[2 + i])) * d }
      return
    }
    let hasMinimum = self == .q4_1 || self == .q5_1
    let hasFifthBits = self == .q5_0 || self == .q5_1
    let fifth = hasMinimum ? 4 : 2
    let codes = fifth + (hasFifthBits ? 4 : 0)
    for i in 0..<32 {
      var q = Self.field(bytes, codes + i % 16, i / 16 * 4, 15)
      if hasFifthBits { q |= Self.field(bytes, fifth + i / 8, i % 8, 1) << 4 }
      if hasMinimum {
        out[i] = d * Float(q) + Self.half(bytes, 2)
      } else {
        out[i] = d * Float(q - (hasFifthBits ? 16 : 8))
      }
    }
  }

  /// Q8_1 and Q8_K: d·q.
  static func decodeBytes(_ codes: Bytes, _ d: Float, _ count: Int, _ out: Weights) {
    for i in 0..<count { out[i] = Float(Int8(bitPattern: codes[i])) * d }
  }

  /// IQ4_NL's levels (ggml-common.h).
  static let iq4Levels: [Float] = [
    -127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113,
  ]
  /// E2M1's values, doubled to be whole numbers; ggml's negative zero is a zero.
  static let fp4Levels: [Float] = [0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12]

  /// `count` bytes of nibbles, the low ones first: scale · levels[nibble].
  static func decodeTable(_ levels: [Float], _ scale: Float, _ codes: Bytes, _ count: Int, _ out: Weights) {
    for i in 0..<2 * count { out[i] = scale * levels[field(codes, i % count, i / count * 4, 15)] }
  }
}

// MARK: - Super-blocks of 256

extension BlockType {
  /// out = (d·scale)·q − dmin·minimum, 16 sub-blocks of 16; layout: 16 scale/minimum nibbles, 64 code bytes
  /// (each 32 hold four bit planes of 32 weights), d, dmin.
  static func decodeQ2K(_ bytes: Bytes, _ out: Weights) {
    let (d, dmin) = (half(bytes, 80), half(bytes, 82))
    for i in 0..<256 {
      let scale = d * Float(bytes[i / 16] & 15)
      let minimum = dmin * Float(bytes[i / 16] >> 4)
      out[i] = scale * Float(field(bytes, 16 + i / 128 * 32 + i % 32, i % 128 / 32 * 2, 3)) - minimum
    }
  }

  /// out = (d·(scale − 32))·q, q = two bits − (4 where the high bit is clear); layout: 32 bytes of high bits
  /// (plane i/32), 64 code bytes as Q2_K's, 12 scale bytes, d.
  static func decodeQ3K(_ bytes: Bytes, _ out: Weights) {
    let d = half(bytes, 108)
    for i in 0..<256 {
      let s = i / 16
      let scale = field(bytes, 96 + s % 8, s / 8 * 4, 15) | field(bytes, 104 + s % 4, s / 4 * 2, 3) << 4
      let low = field(bytes, 32 + i / 128 * 32 + i % 32, i % 128 / 32 * 2, 3)
      let high = field(bytes, i % 32, i / 32, 1)
      out[i] = d * Float(scale - 32) * Float(low - (high == 1 ? 0 : 4))
    }
  }

  /// out = (d·scale)·q − dmin·minimum, eight sub-blocks of 32; layout: d, dmin, 12 bytes of 6-bit scales and
  /// minima, (Q5_K: 32 bytes of fifth bits, plane i/32), 128 bytes of nibbles (each 32: 32 low, then 32 high).
  func decodeQ45K(_ bytes: Bytes, _ out: Weights) {
    let (d, dmin) = (Self.half(bytes, 0), Self.half(bytes, 2))
    let packed = bytes + 4
    let codes = self == .q5_k ? 48 : 16
    for i in 0..<256 {
      let s = i / 32
      let (scale, minimum) =
        s < 4
        ? (Self.field(packed, s, 0, 63), Self.field(packed, 4 + s, 0, 63))
        : (
          Self.field(packed, 4 + s, 0, 15) | Self.field(packed, s - 4, 6, 3) << 4,
          Self.field(packed, 4 + s, 4, 15) | Self.field(packed, s, 6, 3) << 4
        )
      var q = Self.field(bytes, codes + i / 64 * 32 + i % 32, i / 32 % 2 * 4, 15)
      if self == .q5_k { q |= Self.field(bytes, 16 + i % 32, s, 1) << 4 }
      out[i] = d * Float(scale) * Float(q) - dmin * Float(minimum)
    }
  }

  /// out = (d·scale)·(q − 32), 16 sub-blocks of 16; layout: 128 bytes of low nibbles (each 64: 64 low, then 64
  /// high), 64 bytes of upper pairs (each 32: four planes of 32), 16 int8 scales, d.
  static func decodeQ6K(_ bytes: Bytes, _ out: Weights) {
    let d = half(bytes, 208)
    for i in 0..<256 {
      let scale = d * Float(Int8(bitPattern: bytes[192 + i / 16]))
      let low = field(bytes, i / 128 * 64 + i % 64, i % 128 / 64 * 4, 15)
      let high = field(bytes, 128 + i / 128 * 32 + i % 32, i % 128 / 32 * 2, 3)
      out[i] = scale * Float((low | high << 4) - 32)
    }
  }

  /// out = (d·(scale − 32))·level, eight sub-blocks of 32; layout: d, 16 bits of upper scale pairs, four bytes
  /// of scale nibbles, 128 code bytes (each 16: 16 low, then 16 high).
  static func decodeIQ4XS(_ bytes: Bytes, _ out: Weights) {
    let d = half(bytes, 0)
    for s in 0..<8 {
      let scale = field(bytes, 4 + s / 2, s % 2 * 4, 15) | field(bytes, 2 + s / 4, s % 4 * 2, 3) << 4
      decodeTable(iq4Levels, d * Float(scale - 32), bytes + 8 + 16 * s, 16, out + 32 * s)
    }
  }

  /// out = d·(t − 1), five ternary digits a byte, read by multiplication with powers of three modulo 256: the
  /// digit is the integer part of 3·byte/256. Layout: 48 bytes (32, then 16) of five planes, 4 of four, d.
  static func decodeTQ1(_ bytes: Bytes, _ out: Weights) {
    let d = half(bytes, 52)
    var next = 0
    for (offset, width, planes) in [(0, 32, 5), (32, 16, 5), (48, 4, 4)] {
      var power: UInt8 = 1
      for _ in 0..<planes {
        for i in 0..<width {
          let digit = (Int(bytes[offset + i] &* power) * 3) >> 8
          out[next] = d * Float(digit - 1)
          next += 1
        }
        power &*= 3
      }
    }
  }

  /// out = d·(t − 1), two bits a weight, planes as Q2_K's; layout: 64 code bytes, d.
  static func decodeTQ2(_ bytes: Bytes, _ out: Weights) {
    let d = half(bytes, 64)
    for i in 0..<256 { out[i] = d * Float(field(bytes, i / 128 * 32 + i % 32, i % 128 / 32 * 2, 3) - 1) }
  }
}
