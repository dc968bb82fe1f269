import Checkpoints
import Foundation
import Support
import Testing

@testable import Inference

/// How large layers' inputs are, against torch; made by Tests/Peers/make_moments.py.
@Suite struct InputMomentTests {
  private struct Expected: Decodable {
    /// Rows; of the sums by column the norm, and the product with `TorchGradients.direction(…, 0)`.
    let digits: [String: [Double]]
    let texts: [[Int]]
    let transformers: [String: [String: [Double]]]
  }

  private static let expected = try! Fixtures.decode(Expected.self, from: "moments.json")
  private static let families = expected.transformers.keys.sorted()

  private func check(_ found: [InputMoments], _ checkpoint: Checkpoint, _ expected: [String: [Double]]) throws {
    var byName: [String: InputMoments] = [:]
    for one in found {
      let layer = checkpoint.layers[one.layer]
      #expect(one.squares.count == layer.matrix?.columns)
      byName[checkpoint.tensors[layer.weight].name] = one
    }
    for (name, figures) in expected {
      // A tied head stands under its embedding's name.
      let tied = name.hasSuffix("lm_head.weight") ? byName["model.embed_tokens.weight"] : nil
      let one = try #require(byName[name] ?? tied, "\(name)")
      #expect(one.rows == Int(figures[0]), "\(name)")
      let distance = TorchGradients.distance(one.squares.map { Float($0) }, Array(figures[1...]))
      #expect(distance < 1e-4, "\(name): \(distance)")
    }
    #expect(byName.count == expected.count)
  }

  @Test func momentsOfAConvolutionalNetworkAreTorchs() throws {
    let network = try Network(try Checkpoint.open(sample("digits-cnn.onnx")))
    let request = MeasurementRequest(data: sample("digits-test.npz"))
    let data = try network.data(request)
    let weights = try network.loadWeights()
    let found = try network.inputMoments(
      data, samples: nil, weights: weights, request, progress: { _, _ in }, isCancelled: { false })
    try check(found, network.checkpoint, Self.expected.digits)
    // Some of them, one at a time: a tenth of the rows.
    let some = try network.inputMoments(
      data, samples: 36, weights: weights, request, progress: { _, _ in }, isCancelled: { false })
    for (one, all) in zip(some, found) { #expect(one.layer == all.layer && one.rows * 10 == all.rows) }
  }

  @Test(arguments: families) func momentsOfATransformerAreTorchs(_ name: String) throws {
    let model = try TransformerTests.model(name)
    let folder = TemporaryFolder()
    var bytes = ByteWriter([0x93] + Array("NUMPY".utf8) + [1, 0])
    let header = "{'descr': '<i8', 'fortran_order': False, 'shape': (2, 20), }\n"
    bytes.integer(UInt16(header.utf8.count))
    bytes.text(header)
    for token in Self.expected.texts.joined() { bytes.integer(Int64(token)) }
    let request = MeasurementRequest(data: folder.write("tokens.npy", bytes.bytes), context: 20)
    let data = try model.data(request)
    let weights = try model.loadWeights()
    let found = try model.inputMoments(
      data, samples: nil, weights: weights, request, progress: { _, _ in }, isCancelled: { false })
    try check(found, model.checkpoint, try #require(Self.expected.transformers[name]))
    var left = 5
    let error = #expect(throws: InferenceError.self) {
      _ = try model.inputMoments(
        data, samples: nil, weights: weights, request, progress: { _, _ in },
        isCancelled: {
          left -= 1
          return left < 0
        })
    }
    #expect(error == .cancelled)
  }
}
