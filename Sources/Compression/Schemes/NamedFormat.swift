/// Formats of one layout each.
public enum NamedFormat: String, Sendable, Hashable, CaseIterable {
  /// BWN (Rastegari et al., arXiv 1603.05279): the sign times the row's mean magnitude α = ‖w‖₁/n in fp16.
  case binary
  /// TWN (Li et al., arXiv 1605.04711): of each row α·{−1, 0, 1}, zero where |w| ≤ Δ = 0.7·‖w‖₁/n, α the mean magnitude
  /// of the rest in fp16.
  case ternary
}

extension NamedFormat: NumberFormat {
  static let words: [(word: String, format: Scheme.Format)] = allCases.map { ($0.rawValue, .named($0)) }

  /// With integers of one bit, their kin.
  static let menu: (place: Int, formats: [Scheme.Format]) = (
    4, [.uniform(UniformScheme(bits: 1)), .named(.binary), .named(.ternary)]
  )

  var meaning: String {
    self == .binary ? "the sign times a magnitude an output (BWN)" : "−1, 0 or 1 times a magnitude an output (TWN)"
  }

  var spec: [String] { [rawValue] }

  /// A magnitude a row. A sign has no zero: with pruned weights among them, signs take two bits.
  func layout(of form: WeightForm, isSparse: Bool, storedBits: Double) -> CodeWidths {
    let isSign = self == .binary
    return CodeWidths(bits: isSign && !isSparse ? 1 : 2, nonZeroBits: isSign ? 1 : 2, scaleBytes: 2 * form.rows)
  }

  var codes: CodeKind { .bytes(zeroMask: ~0) }

  func method(
    of source: some WeightSource, _ pruning: Pruning, isMasked: Bool, capacity: Int, _ control: PassControl
  ) throws -> Reconstruction.Method? {
    self == .binary ? .signs(.fp16, .channel) : .ternary
  }

  func with(_ granularity: Granularity) -> Scheme.Format { .named(self) }
  func rungs(integers: UniformScheme) -> [Scheme.Format] { [.named(self)] }
}
