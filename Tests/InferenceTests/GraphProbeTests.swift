import Checkpoints
import Foundation
import Numerics
import Support
import Testing

@testable import Inference

/// Projections of layers' changes against the weights' own gradients, and their squares against what the changes cost.
@Suite struct GraphProbeTests {
  private struct Case {
    let network: Network
    let weights: Weights
    let data: Dataset
    var request: MeasurementRequest
  }

  private let folder = TemporaryFolder()

  private func digits() throws -> Case {
    let network = try Network(try Checkpoint.open(sample("digits-cnn.onnx")))
    return Case(
      network: network, weights: try network.loadWeights(),
      data: try Dataset(sample("digits-test.npz"), for: network),
      request: MeasurementRequest(data: sample("digits-test.npz")))
  }

  /// Its first output is of probabilities, its second of real numbers.
  private func encoder(output: String? = nil) throws -> Case {
    let network = try GraphGradientTests.encoder()
    let path = fixture("gradients/texts.npz")
    var request = MeasurementRequest(data: path)
    request.options.output = output
    return Case(
      network: network, weights: try network.loadWeights(), data: try Dataset(path, for: network), request: request)
  }

  private func probes(
    _ one: Case, samples: Int, seed: UInt64 = 1, isCancelled: @escaping () -> Bool = { false },
    _ visit: (LayerProbe) throws -> Void
  ) throws {
    try one.network.probes(
      one.data, samples: samples, weights: one.weights, seed: seed, one.request, progress: { _, _ in },
      isCancelled: isCancelled, visit: visit)
  }

  private func delta(_ network: Network, _ layer: Int, relative size: Double = 0.01) throws -> [Float] {
    let matrix = try network.checkpoint.matrix(layer: layer)
    var random = SeededGenerator(UInt64(layer) + 100)
    let power = matrix.reduce(0) { $0 + Double($1) * Double($1) } / Double(matrix.count)
    return random.gaussian(matrix.count, deviation: size * power.squareRoot())
  }

