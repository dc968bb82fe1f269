import Numerics

extension Scheme {
  /// Why a matrix of this shape cannot take the scheme, in a few words for its row; `nil` where it can.
  public func obstacle(rows: Int, columns: Int) -> String? {
    guard rows > 0, columns > 0 else { return "it is empty" }
    switch format {
    case .uniform(let uniform):
      if !uniform.granularity.fits(columns: columns), case .group(let size) = uniform.granularity {
        return "\(columns) columns are no multiple of the group of \(size)"
      }
    case .block(let type):
      if columns % type.blockWeights != 0 {
        return "\(columns) columns are no multiple of \(type.name)'s block of \(type.blockWeights)"
      }
      if coding != .none { return "\(type.name)'s bytes are fixed: coding does not apply" }
    case .named(let named):
      let run = named.blockWeights
      if columns % run != 0 {
        return "\(columns) columns are no multiple of \(named.rawValue)'s block of \(run)"
      }
      if coding != .none { return "coding of \(named.rawValue) is not yet computed" }
    case .keep:
      if coding != .none { return "coding needs codes: give a width, as in int8,coding=\(coding.rawValue)" }
    case .f16, .bf16:
      if coding == .rans { return "rans codes alphabets of at most 256 codes" }
    }
    if case .pattern(_, let of) = sparsity, columns % of != 0 {
      return "\(columns) columns are no multiple of \(of)"
    }
    if coding == .rans, case .uniform(let uniform) = format, uniform.bits > 8 {
      return "rans codes alphabets of at most 256 codes"
    }
    return nil
  }

  /// Whether the error of this scheme is computed in this version.
  public var isComputed: Bool {
    switch format {
    case .block(let type): BlockQuantizer(type) != nil
    case .named: false
    default: true
    }
  }
}

extension NamedFormat {
  /// Weights that share what is shared: the OCP MX block, NVFP4's sixteen, NF4's sixty-four.
  var blockWeights: Int {
    switch self {
    case .ocpMxfp8, .ocpMxfp6, .ocpMxfp4: 32
    case .nvidiaNvfp4: 16
    case .nf4: 64
    default: 1
    }
  }

  /// Bits a code, bytes a block's scale, bytes a row's scale and bytes a tensor.
  var layout: (bits: Int, perBlock: Int, perRow: Int, perTensor: Int) {
    switch self {
    case .ocpMxfp8: (8, 1, 0, 0)
    case .ocpMxfp6: (6, 1, 0, 0)
    case .ocpMxfp4: (4, 1, 0, 0)
    case .nvidiaNvfp4: (4, 1, 0, 4)
    case .fp8e4m3, .fp8e5m2: (8, 0, 0, 4)
    case .nf4: (4, 4, 0, 0)
    case .kmeans2, .kmeans3, .kmeans4, .kmeans5, .kmeans6, .kmeans7, .kmeans8:
      (bits(ofKMeans: self), 0, 0, 4 << bits(ofKMeans: self))
    case .binary: (1, 0, 2, 0)
    case .ternary: (2, 0, 2, 0)
    }
  }

  private func bits(ofKMeans format: NamedFormat) -> Int { Int(format.rawValue.suffix(1)) ?? 8 }
}
