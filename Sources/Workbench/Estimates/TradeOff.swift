import Compression

/// A recipe's place in the plot of size against estimate.
public struct TradeOffPoint: Sendable, Hashable {
  public var label: String
  public var bytes: Int
  public var damage: Double

  public init(label: String, bytes: Int, damage: Double) {
    self.label = label
    self.bytes = bytes
    self.damage = damage
  }
}

extension Session {
  /// The same width everywhere, 2 to 8 bits in groups of 32: what a recipe has to beat. Items that cannot take the
  /// group stay as they are. A width whose errors are not all known is left out.
  public var uniformPoints: [TradeOffPoint] {
    ErrorTable.widths.compactMap { bits in
      let scheme = Scheme(.uniform(UniformScheme(bits: bits)))
      let estimate = estimate { item in
        item.kind == .weight && item.obstacle(to: scheme) == nil ? scheme : .keep
      }
      return estimate.damage.map { TradeOffPoint(label: "\(bits)", bytes: estimate.bytes, damage: $0) }
    }
  }
}
