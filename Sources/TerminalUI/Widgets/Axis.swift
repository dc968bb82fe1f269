#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// One axis of a plot: from values to places and back to round labels.
struct Axis: Hashable, Sendable {
  enum Scale: Hashable, Sendable {
    case linear
    case logarithmic
  }

  let range: ClosedRange<Double>
  let scale: Scale

  /// An axis over `range`; one without extent is widened, and a logarithmic one that reaches zero or
  /// below becomes linear.
  init(_ range: ClosedRange<Double>, scale: Scale = .linear) {
    let isUsable = (range.upperBound - range.lowerBound).isFinite
    var (low, high) = isUsable ? (range.lowerBound, range.upperBound) : (0, 1)
    self.scale = scale == .logarithmic && low > 0 ? .logarithmic : .linear
    if low == high {
      let spread = low == 0 ? 1 : abs(low) * 0.5
      (low, high) = (low - spread, high + spread)
    }
    self.range = low...high
  }

  /// An axis that holds all finite `values` (all positive ones, for a logarithm).
  init(holding values: some Sequence<Double>, scale: Scale = .linear) {
    let usable = values.filter { $0.isFinite && (scale == .linear || $0 > 0) }
    guard let low = usable.min(), let high = usable.max(), low <= high else {
      self.init(scale == .linear ? 0...1 : 1...10, scale: scale)
      return
    }
    self.init(low...high, scale: scale)
  }

  /// The place of `value` along the axis: 0 at its lower end, 1 at its upper; nil for what has no
  /// place on it (not finite, or not positive on a logarithmic one).
  func fraction(of value: Double) -> Double? {
    let (low, high) = (range.lowerBound, range.upperBound)
    switch scale {
    case .linear: return value.isFinite ? (value - low) / (high - low) : nil
    case .logarithmic:
      guard value.isFinite, value > 0 else { return nil }
      return log(value / low) / log(high / low)
    }
  }

  /// Round values inside the range, about `wanted` of them and at most twice as many: steps of 1, 2
  /// or 5 times a power of ten, or whole powers where the logarithm spans several.
  func ticks(about wanted: Int) -> [Double] {
    let (low, high) = (range.lowerBound, range.upperBound)
    guard wanted > 0 else { return [] }
    if scale == .logarithmic, high / low >= 10 {
      let first = Int(ceil(log10(low) - 1e-9))
      let last = Int(floor(log10(high) + 1e-9))
      guard first <= last else { return [] }
      let step = max(1, (last - first + wanted) / wanted)
      return stride(from: first, through: last, by: step).map { pow(10, Double($0)) }
    }
    let raw = (high - low) / Double(wanted)
    let power = pow(10, floor(log10(raw)))
    let step = power * ([1, 2, 5, 10].first { raw / power <= $0 } ?? 10)
    let first = ceil(low / step - 1e-9)
    let last = floor(high / step + 1e-9)
    guard last - first < 1000, first <= last else { return [] }
    return stride(from: first, through: last, by: 1).map { $0 * step }
  }
}
