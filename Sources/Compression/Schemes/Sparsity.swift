/// What is set to zero before the weights are quantised; zeros stay zeros.
public enum Sparsity: Sendable, Hashable {
  case none
  /// The round(ratio · n) weights of the least magnitude; of equal ones the first in storage.
  case ratio(Double)
  /// Weights with |w| < threshold.
  case threshold(Double)
  /// The n greatest of every m side by side stay.
  case pattern(keep: Int, of: Int)
  /// Of each row the round(ratio · columns) weights with the least |w|·‖x‖ (Wanda: Sun et al., arXiv 2306.11695), ‖x‖ the
  /// norm of the input that the weight meets; of equal ones the first.
  case weighted(Double)
  /// The n with the greatest |w|·‖x‖ of every m side by side stay.
  case weightedPattern(keep: Int, of: Int)
  /// Whole channels, inputs, heads or blocks.
  indirect case structured(Structure)
  /// The ratio over all weights of the model that ask for it: the session finds the threshold that they share.
  case model(Double)

  /// The share of the rows with the least Euclidean norm.
  public static func channels(_ ratio: Double) -> Sparsity {
    .structured(Structure(.channel, ratio: ratio))
  }

  /// Parts of a weight that go as a whole: the round(ratio · parts) with the least norm; of equal ones the first.
  public struct Structure: Sendable, Hashable {
    public var unit: Unit
    public var ratio: Double
    public var norm: Norm

    public init(_ unit: Unit, ratio: Double, norm: Norm = .l2) {
      self.unit = unit
      self.ratio = ratio
      self.norm = norm
    }

    public enum Unit: Sendable, Hashable {
      /// An output channel, a convolution's filter: a row.
      case channel
      /// An input channel: an index of axis 1, as wide as a kernel.
      case input
      /// So many rows side by side: an attention head.
      case head(Int)
      /// A tile of the matrix.
      case block(rows: Int, columns: Int)
    }

    public enum Norm: String, Sendable, Hashable, CaseIterable { case l1, l2 }
  }
}

extension Sparsity.Structure {
  /// The rows and columns of one part in a matrix.
  func tile(rows: Int, columns: Int, shape: [Int]) -> (rows: Int, columns: Int) {
    switch unit {
    case .channel: (1, columns)
    case .input: (rows, shape.count > 1 && shape[1] > 0 ? columns / shape[1] : columns)
    case .head(let size): (size, columns)
    case .block(let height, let width): (height, width)
    }
  }
}