  /// Pairs of inputs and outputs' gradients, weights' gradients, and weights that are turned first, all against one run
  /// back for each sample.
  @Test(arguments: ["digits", "encoder", "states"])
  func projectionsAreThoseOfTheWeightsGradients(_ name: String) throws {
    let one = name == "digits" ? try digits() : try encoder(output: name == "states" ? "states" : nil)
    let (network, seed, samples) = (one.network, UInt64(7), 5)
    var layers: [Int] = []
    try probes(one, samples: samples, seed: seed) { probe in
      layers.append(probe.layer)
      let delta = try delta(network, probe.layer)
      let layer = network.checkpoint.layers[probe.layer]
      let stored = try #require(layer.matrix).storageOrder(delta)
      let found = try probe.projections(onto: delta)
      #expect(found.count == samples && probe.units == samples)
      for unit in 0..<samples {
        let sample = unit * one.data.count / samples
        let gradient = try network.gradients(
          try one.data.batch(sample..<sample + 1), weights: one.weights, output: one.request.options.output,
          ofTensors: [layer.weight]
        ) { output in
          var signs = RandomSigns(seed: seed, sample: sample)
          var v = [Float](repeating: 0, count: output.count)
          output.floats!.withUnsafeBufferPointer { z in
            switch name {
            case "digits": v.withUnsafeMutableBufferPointer { OutputDirection.logits(z, &signs, into: $0.baseAddress!) }
            case "encoder": v = OutputDirection.probabilities(z, &signs)
            default: v = OutputDirection.numbers(z.count, &signs)
            }
          }
          return Value(output.shape, v)
        }
        let numbers = try #require(gradient.tensors[layer.weight]?.floats)
        let expected = zip(numbers, stored).reduce(0) { $0 + Double($1.0) * Double($1.1) }
        let size = zip(numbers, stored).reduce(0) { $0 + pow(Double($1.0) * Double($1.1), 2) }.squareRoot()
        #expect(abs(Double(found[unit]) - expected) <= 2e-4 * size + 1e-7, "\(layer.name) \(unit)")
      }
    }
    let names = layers.map { network.checkpoint.layers[$0].name }
    #expect(layers.count == (name == "digits" ? 5 : name == "states" ? 8 : 9), "\(names)")
    if name == "digits" { #expect(names.first?.contains("fc2") == true && names.last?.contains("conv1") == true) }
  }

  /// ½ · mean P² is what a small random change costs: the KL divergence of scores and of probabilities, the mean squared
  /// difference of real numbers. Over 8 draws of signs; the figures are within a fifth of each other, and the change costs
  /// at second order.
  @Test(arguments: ["digits", "encoder", "states"])
  func halfTheMeanSquareIsWhatASmallChangeCosts(_ name: String) throws {
    let one = name == "digits" ? try digits() : try encoder(output: name == "states" ? "states" : nil)
    let samples = name == "digits" ? 60 : one.data.count
    var estimates: [Int: Double] = [:]
    let draws = 8
    for seed in 0..<draws {
      try probes(one, samples: samples, seed: UInt64(seed)) { probe in
        let found = try probe.projections(onto: try delta(one.network, probe.layer))
        estimates[probe.layer, default: 0] +=
          found.reduce(0) { $0 + Double($1) * Double($1) } / Double(2 * samples * draws)
      }
    }
    #expect(estimates.count >= 5)
    for (layer, estimate) in estimates {
      let matrix = try one.network.checkpoint.matrix(layer: layer)
      let moved = zip(matrix, try delta(one.network, layer)).map { $0 + $1 }
      let changed = try one.weights.replacing(layer: layer, withMatrix: moved)
      let all = try one.network.compare(
        one.data, [.init(weights: one.weights), .init(weights: changed)],
        Network.RunOptions(output: one.request.options.output)
      ).comparisons[0]
      let figures = name == "states" ? all.squaredErrors : all.divergences
      let chosen = (0..<samples).map { figures[$0 * one.data.count / samples] }
      let measured = chosen.reduce(0, +) / Double(samples)
      let label = one.network.checkpoint.layers[layer].name
      #expect(abs(log(estimate / measured)) < log(1.3), "\(label): \(estimate), measured \(measured)")
    }
  }

  /// With little memory layers come in rounds, with the same projections.
  @Test func roundsGiveTheSameProjections() throws {
    var one = try digits()
    func all() throws -> [(Int, [Float])] {
      var found: [(Int, [Float])] = []
      try probes(one, samples: 6) {
        found.append(($0.layer, try $0.projections(onto: try delta(one.network, $0.layer))))
      }
      return found
    }
    let plain = try all()
    one.request.options.memory = one.weights.byteCount + 600_000
    let rounds = try all()
    #expect(plain.map(\.0) == rounds.map(\.0))
    for (a, b) in zip(plain, rounds) { #expect(a.1 == b.1) }
  }

  @Test func probesStopWhenTheyAreCancelled() throws {
    let one = try digits()
    var left = 200
    let error = #expect(throws: InferenceError.self) {
      try probes(
        one, samples: 50,
        isCancelled: {
          left -= 1
          return left < 0
        }
      ) { _ in }
    }
    #expect(error == .cancelled)
  }

  /// Rounding codes in between is passed over: a network with quantised activations is probed like the one it came from.
  @Test func aQuantisedNetworkIsProbedThroughItsCodes() throws {
    let network = try Network(try Checkpoint.open(fixture("digits-qdq.onnx")))
    let one = Case(
      network: network, weights: try network.loadWeights(), data: try Dataset(sample("digits-test.npz"), for: network),
      request: MeasurementRequest(data: sample("digits-test.npz")))
    var count = 0
    try probes(one, samples: 20) { probe in
      let found = try probe.projections(onto: try delta(network, probe.layer))
      let mean = found.reduce(0) { $0 + Double($1) * Double($1) } / 40
      #expect(mean > 1e-7 && mean < 1, "\(network.checkpoint.layers[probe.layer].name): \(mean)")
      count += 1
    }
    #expect(count == 5)
  }
}
