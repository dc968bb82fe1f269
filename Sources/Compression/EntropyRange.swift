/// The clip of a range by relative entropy, after TensorRT's calibration (Migacz, GTC 2017) as onnxruntime has it: of all
/// ±q the one where the weights' distribution, what lies outside gathered at the ends, is nearest to its own form in
/// `levels` merged bins.
public enum EntropyRange {
  /// Fewer weights make no distribution.
  public static let leastWeights = 1024
  /// Bins over ±max|w|, odd: one has zero in its middle.
  static let bins = 1025

  /// The bins from and to which the histogram is kept.
  ///
  /// - Parameters:
  ///   - counts: an odd number of equal bins around zero, more than `levels`.
  ///   - levels: bins after quantisation.
  /// - Complexity: O(bins²).
  static func kept(_ counts: [Int], levels: Int) -> Range<Int> {
    let zero = counts.count / 2
    var best = 0..<counts.count
    var least = Double.infinity
    var found = false
    for reach in max(1, levels / 2)...max(zero, levels / 2, 1) {
      let range = max(0, zero - reach)..<min(zero + reach + 1, counts.count)
      let divergence = divergence(counts, range, levels)
      // The first of equal ones; where none can be compared, the first too.
      if !found || divergence < least { (best, least, found) = (range, divergence, true) }
    }
    return best
  }

  private static func divergence(_ counts: [Int], _ range: Range<Int>, _ levels: Int) -> Double {
    let slice = Array(counts[range])
    var p = slice
    p[0] += counts[..<range.lowerBound].reduce(0, +)
    p[p.count - 1] += counts[range.upperBound...].reduce(0, +)
    let merged = slice.count / levels
    var q = [Int](repeating: 0, count: p.count)
    for level in 0..<levels where merged > 0 {
      let bins = level * merged..<(level + 1) * merged
      // The last level takes in what the others leave over.
      let sum = slice[bins.lowerBound..<(level == levels - 1 ? slice.count : bins.upperBound)].reduce(0, +)
      let filled = bins.count { p[$0] != 0 }
      guard filled > 0 else { continue }
      for bin in bins { q[bin] = sum / filled }
    }
    guard let smoothP = smoothed(p), let smoothQ = smoothed(q) else { return .infinity }
    let (sumP, sumQ) = (smoothP.reduce(0, +), smoothQ.reduce(0, +))
    return zip(smoothP, smoothQ).reduce(0) { sum, pair in
      let share = pair.0 / sumP
      return sum + share * _log(share / (pair.1 / sumQ))
    }
  }

  /// Empty bins get a ten-thousandth, which the others give; `nil` where they cannot.
  private static func smoothed(_ counts: [Int]) -> [Double]? {
    let empty = counts.count { $0 == 0 }
    let filled = counts.count - empty
    guard filled > 0 else { return nil }
    let gift = 1e-4 * Double(empty) / Double(filled)
    guard gift < 1 else { return nil }
    return counts.map { $0 == 0 ? 1e-4 : Double($0) - gift }
  }
}
