import Checkpoints
import Compression
import Foundation
import Inference
import Support
import Testing

@testable import Workbench

@Suite struct SensitivityTests {
  private let request = MeasurementRequest(data: Fixtures.sample("digits-test.npz"))

  private func point(_ spec: String, _ error: Double, _ effect: Double) throws -> LayerSensitivity.Point {
    .init(scheme: try Scheme(spec: spec), error: error, effect: effect, standardError: 0)
  }

  /// Below the least point in proportion to t², above the greatest too, between them along a line of logarithms.
  @Test func effectsFollowMeasuredPoints() throws {
    let layer = LayerSensitivity(shape: [4, 32], points: [try point("int2", 0.16, 0.8), try point("int3", 0.04, 0.1)])
    let other = try Scheme(spec: "q4_k")
    func effect(_ error: Double) throws -> Double { try #require(layer.effect(of: other, error: error)) }
    #expect(try abs(effect(0.01) - 0.025) < 1e-12)
    #expect(try abs(effect(0.32) - 1.6) < 1e-12)
    // Half-way in logarithms: √(.04 · .16) = .08, √(.1 · .8) = .2828.
    #expect(try abs(effect(0.08) - 0.08.squareRoot()) < 1e-12)
    #expect(try layer.effect(of: Scheme(spec: "int2"), error: 0.5) == 0.8)
    #expect(layer.effect(of: .keep, error: 0) == 0)
  }

  @Test func sparseSchemesAreTakenFromSparsePoints() throws {
    var layer = LayerSensitivity(shape: [4, 32], points: [try point("int3", 0.04, 0.1)])
    let sparse = try Scheme(spec: "int8,sparsity=0.5")
    #expect(layer.isRough(sparse))
    layer.add(try point("int8,sparsity=0.5", 0.1, 0.03))
    #expect(!layer.isRough(sparse))
    #expect(layer.effect(of: sparse, error: 0.1) == 0.03)
    #expect(try abs(layer.effect(of: Scheme(spec: "int4"), error: 0.02)! - 0.05) < 1e-12)
  }

  /// Published points of Student's distribution.
  @Test(arguments: [(4.0, 2.132), (6, 1.943), (8, 1.860), (12, 1.782), (30, 1.697), (120, 1.658)])
  func studentsPointsAreThePublishedOnes(degrees: Double, point: Double) {
    #expect(abs(StudentT.point95(degrees) - point) < 0.002)
  }

  @Test func withoutTrialsTheIntervalIsThePriors() {
    let found = LogLinearFit([]).value(at: 0.01)
    let factor = exp(2.132 * (0.04 + 0.35 * 0.35).squareRoot())
    #expect(abs(found.value - 0.01) < 1e-12)
    #expect(abs(found.high / found.value / factor - 1) < 0.002 && abs(found.value / found.low / factor - 1) < 0.002)
  }

  @Test func aFitFindsLevelAndSlope() {
    let exact = (1...40).map { index -> (predicted: Double, measured: Double) in
      let t = 0.001 * pow(1.2, Double(index))
      return (t, 1.6 * t)
    }
    let found = LogLinearFit(exact).value(at: 0.05)
    #expect(abs(found.value / 0.08 - 1) < 0.02)
    #expect(found.high / found.low < 1.4)
  }

  /// Of recipes that scatter by a fifth about a level that is not theirs, nine of ten further ones lie in the interval of
  /// eight measured ones.
  @Test func intervalsHoldNineOfTen() {
    var random = SeededGenerator(7)
    func normal() -> Double {
      (0..<12).reduce(-6) { sum, _ in sum + Double.random(in: 0..<1, using: &random) }
    }
    var (inside, all) = (0, 0)
    for _ in 0..<400 {
      let level = 0.35 * normal()
      func draw() -> (predicted: Double, measured: Double) {
        let t = exp(-6 + 4 * Double.random(in: 0..<1, using: &random))
        return (t, t * exp(level + 0.2 * normal()))
      }
      let fit = LogLinearFit((0..<8).map { _ in draw() })
      for _ in 0..<5 {
        let one = draw()
        let found = fit.value(at: one.predicted)
        all += 1
        if (found.low...found.high).contains(one.measured) { inside += 1 }
      }
    }
    #expect((0.87...0.94).contains(Double(inside) / Double(all)), "\(inside) of \(all)")
  }

  /// What one layer alone does is what a measurement of a recipe with that layer alone gives, on the same samples.
  @Test func anchorsAreWhatAMeasurementGives() throws {
    var session = Session(try Checkpoint.open(Fixtures.sample("digits-cnn.onnx")))
    let found = try #require(try session.sensitivities(.init(request, samples: 360, recipes: 0)))
    #expect(found.difference == .kl && found.data.outputs == 360)
    #expect(Set(found.layers.keys) == ["/conv1/Conv", "/conv2/Conv", "/conv3/Conv", "/fc1/Gemm", "/fc2/Gemm"])
    for (name, scheme) in [("/fc2/Gemm", "int3"), ("/conv1/Conv", "int2,channel")] {
      try session.apply([Rule("*=keep"), Rule("\(name)=\(scheme)")])
      let measured = try #require(try session.measure(request))
      let divergence = try #require(measured.metrics.first { $0.name == "KL divergence" })
      let spec = try Scheme(spec: scheme)
      let point = try #require(found.layers[name]?.points.first { $0.scheme == spec })
      #expect(abs(point.effect - divergence.value) < 1e-6 * max(1, divergence.value))
      #expect(abs(point.standardError - (divergence.standardError ?? 0)) < 1e-6)
      session.settleEstimate()
      let item = try #require(session.item(named: name))
      #expect(abs(point.error - (session.relativeError(of: item, in: spec) ?? 0)) < 1e-6)
    }
  }

  @Test func aLanguageModelsLayersAreMeasuredOnItsWindows() throws {
    let folder = try ScratchFolder()
    let text = try String(contentsOfFile: Fixtures.sample("shakespeare-test.txt"), encoding: .utf8)
    let path = folder.path + "/text.txt"
    try String(text.prefix(1500)).write(toFile: path, atomically: true, encoding: .utf8)
    let request = MeasurementRequest(data: path, context: 64)
    var session = Session(try Checkpoint.open(Fixtures.sample("shakespeare-llama")))
    let found = try #require(try session.sensitivities(.init(request, samples: 1000, recipes: 0)))
    #expect(found.layers.count == 23)
    for name in ["model.layers.1.mlp.down_proj", "model.embed_tokens", "lm_head"] {
      try session.apply([Rule("*=keep"), Rule("\(name)=int3")])
      let measured = try #require(try session.measure(request))
      let divergence = try #require(measured.metrics.first { $0.name == "KL divergence" })
      let point = try #require(found.layers[name]?.points.first { "\($0.scheme)".hasPrefix("int3") })
      #expect(abs(point.effect / divergence.value - 1) < 1e-4, "\(name)")
    }
  }

  @Test func aFileGivesTheSameSensitivitiesBack() throws {
    let session = Session(try Checkpoint.open(Fixtures.sample("digits-cnn.onnx")))
    let found = try #require(try session.sensitivities(.init(request, samples: 32, recipes: 3)))
    #expect(found.trials.count == 3)
    let folder = try ScratchFolder()
    let path = folder.path + "/s.json"
    try session.write(try found.encoded(), to: path)
    #expect(try Sensitivities(path: path) == found)
  }

  @Test(arguments: [
    ("{}", "latheSensitivities"), (#"{"latheSensitivities": 9}"#, "version 9"),
    (#"{"latheSensitivities": 1, "metric": "x"}"#, "kl, cosine or mse"),
    (
      #"{"latheSensitivities": 1, "metric": "kl", "method": "anchors", "data": {}, "layers": {"a": {"shape": [1.5]}}}"#,
      "shape"
    ),
    (
      #"{"latheSensitivities": 1, "metric": "kl", "method": "anchors", "data": {}, "layers": {"a": {"shape": [1], "points": [{"scheme": "int3", "relativeError": -1, "effect": 1}]}}}"#,
      "relativeError"
    ),
    (
      #"{"latheSensitivities": 1, "metric": "kl", "method": "anchors", "data": {}, "layers": {}, "recipes": [{"sum": 1, "metrics": [{"name": "KL divergence"}]}]}"#,
      "value"
    ), ("[", "JSON"),
  ])
  func aFileThatIsNoneSaysWhatIsWrong(text: String, words: String) throws {
    let folder = try ScratchFolder()
    let path = folder.path + "/s.json"
    try text.write(toFile: path, atomically: true, encoding: .utf8)
    let error = #expect(throws: (any Error).self) { try Sensitivities(path: path) }
    #expect("\(error!)".contains(words) && "\(error!)".contains("s.json"), "\(error!)")
  }

  @Test func sensitivitiesOfAnotherModelAreRefusedOrBorrowed() throws {
    let values = try #require(
      try Session(try Checkpoint.open(Fixtures.sample("digits-cnn.onnx")))
        .sensitivities(.init(request, samples: 16, recipes: 0)))
    var other = Session(try Checkpoint.open(Fixtures.sample("shakespeare-llama")))
    #expect(throws: WorkbenchError.self) { try other.adopt(values) }
    var own = Session(try Checkpoint.open(Fixtures.sample("digits-cnn.onnx")))
    #expect(try own.adopt(values).isEmpty && own.sensitivities?.isBorrowed == false)
    var sibling = values
    sibling.fingerprint = "another"
    try own.adopt(sibling)
    try own.apply([Rule("*=int4")])
    #expect(own.sensitivities?.isBorrowed == true && own.warnings.contains { $0.contains("borrowed") })
  }

  /// Each measured recipe adds a point, and the interval narrows about it.
  @Test func measuringNarrowsTheInterval() throws {
    var session = Session(try Checkpoint.open(Fixtures.sample("digits-cnn.onnx")))
    #expect(session.prediction(of: session.estimate) == nil)
    try session.adopt(try #require(try session.sensitivities(.init(request, samples: 64, recipes: 0))))
    try session.apply([Rule("*=int4")])
    session.settleEstimate()
    let before = try #require(session.prediction(of: session.estimate))
    #expect(
      before.method == "gradients" && before.metric == "kl" && before.low < before.value && before.value < before.high)
    session.add(try #require(try session.measure(request)))
    let after = try #require(session.prediction(of: session.estimate))
    #expect(after.method == "fitted K=1")
    #expect(after.high / after.low < before.high / before.low)
    let measured = try #require(session.measuredPoints.first)
    #expect(abs(log(after.value / measured.value)) <= abs(log(before.value / measured.value)))
    #expect(session.predictions(of: session.estimate).map(\.metric) == ["kl", "agreement", "top-1", "loss"])
  }

  @Test func whatIsCalledOffGivesNothing() throws {
    let session = Session(try Checkpoint.open(Fixtures.sample("digits-cnn.onnx")))
    #expect(try session.sensitivities(.init(request), progress: { _ in false }) == nil)
    #expect(try session.sensitivities(.init(request), isCancelled: { true }) == nil)
    var runs = 0
    let found = try session.sensitivities(.init(request, samples: 16)) { progress in
      runs += 1
      return progress.what != "recipes"
    }
    // Five layers at three widths, gradients, and the first of the recipes.
    #expect(found == nil && runs > 16)
  }

  @Test func belowThreeBitsAnEstimateIsALowerBound() throws {
    var session = Session(try Checkpoint.open(Fixtures.sample("digits-cnn.onnx")))
    try session.adopt(try #require(try session.sensitivities(.init(request, samples: 64, recipes: 0))))
    #expect(session.warnings.isEmpty)
    try session.apply([Rule("*=int2,channel")])
    session.settleEstimate()
    #expect(session.warnings.contains { $0.contains("lower bound") })
    try session.apply([Rule("*=int8,sparsity=0.5")])
    #expect(session.warnings.contains { $0.contains("sparse") })
  }

  /// Two layers that push the outputs the same way cost more than their sum, two that push against each other less.
  @Test func layersThatPushTogetherAddTheirProducts() throws {
    let scheme = try Scheme(spec: "int4")
    let values: [Float] = [1, -2, 3, 0.5]
    func layer(_ values: [Float]) throws -> LayerSensitivity {
      var layer = LayerSensitivity(shape: [1, 32], points: [try point("int4", 0.01, 0.1)])
      layer.projections = [scheme: values]
      return layer
    }
    let squares = values.reduce(0.0) { $0 + Double($1) * Double($1) }
    // Correlations of ±1 in a pair: λ = 1 − 1/N.
    let expected = (1 - 1.0 / 4) * squares / 4
    let own = squares / 8
    for sign: Float in [1, -1] {
      let both = try #require(Interactions([1: try layer(values), 2: try layer(values.map { $0 * sign })]))
      #expect(abs(both.term([(1, scheme, own), (2, scheme, own)]) - Double(sign) * expected) < 1e-9)
      #expect(both.term([(1, scheme, own)]) == 0)
      // A scheme that was not projected, of a quarter of the effect: the nearest projection, halved.
      let other = try Scheme(spec: "int5")
      #expect(abs(both.term([(1, scheme, own), (2, other, own / 4)]) - Double(sign) * expected / 2) < 1e-9)
      #expect(both.term([(1, scheme, own), (3, scheme, own)]) == 0)
    }
    #expect(Interactions([1: try layer(values)]) == nil)
    // What chance alone would make counts for nothing.
    let none = try #require(Interactions([1: try layer([1, 1, 1, 1]), 2: try layer([1, -1, 1, -1])]))
    #expect(none.term([(1, scheme, 0.5), (2, scheme, 0.5)]) == 0)
  }
}
