import Numerics

/// ggml's bytes.
extension BlockType: NumberFormat {
  /// Activations' types are none.
  static var words: [(word: String, format: Scheme.Format)] {
    BlockQuantizer.available.map { ($0.name.lowercased(), .block($0)) }
  }

  static var menu: (place: Int, formats: [Scheme.Format]) {
    (6, BlockQuantizer.available.map { .block($0) })
  }

  var meaning: String { "llama.cpp's \(name): blocks of \(blockWeights) weights, \(bitsPerWeight) bits each in all" }

  var spec: [String] { [name.lowercased()] }
  var codeBits: Double? { bitsPerWeight }

  func needs(_ scheme: Scheme) -> [Scheme.Need] {
    let whole = Scheme.Need.columns(multipleOf: blockWeights, what: "\(name)'s block of \(blockWeights)")
    return scheme.coding == .none
      ? [whole] : [whole, .impossible("\(name)'s bytes are fixed: coding does not apply")]
  }

  func layout(of form: WeightForm, isSparse: Bool, storedBits: Double) -> CodeWidths {
    CodeWidths(bits: bitsPerWeight, nonZeroBits: bitsPerWeight, scaleBytes: 0)
  }

  var codes: CodeKind { .none }

  func method(
    of source: some WeightSource, _ pruning: Pruning, isMasked: Bool, capacity: Int, _ control: PassControl
  ) throws -> Reconstruction.Method? {
    guard let quantizer = BlockQuantizer(self) else { return nil }
    return .block(
      quantizer, bytes: .allocate(capacity: capacity / blockWeights * blockBytes),
      source.importances.map { BlockImportances($0, rows: source.rows) })
  }

  func hasSparseForm(isSparse: Bool) -> Bool { false }
  func with(_ granularity: Granularity) -> Scheme.Format { .block(self) }

  func rungs(integers: UniformScheme) -> [Scheme.Format] {
    BlockQuantizer.available.sorted { ($0.bitsPerWeight, $1.name) > ($1.bitsPerWeight, $0.name) }.map { .block($0) }
  }
}
