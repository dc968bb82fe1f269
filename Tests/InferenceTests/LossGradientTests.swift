import Checkpoints
import Foundation
import Numerics
import Support
import Testing

@testable import Inference

/// The loss of changed weights against its own definition, and its gradients against finite differences.
@Suite struct LossGradientTests {
  private let folder = TemporaryFolder()

  /// Weights that all lie off the original's, so that no gradient is nothing.
  private func moved<M: Model>(_ model: M, _ original: M.Weights, _ layers: [Int], by size: Double = 0.1) throws
    -> M.Weights
  {
    var changed = original
    for layer in layers {
      let matrix = try model.checkpoint.matrix(layer: layer)
      var random = SeededGenerator(UInt64(layer) + 7)
      let power = matrix.reduce(0) { $0 + Double($1) * Double($1) } / Double(matrix.count)
      let noise = random.gaussian(matrix.count, deviation: size * power.squareRoot())
      changed = try changed.replacing(layer: layer, withMatrix: zip(matrix, noise).map { $0 + $1 })
    }
    return changed
  }

  private func matrix<M: Model>(_ model: M, _ layer: Int, by size: Double = 0.1) throws -> [Float] {
    let matrix = try model.checkpoint.matrix(layer: layer)
    var random = SeededGenerator(UInt64(layer) + 7)
    let power = matrix.reduce(0) { $0 + Double($1) * Double($1) } / Double(matrix.count)
    return zip(matrix, random.gaussian(matrix.count, deviation: size * power.squareRoot())).map { $0 + $1 }
  }

