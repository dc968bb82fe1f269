import Numerics

/// Floats of sixteen bits: the nearest number, halves to even.
enum HalfFormat: NumberFormat {
  case f16, bf16

  private var format: Scheme.Format { self == .f16 ? .f16 : .bf16 }

  static let words: [(word: String, format: Scheme.Format)] = [("f16", .f16), ("fp16", .f16), ("bf16", .bf16)]
  static let menu: (place: Int, formats: [Scheme.Format]) = (
    5, [.uniform(UniformScheme(bits: 16, granularity: .channel)), .f16, .bf16]
  )

  var meaning: String { "a float of 16 bits: nearly no error, half of 32 bits" }

  var spec: [String] { [self == .f16 ? "f16" : "bf16"] }

  func layout(of form: WeightForm, isSparse: Bool, storedBits: Double) -> CodeWidths {
    CodeWidths(bits: 16, nonZeroBits: 16, scaleBytes: 0)
  }

  var codes: CodeKind { .wide(zeroMask: 0x7fff) }

  func method(
    of source: some WeightSource, _ pruning: Pruning, isMasked: Bool, capacity: Int, _ control: PassControl
  ) throws -> Reconstruction.Method? {
    .half(self == .f16 ? .f16 : .bf16)
  }

  func with(_ granularity: Granularity) -> Scheme.Format { format }
  func rungs(integers: UniformScheme) -> [Scheme.Format] { integers.rungs(integers: integers) }
}
