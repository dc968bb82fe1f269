import Numerics

/// How a weight is stored: its number format, what is set to zero first, and how the codes are packed.
///
/// A value; printed and parsed as the command line's SPEC (`int4,group=32,sparsity=0.3`), and coded as that string.
public struct Scheme: Sendable, Hashable {
  public var format: Format
  public var sparsity: Sparsity
  public var coding: Coding

  public init(_ format: Format, sparsity: Sparsity = .none, coding: Coding = .none) {
    self.format = format
    self.sparsity = sparsity
    self.coding = coding
  }

  /// The weight as it is.
  public static let keep = Scheme(.keep)

  /// Whether nothing changes: no error, the stored bytes.
  public var isKeep: Bool { self == .keep }

  public enum Format: Sendable, Hashable {
    case keep
    case uniform(UniformScheme)
    case f16
    case bf16
    /// ggml's bytes.
    case block(BlockType)
    /// Floats of four to eight bits under scales.
    case smallFloat(SmallFloatScheme)
    /// Values from a table: NF4's, or those that k-means finds.
    case codebook(CodebookScheme)
    case named(NamedFormat)
  }

  public enum Coding: String, Sendable, Hashable, CaseIterable {
    case none, huffman, rans
  }
}

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

/// The weights that share a scale.
public enum Granularity: Sendable, Hashable, Codable {
  case tensor
  /// An output channel: a row, an index of the weight's axis 0.
  case channel
  /// An index of another axis of the weight (1: its inputs; 2 and more: a kernel's places).
  case axis(Int)
  /// So many weights side by side in a row.
  case group(Int)

  /// Whether rows of `columns` weights divide into such runs.
  public func fits(columns: Int) -> Bool {
    if case .group(let size) = self { columns > 0 && columns % size == 0 } else { true }
  }

  /// Weights that share a scale within a row.
  func run(columns: Int) -> Int {
    if case .group(let size) = self { size } else { columns }
  }

  /// Scales of a weight whose rows are axis 0 of `shape`.
  public func scaleCount(rows: Int, columns: Int, shape: [Int]) -> Int {
    switch self {
    case .tensor: 1
    case .channel: rows
    case .axis(let axis): shape.indices.contains(axis) ? shape[axis] : 1
    case .group(let size): rows * (columns / size)
    }
  }
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

/// Formats of one layout each.
public enum NamedFormat: String, Sendable, Hashable, CaseIterable {
  /// BWN (Rastegari et al., arXiv 1603.05279): the sign times the row's mean magnitude α = ‖w‖₁/n in fp16.
  case binary
  /// TWN (Li et al., arXiv 1605.04711): of each row α·{−1, 0, 1}, zero where |w| ≤ Δ = 0.7·‖w‖₁/n, α the mean magnitude
  /// of the rest in fp16.
  case ternary
}
