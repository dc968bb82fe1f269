#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// ln y = p · ln T + m + b · (ln T − c), fitted to a few measured points, with what other models were like as the prior.
///
/// Bayesian regression with a normal-inverse-gamma prior: level m ~ N(0, level²), slope b ~ N(0, slope²), scatter s with
/// four observations' worth of .2 (four models scattered by .07 to .3, at levels of −.15 to .58).
/// With no point it gives the prior's interval; each point narrows it. The predictive distribution is Student's, with
/// 4 + K degrees of freedom.
struct LogLinearFit: Sendable, Hashable {
  /// What the line through T is raised to.
  var power = 1.0
  /// The prior's standard deviations.
  var level = 0.35
  var slope = 0.15
  var scatter = 0.2
  private static let priorCount = 4.0

  private(set) var count = 0
  private var centre = 0.0
  // Of m and b: the posterior mean, and the inverse of its covariance in units of s².
  private var mean = (m: 0.0, b: 0.0)
  private var precision = (mm: 0.0, mb: 0.0, bb: 0.0)
  private var variance = 0.0
  /// Of a measurement's own scatter, as a share of it.
  private let noise: Double

  /// - Parameters:
  ///   - points: predicted T and measured y, both above 0; others are passed over.
  ///   - noise: the standard error of a measurement on the calibration's samples, as a share of it. Points that were
  ///     measured on the samples that predicted them do not show it; other data do, and scatter as much themselves.
  init(
    _ points: [(predicted: Double, measured: Double)], noise: Double = 0, power: Double = 1, level: Double = 0.35
  ) {
    (self.power, self.level, self.noise) = (power, level, noise)
    let logs = points.filter { $0.predicted > 0 && $0.measured > 0 && $0.predicted.isFinite && $0.measured.isFinite }
      .map { (x: log($0.predicted), r: log($0.measured) - power * log($0.predicted)) }
    count = logs.count
    centre = count > 0 ? logs.reduce(0) { $0 + $1.x } / Double(count) : 0
    let unit = scatter * scatter
    var (mm, mb, bb) = (unit / (level * level), 0.0, unit / (slope * slope))
    var (m, b) = (0.0, 0.0)
    for (x, r) in logs {
      let x = x - centre
      mm += 1
      mb += x
      bb += x * x
      m += r
      b += r * x
    }
    let determinant = mm * bb - mb * mb
    mean = ((bb * m - mb * b) / determinant, (mm * b - mb * m) / determinant)
    precision = (mm, mb, bb)
    // Σ of squared residuals and of how far the posterior lies from the prior, in the same units.
    var squares = unit / (level * level) * mean.m * mean.m + unit / (slope * slope) * mean.b * mean.b
    for (x, r) in logs {
      let residual = r - mean.m - mean.b * (x - centre)
      squares += residual * residual
    }
    variance = (Self.priorCount * unit + squares) / (Self.priorCount + Double(count))
  }

  /// The measured value that a prediction stands for, and the 90 % interval of a further one.
  func value(at predicted: Double) -> (value: Double, low: Double, high: Double) {
    guard predicted > 0 else { return (0, 0, 0) }
    let x = count > 0 ? log(predicted) - centre : 0
    let line = power * log(predicted) + mean.m + mean.b * x
    let determinant = precision.mm * precision.bb - precision.mb * precision.mb
    let spread = (precision.bb - 2 * x * precision.mb + x * x * precision.mm) / determinant
    let half =
      StudentT.point95(Self.priorCount + Double(count)) * (variance * (1 + spread) + 2 * noise * noise).squareRoot()
    return (exp(line), exp(line - half), exp(line + half))
  }

  static func == (a: Self, b: Self) -> Bool {
    (a.power, a.centre, a.mean.m, a.mean.b, a.variance + a.noise, Double(a.count))
      == (b.power, b.centre, b.mean.m, b.mean.b, b.variance + b.noise, Double(b.count))
  }

  func hash(into hasher: inout Hasher) {
    hasher.combine(mean.m)
    hasher.combine(variance)
  }
}
