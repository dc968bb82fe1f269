/// A floating-point format of at most 16 bits, by its numbers: sign, then exponent, then mantissa bits.
///
/// value = (−1)^s · 2^(e − bias) · (1 + m / 2^mantissa), and 2^(1 − bias) · m / 2^mantissa where e = 0.
/// Sources: IEEE 754 (binary16); OCP 8-bit Floating Point Specification 1.0 (E4M3, E5M2); OCP Microscaling
/// Formats 1.0 (E3M2, E2M3, E2M1); ONNX "Float stored in 8 bits" (the FNUZ forms).
struct SmallFloat: Sendable {
  let exponent: Int
  let mantissa: Int
  let bias: Int
  let special: Special

  /// Which codes are not numbers.
  enum Special: Sendable {
    /// The highest exponent holds infinities and NaNs, as in IEEE 754.
    case ieee
    /// All ones but the sign are NaN; no infinities ("FN").
    case allOnes
    /// Negative zero is the only NaN; no infinities ("FNUZ").
    case negativeZero
    /// Every code is a number.
    case none
  }

  static let f16 = SmallFloat(exponent: 5, mantissa: 10, bias: 15, special: .ieee)
  static let e4m3 = SmallFloat(exponent: 4, mantissa: 3, bias: 7, special: .allOnes)
  static let e5m2 = SmallFloat(exponent: 5, mantissa: 2, bias: 15, special: .ieee)
  static let e4m3fnuz = SmallFloat(exponent: 4, mantissa: 3, bias: 8, special: .negativeZero)
  static let e5m2fnuz = SmallFloat(exponent: 5, mantissa: 2, bias: 16, special: .negativeZero)
  static let e3m2 = SmallFloat(exponent: 3, mantissa: 2, bias: 3, special: .none)
  static let e2m3 = SmallFloat(exponent: 2, mantissa: 3, bias: 1, special: .none)
  static let e2m1 = SmallFloat(exponent: 2, mantissa: 1, bias: 1, special: .none)

  /// The value of a code, exact: every format here is a subset of binary32. NaNs are quiet and keep sign and
  /// payload where the format is IEEE's.
  func value(of code: UInt16) -> Float {
    let fieldMask = (1 << mantissa) - 1
    let m = Int(code) & fieldMask
    let e = (Int(code) >> mantissa) & ((1 << exponent) - 1)
    let negative = Int(code) >> (mantissa + exponent) & 1 == 1
    let magnitude: Float
    switch special {
    case .ieee where e == (1 << exponent) - 1:
      let payload = UInt32(m) << UInt32(23 - mantissa)
      magnitude = m == 0 ? .infinity : Float(bitPattern: 0x7FC0_0000 | payload)
    case .allOnes where e == (1 << exponent) - 1 && m == fieldMask: magnitude = .nan
    case .negativeZero where negative && e == 0 && m == 0: return .nan
    default:
      let significand = Float(e == 0 ? m : m + (1 << mantissa))
      magnitude = significand * Float(sign: .plus, exponent: max(e, 1) - bias - mantissa, significand: 1)
    }
    return Float(bitPattern: magnitude.bitPattern | (negative ? 0x8000_0000 : 0))
  }

  /// The values of all codes of at most eight bits, by code.
  func table() -> [Float] {
    (0..<UInt16(1 << (1 + exponent + mantissa))).map(value(of:))
  }
}

/// Scales of microscaling formats that are not of `SmallFloat`'s form.
enum ScaleFormat {
  /// E8M0: 2^(code − 127), 255 is NaN (OCP Microscaling Formats 1.0, 5.4.1).
  static func e8m0(_ code: UInt8) -> Float {
    if code == 255 { return .nan }
    return Float(bitPattern: code == 0 ? 0x0040_0000 : UInt32(code) << 23)
  }

  /// Half of E8M0's value, as ggml scales codes that are stored doubled; 255 is a number here.
  static func halfE8M0(_ code: UInt8) -> Float {
    Float(bitPattern: code < 2 ? 0x0020_0000 << UInt32(code) : UInt32(code - 1) << 23)
  }

  /// Half of an unsigned E4M3's value, as ggml's NVFP4 uses it: 0x7F counts as zero, and codes from 0x80 on
  /// as those without their upper bit.
  static func halfUE4M3(_ code: UInt8) -> Float {
    if code == 0 || code == 0x7F { return 0 }
    let e = Int(code >> 3 & 15)
    let m = Float(code & 7)
    let power = Float(sign: .plus, exponent: max(e, 1) - 7, significand: 1)
    return (e == 0 ? m / 8 : 1 + m / 8) * power * 0.5
  }
}

extension ElementType {
  /// The values of small floats by code, those that are not finite among them: 16 of E2M1, 64 of E2M3 and E3M2, 256 of
  /// E4M3 and E5M2.
  public static let e2m1Levels = SmallFloat.e2m1.table()
  public static let e2m3Levels = SmallFloat.e2m3.table()
  public static let e3m2Levels = SmallFloat.e3m2.table()
  public static let e4m3Levels = SmallFloat.e4m3.table()
  public static let e5m2Levels = SmallFloat.e5m2.table()
}
