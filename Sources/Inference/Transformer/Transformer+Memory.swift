extension Transformer {
  /// Bytes of keys and values of so many tokens, 16 bits a number; a block with a window keeps no more than that.
  /// An encoder keeps none.
  public func cacheBytes(context: Int) -> Double {
    guard shape.isCausal else { return 0 }
    return shape.windows.reduce(0) { $0 + 4 * Double(shape.keyWidth) * Double(max(0, min(context, $1 ?? context))) }
  }

  /// Whether logits come from a layer's matrix.
  public func isHead(_ layer: Int) -> Bool { head?.layer == layer }
}
