extension Calibration.Prediction {
  /// Whether it is a share from 0 to 1.
  private var isShare: Bool { metric == "agreement" || metric == "top-1" }

  /// The value as people read it: `0.0123`, `97.2 %`, `×1.012`.
  public var text: String { format(value) }

  /// `0.0101–0.0150`.
  public var rangeText: String { "\(format(low))–\(format(high))" }

  private func format(_ value: Double) -> String {
    if isShare { return Format.fixed(value * 100, 2) + " %" }
    return metric == "perplexity" ? "×" + Format.fixed(value, 4) : Format.significant(value)
  }
}
