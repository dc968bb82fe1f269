import Checkpoints
import Foundation
import Support
import Testing

@testable import Inference

/// Gradients of weights whose inputs are coded in few bits: straight through the rounding, nothing beyond the range.
@Suite struct ActivationGradientTests {
  private let network: Network
  private let data: Dataset
  private let request = MeasurementRequest(data: sample("digits-calibration.npz"))
  private let weights: Weights
  private let samples = Array(20..<28)

  init() throws {
    network = try Network(try Checkpoint.open(sample("digits-cnn.onnx")))
    data = try network.data(request)
    weights = try network.loadWeights()
  }

  private func layer(_ name: String) throws -> Int {
    try #require(network.checkpoint.layers.firstIndex { $0.name == name })
  }

  private func step(_ layer: Int) throws -> Int {
    try #require(network.firstStep(reading: network.checkpoint.layers[layer].weight))
  }

  /// The last two layers by hand, from the inputs that the run saw: relu(W₁ x̂₁ + b₁) coded is x̂₂, W₂ x̂₂ + b₂ the logits.
  @Test(arguments: [4, 8]) func gradientsAreTheClosedForm(_ bits: Int) throws {
    let (first, last) = (try layer("/fc1/Gemm"), try layer("/fc2/Gemm"))
    var ranges = try network.activationRanges(data, weights: weights, bits: bits)
    // So narrow that much lies beyond.
    let place = try step(last)
    let whole = try #require(ranges.ranges[place])
    ranges.ranges[place] = whole.lowerBound...whole.upperBound * 0.4
    var inputs: [Int: [Float]] = [:]
    let made = try network.run(
      try data.batch(samples), weights: weights, activations: ranges,
      observe: { step, given in
        for layer in [first, last] {
          if step.node.name == network.checkpoint.layers[layer].name { inputs[layer] = given[0]?.floats }
        }
      })
    let logits = try #require(made["logits"]?.floats)
    let plain = try #require(try network.run(try data.batch(samples), weights: weights)["logits"]?.floats)
    let (x1, x2) = (try #require(inputs[first]), try #require(inputs[last]))
    let n = samples.count
    let (w1, w2) = (try network.checkpoint.matrix(layer: first), try network.checkpoint.matrix(layer: last))
    let hidden = x2.count / n
    let bias = try network.checkpoint.floats(
      tensor: try #require(network.checkpoint.layers[first].bias))
    let (q, p) = (Self.softmax(logits, n), Self.softmax(plain, n))
    let g = zip(q, p).map { Float(($0 - $1) / Double(n)) }
    let expected2 = Self.product(g, x2, rows: n)
    // What goes back through the code and the rectifier.
    let z = Self.forward(x1, w1, bias, rows: n)
    var g1 = Self.backward(g, w2, rows: n)
    var beyond = 0
    for index in z.indices {
      let isBeyond = max(0, z[index]) > whole.upperBound * 0.4 * (1 + 0.5 / Float((1 << bits) - 1))
      if isBeyond { beyond += 1 }
      if z[index] <= 0 || isBeyond { g1[index] = 0 }
    }
    #expect(beyond > 5 && beyond < z.count / 2 && hidden * n == z.count)
    let expected1 = Self.product(g1, x1, rows: n)
    let found = try network.lossGradients(
      data, samples: samples, original: weights, changed: weights, DistillationLoss(), ofLayers: [first, last],
      activations: ranges, teacher: nil, request, isCancelled: { false })
    for (layer, expected) in [(first, expected1), (last, expected2)] {
      let own = try #require(found.gradients[layer])
      let size = expected.map { abs($0) }.max() ?? 0
      #expect(size > 0)
      #expect(zip(own, expected).allSatisfy { abs($0 - $1) <= 1e-3 * size }, "\(layer)")
    }
    // The loss alone is that of such a run too, and plain activations make another.
    let alone = try network.lossGradients(
      data, samples: samples, original: weights, changed: weights, DistillationLoss(), ofLayers: [],
      activations: ranges, teacher: nil, request, isCancelled: { false })
    #expect(abs(alone.loss - found.loss) <= 1e-5 * found.loss && found.loss > 0)
  }

  private static func softmax(_ z: [Float], _ rows: Int) -> [Double] {
    let width = z.count / rows
    return (0..<rows).flatMap { row in
      let own = z[row * width..<(row + 1) * width].map { Foundation.exp(Double($0)) }
      return own.map { $0 / own.reduce(0, +) }
    }
  }

  /// gᵀ x.
  private static func product(_ g: [Float], _ x: [Float], rows: Int) -> [Float] {
    let (outputs, inputs) = (g.count / rows, x.count / rows)
    var sum = [Float](repeating: 0, count: outputs * inputs)
    BLAS.multiply(
      .init(start: g, stride: outputs, isTransposed: true), .init(start: x, stride: inputs), into: &sum, m: outputs,
      n: inputs, k: rows, unless: { false })
    return sum
  }

  private static func forward(_ x: [Float], _ w: [Float], _ bias: [Float], rows: Int) -> [Float] {
    let (outputs, inputs) = (bias.count, x.count / rows)
    var made = [Float](repeating: 0, count: rows * outputs)
    for row in 0..<rows {
      for output in 0..<outputs {
        var sum = bias[output]
        for k in 0..<inputs { sum += x[row * inputs + k] * w[output * inputs + k] }
        made[row * outputs + output] = sum
      }
    }
    return made
  }

  private static func backward(_ g: [Float], _ w: [Float], rows: Int) -> [Float] {
    let outputs = g.count / rows
    let inputs = w.count / outputs
    var made = [Float](repeating: 0, count: rows * inputs)
    for row in 0..<rows {
      for output in 0..<outputs {
        for k in 0..<inputs { made[row * inputs + k] += g[row * outputs + output] * w[output * inputs + k] }
      }
    }
    return made
  }
}
