import Checkpoints
import Inference
import Numerics
import Support
import Testing

/// Of the codes that onnxruntime gives, this share may be the next code here: it rounds by tables and in fixed point,
/// so that a number near the middle between two codes may fall to either.
let neighbourShare = 0.01

struct QuantisedOperatorTests {
  /// Operators on codes against onnxruntime, with signed and unsigned codes.
  @Test func outputsAreOnnxruntimes() throws {
    let network = try Network(try Checkpoint.open(fixture("operators-quantised.onnx")))
    let expected = try Checkpoint.open(fixture("operators-quantised.npz"))
    let outputs = try network.run([:], weights: try network.loadWeights())
    #expect(outputs.count == expected.tensors.count && outputs.count > 80)
    var neighbours: [String: (count: Int, all: Int)] = [:]
    for tensor in expected.tensors {
      let found = try #require(outputs[tensor.name])
      #expect(found.shape == tensor.shape && found.type == tensor.type, "\(tensor.name)")
      guard !tensor.type.isFloatingPoint else {
        let worst = zip(try #require(found.floats), try expected.floats(tensor))
          .map { abs($0 - $1) / max(1, abs($1)) }.max()
        #expect(try #require(worst) <= operatorTolerance, "\(tensor.name)")
        continue
      }
      let distances = zip(try #require(found.integers), try expected.integers(tensor)).map { abs($0 - $1) }
      #expect(distances.allSatisfy { $0 <= 1 }, "\(tensor.name): \(distances.max() ?? 0)")
      let name = String(tensor.name.prefix { $0 != "." })
      neighbours[name, default: (0, 0)].count += distances.count { $0 == 1 }
      neighbours[name, default: (0, 0)].all += distances.count
    }
    for (name, found) in neighbours {
      #expect(Double(found.count) <= neighbourShare * Double(found.all), "\(name): \(found.count) of \(found.all)")
    }
  }

  /// Weights of a few bits in blocks: half the numbers in the place of the codes give half the product, and the numbers
  /// that the codes stand for give the same.
  @Test func numbersTakeThePlaceOfCodesInBlocks() throws {
    let checkpoint = try Checkpoint.open(fixture("operators-quantised.onnx"))
    let network = try Network(checkpoint)
    let original = try network.loadWeights()
    let expected = try network.run([:], weights: original)
    var (same, halved) = (original, original)
    var outputs: [String] = []
    for (index, layer) in checkpoint.layers.enumerated() where layer.operatorName == "MatMulNBits" {
      try #require(layer.packing != nil)
      let matrix = try checkpoint.matrix(layer: index)
      same = try same.replacing(layer: index, withMatrix: matrix)
      halved = try halved.replacing(layer: index, withMatrix: matrix.map { $0 / 2 })
      let step = network.steps.first { $0.inputs.contains { $0.map { network.weightTensors[$0] } == layer.weight } }
      // The product with a bias is the last one.
      if let node = step?.node, node.inputs.count < 6 { outputs.append(node.outputs[0]) }
    }
    #expect(outputs.count == 24)
    let (sameFound, halfFound) = (
      try network.run([:], weights: same), try network.run([:], weights: halved)
    )
    for output in outputs {
      let wanted = try #require(expected[output]?.floats)
      let largest = try #require(wanted.map { abs($0) }.max())
      let (found, half) = (try #require(sameFound[output]?.floats), try #require(halfFound[output]?.floats))
      #expect(zip(found, wanted).allSatisfy { abs($0 - $1) <= largest * operatorTolerance }, "\(output)")
      #expect(zip(half, wanted).allSatisfy { abs($0 - $1 / 2) <= largest * operatorTolerance }, "\(output)")
    }
  }
}
