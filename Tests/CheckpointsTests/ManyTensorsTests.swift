import Numerics
import Support
import Testing

@testable import Checkpoints

/// Checkpoints of hundreds of thousands of tensors: what each costs is small, whatever few of them need.
@Suite struct ManyTensorsTests {
  @Test func tensorsAndLayersAreSmall() {
    #expect(MemoryLayout<Tensor>.stride <= 88)
    #expect(MemoryLayout<Layer>.stride <= 104)
  }

  @Test func namesOfBlocksAndShapesAreKeptOnce() throws {
    let folder = try ScratchFolder()
    let checkpoint = try Checkpoint.open(try folder.write(manyTensors(700), to: "many.safetensors"))
    #expect(checkpoint.layers.count == 700)
    #expect(checkpoint.layers[699].name == "model.layers.99.mlp.down_proj")
    #expect(checkpoint.layers[699].blockName == "model.layers.99" && checkpoint.layers[699].block == 99)
    #expect(checkpoint.layers[699].role == .feedForwardDown)
    #expect(checkpoint.layers[699].matrix == MatrixShape(rows: 4, columns: 4))
    let shapes = Set(checkpoint.tensors.map { $0.shape.withUnsafeBufferPointer { $0.baseAddress } })
    #expect(shapes.count == 1)
  }

  /// What few layers have comes and goes as it did.
  @Test func whatFewLayersHaveIsTheirs() {
    var layer = Layer(name: "a", weight: 3, bias: 0, companions: [1, 2], role: .linear, block: 0, matrix: nil)
    #expect(layer.bias == 0 && layer.block == 0 && layer.companions == [1, 2] && layer.ties.isEmpty)
    let plain = layer
    layer.ties += ["b"]
    #expect(layer.ties == ["b"] && layer.companions == [1, 2] && layer != plain && plain.ties.isEmpty)
    #expect(Layer(name: "a", weight: 3, role: .linear, matrix: nil).bias == nil)
  }

  /// Roles are worked out once for names that differ in the numbers of their parts only.
  @Test func rolesDoNotDependOnTheNumbersOfBlocks() {
    var roles = RolesByName()
    for _ in 0..<2 {
      for number in [0, 7, 123] {
        for (name, shape) in [
          ("model.layers.\(number).self_attn.q_proj", [4, 4]), ("h.\(number).fc1", [4, 4]), ("h.\(number).fc1", [4]),
          ("fc\(number)", [4, 4]), ("blk.\(number).ffn_gate_inp", [4, 4]), ("a.\(number)", [4, 4, 3]),
          ("a/\(number)/dense", [4, 4]), ("encoder.layer.\(number).output.dense", [4, 4]),
          ("\(number).99999999999999999999.q", [4, 4]),
        ] {
          #expect(roles.role(name, shape) == Layer.Role(name: name, shape: shape), "\(name) \(shape)")
        }
      }
    }
  }
}
