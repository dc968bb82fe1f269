import Checkpoints
import Compression
import Inference
import Support
import Testing

@testable import Workbench

/// What earlier runs measured teaches the estimate, once the errors of its schemes are known.
@Suite struct RecallingTests {
  @Test func whatIsRecalledSharpensTheEstimate() throws {
    let data = MeasurementRequest(data: Fixtures.sample("digits-calibration.npz"))
    var first = Session(try Checkpoint.open(Fixtures.sample("digits-cnn.onnx")))
    var request = SensitivityRequest(data, samples: 16)
    request.recipes = 2
    let values = try #require(try first.sensitivities(request))
    try first.apply([Rule("*=int5,channel")])
    first.settleEstimate()
    let measurement = try #require(try first.measure(data))

    // Nothing is read yet: the measurement waits.
    var session = Session(try Checkpoint.open(Fixtures.sample("digits-cnn.onnx")))
    session.take(Recollection(measurements: [measurement], sensitivities: values))
    #expect(session.sensitivities?.calibration.measured == 2)
    #expect(!session.recalledQuestions.isEmpty)
    session.settle(session.recalledQuestions)
    session.learnRecalled()
    #expect(session.sensitivities?.calibration.measured == 3)
    #expect(session.recalledQuestions.isEmpty)
    // Once.
    session.learnRecalled()
    #expect(session.sensitivities?.calibration.measured == 3)
  }

  /// A loss far below that on other data tells of data that trained the model; two like ones tell nothing.
  @Test(arguments: [(0.02, true), (0.24, false)]) func dataThatTrainedTheModelAreSuspected(loss: Double, isSeen: Bool)
    throws
  {
    var session = Session(try Checkpoint.open(Fixtures.sample("digits-cnn.onnx")))
    func figure(_ baseline: Double) -> Trial.Figure {
      .init(name: "cross entropy", value: baseline + 0.01, standardError: 0.01, baseline: baseline)
    }
    let layer = LayerSensitivity(
      shape: [64, 256],
      points: [.init(scheme: try Scheme(spec: "int3"), error: 0.02, effect: 0.01, standardError: 0.001)])
    var values = Sensitivities(
      model: "m", fingerprint: session.checkpoint.fingerprint, data: .init(name: "seen.npz", count: 64, outputs: 64),
      difference: .kl, method: .anchors, layers: ["/fc1/Gemm": layer])
    values.trials = [.init(name: "t", sum: 0.1, bytes: 1000, outputs: 64, metrics: [figure(loss)], data: "seen.npz")]
    try session.adopt(values)
    try session.apply([Rule("/fc1/Gemm=int4")])
    session.settleEstimate()
    session.add(
      Measurement(
        recipe: session.recipe,
        metrics: [.init(name: "cross entropy", value: 0.26, standardError: 0.01, baseline: 0.25)], samples: 360,
        samplesPerSecond: 1, peakBytes: 1, bytes: 1, damage: nil, data: "test.npz"))
    #expect(session.warnings.contains { $0.contains("trained on") } == isSeen)
  }
}
