import CKernels

extension UnsafeMutableBufferPointer<Float> {
  /// max |w|; infinite or NaN where such a number is among them.
  public var greatestMagnitude: Float { lathe_greatest_magnitude(baseAddress, count) }

  /// Sets what is no finite number to zero; returns how many there were.
  public func zeroNonFinite() -> Int {
    var (nans, infinities): (Int64, Int64) = (0, 0)
    lathe_sanitize(baseAddress, count, &nans, &infinities)
    return Int(nans + infinities)
  }
}

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
