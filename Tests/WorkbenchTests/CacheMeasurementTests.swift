import Checkpoints
import Compression
import FileAccess
import Foundation
import Inference
import Support
import Testing

@testable import Workbench

/// Measurements are kept by the model, the numbers that the recipe makes, the data and how they are run.
@Suite(.serialized) struct CacheMeasurementTests {
  private let scratch: ScratchFolder
  private let data: String

  init() throws {
    scratch = try ScratchFolder()
    data = try scratch.write(
      try #require(FileManager.default.contents(atPath: Fixtures.sample("digits-test.npz"))), to: "d.npz")
    let model = try scratch.write(
      try #require(FileManager.default.contents(atPath: Fixtures.sample("digits-cnn.onnx"))), to: "m.onnx")
    FileTimes.set(data, to: 0)
    FileTimes.set(model, to: 0)
  }

  private func session(_ rule: String = "*=int3,channel") throws -> Session {
    var session = Session(
      try Checkpoint.open(scratch.path("m.onnx")), cache: CacheFolder(scratch.path("cache/lathe")))
    try session.set(rule)
    return session
  }

  /// Measures, and tells whether the model was run.
  private func measure(_ session: Session, _ request: MeasurementRequest) throws -> (Workbench.Measurement, ran: Bool) {
    var ran = false
    let measurement = try session.measure(
      request,
      progress: { _, _ in
        ran = true
        return true
      })
    return (try #require(measurement), ran)
  }

  @Test func whatWasMeasuredIsNotRunAgain() throws {
    let request = MeasurementRequest(data: data)
    let first = try measure(try session(), request)
    let again = try measure(try session(), request)
    #expect(first.ran && !again.ran)
    #expect(again.0.metrics.map(\.name) == first.0.metrics.map(\.name))
    #expect(again.0.metrics.map(\.value) == first.0.metrics.map(\.value))
    #expect(again.0.metrics.map(\.standardError) == first.0.metrics.map(\.standardError))
    #expect(again.0.metrics.map(\.baseline) == first.0.metrics.map(\.baseline))
    #expect(again.0.samples == first.0.samples && again.0.data == data)
    #expect(again.0.classification == first.0.classification && first.0.classification != nil)
    #expect(again.0.notes.last?.contains("--no-cache") == true)
    #expect(again.0.recipe == (try session().recipe))
  }

  @Test func anotherRecipeOtherSettingsAndOtherDataAreRun() throws {
    let request = MeasurementRequest(data: data)
    #expect(try measure(try session(), request).ran)
    #expect(try measure(try session("*=int4,channel"), request).ran)
    var other = request
    other.options.batch = 7
    #expect(try measure(try session(), other).ran)
    var outputs = request
    outputs.options.keepsOutputs = true
    #expect(try measure(try session(), outputs).ran)
    FileTimes.set(data, to: 1)
    #expect(try measure(try session(), request).ran)
  }

  @Test func sensitivitiesAreNotMeasuredAgainAndTheLastAreThereAtOnce() throws {
    func sensitivities(recipes: Int) throws -> (Sensitivities, ran: Bool) {
      var ran = false
      let request = SensitivityRequest(MeasurementRequest(data: data), samples: 4, recipes: recipes, method: .anchors)
      let found = try session("*=keep").sensitivities(
        request,
        progress: { _ in
          ran = true
          return true
        })
      return (try #require(found), ran)
    }
    let first = try sensitivities(recipes: 0)
    let other = try sensitivities(recipes: 1)
    #expect(first.ran && other.ran && first.0 != other.0)
    func reopened() throws -> Session {
      var again = try session("*=keep")
      again.take(again.recollection)
      return again
    }
    #expect(try reopened().sensitivities?.values == other.0)
    let again = try sensitivities(recipes: 0)
    #expect(!again.ran && again.0 == first.0)
    #expect(try reopened().sensitivities?.values == first.0)
    // Those that a file held are the last too.
    try session("*=keep").keep(other.0)
    #expect(try reopened().sensitivities?.values == other.0)
  }

  @Test func aModelThatIsOpenedAgainHasWhatWasMeasured() throws {
    let first = try measure(try session(), MeasurementRequest(data: data)).0
    var again = try session("*=keep")
    again.take(again.recollection)
    #expect(again.measurements.count == 1)
    let found = try #require(again.measurement(of: first.recipe))
    #expect(found.metrics.first?.value == first.metrics.first?.value)
    #expect(found.bytes == first.bytes && found.samples == first.samples)
    // Of data that are others now nothing holds.
    FileTimes.set(data, to: 5)
    #expect(try session().recollection.measurements.isEmpty)
  }
}
