import Checkpoints
import Compression
import Foundation
import Inference
import Recovery
import Support
import Testing

@testable import Workbench

/// Sessions whose layers learn: in what order, and what is left of a training that was called off.
@Suite struct LearningTests {
  private let folder = TemporaryFolder()

  private func session(_ spec: String) throws -> Session {
    var session = Session(try Checkpoint.open(sample("digits-cnn.onnx")))
    try session.apply([try Rule("*=\(spec)")])
    return session
  }

  private func request(_ order: LearningOrder?, steps: Int = 20) -> RecoveryRequest {
    var request = RecoveryRequest(MeasurementRequest(data: sample("digits-calibration.npz")))
    request.order = order
    (request.training.steps, request.training.batch) = (steps, 16)
    return request
  }

  private func divergence(_ session: Session, _ found: Recovered) throws -> Double {
    var own = session
    #expect(own.take(found.chosen).isEmpty)
    let measured = try #require(try own.measure(data: sample("digits-test.npz")))
    return try #require(measured.metrics.first { $0.name == "KL divergence" }).value
  }

  @Test func learningGoesInTheOrderThatIsAskedFor() throws {
    let session = try session("int3,channel,by=rounding")
    var chosen: [LearningOrder: Recovered] = [:]
    for order in LearningOrder.allCases {
      var last = 0
      let found = try #require(
        try session.recover(
          request(order),
          progress: {
            last = max(last, $0.of); return true
          }))
      chosen[order] = found
      #expect(found.losses.count == (order == .whole ? 20 : order == .blocks ? 100 : 120))
      #expect(
        found.notes.contains { $0.contains("block by block in 100 steps") } == (order != .whole), "\(found.notes)")
      #expect(last >= (order == .whole ? 20 : 100))
    }
    let nearest = try divergence(try self.session("int3,channel"), Recovered())
    for (order, found) in chosen {
      let own = try divergence(session, found)
      #expect(own.isFinite && own < nearest / 4, "\(order): \(own), \(nearest) before")
    }
    #expect(chosen[.whole]?.chosen != chosen[.blocks]?.chosen && chosen[.both]?.chosen != chosen[.blocks]?.chosen)
  }

  /// Where the weights' states take more than there is, block by block is what runs; of rounding ever, and where somebody
  /// says so.
  @Test func whatDoesNotFitLearnsBlockByBlock() throws {
    let rounded = try session("int3,channel,by=rounding")
    let session = try session("int3,channel,by=scales")
    var (found, request) = (Recovered(), request(nil))
    let weights = rounded.items.filter { rounded.scheme(of: $0).by == .rounding }
    #expect(weights.count == 5 && rounded.learningOrder(weights, request, &found) == .blocks)
    #expect(session.learningOrder(session.items, request, &found) == .whole && found.notes.isEmpty)
    request.measurement.options.memory = 2 << 20
    #expect(session.learningOrder(session.items, request, &found) == .blocks)
    #expect(
      found.notes.count == 1 && found.notes[0].hasPrefix("learns block by block: all at once takes 1."),
      "\(found.notes)")
    for order in LearningOrder.allCases {
      request.order = order
      #expect(session.learningOrder(session.items, request, &found) == order && found.notes.count == 1)
    }
  }

  /// Called off and asked for again, a training goes on; done, nothing of it is left.
  @Test(arguments: [LearningOrder.whole, .blocks]) func calledOffTrainingsGoOn(_ order: LearningOrder) throws {
    let session = try session("int2,channel,by=scales")
    let cache = CacheFolder(folder.path + "/cache")
    let plain = try #require(try session.recover(request(order)))
    var request = request(order)
    request.folder = try #require(cache.trainingFolder())
    var steps = 0
    let none = try session.recover(
      request,
      progress: { progress in
        if progress.what == "steps" { steps = progress.done }
        return steps < 13
      })
    let place = try #require(request.folder)
    let left = try FileManager.default.contentsOfDirectory(atPath: place)
    #expect(none == nil && left.count == 1 && left[0].hasPrefix("training-"))
    var first: Int?
    let again = try #require(
      try session.recover(
        request,
        progress: {
          if $0.what == "steps" { first = first ?? $0.done }; return true
        }))
    #expect(first == 14 && again.chosen == plain.chosen)
    #expect(again.notes.contains { $0.contains("goes on from step 13") })
    #expect(try FileManager.default.contentsOfDirectory(atPath: place).isEmpty)
    // What nobody goes on from is taken away with the rest.
    #expect(FileManager.default.createFile(atPath: place + "/training-0.state", contents: Data([1])))
    _ = try cache.clear()
    #expect(try FileManager.default.contentsOfDirectory(atPath: place).isEmpty)
  }
}
