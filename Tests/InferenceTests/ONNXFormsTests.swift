import Checkpoints
import Numerics
import Support
import Testing

@testable import Inference

/// Networks whose weights are quantised in the forms that exporters write (Tests/Peers/make_onnx_forms.py) run as they do in
/// onnxruntime, and so they do with other numbers in the place of their codes.
@Suite struct ONNXFormsRunningTests {
  @Test(arguments: [
    "gather-dequantize", "gather-cast-mul", "gather-rows", "cast-mul", "cast-conv", "integer-product",
    "lstm-directions",
    "lstm-outputs",
  ])
  func numbersTakeThePlaceOfCodes(name: String) throws {
    let expected = try Checkpoint.open(Fixtures.fixture("onnx-forms/expected.safetensors"))
    func tensor(_ word: String) throws -> Tensor {
      try #require(expected.tensors.first { $0.name == "\(name)/\(word)" })
    }
    let checkpoint = try Checkpoint.open(Fixtures.fixture("onnx-forms/\(name).onnx"))
    let network = try Network(checkpoint)
    let x = try tensor("x")
    let input =
      x.type == .i32
      ? Value(x.shape, integers: try expected.integers(x), type: .i64) : Value(x.shape, try expected.floats(x))
    var weights = try network.loadWeights()
    func check(_ word: String, _ weights: Weights) throws {
      let y = try #require(try network.run(["x": input], weights: weights)["y"])
      let wanted = try expected.floats(try tensor(word))
      let most = wanted.map(abs).max() ?? 0
      let worst = zip(y.asFloats, wanted).map { abs($0 - $1) }.max() ?? .infinity
      #expect(y.asFloats.count == wanted.count && worst <= 2e-3 * most, "\(word): \(worst) of \(most)")
    }
    try check("y", weights)
    for (index, layer) in checkpoint.layers.enumerated() where layer.packing != nil {
      weights = try weights.replacing(layer: index, withMatrix: try expected.floats(try tensor("other/\(layer.name)")))
    }
    try check("replaced", weights)
  }
}
