import Checkpoints
import Compression
import Numerics

extension ToolNumbers {
  /// How a tool keeps codes, scales and zero points, where that takes other room than the scheme's own count.
  enum Stored: String, Sendable, CaseIterable {
    /// GPTQ's tensors: `qweight`, `scales`, `qzeros` whether they are needed or not, and `g_idx`.
    case gptq
    /// The same without `g_idx`.
    case ordered
    /// pack-quantized of compressed-tensors: `weight_packed`, `weight_scale` in the type of the model's floats,
    /// `weight_zero_point` for affine codes, and `weight_shape`.
    case packed
    /// A byte a code whatever its bits, scales in the type of the model's floats, and for integers a byte a zero point
    /// whether it is needed or not: naive-quantized of compressed-tensors, IntxUnpackedToInt8Tensor of torchao.
    case bytes
    /// The same with scales in single precision: Int8Tensor of torchao.
    case bytesUnderFP32 = "bytes-fp32"
  }
}

extension ToolNumbers.Stored {
  /// Bytes of a matrix, for a model whose floats have a type. `nil` where they are no number, and for formats that are not
  /// kept so.
  func bytes(of format: Scheme.Format, rows: Int, columns: Int, floats: ScaleType) -> Int? {
    guard rows > 0, columns > 0 else { return nil }
    let (granularity, bits): (Granularity, Int)
    switch format {
    case .uniform(let uniform): (granularity, bits) = (uniform.granularity, uniform.bits)
    case .smallFloat(let small):
      guard let own = small.granularity, self == .bytes || self == .bytesUnderFP32 else { return nil }
      (granularity, bits) = (own, small.element.bits)
    default: return nil
    }
    guard bits > 0, bits <= 8, let (tall, wide) = granularity.scales(rows: rows, columns: columns) else { return nil }
    var count = ByteCount()
    switch self {
    case .gptq, .ordered:
      // Words run along the inputs for codes, along the outputs for zero points; scales are in half precision.
      count.words(columns, bits, times: rows)
      count.words(rows, bits, times: wide)
      count.add(2, rows, wide)
      if self == .gptq { count.add(4, columns) }
    case .packed:
      count.words(columns, bits, times: rows)
      count.add(floats.bytes, tall, wide)
      if format.isAffine {
        // The tensor's one zero point stands in a byte.
        if granularity == .tensor { count.add(1) } else { count.words(rows, bits, times: wide) }
      }
      count.add(2, 8)
    case .bytes, .bytesUnderFP32:
      count.add(rows, columns)
      count.add(self == .bytes ? floats.bytes : 4, tall, wide)
      if case .uniform = format { count.add(tall, wide) }
    }
    return count.bytes
  }
}

/// A sum of products; `nil` once it is no number any more.
private struct ByteCount {
  private(set) var bytes: Int? = 0

  mutating func add(_ factors: Int...) {
    guard let product = Self.product(factors), let sum = bytes?.addingReportingOverflow(product), !sum.overflow else {
      bytes = nil
      return
    }
    bytes = sum.partialValue
  }

  /// Runs of numbers, each in words of 32 bits.
  mutating func words(_ count: Int, _ bits: Int, times runs: Int) {
    guard let product = Self.product([count, bits]) else {
      bytes = nil
      return
    }
    add(product / 32 + (product % 32 > 0 ? 1 : 0), 4, runs)
  }

  private static func product(_ factors: [Int]) -> Int? {
    var product = 1
    for factor in factors {
      let (next, overflow) = product.multipliedReportingOverflow(by: factor)
      if overflow { return nil }
      product = next
    }
    return product
  }
}

extension Granularity {
  /// How many rows of scales a matrix has, and how many scales each; `nil` where they do not follow its rows.
  fileprivate func scales(rows: Int, columns: Int) -> (tall: Int, wide: Int)? {
    switch self {
    case .tensor: return (1, 1)
    case .channel: return (rows, 1)
    case .axis: return nil
    case .group(let size): return size > 0 ? (rows, columns / size + (columns % size > 0 ? 1 : 0)) : nil
    }
  }
}

extension Scheme.Format {
  fileprivate var isAffine: Bool { if case .uniform(let uniform) = self { uniform.symmetry.isAffine } else { false } }
}

extension TargetFit {
  /// The bytes that the tool's checkpoint has for a layer, where they are not the scheme's own.
  func storedBytes(of item: Item, in scheme: Scheme) -> Int? {
    guard let offers = offers[item.id], scheme.sparsity == .none, scheme.coding == .none else { return nil }
    let plain = scheme.format.plain
    return offers.first { $0.takes(plain) }?.numbers.stored?.bytes(
      of: scheme.format, rows: item.matrix.rows, columns: item.matrix.columns, floats: target.floats(of: item))
  }
}
