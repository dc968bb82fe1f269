import Checkpoints
import Foundation
import Support
import Testing

@testable import Inference

/// Walks over models' layers: what they say is what whole runs say.
@Suite struct LayerWalkTests {
  private let never: @Sendable () -> Bool = { false }

  private func sample(_ name: String) -> String { Fixtures.sample(name) }

  @Test func aGraphsWalkGoesOnWhereItStands() throws {
    let checkpoint = try Checkpoint.open(sample("digits-cnn.onnx"))
    let network = try Network(checkpoint)
    let weights = try network.loadWeights()
    let request = MeasurementRequest(data: sample("digits-test.npz"))
    let data = try network.data(request)
    var walk = try network.walk(data, samples: 360, weights: weights, request, isCancelled: never)
    #expect(walk.difference == .kl && walk.count == 360)
    #expect(
      walk.layers.map { checkpoint.layers[$0].name } == [
        "/conv1/Conv", "/conv2/Conv", "/conv3/Conv", "/fc1/Gemm", "/fc2/Gemm",
      ])
    for layer in walk.layers {
      let matrix = try checkpoint.matrix(layer: layer)
      let changed = try weights.replacing(layer: layer, withMatrix: matrix.map { ($0 * 8).rounded() / 8 })
      let whole = try network.compare(data, [.init(weights: weights), .init(weights: changed)])
      // From the beginning, and from the layer on.
      let fromStart = try walk.differences(of: changed, isCancelled: never)
      try walk.advance(to: layer, isCancelled: never)
      let fromThere = try walk.differences(of: changed, isCancelled: never)
      let expected = whole.comparisons[0].divergences.reduce(0, +)
      #expect(fromThere.count == 360 && expected > 0)
      #expect(abs(fromThere.reduce(0, +) / expected - 1) < 1e-4)
      #expect(abs(fromStart.reduce(0, +) / expected - 1) < 1e-4)
      let unchanged = try walk.differences(of: weights, isCancelled: never)
      #expect(unchanged.allSatisfy { $0 < 1e-9 })
    }
  }

  @Test func samplesAreSpreadOverTheData() throws {
    let network = try Network(try Checkpoint.open(sample("digits-cnn.onnx")))
    let request = MeasurementRequest(data: sample("digits-test.npz"))
    let weights = try network.loadWeights()
    for samples in [1, 3, 64, 100, 359, 5000] {
      let walk = try network.walk(
        try network.data(request), samples: samples, weights: weights, request, isCancelled: never)
      #expect(
        walk.count >= min(samples, 360) && walk.count <= min(samples + samples / 8, 360), "\(samples): \(walk.count)")
      let metrics = try walk.metrics(of: weights, isCancelled: never)
      #expect(metrics.first?.name == "top-1" && metrics.first?.value == metrics.first?.baseline)
    }
  }

  @Test func aTransformersWalkGoesOnWhereItStands() throws {
    let model = try Transformer(try Checkpoint.open(sample("shakespeare-llama")))
    let weights = try model.loadWeights()
    let folder = try ScratchFolder()
    let path = folder.path + "/text.txt"
    let text = try String(contentsOfFile: sample("shakespeare-test.txt"), encoding: .utf8)
    try String(text.prefix(900)).write(toFile: path, atomically: true, encoding: .utf8)
    let request = MeasurementRequest(data: path, context: 64)
    let data = try model.data(request)
    var walk = try model.walk(data, samples: 100, weights: weights, request, isCancelled: never)
    #expect(walk.layers.count == 23)
    for layer in [walk.layers[0], walk.layers[9], walk.layers[22]] {
      let matrix = try model.checkpoint.matrix(layer: layer)
      let changed = weights.replacing(layer: layer, withMatrix: matrix.map { ($0 * 16).rounded() / 16 })
      try walk.advance(to: layer, isCancelled: never)
      let found = try walk.metrics(of: changed, isCancelled: never)
      let score = try model.score(
        data, original: weights, changed: changed, request, progress: { _, _ in }, isCancelled: never)
      for metric in score.metrics {
        let own = try #require(found.first { $0.name == metric.name })
        #expect(abs(own.value - metric.value) < 1e-5 * max(1, abs(metric.value)), "\(metric.name)")
      }
    }
  }

  /// What is compared with kept logits is what is compared with those that are made anew.
  @Test func theOriginalsLogitsAreKeptWhereThereIsRoom() throws {
    let model = try Transformer(try Checkpoint.open(sample("shakespeare-llama")))
    let weights = try model.loadWeights()
    let request = MeasurementRequest(data: sample("shakespeare-test.txt"), context: 64)
    let tokens = try model.data(request).tokens(of: model, weights, isCancelled: never)
    let texts = (0..<8).map { Array(tokens[64 * $0..<64 * ($0 + 1)]) }
    let rows = (0..<511).filter { $0 % 64 != 63 }
    let targets = rows.map { tokens[$0 + 1] }
    let layer = model.blocks[1].feedForward!.down.layer
    let matrix = try model.checkpoint.matrix(layer: layer)
    let changed = weights.replacing(layer: layer, withMatrix: matrix.map { ($0 * 16).rounded() / 16 })
    let one = try model.run(try model.embed(texts, weights: weights), weights: weights)
    let two = try model.run(try model.embed(texts, weights: changed), weights: changed)
    var anew = ScoreComparison()
    try model.compare(
      one, weights, two, changed, rows: rows, targets: targets, places: rows, isCancelled: never, &anew)
    let kept = try #require(
      try model.keptLogits(one, weights, rows: rows, targets: targets, isCancelled: never))
    #expect(
      try model.compare(kept, two, changed, rows: rows, targets: targets, isCancelled: never) == anew)
    #expect(anew.meanDivergence > 1e-6 && anew.reference.count == rows.count)
    // Four times as much has to be free.
    for (room, isKept) in [(15, false), (17, true)] {
      let close = try model.loadWeights(memory: weights.byteCount + room * rows.count * model.vocabularySize)
      let found = try model.keptLogits(one, close, rows: rows, targets: targets, isCancelled: never)
      #expect((found != nil) == isKept)
    }
  }

  /// What a language model writes is the same every time, of its own vocabulary, and no score.
  @Test func aModelsOwnTextIsTheSameEveryTime() throws {
    let model = try Transformer(try Checkpoint.open(sample("shakespeare-llama")))
    let weights = try model.loadWeights()
    let request = MeasurementRequest(data: "self", context: 512)
    let texts = try [0, 1].map { _ in
      try model.data(request).tokens(of: model, weights, isCancelled: never)
    }
    #expect(texts[0] == texts[1] && texts[0].count == 1024)
    #expect(texts[0].allSatisfy { (0..<model.vocabularySize).contains($0) } && Set(texts[0]).count > 50)
    #expect(throws: InferenceError.self) {
      try model.score(
        try model.data(request), original: weights, changed: nil, request, progress: { _, _ in }, isCancelled: never)
    }
    var asked = 0
    #expect(throws: InferenceError.self) {
      try model.data(request).tokens(of: model, weights) {
        asked += 1
        return asked > 5
      }
    }
  }

  @Test func multiplicationsAreThoseOfTheShapes() throws {
    let checkpoint = try Checkpoint.open(sample("digits-cnn.onnx"))
    let found = try #require(try Network(checkpoint).multiplications())
    let names = Dictionary(uniqueKeysWithValues: found.map { (checkpoint.layers[$0.key].name, $0.value) })
    // Images of 8 × 8, halved before conv3; weights from the table in Samples/README.md.
    #expect(
      names == [
        "/conv1/Conv": 64 * 288, "/conv2/Conv": 64 * 9216, "/conv3/Conv": 16 * 18432, "/fc1/Gemm": 16384,
        "/fc2/Gemm": 640,
      ])
  }
}
