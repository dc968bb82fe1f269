public import FileAccess
internal import Numerics

extension Checkpoint {
  /// Whether the zero points of a packed layer stand in the middle of its codes, as symmetric quantisation leaves them
  /// where a form wants some, or it has none. Those of 64 rows by 4,096 inputs are looked at, no more.
  public func isSymmetric(_ layer: Layer) throws(CheckpointError) -> Bool {
    guard let packing = layer.packing, let matrix = layer.matrix, packing.shift == nil else { return false }
    guard let zero = packing.zero, matrix.rows > 0, matrix.columns > 0 else { return true }
    let tile = PackedTile(
      checkpoint: self, matrix: matrix, rows: 0..<min(64, matrix.rows), columns: 0..<min(4096, matrix.columns))
    let isUnsigned: Bool
    switch tensors[layer.weight].type {
    case .u2, .u4, .u8, .u16: isUnsigned = true
    default: isUnsigned = packing.levels == .integers
    }
    let middle = isUnsigned ? Float(sign: .plus, exponent: packing.bits - 1, significand: 1) : 0
    return try tile.shared(zero).values.allSatisfy { $0 + packing.zeroOffset == middle }
  }
}
