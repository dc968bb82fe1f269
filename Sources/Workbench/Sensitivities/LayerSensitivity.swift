import Compression

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// What a model's outputs lose when one layer alone is compressed.
///
/// Measured at a few schemes; for others through their exact t²: the loss is linear in t² while it is small (HIGGS,
/// arXiv 2411.17525), and between two measured points a straight line of logarithms.
public struct LayerSensitivity: Sendable, Hashable {
  /// Of the weight, outputs first.
  public var shape: [Int]
  /// By t², ascending; none of a weight that no run reads.
  public private(set) var points: [Point]
  /// ⟨g_i, ŵ − w⟩ by scheme, a number a sample, scaled so that ½ · mean of squares is the effect; empty without gradients.
  public internal(set) var projections: [Scheme: [Float]] = [:]

  public struct Point: Sendable, Hashable {
    public var scheme: Scheme
    /// t², exact.
    public var error: Double
    /// The mean difference of the outputs.
    public var effect: Double
    public var standardError: Double
    /// Whether the layer was run in the scheme; else gradients say it.
    public var isMeasured = true

    public init(scheme: Scheme, error: Double, effect: Double, standardError: Double) {
      (self.scheme, self.error, self.effect, self.standardError) = (scheme, error, effect, standardError)
    }
  }

  public init(shape: [Int], points: [Point]) {
    self.shape = shape
    self.points = points.sorted { $0.error < $1.error }
  }

  public mutating func add(_ point: Point) {
    points = (points.filter { $0.scheme != point.scheme } + [point]).sorted { $0.error < $1.error }
  }

  /// What a scheme of error t² does; `nil` where nothing was measured that says it.
  ///
  /// A pruned weight's error is of another kind, up to five times as harmful or harmless as a grid's of the same t²: it is
  /// taken from a measured sparse scheme where there is one.
  public func effect(of scheme: Scheme, error: Double) -> Double? {
    if scheme.isKeep || error == 0 || points.isEmpty { return 0 }
    if let same = points.first(where: { $0.scheme == scheme }) { return same.effect }
    let isSparse = scheme.sparsity != .none
    let alike = points.filter { ($0.scheme.sparsity != .none) == isSparse && $0.error > 0 }
    return Self.effect(error, among: alike.isEmpty ? points.filter { $0.error > 0 } : alike)
  }

  /// Whether `effect` rests on no point of the scheme's own kind.
  func isRough(_ scheme: Scheme) -> Bool {
    scheme.sparsity != .none && !points.contains { $0.scheme.sparsity == scheme.sparsity }
  }

  /// - Parameter points: by ascending t², none of it 0.
  private static func effect(_ error: Double, among points: [Point]) -> Double? {
    guard let least = points.first, let most = points.last else { return nil }
    if error <= least.error { return least.effect * error / least.error }
    if error >= most.error { return most.effect * error / most.error }
    guard let above = points.firstIndex(where: { $0.error > error }), above > 0 else { return most.effect }
    let (low, high) = (points[above - 1], points[above])
    // What rounds to nothing has no logarithm.
    guard low.effect > 0, high.effect > 0 else {
      return low.effect + (high.effect - low.effect) * (error - low.error) / (high.error - low.error)
    }
    let share = log(error / low.error) / log(high.error / low.error)
    return exp(log(low.effect) + share * log(high.effect / low.effect))
  }
}

/// x to the power y.
func power(_ x: Double, _ y: Double) -> Double { pow(x, y) }
