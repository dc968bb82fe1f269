/// The order-0 rANS coder (Duda, arXiv 1311.2540): one 32-bit state, bytes out, frequencies in 12 bits.
///
/// A stream is its table (one 16-bit frequency a symbol from the first to the last that occurs, two bytes each for the
/// first symbol and their number), the state (4 bytes) and the bytes of the body.
struct RansCoder {
  static let frequencyBits: UInt32 = 12
  private static let lowest: UInt32 = 1 << 23

  private var frequencies: [UInt32]
  private var starts: [UInt32]
  private var state = Self.lowest
  private var bodyBytes = 0

  /// Frequencies of `counts` scaled to a sum of 4,096, each at least one where it occurs.
  init(counts: [Int64]) {
    let total = counts.reduce(0, +)
    let goal = Int64(1) << Int64(Self.frequencyBits)
    var scaled = counts.map { count -> Int64 in
      count == 0 ? 0 : max(1, Int64((Double(count) / Double(max(total, 1)) * Double(goal)).rounded()))
    }
    // What rounding left over or took too much goes to the most frequent symbols, which feel it least.
    var difference = goal - scaled.reduce(0, +)
    let order = counts.indices.filter { counts[$0] > 0 }.sorted { (counts[$0], $0) > (counts[$1], $1) }
    while difference != 0, !order.isEmpty {
      for symbol in order where difference != 0 {
        let step: Int64 = difference > 0 ? 1 : (scaled[symbol] > 1 ? -1 : 0)
        scaled[symbol] += step
        difference -= step
      }
    }
    frequencies = scaled.map { UInt32($0) }
    starts = [UInt32](repeating: 0, count: scaled.count)
    var start: UInt32 = 0
    for symbol in scaled.indices {
      starts[symbol] = start
      start += frequencies[symbol]
    }
  }

  /// Codes one symbol. rANS is a stack: a decoder meets the symbols last first.
  mutating func encode(_ symbol: Int) {
    let frequency = frequencies[symbol]
    let limit = ((Self.lowest >> Self.frequencyBits) << 8) * frequency
    while state >= limit {
      bodyBytes += 1
      state >>= 8
    }
    state = ((state / frequency) << Self.frequencyBits) + state % frequency + starts[symbol]
  }

  /// Bytes of the stream so far: table, state and body.
  var byteCount: Int {
    let first = frequencies.firstIndex { $0 > 0 } ?? 0
    let last = frequencies.lastIndex { $0 > 0 } ?? first
    return 4 + 2 * (last - first + 1) + 4 + bodyBytes
  }
}
