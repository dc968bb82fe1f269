import Support
import Testing

@testable import Checkpoints

/// Weights of ONNX models in the quantised forms that exporters write are the numbers that numpy makes of their description
/// (Tests/Peers/make_onnx_forms.py).
@Suite struct ONNXFormsTests {
  static let names = [
    "gather-dequantize", "gather-cast-mul", "gather-rows", "cast-mul", "cast-conv", "integer-product",
    "lstm-directions",
    "lstm-outputs", "gather-blocks", "gather-blocks-zeros",
  ]

  @Test(arguments: names) func everyFormDecodesToItsNumbers(name: String) throws {
    let expected = try Checkpoint.open(Fixtures.fixture("onnx-forms/expected.safetensors"))
    let model = try Checkpoint.open(Fixtures.fixture("onnx-forms/\(name).onnx"))
    var count = 0
    for (index, tensor) in expected.tensors.enumerated() {
      guard let layer = tensor.name.split("\(name)/weight/") else { continue }
      count += tensor.count
      let place = try #require(model.layers.firstIndex { $0.name == layer }, "\(model.layers.map(\.name))")
      #expect(model.layers[place].packing?.method == .onnx, "\(layer)")
      let matrix = try #require(model.layers[place].matrix)
      #expect([matrix.rows, matrix.columns] == tensor.shape, "\(layer)")
      let wanted = try expected.floats(tensor: index)
      let worst = zip(try model.matrix(layer: place), wanted).map { abs($0 - $1) / max(1e-6, abs($1)) }.max() ?? 1
      #expect(worst < 1e-6, "\(layer): \(worst)")
      // The same in parts: rows and columns from within.
      let (rows, columns) = (1..<max(2, matrix.rows - 1), 1..<max(2, matrix.columns - 1))
      var part = [Float](repeating: 0, count: rows.count * columns.count)
      try part.withUnsafeMutableBufferPointer {
        try model.readMatrix(layer: place, rows: rows, columns: columns, into: $0)
      }
      for row in rows {
        for column in columns {
          let value = part[(row - 1) * columns.count + column - 1]
          #expect(abs(value - wanted[row * matrix.columns + column]) <= 1e-6 * abs(value))
        }
      }
    }
    // Scales and zero points are no layers and no parameters; biases are.
    let biases = model.layers.compactMap(\.bias).reduce(0) { $0 + model.tensors[$1].count }
    #expect(count > 0 && model.parameterCount == count + biases)
    let loose = model.layers.filter { $0.packing == nil && !$0.isQuantizationParameter }
    #expect(loose.isEmpty, "\(loose.map(\.name))")
  }
}

extension String {
  /// What comes after a beginning; `nil` where it begins otherwise.
  fileprivate func split(_ beginning: String) -> String? {
    hasPrefix(beginning) ? String(dropFirst(beginning.count)) : nil
  }
}
