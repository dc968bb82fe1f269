/// Uniform integers: ŵ = s·q, q = clamp(round(w/s)) with halves to even (Jacob et al., arXiv 1712.05877).
///
/// Symmetric: q in ±(2^(b−1) − 1), s = max|w|/(2^(b−1) − 1). Symmetric-full: q in −2^(b−1) … 2^(b−1) − 1,
/// s = max|w|/(2^(b−1) − ½) (compressed-tensors, GPTQ, torchao). Symmetric-signed: the same codes, s = m/(−2^(b−1)), m the
/// number of the greatest magnitude with its sign (ggml's Q4_0, ONNX Runtime's MatMulNBits). Affine: codes c in 0…2^b − 1 with an integer zero point
/// z, ŵ = s·(c − z), s = (hi − lo)/(2^b − 1) over lo = min(0, min w), hi = max(0, max w), z = round(−lo/s): as ONNX's
/// DynamicQuantizeLinear. The scale is rounded to its type before codes are chosen; w/s is w·(1/s) in float;
/// −lo/s is a quotient.
/// Edge, MLX's affine: codes c in 0…2^b − 1, ŵ = s·c + β; s = ±(max w − min w)/(2^b − 1), then made to divide the end of
/// the range that is farther from zero, which is β: both are kept in the scale's type. Zero is no number of it.
/// One bit: sign times mean magnitude (Rastegari et al., arXiv 1603.05279).
public struct UniformScheme: Sendable, Hashable {
  public var bits: Int
  public var granularity: Granularity
  public var symmetry: Symmetry
  public var range: RangeRule
  public var scale: ScaleType
  /// What is rounded to the scale's type too; `nil` for an arithmetic in single precision.
  public var rounds: Rounding?

  public init(
    bits: Int, granularity: Granularity = .group(32), symmetry: Symmetry = .symmetric,
    range: RangeRule = .minMax,
    scale: ScaleType = .fp16, rounds: Rounding? = nil
  ) {
    self.bits = bits
    self.granularity = granularity
    self.symmetry = symmetry
    self.range = range
    self.scale = scale
    self.rounds = rounds
  }

  public static let widths = [1, 2, 3, 4, 5, 6, 7, 8, 16]
}

public enum Symmetry: String, Sendable, Hashable, Codable, CaseIterable {
  case symmetric
  case symmetricFull = "symmetric-full"
  case symmetricSigned = "symmetric-signed"
  case affine
  case edge

  /// Whether codes count from a point of their own.
  public var isAffine: Bool { self == .affine || self == .edge }
}

/// How the range of a run of weights is found.
public enum RangeRule: Sendable, Hashable {
  case minMax
  /// The factor in 1, 63/64 … 1/4 of the min-max range with the least squared error.
  case leastSquares
  /// Clipped to ±q, the nearest-rank p-th percentile of |w|, 50 < p ≤ 100.
  case percentile(Double)
  /// Clipped to the ±q whose quantised distribution is nearest to the weights' in relative entropy (`EntropyRange`).
  case entropy
}

/// What a scale is rounded to before codes are chosen.
public enum ScaleType: String, Sendable, Hashable, CaseIterable {
  case fp16, bf16, fp32
  /// The least power of two that is not smaller, stored as its exponent.
  case pow2

  public var bytes: Int {
    switch self {
    case .fp16, .bf16: 2
    case .fp32: 4
    case .pow2: 1
    }
  }
}

/// Steps from a weight to its code that are rounded to the scale's type T, fp16 or bf16, as tools round that compute in the
/// type of a model's floats. Affine scales are T(T(hi − lo)/(2^b − 1)) then.
public enum Rounding: String, Sendable, Hashable, CaseIterable {
  /// T(w·T(1/s)), z = round(T(−lo/s)); the scale is not below T's least normal number.
  case product
  /// T(w/s), z = round(T(T(−lo·(2^b − 1))/T(hi − lo))).
  case quotient
  /// T(T(w/s) + z) with codes from −2^(b−1) on, z = round(T(−2^(b−1) − T(lo/s))).
  case sum
}
