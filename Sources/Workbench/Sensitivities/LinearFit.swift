#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// y = c · x through the origin, for figures that may have either sign: a loss's rise, a drop of accuracy.
///
/// c has a normal prior; a measured y has its own standard error, and a scatter in proportion to what the line gives.
struct LinearFit: Sendable, Hashable {
  private var factor: Double
  private var variance: Double
  /// The scatter of y about the line, as a share of c · x.
  private let scatter = 0.3
  /// The standard errors' mean: what a further measurement would scatter by itself.
  private var noise = 0.0
  private(set) var count = 0

  /// - Parameter prior: of c: mean and standard deviation.
  init(_ points: [(x: Double, y: Double, standardError: Double)], prior: (mean: Double, deviation: Double)) {
    var weight = 1 / (prior.deviation * prior.deviation)
    var sum = weight * prior.mean
    var squares = 0.0
    for (x, y, error) in points where x > 0 && y.isFinite && error.isFinite {
      let own = error * error + pow(scatter * max(abs(prior.mean), 0.5) * x, 2)
      guard own > 0 else { continue }
      weight += x * x / own
      sum += x * y / own
      squares += error * error
      count += 1
    }
    factor = sum / weight
    variance = 1 / weight
    if count > 0 { noise = squares / Double(count) }
  }

  /// The value, and the 90 % interval of a further measurement.
  func value(at x: Double) -> (value: Double, low: Double, high: Double) {
    let value = factor * x
    let half = 1.645 * (x * x * (variance + pow(scatter * max(abs(factor), 0.1), 2)) + noise).squareRoot()
    return (value, value - half, value + half)
  }
}
