extension WeightSource {
  /// Reads the weight in pieces of whole rows, from first to last; what `sparsity` takes away is zero, and so is what is
  /// no finite number.
  ///
  /// - Parameter body: the first row of the piece, and its weights row by row.
  /// - Returns: how many numbers were NaN or infinite.
  /// - Throws: `Cancelled`; what the source and `body` throw.
  @discardableResult
  public func forEachPruned(
    _ sparsity: Sparsity, _ control: PassControl,
    _ body: (_ firstRow: Int, _ weights: UnsafeBufferPointer<Float>) throws -> Void
  ) throws -> Int {
    let pruning = try Pruning(sparsity, of: self, control: control)
    let found = try forEachPrunedChunk(pruning, control) { chunk, pruned in
      try body(chunk.firstRow, UnsafeBufferPointer(start: pruned, count: chunk.count))
    }
    return Int(found.nans + found.infinities)
  }
}
