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

extension Activations {
  /// Texts one after another, each (tokens, hidden).
  init(joining states: [[Float]], hidden: Int, nextBlock: Int) {
    var (ranges, count): ([Range<Int>], Int) = ([], 0)
    for state in states {
      let tokens = state.count / max(1, hidden)
      ranges.append(count..<count + tokens)
      count += tokens
    }
    self.init(values: states.flatMap { $0 }, texts: ranges, nextBlock: nextBlock)
  }

  /// Some tokens' numbers.
  func rows(_ tokens: Range<Int>, of hidden: Int) -> [Float] {
    Array(values[tokens.lowerBound * hidden..<tokens.upperBound * hidden])
  }
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

/// What a linear layer is given: for statistics of activations, importances. The numbers live as long as the call.
public struct LinearInputs {
  /// The checkpoint's layer.
  public let layer: Int
  /// Which of a stack's matrices they are for, of how many: an expert's number.
  public let part: Int
  public let parts: Int
  /// (rows, columns).
  public let values: UnsafeBufferPointer<Float>
  public let columns: Int
  /// Whether it is an expert's, shown what tokens would give it that did not go there.
  public let isWidened: Bool

  public var rows: Int { columns > 0 ? values.count / columns : 0 }

  init(_ linear: Linear, _ x: UnsafePointer<Float>, rows: Int, isWidened: Bool = false) {
    (layer, part, parts, columns) = (linear.layer, linear.part, linear.parts, linear.inputs)
    values = UnsafeBufferPointer(start: x, count: rows * linear.inputs)
    self.isWidened = isWidened
  }
}

public typealias LinearObserver = (LinearInputs) -> Void
