import Inference

/// Factors moved between neighbouring layers so that a channel is as large where it is made as where it is taken:
/// cross-layer equalisation (M. Nagel et al., arXiv:1906.04721, §4.1).
///
/// With r₁ the largest weight of a channel's row in the first layer and r₂ that of its columns in the second, the first's
/// row and bias are divided by s = √(r₁ / r₂), the second's columns multiplied by it. Pair after pair, until nothing
/// moves any more. The network computes the same, but for rounding.
public struct Equalisation: Sendable {
  /// By the checkpoint's layer: (rows, columns).
  public private(set) var matrices: [Int: [Float]]
  /// By the checkpoint's tensor.
  public private(set) var biases: [Int: [Float]]
  /// How far the largest factor of the last round lies from one.
  public private(set) var lastFactor: Float = 1

  /// Rounds at most, and the factor below which nothing is said to move.
  private static let (rounds, least): (Int, Float) = (40, 1.001)

  /// - Parameters:
  ///   - pairs: whose layers and biases are among these.
  ///   - columns: of each layer's matrix.
  public init(_ pairs: [Neighbours], matrices: [Int: [Float]], columns: [Int: Int], biases: [Int: [Float]]) {
    (self.matrices, self.biases) = (matrices, biases)
    for _ in 0..<Self.rounds where !pairs.isEmpty {
      lastFactor = 1
      for pair in pairs { equalise(pair, columns) }
      if lastFactor < Self.least { break }
    }
  }

  private mutating func equalise(_ pair: Neighbours, _ columns: [Int: Int]) {
    guard var first = matrices[pair.first], var second = matrices[pair.second], let own = columns[pair.first],
      let other = columns[pair.second], first.count == pair.channels * own, other > 0, pair.groups > 0,
      pair.channels / pair.groups * pair.taps == other
    else { return }
    let inGroup = pair.channels / pair.groups
    let height = second.count / other / pair.groups
    /// The runs of the second that take a channel.
    func runs(_ channel: Int) -> [Range<Int>] {
      let (group, place) = (channel / inGroup, channel % inGroup)
      return (group * height..<(group + 1) * height).map { row in
        let start = row * other + place * pair.taps
        return start..<start + pair.taps
      }
    }
    func largest(_ values: ArraySlice<Float>) -> Float { values.reduce(0) { max($0, abs($1)) } }
    for channel in 0..<pair.channels {
      let row = channel * own..<(channel + 1) * own
      let taken = runs(channel)
      let (made, used) = (largest(first[row]), taken.reduce(Float(0)) { max($0, largest(second[$1])) })
      // A channel that is never anything, or that nothing takes, has no size.
      guard made > 0, used > 0, made.isFinite, used.isFinite else { continue }
      let factor = (made / used).squareRoot()
      guard factor.isFinite, factor > 1e-6, factor < 1e6 else { continue }
      lastFactor = max(lastFactor, max(factor, 1 / factor))
      for index in row { first[index] /= factor }
      for run in taken { for index in run { second[index] *= factor } }
      if let bias = pair.bias, biases[bias]?.count == pair.channels { biases[bias]?[channel] /= factor }
    }
    (matrices[pair.first], matrices[pair.second]) = (first, second)
  }
}
