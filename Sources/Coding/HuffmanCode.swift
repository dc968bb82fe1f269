import CKernels

/// The best prefix code with words of at most 11 bits over one-byte symbols: Huffman's (1952) where it is that short,
/// or else found by package-merge (Larmore and Hirschberg, 1990).
///
/// Its table in a stream: the least and the greatest symbol that occur (a byte each), then the word lengths of all
/// from the one to the other in four bits each.
public struct HuffmanCode: Sendable, Hashable {
  public static let longestWord = Int(LATHE_HUFFMAN_BITS)

  /// Word lengths of the 256 symbols; zero where one does not occur.
  public let lengths: [UInt8]

  /// A code for symbols that occur so often (256 counts). One symbol alone gets a word of one bit.
  ///
  /// - Complexity: O(k log k) for k symbols that occur.
  public init(counts: [Int]) {
    precondition(counts.count == 256)
    var lengths = [UInt8](repeating: 0, count: 256)
    let leaves = counts.indices.filter { counts[$0] > 0 }.sorted { (counts[$0], $0) < (counts[$1], $1) }
    if leaves.count == 1 { lengths[leaves[0]] = 1 }
    if leaves.count > 1 {
      // A package holds how often each leaf is in it. Of each of eleven levels the packages are paired and merged with
      // the leaves; a leaf's word is as long as the number of chosen packages that it is in.
      var level: [Package] = []
      let coins = leaves.indices.map { Package(weight: counts[leaves[$0]], leaf: $0, of: leaves.count) }
      for _ in 0..<Self.longestWord {
        let pairs = stride(from: 1, to: level.count, by: 2).map { level[$0 - 1] + level[$0] }
        level = Self.merge(coins, pairs)
      }
      var depths = [Int](repeating: 0, count: leaves.count)
      for package in level.prefix(2 * leaves.count - 2) {
        for leaf in leaves.indices { depths[leaf] += Int(package.leaves[leaf]) }
      }
      for (leaf, symbol) in leaves.enumerated() { lengths[symbol] = UInt8(depths[leaf]) }
    }
    self.lengths = lengths
  }

  private struct Package {
    var weight: Int
    var leaves: [UInt8]

    init(weight: Int, leaf: Int, of count: Int) {
      self.weight = weight
      leaves = [UInt8](repeating: 0, count: count)
      leaves[leaf] = 1
    }

    static func + (a: Package, b: Package) -> Package {
      var sum = a
      sum.weight += b.weight
      for index in sum.leaves.indices { sum.leaves[index] += b.leaves[index] }
      return sum
    }
  }

  private static func merge(_ a: [Package], _ b: [Package]) -> [Package] {
    var merged: [Package] = []
    merged.reserveCapacity(a.count + b.count)
    var (i, j) = (0, 0)
    while i < a.count || j < b.count {
      if j == b.count || (i < a.count && a[i].weight <= b[j].weight) {
        merged.append(a[i])
        i += 1
      } else {
        merged.append(b[j])
        j += 1
      }
    }
    return merged
  }

  /// Bits of the words of symbols that occur so often.
  public func bitCount(of counts: [Int]) -> Int {
    zip(counts, lengths).reduce(0) { $0 + $1.0 * Int($1.1) }
  }
}

/// Shannon's bound: −Σ p·log₂ p bits a symbol.
@inlinable public func entropy(of counts: some Sequence<Int>) -> Double {
  let all = Double(counts.reduce(0, +))
  guard all > 0 else { return 0 }
  return counts.reduce(0) { sum, count in
    guard count > 0 else { return sum }
    let p = Double(count) / all
    return sum - p * _log2(p)
  }
}
