import CKernels

/// The frequencies of a rANS stream: they sum to 4,096, each at least one where the symbol occurs.
///
/// In a stream: the least and the greatest symbol that occur (a byte each), then, unless they are the same, the
/// frequencies of all from the one to the other in 12 bits each.
public struct RansTable: Sendable, Hashable {
  public static let total = Int(LATHE_RANS_TOTAL)

  /// Of the 256 symbols.
  public let frequencies: [UInt16]

  /// Frequencies close to `counts` (256 of them).
  public init(counts: [Int]) {
    precondition(counts.count == 256)
    let all = counts.reduce(0, +)
    var scaled = counts.map { count in
      count == 0 ? 0 : max(1, Int((Double(count) / Double(all) * Double(Self.total)).rounded()))
    }
    // What rounding left over or took too much goes to the most frequent symbols, which feel it least.
    var difference = Self.total - scaled.reduce(0, +)
    let order = counts.indices.filter { counts[$0] > 0 }.sorted { (counts[$0], $0) > (counts[$1], $1) }
    while difference != 0, !order.isEmpty {
      for symbol in order where difference != 0 {
        let step = difference > 0 ? 1 : (scaled[symbol] > 1 ? -1 : 0)
        scaled[symbol] += step
        difference -= step
      }
    }
    frequencies = scaled.map(UInt16.init)
  }

  /// - Returns: `nil` where they do not sum to 4,096.
  init?(frequencies: [UInt16]) {
    guard frequencies.count == 256, frequencies.reduce(0, { $0 + Int($1) }) == Self.total else { return nil }
    self.frequencies = frequencies
  }
}
