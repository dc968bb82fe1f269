import Support
import Testing

@testable import Checkpoints

/// Packed weights in the forms that publishers use decode to what numpy makes of their description
/// (Tests/Peers/make_packed_forms.py).
@Suite struct PackedFormsTests {
  @Test func everyFormDecodesToItsNumbers() throws {
    let expected = try Checkpoint.open(Fixtures.fixture("packed/expected.safetensors"))
    #expect(expected.tensors.count == 11)
    for (index, tensor) in expected.tensors.enumerated() {
      let slash = try #require(tensor.name.firstIndex(of: "/"))
      let folder = String(tensor.name[..<slash])
      let name = String(tensor.name[tensor.name.index(after: slash)...])
      let model = try Checkpoint.open(Fixtures.fixture("packed/\(folder)"))
      let place = try #require(model.layers.firstIndex { $0.name == name }, "\(name) in \(model.layers.map(\.name))")
      #expect(model.layers[place].packing != nil, "\(folder): \(name)")
      let matrix = try #require(model.layers[place].matrix)
      #expect([matrix.rows, matrix.columns] == tensor.shape, "\(folder): \(name)")
      let values = try model.matrix(layer: place)
      let wanted = try expected.floats(tensor: index)
      #expect(values.count == wanted.count)
      let worst = zip(values, wanted).map { abs($0 - $1) / max(1e-6, abs($1)) }.max() ?? 0
      #expect(worst < 1e-6, "\(folder): \(name): \(worst)")
    }
  }

  /// Scales and zero points are no layers, and no parameters.
  @Test(arguments: ["fp8-scale", "fp8-qscale", "stacked", "compressed-tensors", "int8-scale"])
  func whatBelongsToAWeightIsNoLayer(folder: String) throws {
    let model = try Checkpoint.open(Fixtures.fixture("packed/\(folder)"))
    let expected = try Checkpoint.open(Fixtures.fixture("packed/expected.safetensors"))
    let own = expected.tensors.filter { $0.name.hasPrefix(folder + "/") }
    #expect(model.layers.count == own.count, "\(model.layers.map(\.name))")
    let biases = model.layers.compactMap(\.bias).reduce(0) { $0 + model.tensors[$1].count }
    #expect(model.parameterCount == own.reduce(biases) { $0 + $1.count })
  }
}
