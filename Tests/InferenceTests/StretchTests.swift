import Checkpoints
import Numerics
import Support
import Testing

@testable import Inference

/// Models cut where everything goes through one array, and the losses of what lies between.
@Suite struct StretchTests {
  private let folder = TemporaryFolder()

  private static func layers(_ model: some Model) -> Set<Int> {
    Set(model.checkpoint.layers.indices.filter { model.checkpoint.layers[$0].matrix != nil })
  }

  private static func moved<M: Model>(_ model: M, _ original: M.Weights, by size: Double = 0.1) throws -> M.Weights {
    var changed = original
    for layer in layers(model).sorted() {
      changed = try changed.replacing(layer: layer, withMatrix: try matrix(model, layer, by: size))
    }
    return changed
  }

  private static func matrix(_ model: some Model, _ layer: Int, by size: Double = 0.1) throws -> [Float] {
    let matrix = try model.checkpoint.matrix(layer: layer)
    var random = SeededGenerator(UInt64(layer) + 7)
    let power = matrix.reduce(0) { $0 + Double($1) * Double($1) } / Double(matrix.count)
    return zip(matrix, random.gaussian(matrix.count, deviation: size * power.squareRoot())).map { $0 + $1 }
  }

  private func tokens(_ model: Transformer) throws -> MeasurementRequest {
    var random = SeededGenerator(4)
    let tokens = (0..<60).map { _ in Int.random(in: 4..<model.vocabularySize, using: &random) }
    let path = folder.write("tokens.npy", try TokenFile.bytes(model.shape.isCausal ? [60] : [5, 12], tokens))
    return MeasurementRequest(data: path, context: model.shape.isCausal ? 20 : nil)
  }

  // MARK: - Cuts

  /// Whether every way from the inputs to the output leads through a value.
  private static func isBottleneck(_ network: Network, _ value: Int) -> Bool {
    var reached = Set(network.inputNumbers)
    for step in network.steps where step.inputs.compactMap({ $0 }).contains(where: reached.contains) {
      reached.formUnion(step.outputs.filter { $0 != value })
    }
    return network.outputNumbers.allSatisfy { !reached.contains($0) }
  }

  @Test(arguments: [("digits-cnn.onnx", 5), ("fashion-resnet.onnx", 5)])
  func everythingGoesThroughTheCuts(_ name: String, _ least: Int) throws {
    let network = try Network(try Checkpoint.open(sample(name)))
    let all = Self.layers(network)
    let cuts = StretchCuts(network, all, output: network.outputNumbers[0])
    #expect(cuts.parts.count >= least)
    #expect(cuts.parts.flatMap(\.layers).sorted() == all.sorted() && cuts.parts.allSatisfy { !$0.layers.isEmpty })
    for (part, next) in zip(cuts.parts, cuts.parts.dropFirst()) {
      #expect(part.steps.upperBound == next.steps.lowerBound)
      #expect(Self.isBottleneck(network, part.output), "\(network.valueNames[part.output])")
      #expect(network.steps[part.steps].contains { $0.outputs.contains(part.output) })
    }
    #expect(cuts.parts.last?.output == network.outputNumbers[0])
    // What goes around a sum stays in one piece: fewer stretches than layers where there are such.
    let sums = network.steps.count {
      $0.node.operatorName == "Add" && $0.inputs.allSatisfy { network.weightTensors[$0 ?? -1] == nil }
    }
    #expect(sums == 0 ? cuts.parts.count == all.count : cuts.parts.count < all.count)
    // Of some layers alone.
    let few = Set(all.sorted().suffix(1))
    #expect(StretchCuts(network, few, output: network.outputNumbers[0]).parts.map(\.layers) == [Array(few)])
    #expect(StretchCuts(network, [], output: network.outputNumbers[0]).parts.isEmpty)
  }

  // MARK: - Losses

