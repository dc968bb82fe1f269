import CKernels

/// A format whose codes stand for values of their own, at work on one weight: chunks come in order.
protocol ValueQuantizer: AnyObject {
  /// The levels of a typical run, once weights were seen.
  var levels: Levels? { get }
  /// Whether `scaleBytes` are wanted.
  var keepsScales: Bool { get set }
  /// Scales or tables as they are packed.
  var scaleBytes: [UInt8] { get }

  /// Values and codes of a chunk whose weights after sparsity are `pruned`.
  func apply(
    _ chunk: Chunk, pruned: UnsafePointer<Float>, values: UnsafeMutablePointer<Float>,
    codes: UnsafeMutablePointer<Int32>)
}

extension WeightSource {
  /// max |w| of the weights after sparsity.
  func greatestMagnitude(_ pruning: Pruning, _ control: PassControl) throws -> Float {
    var greatest: Float = 0
    try forEachPrunedChunk(pruning, control) { chunk, pruned in
      greatest = max(greatest, lathe_greatest_magnitude(pruned, chunk.count))
    }
    return greatest
  }
}
