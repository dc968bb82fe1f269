/// What stands for the tokens of some texts between two blocks.
///
/// Kept before a block, it is where a run with other weights from that block on can start.
public struct Activations: Sendable, Hashable {
  /// (tokens, hidden), one text after another.
  public internal(set) var values: [Float]
  /// Each text's tokens, as rows of `values`.
  public let texts: [Range<Int>]
  /// The block that comes next; as many as the model has where all are done.
  public internal(set) var nextBlock: Int

  public var tokens: Int { texts.last?.upperBound ?? 0 }
}

/// Keys and values of the tokens of one text that were run already.
public struct TransformerCache: Sendable {
  /// Tokens in it.
  public internal(set) var count = 0
  /// The most tokens that it may hold.
  public let capacity: Int
  /// A block: (count, keys' width) each.
  var keys: [[Float]]
  var values: [[Float]]

  init(blocks: Int, capacity: Int) {
    self.capacity = capacity
    keys = Array(repeating: [], count: blocks)
    values = keys
  }
}

/// What a linear layer is given: for statistics of activations, importances.
///
/// The checkpoint's layer, and its inputs (rows, columns), which live as long as the call.
public typealias LinearObserver = (_ layer: Int, _ inputs: UnsafeBufferPointer<Float>, _ columns: Int) -> Void
