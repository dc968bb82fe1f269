public import Numerics

extension BlockType {
  /// t² of standard normal weights without importances; see `BlockQuantization`.
  public var normalError: Double? { quantization?.normalError }
}
