/// The weight as it is stored.
struct KeptFormat: NumberFormat {
  static let words: [(word: String, format: Scheme.Format)] = [("keep", .keep)]
  static let grammar = [SchemeGrammar("keep", ["as it is"])]
  static let menu: (place: Int, formats: [Scheme.Format]) = (0, [.keep])

  var meaning: String { "as it is stored: no error, no gain" }

  var spec: [String] { ["keep"] }

  func needs(_ scheme: Scheme) -> [Scheme.Need] {
    scheme.coding == .none
      ? [] : [.impossible("coding needs codes: give a width, as in int8,coding=\(scheme.coding.rawValue)")]
  }

  func layout(of form: WeightForm, isSparse: Bool, storedBits: Double) -> CodeWidths {
    CodeWidths(bits: storedBits, nonZeroBits: storedBits, scaleBytes: 0)
  }

  var codes: CodeKind { .none }

  func method(
    of source: some WeightSource, _ pruning: Pruning, isMasked: Bool, capacity: Int, _ control: PassControl
  ) throws -> Reconstruction.Method? {
    .copy
  }

  func with(_ granularity: Granularity) -> Scheme.Format { .keep }
  func rungs(integers: UniformScheme) -> [Scheme.Format] { [] }
}
