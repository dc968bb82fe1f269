#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// Student's distribution.
enum StudentT {
  /// The 95 % point: 90 % of the distribution lie within ± it (M. Abramowitz and I. Stegun, 26.7.5; within .1 % from four
  /// degrees of freedom on).
  static func point95(_ degrees: Double) -> Double {
    let z = 1.6448536269514722
    let (z3, z5, z7) = (pow(z, 3), pow(z, 5), pow(z, 7))
    let n = max(1, degrees)
    return z + (z3 + z) / (4 * n) + (5 * z5 + 16 * z3 + 3 * z) / (96 * n * n)
      + (3 * z7 + 19 * z5 + 17 * z3 - 15 * z) / (384 * n * n * n)
      + (79 * pow(z, 9) + 776 * z7 + 1482 * z5 - 1920 * z3 - 945 * z) / (92160 * pow(n, 4))
  }
}
