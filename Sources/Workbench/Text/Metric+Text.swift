import Inference

extension Measurement.Metric {
  /// `97.22 % ± 0.87`: measured figures keep the digits that tell recipes apart.
  package var text: String {
    let error = standardError.map { " ± " + (isShare ? Format.fixed($0 * 100, 2) : Format.significant($0)) }
    return format(value) + (error ?? "")
  }

  /// A figure of this kind: shares in percent.
  package func format(_ value: Double) -> String {
    if isShare { return Format.exactPercent(value) }
    return (1..<10_000).contains(abs(value)) ? Format.fixed(value, 3) : Format.significant(value)
  }
}

extension Format {
  static func exactPercent(_ fraction: Double) -> String { fixed(fraction * 100, 2) + " %" }
}
