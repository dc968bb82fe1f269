import Checkpoints
import Foundation
import Numerics
import Support
import Testing

@testable import Inference

/// What torch says of gradients; made by Tests/Peers/make_gradients.py.
struct TorchGradients: Decodable {
  /// By parameter: the gradient's norm, and its product with `direction(…, 0)`.
  let digits: [String: [Double]]
  let encoder: [String: [Double]]
  let tokens: [Int]
  let transformers: [String: [String: [Double]]]

  static let expected = try! Fixtures.decode(TorchGradients.self, from: "gradients.json")

  /// The script's numbers between −1 and 1.
  static func direction(_ count: Int, _ seed: Int) -> [Float] {
    (0..<count).map { Float(Double(($0 * 7919 + seed * 104729) % 2003) / 1001 - 1) }
  }

  /// How far a gradient lies from torch's, relative to its norm.
  static func distance(_ gradient: [Float], _ expected: [Double]) -> Double {
    let norm = gradient.reduce(0) { $0 + Double($1) * Double($1) }.squareRoot()
    let along = zip(gradient, direction(gradient.count, 0)).reduce(0) { $0 + Double($1.0) * Double($1.1) }
    return max(abs(norm - expected[0]), abs(along - expected[1])) / max(1e-6, expected[0])
  }
}

/// Whole graphs against torch, and what a run back may take.
@Suite struct GraphGradientTests {
  /// Float sums of the way there and back, against torch's Doubles.
  private static let tolerance = 2e-4

  private static func digits() throws -> (Network, Weights, [String: Value]) {
    let network = try Network(try Checkpoint.open(sample("digits-cnn.onnx")))
    let data = try Dataset(sample("digits-test.npz"), for: network)
    return (network, try network.loadWeights(), try data.batch(0..<6))
  }

  static func encoder() throws -> Network { try Network(try Checkpoint.open(fixture("gradients/encoder.onnx"))) }

  /// Four texts of five tokens, as in the script.
  static let tokens = Value([4, 5], integers: (0..<20).map { Int64($0 * 7 % 20) })

  @Sendable private static func alongDirection(_ value: Value) -> Value {
    Value(value.shape, TorchGradients.direction(value.count, 1))
  }

  /// All gradients of floating-point tensors by name.
  private static func gradients(
    _ network: Network, _ weights: Weights, _ inputs: [String: Value], ofInputs: [String] = [], memory: Int? = nil,
    isCancelled: @escaping () -> Bool = { false }
  ) throws -> [String: [Float]] {
    let tensors = network.checkpoint.tensors
    let found = try network.gradients(
      inputs, weights: weights, ofInputs: ofInputs,
      ofTensors: tensors.indices.filter { tensors[$0].type.isFloatingPoint }, memory: memory,
      isCancelled: isCancelled, direction: { alongDirection($0) })
    var byName: [String: [Float]] = [:]
    for (name, value) in found.inputs { byName[name] = value.floats }
    for (tensor, value) in found.tensors { byName[tensors[tensor].name] = value.floats }
    return byName
  }

  @Test func gradientsOfAConvolutionalNetworkAreTorchs() throws {
    let (network, weights, inputs) = try Self.digits()
    let found = try Self.gradients(network, weights, inputs, ofInputs: ["input"])
    #expect(TorchGradients.expected.digits.count == 11)
    for (name, expected) in TorchGradients.expected.digits {
      let distance = TorchGradients.distance(try #require(found[name], "\(name)"), expected)
      #expect(distance < Self.tolerance, "\(name)")
    }
  }

  @Test func gradientsOfAnEncoderAreTorchs() throws {
    let network = try Self.encoder()
    let found = try Self.gradients(network, try network.loadWeights(), ["input": Self.tokens])
    #expect(TorchGradients.expected.encoder.count == 17)
    for (name, expected) in TorchGradients.expected.encoder {
      let distance = TorchGradients.distance(try #require(found[name], "\(name)"), expected)
      #expect(distance < Self.tolerance, "\(name)")
    }
  }

  /// What has no room whole is run in stretches, from arrays that were alive before them.
  @Test func aRunInStretchesGivesTheSameGradients() throws {
    let (network, weights, _) = try Self.digits()
    let data = try Dataset(sample("digits-test.npz"), for: network)
    let values = try network.filled(weights, try data.batch(0..<40))
    let sources = Set(network.weightTensors.filter { network.checkpoint.tensors[$0.value].type.isFloatingPoint }.keys)
    func gradients(_ limit: Int) throws -> (found: [Int: Value], attempts: Int) {
      var way = try Backpropagation(network, from: sources, to: network.outputNumbers[0])
      var (found, attempts): ([Int: Value], Int) = ([:], 0)
      try way.run(
        values,
        budget: {
          attempts += 1
          return RunBudget(limit: limit, isCancelled: { false })
        }, direction: { Self.alongDirection($0) }
      ) { number, gradient, _ in found[number] = gradient }
      return (found, attempts)
    }
    let plain = try gradients(1 << 30)
    #expect(plain.attempts == 1 && plain.found.count == 10)
    var most = 1
    for limit in stride(from: 1 << 22, to: 1 << 20, by: -(1 << 17)) {
      guard let other = try? gradients(limit) else { break }
      #expect(other.found == plain.found)
      most = max(most, other.attempts)
    }
    #expect(most > 1)
  }

  @Test func aRunBackThatHasNoRoomSaysWhichNodeLacksIt() throws {
    let (network, weights, inputs) = try Self.digits()
    let error = #expect(throws: InferenceError.self) {
      _ = try Self.gradients(network, weights, inputs, memory: weights.byteCount + 50_000)
    }
    #expect(error?.description.contains("would make an array of shape") == true, "\(String(describing: error))")
  }

  @Test func aRunBackStopsWhenItIsCancelled() throws {
    let (network, weights, inputs) = try Self.digits()
    var asked = 0
    _ = try Self.gradients(
      network, weights, inputs,
      isCancelled: {
        asked += 1
        return false
      })
    for most in [0, asked / 2, asked - 1] {
      var left = most
      let error = #expect(throws: InferenceError.self) {
        _ = try Self.gradients(
          network, weights, inputs,
          isCancelled: {
            left -= 1
            return left < 0
          })
      }
      #expect(error == .cancelled, "\(most) of \(asked)")
    }
  }

  /// The error says which node, and that it is for lack of a gradient.
  @Test func theFirstNodeWithoutAGradientIsNamed() throws {
    let network = try Network(try Checkpoint.open(fixture("evaluation/dynamic.onnx")))
    let weights = try network.loadWeights()
    let data = try Dataset(fixture("evaluation/dynamic.npz"), for: network)
    let error = #expect(throws: InferenceError.self) {
      _ = try network.gradients(
        try data.batch(0..<1), weights: weights, ofInputs: ["x"], direction: { Self.alongDirection($0) })
    }
    #expect(error?.lacksGradient == true, "\(String(describing: error))")
    #expect(error?.description.contains("(DynamicQuantizeLinear)") == true, "\(String(describing: error))")
  }
}
