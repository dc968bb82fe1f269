/// Statistics of a convolution's input from those of its outputs, in the least-squares sense.
///
/// With f_k the share of places at which tap k lies in the picture, and f_kl that of both k and l, outputs have
///   mean      b_o + Σ_ck f_k w_ock m_c
///   variance  Σ_kl f_kl (Σ_c w_ock m_c)(Σ_c w_ocl m_c) − (Σ_ck f_k w_ock m_c)² + Σ_j s_j Σ_kl f_kl a_jok a_jol ρ_j^|k − l|
/// where field j has variance s_j in the channels of its pattern p_j, and a_jok = Σ_c p_jc w_ock. The first are linear in m,
/// the second, m known, in s, which are found under s ≥ 0. Each equation is weighed by what its output's variance is.
struct ConvolutionFit {
  private(set) var means: [Double]
  private(set) var fields: [InputStatistics.Field]

  /// Fields that may take part: white, and smooth to two degrees.
  private static let correlations = [0, 0.7, InputStatistics.neighbours]
  /// Outputs that are looked at: evenly taken.
  private static let mostOutputs = 64
  /// Taps along an axis: of more the pairs are too many to look at.
  static let longestKernel = 16

  /// - Complexity: O(outputs · taps² · channels), of at most 64 outputs.
  init(_ known: KnownConvolution, channels: Int, width: Int, height: Int) {
    means = .init(repeating: 0, count: channels)
    fields = []
    let y = Axis(
      size: height, kernel: known.kernel.height, stride: known.stride.y, before: known.padding.top,
      after: known.padding.bottom, dilation: known.dilation.y)
    let x = Axis(
      size: width, kernel: known.kernel.width, stride: known.stride.x, before: known.padding.left,
      after: known.padding.right, dilation: known.dilation.x)
    let taps = known.kernel.height * known.kernel.width
    let all = known.mean.count
    // What hardly varies is a dead output, and its equation would outweigh all others.
    let least = 1e-6 * (known.variance.max() ?? 0)
    let outputs = stride(from: 0, to: all, by: max(1, all / Self.mostOutputs)).filter {
      known.variance[$0].isFinite && known.mean[$0].isFinite && known.variance[$0] > least
    }
    func share(_ tap: Int) -> Double { y.shares[tap / x.kernel] * x.shares[tap % x.kernel] }
    func weight(_ output: Int, _ channel: Int, _ tap: Int) -> Double {
      Double(known.weights[(output * channels + channel) * taps + tap])
    }

    var first = LeastSquares(count: channels)
    for output in outputs {
      let row = (0..<channels).map { channel in (0..<taps).reduce(0.0) { $0 + share($1) * weight(output, channel, $1) }
      }
      first.add(row, Double(known.mean[output] - known.bias[output]), weight: 1 / Double(known.variance[output]))
    }
    means = first.solution(isNonNegative: false)

    var patterns = (0..<channels).map { own in (0..<channels).map { $0 == own ? 1.0 : 0 } }
    if channels > 1 { patterns.append(.init(repeating: 1, count: channels)) }
    var second = LeastSquares(count: patterns.count * Self.correlations.count)
    for output in outputs {
      let ofMeans = (0..<taps).map { tap in (0..<channels).reduce(0.0) { $0 + weight(output, $1, tap) * means[$1] } }
      let folded = patterns.map { pattern in
        (0..<taps).map { tap in (0..<channels).reduce(0.0) { $0 + pattern[$1] * weight(output, $1, tap) } }
      }
      var row = [Double](repeating: 0, count: second.count)
      var (squares, mean) = (0.0, 0.0)
      for one in 0..<taps {
        mean += share(one) * ofMeans[one]
        for other in 0..<taps {
          let (dy, oy, dx, ox) = (one / x.kernel, other / x.kernel, one % x.kernel, other % x.kernel)
          let both = y.pairs[dy * y.kernel + oy] * x.pairs[dx * x.kernel + ox]
          let apart = abs(dy - oy) * known.dilation.y + abs(dx - ox) * known.dilation.x
          squares += both * ofMeans[one] * ofMeans[other]
          for (kind, correlation) in Self.correlations.enumerated() {
            let factor = both * Self.power(correlation, apart)
            guard factor != 0 else { continue }
            for pattern in patterns.indices {
              row[kind * patterns.count + pattern] += factor * folded[pattern][one] * folded[pattern][other]
            }
          }
        }
      }
      let variance = Double(known.variance[output])
      second.add(row, max(0, variance - squares + mean * mean), weight: 1 / (variance * variance))
    }
    let variances = second.solution(isNonNegative: true)
    for (kind, correlation) in Self.correlations.enumerated() {
      for (index, pattern) in patterns.enumerated() where variances[kind * patterns.count + index] > 0 {
        let deviation = variances[kind * patterns.count + index].squareRoot()
        fields.append(.init(weights: pattern.map { $0 * deviation }, correlation: correlation))
      }
    }
  }

  private static func power(_ base: Double, _ exponent: Int) -> Double {
    var (product, square, left) = (1.0, base, exponent)
    while left > 0 {
      if left % 2 == 1 { product *= square }
      square *= square
      left /= 2
    }
    return product
  }

  /// One axis of a convolution: at which share of places a tap lies in the picture, and two do.
  private struct Axis {
    let kernel: Int
    let shares: [Double]
    let pairs: [Double]

    init(size: Int, kernel: Int, stride: Int, before: Int, after: Int, dilation: Int) {
      self.kernel = kernel
      let places = max(1, (size + before + after - (kernel - 1) * dilation - 1) / stride + 1)
      func isInside(_ place: Int, _ tap: Int) -> Bool {
        (0..<size).contains(place * stride - before + tap * dilation)
      }
      let inside = (0..<kernel).map { tap in (0..<places).map { isInside($0, tap) } }
      func share(_ holds: (Int) -> Bool) -> Double { Double((0..<places).count(where: holds)) / Double(places) }
      shares = inside.map { tap in share { tap[$0] } }
      pairs = inside.flatMap { one in inside.map { other in share { one[$0] && other[$0] } } }
    }
  }
}

/// The normal equations of a small least-squares problem.
private struct LeastSquares {
  let count: Int
  private var products: [Double]
  private var targets: [Double]

  init(count: Int) {
    self.count = count
    products = .init(repeating: 0, count: count * count)
    targets = .init(repeating: 0, count: count)
  }

  mutating func add(_ row: [Double], _ target: Double, weight: Double) {
    for one in 0..<count {
      targets[one] += weight * row[one] * target
      for other in 0..<count { products[one * count + other] += weight * row[one] * row[other] }
    }
  }

  /// By coordinate descent, each number in turn at its best; 0 for one that no equation has.
  func solution(isNonNegative: Bool) -> [Double] {
    var found = [Double](repeating: 0, count: count)
    for _ in 0..<2000 {
      for one in 0..<count where products[one * count + one] > 0 {
        let gap = (0..<count).reduce(targets[one]) { $0 - products[one * count + $1] * found[$1] }
        let value = found[one] + gap / products[one * count + one]
        found[one] = isNonNegative ? max(0, value) : value
      }
    }
    return found
  }
}
