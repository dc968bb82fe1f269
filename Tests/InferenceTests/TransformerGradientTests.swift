import Checkpoints
import Foundation
import Support
import Testing

@testable import Inference

/// Transformers' gradients against torch, and layers' parts against what small changes cost.
@Suite struct TransformerGradientTests {
  /// Float sums of the way there and back through weights drawn wide, against torch's Doubles.
  private static let tolerance = 2e-3

  private static let families = TorchGradients.expected.transformers.keys.sorted()

  @Sendable private static func direction(
    _ row: Int, _ outputs: UnsafeBufferPointer<Float>, _ v: UnsafeMutablePointer<Float>
  ) {
    for index in outputs.indices {
      v[index] = Float(Double(((row * outputs.count + index) * 7919 + 104729) % 2003) / 1001 - 1)
    }
  }

  /// By the tensor's name.
  private static func gradients(_ model: Transformer, _ weights: TransformerWeights, _ texts: [[Int]]) throws
    -> [String: [Float]]
  {
    var byName: [String: [Float]] = [:]
    let found = try model.gradients(texts, weights: weights, direction: { direction($0, $1, $2) })
    for (layer, gradient) in found {
      let own = model.checkpoint.layers[layer]
      byName[model.checkpoint.tensors[own.weight].name] = own.matrix?.storageOrder(gradient)
    }
    return byName
  }

  @Test(arguments: families) func gradientsAreTorchs(_ name: String) throws {
    let expected = try #require(TorchGradients.expected.transformers[name])
    let model = try TransformerTests.model(name)
    let found = try Self.gradients(model, try model.loadWeights(), [TorchGradients.expected.tokens])
    var compared = 0
    for (parameter, figures) in expected {
      guard let gradient = found[parameter] else { continue }
      compared += 1
      let distance = TorchGradients.distance(gradient, figures)
      #expect(distance < Self.tolerance, "\(parameter): \(distance)")
    }
    // A pooler, which has no part in the states, has no gradient there either.
    #expect(compared == found.count && compared >= expected.count, "\(found.keys.sorted()), \(expected.keys.sorted())")
  }

