import Checkpoints
import Foundation
import Support
import Testing

@testable import Inference

/// Operators' gradients and losses against torch, which computes them in Double; made by Tests/Peers/make_gradients.py.
@Suite struct TorchGradientTests {
  struct Losses: Decodable {
    struct One: Decodable {
      let losses: [Double]
      let gradients: [Double]
      let temperature: Double?
      let alpha: Double?
    }
    let width: Int
    let labels: [Int]
    let logits: [One]
    let numbers: [One]
    let embeddings: [One]
  }

  struct Whole: Decodable {
    let loss: Double
    let temperature: Double
    let alpha: Double
    let gradients: [String: [Double]]
  }

  struct Expected: Decodable {
    /// By node and by its input's place.
    let nodes: [String: [String: [Double]]]
    let losses: Losses
    let network: Whole
  }

  private static let expected = try! Fixtures.decode(Expected.self, from: "gradients.json")

  private struct Case {
    let step: Network.Step
    let inputs: [Value?]
  }

  /// Each node back from the same direction of its output.
  @Test func gradientsOfOperatorsAreTorchs() throws {
    let network = try Network(try Checkpoint.open(fixture("gradients/nodes.onnx")))
    var cases: [Case] = []
    _ = try network.run([:], weights: try network.loadWeights()) { step, inputs in
      cases.append(Case(step: step, inputs: inputs))
    }
    #expect(Set(cases.map(\.step.node.name)) == Set(Self.expected.nodes.keys) && cases.count == 67)
    for one in cases {
      let node = one.step.node
      let expected = try #require(Self.expected.nodes[node.name])
      let call = Call(
        node: node, inputs: one.inputs, operatorSet: network.operatorSet, filler: one.step.filler,
        budget: RunBudget(limit: nil, isCancelled: { false }))
      let forward = try #require(one.step.forward)
      let outputs = try forward(call)
      let direction = Value(outputs[0].shape, TorchGradients.direction(outputs[0].count, 1))
      let back = BackwardCall(
        call: call, outputs: outputs, gradients: [direction], wanted: Set(expected.keys.compactMap { Int($0) }))
      let backward = try #require(Operators.all[Operators.name(node.operatorName, domain: node.domain)]?.backward)
      let found = try backward(back)
      for (place, figures) in expected {
        let number = try #require(Int(place))
        let gradient = number < found.count ? found[number]?.floats : nil
        let distance = TorchGradients.distance(gradient ?? [], figures)
        #expect(gradient != nil && distance < 2e-5, "\(node.name), input \(place): \(distance)")
      }
    }
  }

  /// Grouped, depthwise, dilated and transposed convolutions, with PRelu and Sigmoid between, under the loss.
  @Test func gradientsOfALossThroughConvolutionsAreTorchs() throws {
    let network = try Network(try Checkpoint.open(fixture("gradients/convolutions.onnx")))
    let expected = Self.expected.network
    let request = MeasurementRequest(data: fixture("gradients/convolutions.npz"))
    let (data, original) = (try network.data(request), try network.loadWeights())
    let checkpoint = network.checkpoint
    var changed = original
    var layers: [String: Int] = [:]
    for (name, _) in expected.gradients {
      let tensor = try #require(checkpoint.tensors.firstIndex { $0.name == name })
      let values = try checkpoint.floats(tensor: tensor)
      let moved = zip(values, TorchGradients.direction(values.count, 6)).map { $0 + 0.2 * $1 }
      changed = changed.replacing(tensor: tensor, with: moved)
      layers[name] = try #require(checkpoint.layers.firstIndex { $0.weight == tensor })
    }
    let found = try network.lossGradients(
      data, samples: Array(0..<6), original: original, changed: changed,
      DistillationLoss(temperature: expected.temperature, alpha: expected.alpha), ofLayers: Set(layers.values),
      request, isCancelled: { false })
    #expect(abs(found.loss - expected.loss) < 1e-5 * expected.loss)
    for (name, figures) in expected.gradients {
      let layer = try #require(layers[name])
      let gradient = try #require(found.gradients[layer])
      let stored = try #require(checkpoint.layers[layer].matrix).storageOrder(gradient)
      let distance = TorchGradients.distance(stored, figures)
      #expect(distance < 5e-4, "\(name): \(distance)")
    }
  }

  // MARK: - Losses

  private static func rows(_ seed: Int, _ factor: Float, _ width: Int) -> [[Float]] {
    let all = TorchGradients.direction(3 * width, seed)
    return (0..<3).map { row in all[row * width..<(row + 1) * width].map { factor * $0 } }
  }

  /// KL divergence at temperatures, cross entropy, mean squares and cosines, a row at a time.
  @Test func lossesAreTorchs() throws {
    let (expected, width) = (Self.expected.losses, Self.expected.losses.width)
    let (teacher, student, targets) = (Self.rows(3, 4, width), Self.rows(4, 3, width), Self.rows(5, 2, width))
    func check(_ one: Losses.One, _ body: (Int, inout [Float]) -> Double) {
      for row in 0..<3 {
        var gradient = [Float](repeating: 0, count: width)
        let loss = body(row, &gradient)
        #expect(abs(loss - one.losses[row]) < 1e-6 * max(1, one.losses[row]))
        let own = one.gradients[row * width..<(row + 1) * width]
        #expect(zip(gradient, own).allSatisfy { abs(Double($0) - $1) < 2e-6 * max(1, abs($1)) })
      }
    }
    for one in expected.logits {
      let loss = DistillationLoss(temperature: try #require(one.temperature), alpha: try #require(one.alpha))
      check(one) { row, gradient in
        student[row].withUnsafeBufferPointer { s in
          teacher[row].withUnsafeBufferPointer { t in
            loss.ofLogits(s, teacher: t, label: expected.labels[row], into: &gradient)
          }
        }
      }
    }
    for one in expected.numbers {
      let loss = DistillationLoss(alpha: try #require(one.alpha))
      check(one) { row, gradient in
        student[row].withUnsafeBufferPointer { s in
          teacher[row].withUnsafeBufferPointer { t in
            loss.ofNumbers(s, teacher: t, targets: targets[row][...], into: &gradient)
          }
        }
      }
    }
    for one in expected.embeddings {
      check(one) { row, gradient in
        let found = DistillationLoss.ofEmbedding(student[row], teacher: teacher[row])
        gradient = found.gradient
        return found.loss
      }
    }
    #expect(expected.logits.count == 4 && expected.numbers.count == 2 && expected.embeddings.count == 1)
  }
}
