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
}