  /// Weights that are read when they are used, and texts run one at a time, give the same.
  @Test(arguments: ["gemma2", "mpnet", "phi3"]) func littleRoomGivesTheSameGradients(_ name: String) throws {
    let model = try TransformerTests.model(name)
    let tokens = TransformerTests.expected.tokens
    let texts = [Array(tokens[0..<12]), Array(tokens[12..<32]), Array(tokens[32..<40])]
    let plain = try Self.gradients(model, try model.loadWeights(), texts)
    let (kept, once) = TransformerWayBack.bytes(model, texts.map(\.count))
    let gradients = plain.values.reduce(0) { $0 + 4 * $1.count }
    let vectors = try model.loadWeights(resident: 0).byteCount
    let weights = try model.loadWeights(resident: 0, memory: vectors + max(kept + once, gradients))
    let found = try Self.gradients(model, weights, texts)
    #expect(found.keys.sorted() == plain.keys.sorted())
    for (key, gradient) in plain {
      let other = try #require(found[key])
      let size = gradient.map { abs($0) }.max() ?? 0
      #expect(zip(gradient, other).allSatisfy { abs($0 - $1) <= 1e-4 * size }, "\(key)")
    }
    #expect(throws: InferenceError.self) {
      _ = try Self.gradients(model, try model.loadWeights(resident: 0, memory: vectors + kept), texts)
    }
  }

  // MARK: - Probes

  private let folder = TemporaryFolder()

  /// Random tokens of a model's vocabulary, as NumPy's file.
  private func data(_ model: Transformer, _ shape: [Int], context: Int?) throws -> (ScoredText, MeasurementRequest) {
    var random = SeededGenerator(4)
    let count = shape.reduce(1, *)
    var bytes = ByteWriter()
    let header = "{'descr': '<i8', 'fortran_order': False, 'shape': (\(shape.map { "\($0)," }.joined())), }\n"
    bytes.bytes = [0x93] + Array("NUMPY".utf8) + [1, 0]
    bytes.integer(UInt16(header.utf8.count))
    bytes.text(header)
    for _ in 0..<count { bytes.integer(Int64.random(in: 4..<Int64(model.vocabularySize), using: &random)) }
    let request = MeasurementRequest(data: folder.write("tokens.npy", bytes.bytes), context: context)
    return (try model.data(request), request)
  }

  private func delta(_ model: Transformer, _ layer: Int, relative size: Double = 0.01) throws -> [Float] {
    let matrix = try model.checkpoint.matrix(layer: layer)
    var random = SeededGenerator(UInt64(layer) + 100)
    let power = matrix.reduce(0) { $0 + Double($1) * Double($1) } / Double(matrix.count)
    return random.gaussian(matrix.count, deviation: size * power.squareRoot())
  }

  /// The sum of a window's positions is the weight's whole gradient along the change, tied weights with both their uses.
  @Test(arguments: ["gemma2", "qwen3", "llama", "gpt2", "bert", "mpnet"])
  func projectionsAddUpToTheWeightsGradient(_ name: String) throws {
    let model = try TransformerTests.model(name)
    let weights = try model.loadWeights()
    let isCausal = model.shape.isCausal
    let (text, request) = try data(model, isCausal ? [60] : [3, 14], context: isCausal ? 20 : nil)
    let seed: UInt64 = 9
    var layers: Set<Int> = []
    try model.probes(
      text, samples: 2, weights: weights, seed: seed, request, progress: { _, _ in }, isCancelled: { false }
    ) { probe in
      #expect(layers.insert(probe.layer).inserted)
      let delta = try delta(model, probe.layer)
      let found = try probe.projections(onto: delta)
      #expect(found.count == probe.units)
      for (number, group) in probe.groups.enumerated() {
        let expected: Double
        if isCausal {
          let context = text.windows.context
          let tokens = try text.windows.chosen(2, of: text.texts[0])[number]
          let scored = text.windows.firstScored..<context - 1
          let gradient = try model.gradients([tokens], weights: weights, ofLayers: [probe.layer]) { row, logits, v in
            var signs = RandomSigns(seed: seed, sample: number * context + row)
            v.update(repeating: 0, count: logits.count)
            if scored.contains(row) { OutputDirection.logits(logits, &signs, into: v) }
          }
          expected = zip(gradient[probe.layer] ?? [], delta).reduce(0) { $0 + Double($1.0) * Double($1.1) }
        } else {
          let tokens = text.texts[number * text.texts.count / 2]
          let states = try model.hiddenStates(beforeBlock: model.shape.blocks, of: [tokens], weights: weights)
          let hidden = model.shape.hidden
          let pooled = (0..<hidden).map { column in
            (0..<tokens.count).reduce(Float(0)) { $0 + states.values[$1 * hidden + column] } / Float(tokens.count)
          }
          var signs = RandomSigns(seed: seed, sample: number)
          let v = pooled.withUnsafeBufferPointer { OutputDirection.cosine($0, &signs) }
          let gradient = try model.gradients([tokens], weights: weights, ofLayers: [probe.layer]) { _, _, target in
            for (index, number) in v.enumerated() { target[index] = number / Float(tokens.count) }
          }
          expected = zip(gradient[probe.layer] ?? [], delta).reduce(0) { $0 + Double($1.0) * Double($1.1) }
        }
        let sum = group.reduce(0) { $0 + Double(found[$1]) }
        let size = group.reduce(0) { $0 + abs(Double(found[$1])) }
        #expect(abs(sum - expected) <= 1e-3 * size + 1e-6, "\(probe.layer) \(number): \(sum), not \(expected)")
      }
    }
    // Every matrix there is, a tied one once.
    #expect(layers == Set(model.linears.map(\.layer)))
  }

  @Test func probesStopWhenTheyAreCancelled() throws {
    let model = try TransformerTests.model("llama")
    let weights = try model.loadWeights()
    let (text, request) = try data(model, [60], context: 20)
    for most in [0, 10, 40, 80] {
      var left = most
      let error = #expect(throws: InferenceError.self) {
        try model.probes(
          text, samples: 3, weights: weights, seed: 1, request, progress: { _, _ in },
          isCancelled: {
            left -= 1
            return left < 0
          }
        ) { _ in }
      }
      #expect(error == .cancelled, "\(most)")
    }
  }
}
