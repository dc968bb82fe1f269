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
    let tokens = (0..<shape.reduce(1, *)).map { _ in Int.random(in: 4..<model.vocabularySize, using: &random) }
    let path = folder.write("tokens.npy", try array(shape, tokens[...]))
    let request = MeasurementRequest(data: path, context: context)
    return (try model.data(request), request)
  }

  /// Token ids in NumPy's format.
  private func array(_ shape: [Int], _ tokens: ArraySlice<Int>) throws -> [UInt8] {
    try #require(tokens.count == shape.reduce(1, *))
    let header = "{'descr': '<i8', 'fortran_order': False, 'shape': (\(shape.map { "\($0)," }.joined())), }\n"
    var bytes = ByteWriter([0x93] + Array("NUMPY".utf8) + [1, 0])
    bytes.integer(UInt16(header.utf8.count))
    bytes.text(header)
    for token in tokens { bytes.integer(Int64(token)) }
    return bytes.bytes
  }

  private func delta(_ model: Transformer, _ layer: Int, relative size: Double = 0.02) throws -> [Float] {
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

  /// What a small random change of a layer costs on the windows or lines that were probed, and what probes say of it, by
  /// single units and by groups; over some draws of signs.
  private func costs(
    _ model: Transformer, _ text: ScoredText, _ request: MeasurementRequest, samples: Int, draws: Int,
    _ visit: (_ layer: Int, _ measured: Double, _ byUnits: Double, _ byGroups: Double) -> Void
  ) throws {
    let weights = try model.loadWeights()
    var (units, groups): ([Int: Double], [Int: Double]) = ([:], [:])
    for seed in 0..<draws {
      try model.probes(
        text, samples: samples, weights: weights, seed: UInt64(seed), request, progress: { _, _ in },
        isCancelled: { false }
      ) { probe in
        let found = try probe.projections(onto: try delta(model, probe.layer)).map { Double($0) }
        units[probe.layer, default: 0] += found.reduce(0) { $0 + $1 * $1 } / Double(2 * found.count * draws)
        groups[probe.layer, default: 0] +=
          probe.groups.reduce(0) { $0 + pow(found[$1].reduce(0, +), 2) } / Double(2 * found.count * draws)
      }
    }
    for (layer, byUnits) in units.sorted(by: { $0.key < $1.key }) {
      let matrix = try model.checkpoint.matrix(layer: layer)
      let moved = zip(matrix, try delta(model, layer)).map { $0 + $1 }
      let changed = try weights.replacing(layer: layer, withMatrix: moved)
      var measured = 0.0
      if model.shape.isCausal {
        measured = try model.compare(
          text.texts[0], windows: text.windows, reference: weights, changed: changed
        ).meanDivergence
      } else {
        for tokens in text.texts {
          let (a, b) = (
            try model.embeddings([tokens], weights: weights)[0], try model.embeddings([tokens], weights: changed)[0]
          )
          func dot(_ x: [Float], _ y: [Float]) -> Double { zip(x, y).reduce(0) { $0 + Double($1.0) * Double($1.1) } }
          measured += (1 - dot(a, b) / (dot(a, a) * dot(b, b)).squareRoot()) / Double(text.texts.count)
        }
      }
      visit(layer, measured, byUnits, groups[layer] ?? 0)
    }
  }

  /// The sample language model on the beginning of its test text.
  private func sampleText(windows: Int, context: Int) throws -> (Transformer, ScoredText, MeasurementRequest) {
    let model = try Transformer(try Checkpoint.open(sample("shakespeare-llama")))
    let text = try String(contentsOfFile: sample("shakespeare-test.txt"), encoding: .utf8)
    let tokens = try model.loadTokenizer().encode(String(text.prefix(20 * windows * context)))
    let path = folder.write("text.npy", try array([windows * context], tokens.prefix(windows * context)))
    let request = MeasurementRequest(data: path, context: context)
    return (model, try model.data(request), request)
  }

  /// ½ · mean P² is what a small random change costs: the mean KL divergence of the scored positions, 1 − cosine of texts.
  /// Positions one by one leave out how those go together that a change moves alike (attention's keys and values), sums over
  /// windows do not, but are few: so single layers within a factor, all layers together within the noise.
  @Test(arguments: ["sample", "llama", "bert", "mpnet"])
  func halfTheMeanSquareIsWhatASmallChangeCosts(_ name: String) throws {
    let model: Transformer
    let (text, request): (ScoredText, MeasurementRequest)
    if name == "sample" {
      (model, text, request) = try sampleText(windows: 6, context: 48)
    } else {
      model = try TransformerTests.model(name)
      let isCausal = model.shape.isCausal
      (text, request) = try data(model, isCausal ? [20 * 10] : [12, 10], context: isCausal ? 20 : nil)
    }
    var logs: (units: [Double], groups: [Double]) = ([], [])
    try costs(model, text, request, samples: 12, draws: name == "sample" ? 3 : 8) {
      layer, measured, byUnits, byGroups in
      let (units, groups) = (log(byUnits / measured), log(byGroups / measured))
      #expect(abs(units) < log(2), "\(model.checkpoint.layers[layer].name): \(byUnits), measured \(measured)")
      logs.units.append(units)
      logs.groups.append(groups)
    }
    for all in [logs.units, logs.groups] {
      let mean = all.reduce(0, +) / Double(all.count)
      #expect(all.count > 10 && abs(mean) < log(1.25), "\(exp(mean)) over \(all.count) layers")
    }
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
