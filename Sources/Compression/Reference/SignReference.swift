/// Binary and ternary weights, and pruning, as their equations read: what the kernels are tested against.
enum SignReference {
  /// BWN: α·sign(w), α = ‖w‖₁/n in half precision; zero counts as positive.
  static func binary(_ weights: [Float]) -> [Float] {
    let alpha = half(weights.reduce(0) { $0 + abs(Double($1)) } / Double(max(1, weights.count)))
    return weights.map { $0 < 0 ? -alpha : alpha }
  }

  /// TWN: α·sign(w) where |w| > Δ = 0.7·‖w‖₁/n, else zero; α = E(|w| : |w| > Δ) in half precision.
  static func ternary(_ weights: [Float]) -> [Float] {
    let delta = 0.7 * weights.reduce(0) { $0 + abs(Double($1)) } / Double(max(1, weights.count))
    let kept = weights.map { abs(Double($0)) }.filter { $0 > delta }
    let alpha = half(kept.reduce(0, +) / Double(max(1, kept.count)))
    return weights.map { abs(Double($0)) <= delta ? 0 : $0 < 0 ? -alpha : alpha }
  }

  private static func half(_ magnitude: Double) -> Float { Float(Float16(Float(magnitude))) }

  /// Of every `of` weights the `keep` with the greatest |w|·factor.
  static func pattern(_ weights: [Float], keep: Int, of: Int, factors: [Float]? = nil) -> [Float] {
    var pruned = weights
    for start in stride(from: 0, to: weights.count, by: of) {
      let run = start..<start + of
      // The least go first, of equal ones the first; zeros are gone before all others.
      let order = run.sorted { a, b in
        func score(_ i: Int) -> Float {
          weights[i] == 0 ? -1 : abs(weights[i]) * (factors.map { $0[i % $0.count] } ?? 1)
        }
        return (score(a), a) < (score(b), b)
      }
      for index in order.prefix(of - keep) { pruned[index] = 0 }
    }
    return pruned
  }
}
