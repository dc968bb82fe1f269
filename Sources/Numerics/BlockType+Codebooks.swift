internal import CKernels

// The reference forms of ggml's codebook types: a weight is scale · coordinate · sign (IQ2, IQ3) or
// scale · (coordinate ± ⅛) (IQ1). Layouts: ggml-common.h, and beside the fast forms in decode/codebooks.c; order of
// the operations: gguf-py's dequantize.

extension BlockType {
  /// Decodes one block of 256 weights of an IQ1, IQ2 or IQ3 type.
  func decodeCodebook(_ bytes: Bytes, _ out: Weights) {
    for i in 0..<256 {
      let entry: (index: Int, scale: Float, sign: Float, shift: Float) =
        switch self {
        case .iq2_xxs: Self.iq2XXS(bytes, i)
        case .iq2_xs: Self.iq2XS(bytes, i)
        case .iq2_s: Self.iq2S(bytes, i)
        case .iq3_xxs: Self.iq3XXS(bytes, i)
        case .iq3_s: Self.iq3S(bytes, i)
        case .iq1_s: Self.iq1S(bytes, i)
        default: Self.iq1M(bytes, i)
        }
      let (book, width) = codebook
      let coordinate = Float(book[entry.index * width + i % width])
      out[i] =
        entry.shift == 0 ? entry.scale * coordinate * entry.sign : entry.scale * (coordinate + entry.shift)
    }
  }

  /// The type's codebook, coordinate after coordinate, and the coordinates an entry.
  private var codebook: (UnsafePointer<Int8>, Int) {
    switch self {
    case .iq2_xxs: (lathe_codebook(LATHE_CODEBOOK_IQ2_XXS), 8)
    case .iq2_xs: (lathe_codebook(LATHE_CODEBOOK_IQ2_XS), 8)
    case .iq2_s: (lathe_codebook(LATHE_CODEBOOK_IQ2_S), 8)
    case .iq3_xxs: (lathe_codebook(LATHE_CODEBOOK_IQ3_XXS), 4)
    case .iq3_s: (lathe_codebook(LATHE_CODEBOOK_IQ3_S), 4)
    default: (lathe_codebook(LATHE_CODEBOOK_IQ1), 8)
    }
  }

  /// What an entry's weight `i` (of the block) is made of.
  private typealias Entry = (index: Int, scale: Float, sign: Float, shift: Float)

  private static func word(_ bytes: Bytes, _ offset: Int) -> Int {
    Int(bytes[offset]) | Int(bytes[offset + 1]) << 8
  }

  /// Sign `j` of eight, of which seven are stored and the eighth makes the number of minus signs even.
  private static func evenSign(_ seven: Int, _ j: Int) -> Float {
    let bits = seven & 127
    let all = bits | (bits.nonzeroBitCount & 1) << 7
    return all >> j & 1 == 1 ? -1 : 1
  }

  private static func iq2XXS(_ bytes: Bytes, _ i: Int) -> Entry {
    let part = 2 + i / 32 * 8
    let bits = word(bytes, part + 4) | word(bytes, part + 6) << 16
    let scale = half(bytes, 0) * (0.5 + Float(bits >> 28)) * 0.25
    let entry = i % 32 / 8
    return (Int(bytes[part + entry]), scale, evenSign(bits >> (7 * entry), i % 8), 0)
  }

  private static func iq2XS(_ bytes: Bytes, _ i: Int) -> Entry {
    let code = word(bytes, 2 + i / 8 * 2)
    let scale = half(bytes, 0) * (0.5 + Float(field(bytes, 66 + i / 32, i / 16 % 2 * 4, 15))) * 0.25
    return (code & 511, scale, evenSign(code >> 9, i % 8), 0)
  }

  private static func iq2S(_ bytes: Bytes, _ i: Int) -> Entry {
    let index = Int(bytes[2 + i / 8]) | field(bytes, 66 + i / 32, i / 8 % 4 * 2, 3) << 8
    let scale = half(bytes, 0) * (0.5 + Float(field(bytes, 74 + i / 32, i / 16 % 2 * 4, 15))) * 0.25
    return (index, scale, field(bytes, 34 + i / 8, i % 8, 1) == 1 ? -1 : 1, 0)
  }

  private static func iq3XXS(_ bytes: Bytes, _ i: Int) -> Entry {
    let at = 66 + i / 32 * 4
    let bits = word(bytes, at) | word(bytes, at + 2) << 16
    let scale = half(bytes, 0) * (0.5 + Float(bits >> 28)) * 0.5
    return (Int(bytes[2 + i / 4]), scale, evenSign(bits >> (i % 32 / 8 * 7), i % 8), 0)
  }

  private static func iq3S(_ bytes: Bytes, _ i: Int) -> Entry {
    let index = Int(bytes[2 + i / 4]) | field(bytes, 66 + i / 32, i / 4 % 8, 1) << 8
    let scale = half(bytes, 0) * Float(1 + 2 * field(bytes, 106 + i / 64, i / 32 % 2 * 4, 15))
    return (index, scale, field(bytes, 74 + i / 8, i % 8, 1) == 1 ? -1 : 1, 0)
  }

  private static func iq1S(_ bytes: Bytes, _ i: Int) -> Entry {
    let code = word(bytes, 34 + i / 32 * 2)
    let index = Int(bytes[2 + i / 8]) | (code >> (i % 32 / 8 * 3) & 7) << 8
    return (index, half(bytes, 0) * Float(2 * (code >> 12 & 7) + 1), 1, code & 0x8000 == 0 ? 0.125 : -0.125)
  }

  private static func iq1M(_ bytes: Bytes, _ i: Int) -> Entry {
    let scales = 48
    let d = (0..<4).reduce(0) { $0 | (word(bytes, scales + 2 * $1) >> 12) << (4 * $1) }
    let nibble = field(bytes, 32 + i / 16, i / 8 % 2 * 4, 15)
    let code = word(bytes, scales + i / 64 * 2) >> (i / 16 % 4 * 3) & 7
    let scale = SmallFloat.f16.value(of: UInt16(d)) * Float(2 * code + 1)
    return (Int(bytes[i / 8]) | (nibble & 7) << 8, scale, 1, nibble & 8 == 0 ? 0.125 : -0.125)
  }
}