  /// Along its own gradient the loss changes by that gradient's length, layer by layer.
  private func check<M: Model>(
    _ model: M, _ data: M.Data, _ request: MeasurementRequest, _ loss: DistillationLoss, layers: [Int], samples: [Int]
  ) throws {
    let original = try model.loadWeights(for: data, beside: 0, memory: nil)
    let changed = try moved(model, original, layers)
    func found(_ weights: M.Weights, _ layers: Set<Int>) throws -> LossGradients {
      try model.lossGradients(
        data, samples: samples, original: original, changed: weights, loss, ofLayers: layers, request,
        isCancelled: { false })
    }
    let whole = try found(changed, Set(layers))
    let alone = try found(changed, [])
    #expect(whole.loss > 0 && abs(whole.loss - alone.loss) <= 1e-5 * whole.loss && alone.gradients.isEmpty)
    #expect(whole.units == alone.units && Set(whole.gradients.keys) == Set(layers))
    for layer in layers {
      let (weight, gradient) = (try matrix(model, layer), try #require(whole.gradients[layer]))
      let length = gradient.reduce(0) { $0 + Double($1) * Double($1) }.squareRoot()
      #expect(length > 0, "\(model.checkpoint.layers[layer].name)")
      // As long as a small part of the weight, and changes a small part of the loss.
      let size = weight.reduce(0) { $0 + Double($1) * Double($1) }.squareRoot()
      let step = Float(min(0.001 * size / max(length, 1e-30), 0.02 * whole.loss / max(length * length, 1e-30)))
      let up = try changed.replacing(layer: layer, withMatrix: zip(weight, gradient).map { $0 + step * $1 })
      let down = try changed.replacing(layer: layer, withMatrix: zip(weight, gradient).map { $0 - step * $1 })
      let slope = (try found(up, []).loss - found(down, []).loss) / (2 * Double(step) * length)
      #expect(abs(slope - length) <= 0.03 * length, "\(model.checkpoint.layers[layer].name): \(slope), not \(length)")
    }
  }

  private func layers(_ model: some Model) -> [Int] {
    model.checkpoint.layers.indices.filter { model.checkpoint.layers[$0].matrix != nil }
  }

  @Test(arguments: [(1.0, 1.0), (2.0, 0.5), (1.0, 0.25)])
  func gradientsOfAClassifierAreTheLosssSlopes(_ temperature: Double, _ alpha: Double) throws {
    let network = try Network(try Checkpoint.open(sample("digits-cnn.onnx")))
    let request = MeasurementRequest(data: sample("digits-calibration.npz"))
    let loss = DistillationLoss(temperature: temperature, alpha: alpha)
    try check(
      network, try network.data(request), request, loss, layers: layers(network), samples: [5, 3, 100, 41, 3, 215])
  }

  @Test func gradientsOfAResidualNetworkAreTheLosssSlopes() throws {
    let network = try Network(try Checkpoint.open(sample("fashion-resnet.onnx")))
    let request = MeasurementRequest(data: sample("fashion-calibration.npz"))
    let chosen = Array(layers(network).enumerated().filter { $0.offset % 3 == 0 }.map(\.element))
    try check(
      network, try network.data(request), request, DistillationLoss(), layers: chosen, samples: [0, 9, 4, 300])
  }

  /// Of probabilities and of real numbers; weights that lie turned in the file.
  @Test(arguments: [nil, "states"] as [String?]) func gradientsOfAnEncodersGraph(_ output: String?) throws {
    let network = try GraphGradientTests.encoder()
    var request = MeasurementRequest(data: fixture("gradients/texts.npz"))
    request.options.output = output
    let data = try network.data(request)
    let reached = try GraphProbeTests.probed(network, data, request)
    try check(network, data, request, DistillationLoss(temperature: 1.5), layers: reached, samples: [2, 0, 1])
  }

  @Test(arguments: ["llama", "gemma2", "gpt2", "bert", "mpnet"])
  func gradientsOfTransformers(_ name: String) throws {
    let model = try TransformerTests.model(name)
    let isCausal = model.shape.isCausal
    var random = SeededGenerator(4)
    let tokens = (0..<60).map { _ in Int.random(in: 4..<model.vocabularySize, using: &random) }
    let path = folder.write("tokens.npy", try TokenFile.bytes(isCausal ? [60] : [5, 12], tokens))
    let request = MeasurementRequest(data: path, context: isCausal ? 20 : nil)
    let data = try model.data(request)
    #expect(try model.trainingSamples(data) == (isCausal ? 3 : 5))
    let all = Set(model.linears.map(\.layer)).sorted()
    let chosen = all.enumerated().filter { $0.offset % 4 == 0 || $0.offset == all.count - 1 }.map(\.element)
    try check(
      model, data, request, DistillationLoss(temperature: isCausal ? 2 : 1, alpha: isCausal ? 0.7 : 1), layers: chosen,
      samples: [2, 0])
  }

  /// Against the definition, from the outputs themselves.
  @Test func theLossIsItsDefinition() throws {
    let network = try Network(try Checkpoint.open(sample("digits-cnn.onnx")))
    let request = MeasurementRequest(data: sample("digits-calibration.npz"))
    let (data, original) = (try network.data(request), try network.loadWeights())
    let changed = try moved(network, original, layers(network))
    let (t, alpha) = (3.0, 0.6)
    func softmax(_ z: ArraySlice<Float>, _ t: Double) -> [Double] {
      let e = z.map { exp(Double($0) / t) }
      return e.map { $0 / e.reduce(0, +) }
    }
    let inputs = try data.batch(10..<14)
    let plain = try #require(try network.run(inputs, weights: original)["logits"]?.floats)
    let other = try #require(try network.run(inputs, weights: changed)["logits"]?.floats)
    var expected = 0.0
    for row in 0..<4 {
      let own = row * 10..<(row + 1) * 10
      let (p, q) = (softmax(plain[own], t), softmax(other[own], t))
      expected += alpha * t * t * zip(p, q).reduce(0) { $0 + $1.0 * log($1.0 / $1.1) }
      expected -= (1 - alpha) * log(softmax(other[own], 1)[data.labels[10 + row]])
    }
    let found = try network.lossGradients(
      data, samples: [12, 10, 13, 11], original: original, changed: changed,
      DistillationLoss(temperature: t, alpha: alpha), ofLayers: [], request, isCancelled: { false })
    #expect(abs(found.loss - expected / 4) < 1e-5 * expected && found.units == 4)
    let none = try network.lossGradients(
      data, samples: [1, 2], original: original, changed: original, DistillationLoss(), ofLayers: [], request,
      isCancelled: { false })
    #expect(none.loss == 0)
  }

  /// Real numbers: mean (s − t)² by hand, and 2 (s − t) / n.
  @Test func lossesOfNumbersAndEmbeddingsAreTheirDefinitions() {
    let (s, t, y): ([Float], [Float], [Float]) = ([1, 2, 3, 4], [1, 0, 3, 8], [0, 2, 3, 4])
    var g = [Float](repeating: 0, count: 4)
    let loss = DistillationLoss(alpha: 0.75)
    let found = s.withUnsafeBufferPointer { s in
      t.withUnsafeBufferPointer { loss.ofNumbers(s, teacher: $0, targets: y[...], into: &g) }
    }
    #expect(abs(found - (0.75 * 20 / 4 + 0.25 * 1 / 4)) < 1e-9)
    #expect(g == [0.125, 0.75, 0, -1.5])
    let (away, gradient) = DistillationLoss.ofEmbedding([3, 4], teacher: [2, 0])
    #expect(abs(away - 0.4) < 1e-7)
    // d(1 − x/√(x² + y²)) = (−y²/r³, xy/r³).
    #expect(abs(gradient[0] + 16.0 / 125) < 1e-6 && abs(gradient[1] - 12.0 / 125) < 1e-6)
  }

  /// A network that takes four samples at once gives what a free one gives: those that fill the last batch do not count.
  @Test func fixedBatchesCountEachSampleOnce() throws {
    var bytes = try Array(Data(contentsOf: URL(fileURLWithPath: sample("digits-cnn.onnx"))))
    // `dim_param: "batch"` becomes `dim_value: 4`, as a number of six bytes.
    let (name, four): ([UInt8], [UInt8]) = ([0x12, 5] + Array("batch".utf8), [8, 0x84, 0x80, 0x80, 0x80, 0x80, 0])
    for start in 0..<bytes.count - name.count where Array(bytes[start..<start + name.count]) == name {
      bytes.replaceSubrange(start..<start + name.count, with: four)
    }
    let fixed = try Network(try Checkpoint.open(folder.write("fixed.onnx", bytes)))
    let free = try Network(try Checkpoint.open(sample("digits-cnn.onnx")))
    let request = MeasurementRequest(data: sample("digits-calibration.npz"))
    #expect(try fixed.data(request).fixedBatch == 4)
    func found(_ network: Network) throws -> LossGradients {
      let original = try network.loadWeights()
      return try network.lossGradients(
        try network.data(request), samples: [7, 3, 90, 11, 200, 60], original: original,
        changed: try moved(network, original, layers(network)), DistillationLoss(alpha: 0.5),
        ofLayers: Set(layers(network)), request, isCancelled: { false })
    }
    let (one, other) = (try found(fixed), try found(free))
    #expect(abs(one.loss - other.loss) < 1e-6 * other.loss && one.units == 6)
    for (layer, gradient) in other.gradients {
      let size = gradient.map { abs($0) }.max() ?? 0
      let own = try #require(one.gradients[layer])
      #expect(zip(own, gradient).allSatisfy { abs($0 - $1) <= 1e-4 * size })
    }
  }

  @Test func codedWeightsAndCancellingAreSaid() throws {
    let network = try Network(try Checkpoint.open(fixture("digits-qdq.onnx")))
    let request = MeasurementRequest(data: sample("digits-calibration.npz"))
    let data = try network.data(request)
    let weights = try network.loadWeights()
    let coded = network.checkpoint.layers.indices.filter {
      network.checkpoint.layers[$0].matrix != nil && network.checkpoint.layers[$0].packing != nil
    }
    let first = try #require(coded.first)
    let error = #expect(throws: InferenceError.self) {
      _ = try network.lossGradients(
        data, samples: [0], original: weights, changed: weights, DistillationLoss(), ofLayers: [first], request,
        isCancelled: { false })
    }
    #expect(error?.lacksGradient == true && error?.description.contains("is coded in the file") == true)
    var isStopped = false
    #expect(throws: InferenceError.cancelled) {
      _ = try network.lossGradients(
        data, samples: [0], original: weights, changed: weights, DistillationLoss(), ofLayers: [], request,
        isCancelled: {
          defer { isStopped = true }
          return isStopped
        })
    }
  }
}

extension GraphProbeTests {
  /// Layers that an output depends on.
  static func probed(_ network: Network, _ data: Dataset, _ request: MeasurementRequest) throws -> [Int] {
    var layers: [Int] = []
    try network.probes(
      data, samples: 1, weights: try network.loadWeights(), seed: 1, request, progress: { _, _ in },
      isCancelled: { false }
    ) { layers.append($0.layer) }
    return layers.sorted()
  }
}
