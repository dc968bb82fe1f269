/// A canonical Huffman code (Huffman 1952) over the codes of a weight.
///
/// A file holds it as its table and its bits. The table is one byte a symbol of the alphabet, from the least that
/// occurs to the greatest: the length of its code word in bits, zero where it does not occur; before it two bytes each
/// for the first symbol and the number of symbols.
public struct HuffmanCode: Sendable, Hashable {
  /// Code word lengths by symbol; zero where a symbol does not occur.
  public let lengths: [UInt8]

  /// An optimal code for symbols that occur so often. One symbol alone gets a word of one bit.
  ///
  /// - Complexity: O(k log k) for k symbols that occur.
  public init(counts: [Int64]) {
    var lengths = [UInt8](repeating: 0, count: counts.count)
    let leaves = counts.indices.filter { counts[$0] > 0 }.sorted { (counts[$0], $0) < (counts[$1], $1) }
    if leaves.count == 1 { lengths[leaves[0]] = 1 }
    if leaves.count > 1 {
      // Two queues: leaves by weight, and the inner nodes, which are made in order of weight.
      var weights = leaves.map { counts[$0] }
      var parents = [Int](repeating: 0, count: 2 * leaves.count - 1)
      var leaf = 0
      var inner = leaves.count
      func take() -> Int {
        if leaf < leaves.count, inner >= weights.count || weights[leaf] <= weights[inner] {
          leaf += 1
          return leaf - 1
        }
        inner += 1
        return inner - 1
      }
      for node in leaves.count..<2 * leaves.count - 1 {
        let first = take()
        let second = take()
        parents[first] = node
        parents[second] = node
        weights.append(weights[first] + weights[second])
      }
      var depths = [UInt8](repeating: 0, count: parents.count)
      for node in stride(from: parents.count - 2, through: 0, by: -1) {
        depths[node] = depths[parents[node]] + 1
        if node < leaves.count { lengths[leaves[node]] = depths[node] }
      }
    }
    self.lengths = lengths
  }

  /// Bits of the code words of symbols that occur so often.
  public func bitCount(of counts: [Int64]) -> Int {
    zip(counts, lengths).reduce(0) { $0 + Int($1.0) * Int($1.1) }
  }

  /// Bytes of the table.
  public var tableBytes: Int {
    guard let first = lengths.firstIndex(where: { $0 > 0 }), let last = lengths.lastIndex(where: { $0 > 0 })
    else {
      return 4
    }
    return 4 + last - first + 1
  }

  /// Bytes of table and bits.
  public func byteCount(of counts: [Int64]) -> Int {
    tableBytes + (bitCount(of: counts) + 7) / 8
  }

  /// Shannon's bound: −Σ p·log₂ p bits a symbol.
  public static func entropy(of counts: [Int64]) -> Double {
    let all = Double(counts.reduce(0, +))
    guard all > 0 else { return 0 }
    return counts.reduce(0) { sum, count in
      guard count > 0 else { return sum }
      let p = Double(count) / all
      return sum - p * _log2(p)
    }
  }
}