  private func begin<M: Model>(_ model: M, _ request: MeasurementRequest, batch: Int, by size: Double = 0.1) throws
    -> (walk: M.Stretches, original: M.Weights, changed: M.Weights)
  {
    let data = try model.data(request)
    let original = try model.loadWeights(for: data, beside: 0, memory: nil)
    let changed = size > 0 ? try Self.moved(model, original, by: size) : original
    let walk = try model.stretches(
      data, batch: batch, original: original, changed: changed, layers: Self.layers(model), DistillationLoss(),
      activations: nil, request, isCancelled: { false })
    return (walk, original, changed)
  }

  /// Along its own gradient the stretch's loss changes by that gradient's length, layer by layer; of unchanged weights there
  /// is no loss anywhere.
  private func check<M: Model>(_ model: M, _ request: MeasurementRequest, batch: Int, each: Int = 1) throws {
    var (walk, _, changed) = try begin(model, request, batch: batch)
    var (still, original, _) = try begin(model, request, batch: batch, by: 0)
    #expect(walk.count > 1 && !walk.stretches.isEmpty)
    let samples = [walk.count - 1, 0]
    for (number, stretch) in walk.stretches.enumerated() where number % each == 0 || number + 1 == walk.stretches.count
    {
      try walk.advance(to: number, changed: changed, isCancelled: { false })
      try still.advance(to: number, changed: original, isCancelled: { false })
      let none = try still.lossGradients(samples, changed: original, ofLayers: [], isCancelled: { false })
      #expect(none.loss >= 0 && none.loss < 1e-10, "\(stretch.name)")
      func found(_ weights: M.Weights, _ layers: Set<Int> = []) throws -> LossGradients {
        try walk.lossGradients(samples, changed: weights, ofLayers: layers, isCancelled: { false })
      }
      let whole = try found(changed, Set(stretch.layers))
      let alone = try found(changed)
      #expect(whole.loss > 0 && abs(whole.loss - alone.loss) <= 1e-4 * whole.loss && whole.units == alone.units)
      #expect(Set(whole.gradients.keys) == Set(stretch.layers) && alone.gradients.isEmpty)
      for layer in stretch.layers {
        let (weight, gradient) = (try Self.matrix(model, layer), try #require(whole.gradients[layer]))
        let length = gradient.reduce(0) { $0 + Double($1) * Double($1) }.squareRoot()
        #expect(length > 0, "\(stretch.name)")
        let size = weight.reduce(0) { $0 + Double($1) * Double($1) }.squareRoot()
        let step = Float(min(0.003 * size / max(length, 1e-30), 0.05 * whole.loss / max(length * length, 1e-30)))
        let up = try changed.replacing(layer: layer, withMatrix: zip(weight, gradient).map { $0 + step * $1 })
        let down = try changed.replacing(layer: layer, withMatrix: zip(weight, gradient).map { $0 - step * $1 })
        let slope = (try found(up).loss - found(down).loss) / (2 * Double(step) * length)
        #expect(abs(slope - length) <= 0.03 * length, "\(stretch.name) \(layer): \(slope), not \(length)")
      }
    }
  }

  @Test func gradientsOfAGraphsStretches() throws {
    let network = try Network(try Checkpoint.open(sample("digits-cnn.onnx")))
    try check(network, MeasurementRequest(data: sample("digits-calibration.npz")), batch: 6)
  }

  @Test func gradientsOfAResidualNetworksStretches() throws {
    let network = try Network(try Checkpoint.open(sample("fashion-resnet.onnx")))
    try check(network, MeasurementRequest(data: sample("fashion-calibration.npz")), batch: 2, each: 3)
  }

  @Test(arguments: ["llama", "gemma2", "gpt2", "bert", "mpnet"]) func gradientsOfATransformersBlocks(_ name: String)
    throws
  {
    let model = try TransformerTests.model(name)
    try check(model, try tokens(model), batch: 2)
  }

  /// Against what the whole run has between two blocks.
  @Test(arguments: ["llama", "bert"]) func aBlocksLossIsItsDefinition(_ name: String) throws {
    let model = try TransformerTests.model(name)
    let request = try tokens(model)
    var (walk, original, changed) = try begin(model, request, batch: 2)
    let texts = try model.trainingTexts(
      try model.data(request), [2, 1], original, request, { false })
    for (number, _) in walk.stretches.enumerated() where number < model.blocks.count {
      try walk.advance(to: number, changed: changed, isCancelled: { false })
      let found = try walk.lossGradients([2, 1], changed: changed, ofLayers: [], isCancelled: { false })
      let t = try model.hiddenStates(beforeBlock: number + 1, of: texts, weights: original)
      let s = try model.hiddenStates(beforeBlock: number + 1, of: texts, weights: changed)
      let hidden = model.shape.hidden
      var sum = 0.0
      for token in 0..<t.tokens {
        var (away, power) = (0.0, 0.0)
        for index in token * hidden..<(token + 1) * hidden {
          away += Double(s.values[index] - t.values[index]) * Double(s.values[index] - t.values[index])
          power += Double(t.values[index]) * Double(t.values[index])
        }
        sum += away / power
      }
      #expect(abs(found.loss - sum / Double(t.tokens)) <= 1e-4 * found.loss && found.units == t.tokens)
    }
  }

  /// A language model's last stretch loses what the whole model loses.
  @Test func theHeadsLossIsTheModels() throws {
    let model = try TransformerTests.model("llama")
    let request = try tokens(model)
    var (walk, original, changed) = try begin(model, request, batch: 2)
    let last = walk.stretches.count - 1
    #expect(walk.stretches[last].name == "head")
    try walk.advance(to: last, changed: changed, isCancelled: { false })
    let found = try walk.lossGradients([2, 0], changed: changed, ofLayers: [], isCancelled: { false })
    let whole = try model.lossGradients(
      try model.data(request), samples: [2, 0], original: original, changed: changed, DistillationLoss(),
      ofLayers: [], request, isCancelled: { false })
    #expect(abs(found.loss - whole.loss) <= 1e-5 * whole.loss && found.units == whole.units)
  }

  // MARK: - What is kept

  /// What was kept of the original gives the same losses and gradients, the very same in whatever order samples come.
  @Test func whatIsKeptOfTheOriginalIsTheSame() throws {
    let network = try Network(try Checkpoint.open(sample("digits-cnn.onnx")))
    let model = try TransformerTests.model("llama")
    func check<M: Model>(_ model: M, _ request: MeasurementRequest, _ samples: [[Int]]) throws {
      let data = try model.data(request)
      let original = try model.loadWeights(for: data, beside: 0, memory: nil)
      let changed = try Self.moved(model, original)
      let layers = Set(Self.layers(model).sorted().prefix(2))
      let (kept, none) = (TeacherOutputs(bytes: 1 << 24), TeacherOutputs(bytes: 16))
      func found(_ own: [Int], _ teacher: TeacherOutputs?) throws -> LossGradients {
        try model.lossGradients(
          data, samples: own, original: original, changed: changed, DistillationLoss(), ofLayers: layers,
          activations: nil, teacher: teacher, request, isCancelled: { false })
      }
      let inOrder = try samples.map { try found($0, kept) }
      let again = TeacherOutputs(bytes: 1 << 24)
      let backward = try samples.reversed().map { try found($0, again) }
      for (one, other) in zip(inOrder, backward.reversed()) {
        #expect(one.loss == other.loss && one.gradients == other.gradients)
      }
      for (own, one) in zip(samples, inOrder) {
        let plain = try found(own, nil)
        // What runs with other samples may differ in its last bits.
        #expect(abs(one.loss - plain.loss) <= 1e-5 * plain.loss)
        for (layer, gradient) in plain.gradients {
          let size = gradient.map { abs($0) }.max() ?? 0
          #expect(zip(gradient, try #require(one.gradients[layer])).allSatisfy { abs($0 - $1) <= 1e-4 * size })
        }
        let unkept = try found(own, none)
        #expect(unkept.loss == plain.loss && unkept.gradients == plain.gradients)
      }
      #expect(kept.byteCount > 0 && none.byteCount == 0)
    }
    try check(
      network, MeasurementRequest(data: sample("digits-calibration.npz")),
      [[5, 3, 100, 41], [3, 215, 0], [100, 5, 7]])
    try check(model, try tokens(model), [[2, 0], [1, 2]])
  }
}
