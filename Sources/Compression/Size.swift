import Numerics

/// The bytes of a weight in a scheme, to the byte, without a container's padding.
public struct Size: Sendable, Codable, Hashable {
  /// What is written: the least of the forms that the scheme allows.
  public var bytes: Int
  public var form: Form
  /// Scales and zero points, within `bytes`.
  public var scaleBytes: Int
  /// Every code at its full width.
  public var dense: Int
  /// One bit a weight for where it is not zero, and the codes that are not zero.
  public var bitmask: Int?
  /// Row starts (4 bytes each), a column number (2 bytes, 4 from 65,537 columns on) and a code a number that is not
  /// zero.
  public var indices: Int?
  /// Of every m weights n codes, each with its place in ⌈log₂ m⌉ bits.
  public var pattern: Int?
  /// The order-0 entropy of the codes, in bits a weight: the bound for a coder without context.
  public var entropy: Double?
  /// Huffman's codes with their table (`HuffmanCode`).
  public var huffman: Int?
  /// A real rANS stream with its table (`RansCoder`).
  public var rans: Int?

  public enum Form: String, Sendable, Codable, Hashable {
    case dense, bitmask, indices, pattern, huffman, rans
  }
}

extension Scheme {
  /// Bits a code, and the bytes of all scales and zero points of a matrix.
  ///
  /// `storedBits` is the width of a kept number.
  func layout(rows: Int, columns: Int, storedBits: Double) -> (bits: Double, scaleBytes: Int) {
    switch format {
    case .keep: return (storedBits, 0)
    case .f16, .bf16: return (16, 0)
    case .block(let type): return (Double(8 * type.blockBytes) / Double(type.blockWeights), 0)
    case .named(let named):
      let (bits, perBlock, perRow, perTensor) = named.layout
      return (Double(bits), rows * columns / named.blockWeights * perBlock + rows * perRow + perTensor)
    case .uniform(let uniform):
      let scales = uniform.granularity.scaleCount(rows: rows, columns: columns)
      let zeroPoints = uniform.symmetry == .affine ? (scales * uniform.bits + 7) / 8 : 0
      return (Double(uniform.bits), scales * uniform.scale.bytes + zeroPoints)
    }
  }

  /// The dense size: it depends on the shape alone.
  public func denseBytes(rows: Int, columns: Int, storedBytes: Int, storedBits: Double) -> Int {
    if format == .keep { return storedBytes }
    let (bits, scaleBytes) = layout(rows: rows, columns: columns, storedBits: storedBits)
    return bytes(rows * columns, bits: bits) + scaleBytes
  }

  /// The size once the codes are known.
  ///
  /// - Parameters:
  ///   - nonZero: codes that are not zero.
  ///   - symbols: how often each code occurs, where codes were counted.
  ///   - rans: the length of the rANS stream, where one was made.
  func size(of source: some WeightSource, nonZero: Int, symbols: [Int64]?, rans: Int?) -> Size {
    let rows = source.rows
    let columns = source.columns
    let (bits, scaleBytes) = layout(rows: rows, columns: columns, storedBits: source.storedBits)
    let dense = denseBytes(
      rows: rows, columns: columns, storedBytes: source.storedBytes, storedBits: source.storedBits)
    var size = Size(bytes: dense, form: .dense, scaleBytes: scaleBytes, dense: dense)
    if sparsity != .none, hasSparseForm {
      let values = bytes(nonZero, bits: bits) + scaleBytes
      size.bitmask = (source.count + 7) / 8 + values
      size.indices = 4 * (rows + 1) + nonZero * (columns > 65_536 ? 4 : 2) + values
      if case .pattern(let keep, let of) = sparsity {
        let kept = source.count / of * keep
        let place = Double(UInt64.bitWidth - UInt64(of - 1).leadingZeroBitCount)
        size.pattern = bytes(kept, bits: bits) + bytes(kept, bits: place) + scaleBytes
      }
    }
    if let symbols {
      size.entropy = HuffmanCode.entropy(of: symbols)
      size.huffman = HuffmanCode(counts: symbols).byteCount(of: symbols) + scaleBytes
    }
    size.rans = rans.map { $0 + scaleBytes }
    size.choose(coding: coding)
    return size
  }

  /// ggml's bytes have no sparse form.
  private var hasSparseForm: Bool {
    switch format {
    case .block, .named: false
    default: true
    }
  }
}

extension Size {
  fileprivate mutating func choose(coding: Scheme.Coding) {
    let candidates: [(Form, Int?)] =
      switch coding {
      case .none: [(.dense, dense), (.bitmask, bitmask), (.indices, indices), (.pattern, pattern)]
      case .huffman: [(.huffman, huffman)]
      case .rans: [(.rans, rans)]
      }
    for (form, bytes) in candidates {
      guard let bytes, bytes < self.bytes || coding != .none else { continue }
      self.bytes = bytes
      self.form = form
    }
  }
}

/// ⌈count · bits / 8⌉.
private func bytes(_ count: Int, bits: Double) -> Int {
  Int((Double(count) * bits / 8).rounded(.up))
}
