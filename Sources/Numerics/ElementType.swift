/// How the numbers of a tensor are stored: the plain types of safetensors, ONNX and NumPy, and ggml's
/// block types. `name` is what files and people call it.
public enum ElementType: Hashable, Sendable {
  case f64, f32, f16, bf16
  /// Eight bits and fewer; E4M3 is the finite-only form ("fn") unless named otherwise (OCP OFP8, MX).
  case f8e4m3, f8e5m2, f8e4m3fnuz, f8e5m2fnuz, f8e8m0, f6e3m2, f6e2m3, f4e2m1
  case i64, i32, i16, i8, u64, u32, u16, u8, i4, u4, i2, u2, bool
  case complex64, complex128
  case ggml(BlockType)
}

extension ElementType {
  /// The block that storage is counted in: `weights` numbers take `bytes` bytes.
  public var block: (weights: Int, bytes: Int) {
    switch self {
    case .f64, .i64, .u64, .complex64: (1, 8)
    case .f32, .i32, .u32: (1, 4)
    case .f16, .bf16, .i16, .u16: (1, 2)
    case .f8e4m3, .f8e5m2, .f8e4m3fnuz, .f8e5m2fnuz, .f8e8m0, .i8, .u8, .bool: (1, 1)
    case .f6e3m2, .f6e2m3: (4, 3)
    case .f4e2m1, .i4, .u4: (2, 1)
    case .i2, .u2: (4, 1)
    case .complex128: (1, 16)
    case .ggml(let type): (type.blockWeights, type.blockBytes)
    }
  }

  /// Bits per stored number, block scales included.
  public var bits: Double { Double(8 * block.bytes) / Double(block.weights) }

  /// Whether values are real numbers that a weight may hold: a floating-point or a block-quantised type.
  public var isFloatingPoint: Bool {
    switch self {
    case .f64, .f32, .f16, .bf16, .f8e4m3, .f8e5m2, .f8e4m3fnuz, .f8e5m2fnuz, .f6e3m2, .f6e2m3, .f4e2m1,
      .ggml:
      true
    default: false
    }
  }

  /// The bytes of `count` numbers stored one after another, the last byte, or the last block of ggml's, filled up;
  /// `nil` where the product overflows.
  public func byteCount(of count: Int) -> Int? {
    guard count >= 0 else { return nil }
    let (weights, bytes) = block
    let (padded, over) = count.addingReportingOverflow(weights - 1)
    guard !over else { return nil }
    let (total, over2) = (padded / weights).multipliedReportingOverflow(by: bytes)
    guard !over2 else { return nil }
    // Four numbers of six bits take three bytes, but one takes one.
    if weights == 4, bytes == 3, count % 4 > 0 { return total - 3 + (count % 4 * 6 + 7) / 8 }
    return total
  }
}

extension ElementType: CustomStringConvertible {
  /// The name as safetensors and ggml spell it: `F32`, `BF16`, `Q4_0`.
  public var name: String {
    switch self {
    case .f64: "F64"
    case .f32: "F32"
    case .f16: "F16"
    case .bf16: "BF16"
    case .f8e4m3: "F8_E4M3"
    case .f8e5m2: "F8_E5M2"
    case .f8e4m3fnuz: "F8_E4M3FNUZ"
    case .f8e5m2fnuz: "F8_E5M2FNUZ"
    case .f8e8m0: "F8_E8M0"
    case .f6e3m2: "F6_E3M2"
    case .f6e2m3: "F6_E2M3"
    case .f4e2m1: "F4"
    case .i64: "I64"
    case .i32: "I32"
    case .i16: "I16"
    case .i8: "I8"
    case .u64: "U64"
    case .u32: "U32"
    case .u16: "U16"
    case .u8: "U8"
    case .i4: "I4"
    case .u4: "U4"
    case .i2: "I2"
    case .u2: "U2"
    case .bool: "BOOL"
    case .complex64: "C64"
    case .complex128: "C128"
    case .ggml(let type): type.name
    }
  }

  public var description: String { name }
}
