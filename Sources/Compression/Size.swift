import CKernels
import Coding
import Numerics

/// The bytes of a weight in a scheme, to the byte, without a container's padding: what `Packed` writes.
public struct Size: Sendable, Codable, Hashable {
  /// What is written: the least of the forms that the scheme allows.
  public var bytes: Int
  public var form: Form
  /// Scales, zero points and tables of values, within `bytes`.
  public var scaleBytes: Int
  /// Every code at its full width.
  public var dense: Int
  /// One bit a weight for where it is not zero, and the codes that are not zero.
  public var bitmask: Int?
  /// Distances between codes that are not zero in `indexBits` bits each, zeros as fillers where a distance is longer
  /// (Deep Compression: Han et al., arXiv 1510.00149), at the best width.
  public var index: Int?
  public var indexBits: Int?
  /// Row starts (4 bytes each), a column number (2 bytes, 4 from 65,537 columns on) and a code a number that is not
  /// zero.
  public var csr: Int?
  /// Of every m weights n codes, each with its place in ⌈log₂ m⌉ bits: the metadata of 2:4.
  public var pattern: Int?
  /// The order-0 entropy of the codes, in bits a weight: the bound for a coder without context.
  public var entropy: Double?
  /// A real Huffman stream, and a real rANS stream with zero in its alphabet (`EntropyCoder`); known where they were
  /// made.
  public var huffman: Int?
  public var rans: Int?

  public init(bytes: Int, form: Form, scaleBytes: Int, dense: Int) {
    (self.bytes, self.form, self.scaleBytes, self.dense) = (bytes, form, scaleBytes, dense)
  }

  public enum Form: String, Sendable, Codable, Hashable {
    case dense, bitmask, index, csr, pattern, huffman, rans
  }

  /// Every form whose size is known.
  public var forms: [(form: Form, bytes: Int)] {
    let all: [(Form, Int?)] = [
      (.dense, dense), (.bitmask, bitmask), (.index, index), (.csr, csr), (.pattern, pattern), (.huffman, huffman),
      (.rans, rans),
    ]
    return all.compactMap { form, bytes in bytes.map { (form, $0) } }
  }

  /// The smallest of them, the scheme's own or not; of equal ones the plainest.
  public var least: (form: Form, bytes: Int) {
    forms.reduce((.dense, dense)) { $1.bytes < $0.1 ? ($1.form, $1.bytes) : $0 }
  }
}

/// The widths of codes, and the bytes of all scales, zero points and tables of a weight.
struct CodeWidths {
  /// Bits of a code where zero is one of them, and where it is not.
  var bits: Double
  var nonZeroBits: Double
  var scaleBytes: Int
}

extension Scheme {
  /// - Parameter storedBits: the width of a kept number.
  func layout(of form: WeightForm, storedBits: Double) -> CodeWidths {
    format.value.layout(of: form, isSparse: sparsity != .none, storedBits: storedBits)
  }

  /// The dense size: it depends on the shape alone.
  public func denseBytes(of form: WeightForm, storedBytes: Int, storedBits: Double) -> Int {
    if format == .keep { return storedBytes }
    let layout = layout(of: form, storedBits: storedBits)
    return bytes(form.rows * form.columns, bits: layout.bits) + layout.scaleBytes
  }

  public func denseBytes(rows: Int, columns: Int, storedBytes: Int, storedBits: Double) -> Int {
    denseBytes(of: WeightForm(rows: rows, columns: columns), storedBytes: storedBytes, storedBits: storedBits)
  }

  /// The size once the codes are known.
  ///
  /// - Parameters:
  ///   - runs: where the codes are not zero; `nil` where they were not looked for.
  ///   - entropy: of the codes, where they were counted.
  ///   - streams: the lengths of coded streams, where they were made.
  func size(
    of source: some WeightSource, runs: CodeRuns?, entropy: Double?, streams: [EntropyCoder: Int]
  ) -> Size {
    let layout = layout(of: source.form, storedBits: source.storedBits)
    let dense = denseBytes(of: source.form, storedBytes: source.storedBytes, storedBits: source.storedBits)
    var size = Size(bytes: dense, form: .dense, scaleBytes: layout.scaleBytes, dense: dense)
    if let runs, hasSparseForm {
      let nonZero = runs.nonzero
      let values = bytes(nonZero, bits: layout.nonZeroBits) + layout.scaleBytes
      size.bitmask = (source.count + 7) / 8 + values
      size.csr = 4 * (source.rows + 1) + nonZero * (source.columns > 65_536 ? 4 : 2) + values
      let fillers = runs.fillers
      for width in 1...fillers.count {
        let entries = nonZero + fillers[width - 1]
        let found =
          RelativeIndex.headerBytes + bytes(entries, bits: Double(width)) + bytes(entries, bits: layout.bits)
          + layout.scaleBytes
        if size.index.map({ found < $0 }) ?? true { (size.index, size.indexBits) = (found, width) }
      }
      if let (keep, of) = sparsity.keptPattern {
        let kept = source.count / of * keep
        size.pattern = bytes(kept, bits: layout.bits) + bytes(kept, bits: Double(placeBits(of))) + layout.scaleBytes
      }
    }
    size.entropy = entropy
    size.huffman = streams[.huffman].map { $0 + layout.scaleBytes }
    size.rans = streams[.rans].map { $0 + layout.scaleBytes }
    size.choose(coding: coding, isSparse: sparsity != .none)
    return size
  }

  var hasSparseForm: Bool { format.value.hasSparseForm(isSparse: sparsity != .none) }
}

extension Sparsity {
  /// n and m of n:m.
  package var keptPattern: (keep: Int, of: Int)? {
    switch self {
    case .pattern(let keep, let of), .weightedPattern(let keep, let of): (keep, of)
    default: nil
    }
  }
}

/// Where codes are not zero, in storage order.
struct CodeRuns {
  private var runs = lathe_zero_runs()
  private var sums = [UInt64](repeating: 0, count: Int(LATHE_RUN_WIDTHS) + 1)

  /// Adds numbers of 32 bits; one is zero where it has no bit of the mask.
  mutating func add<Number>(_ numbers: UnsafePointer<Number>, _ count: Int, _ mask: UInt32) {
    lathe_add_zero_runs(numbers, count, mask, &runs, &sums)
  }

  mutating func add(_ numbers: [Int32], _ mask: UInt32) { add(numbers, numbers.count, mask) }

  /// Numbers that are not zero.
  var nonzero: Int { Int(runs.nonzero) }

  /// Zeros to fill in for distances in 1, 2 … 16 bits: Σ ⌊run / 2^k⌋.
  var fillers: [Int] { sums.dropFirst().map { Int($0) } }
}

/// ⌈log₂ m⌉.
func placeBits(_ of: Int) -> Int { UInt64.bitWidth - UInt64(of - 1).leadingZeroBitCount }

extension Size {
  fileprivate mutating func choose(coding: Scheme.Coding, isSparse: Bool) {
    let allowed: [Form] =
      switch coding {
      case .none: isSparse ? [.bitmask, .index, .csr, .pattern] : []
      case .huffman: [.huffman]
      case .rans: [.rans]
      }
    for (form, bytes) in forms where allowed.contains(form) && (bytes < self.bytes || coding != .none) {
      (self.form, self.bytes) = (form, bytes)
    }
  }
}

/// ⌈count · bits / 8⌉.
func bytes(_ count: Int, bits: Double) -> Int {
  Int((Double(count) * bits / 8).rounded(.up))
}
