import Numerics

extension ChosenWeight {
  /// The levels that its codes are places among, and the codes; of ggml's blocks read out of them. `nil` of plain numbers,
  /// and of blocks whose codes are no levels.
  public var gridAndCodes: (grid: WeightGrid, codes: [UInt8])? {
    switch content {
    case .codes(let grid, let codes): return (grid, codes)
    case .numbers: return nil
    case .blocks(let type, let bytes):
      guard let places = BlockCodes(type) else { return nil }
      let (scales, minima) = places.runs(of: bytes)
      let order = places.rising
      let grid = WeightGrid(
        rows: rows, columns: columns, sharing: .runs(places.run), levels: order.map { places.levels[Int($0)] },
        formatCodes: order.map(Int32.init), scales: scales, offsets: places.hasMinima ? minima : [], blocks: bytes)
      return (grid, grid.codes(of: values))
    }
  }
}

/// Where ggml's types keep the half-precision numbers that all scales, and all minima, of a block are multiples of.
/// Layouts: ggml-common.h.
public struct BlockFactors: Sendable, Hashable {
  public let type: BlockType
  /// The first byte of the scales' factor in a block.
  public let scale: Int
  /// The same of the minima's, where there are some.
  public let minimum: Int?

  /// `nil` for types that have none: a power of two, small floats, codebooks.
  public init?(_ type: BlockType) {
    self.type = type
    switch type {
    case .q8_0, .q4_0, .q5_0, .iq4_nl, .iq4_xs: (scale, minimum) = (0, nil)
    case .q4_1, .q5_1, .q4_k, .q5_k: (scale, minimum) = (0, 2)
    case .q2_k: (scale, minimum) = (80, 82)
    case .q3_k: (scale, minimum) = (108, nil)
    case .q6_k: (scale, minimum) = (208, nil)
    default: return nil
    }
  }

  /// A factor of each block.
  public func factors(_ offset: Int, of blocks: [UInt8]) -> [Float] {
    stride(from: offset, to: blocks.count, by: type.blockBytes).map {
      HalfType.f16.float(UInt16(blocks[$0]) | UInt16(blocks[$0 + 1]) << 8)
    }
  }

  /// Puts a factor a block in place of those that are there, rounded to half precision.
  public func put(_ factors: [Float], _ offset: Int, into blocks: inout [UInt8]) {
    for (index, factor) in factors.enumerated() {
      let bits = HalfType.f16.bits(factor)
      blocks[index * type.blockBytes + offset] = UInt8(bits & 255)
      blocks[index * type.blockBytes + offset + 1] = UInt8(bits >> 8)
    }
  }
}
