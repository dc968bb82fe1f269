import Checkpoints
import Compression
import Foundation
import Inference
import Support
import Testing
import Workbench

@testable import TerminalUI

/// A model that was opened before.
@Suite(.serialized) struct ScreenCacheTests {
  @Test func whatEarlierRunsMeasuredIsThereAtOnce() throws {
    let scratch = try ScratchFolder()
    let model = try scratch.write(
      try #require(FileManager.default.contents(atPath: Fixtures.sample("digits-cnn.onnx"))), to: "m.onnx")
    FileTimes.set(model, to: 0)
    func session() throws -> Session {
      Session(try Checkpoint.open(model), cache: CacheFolder(scratch.path("cache")))
    }
    let measured = try #require(try session().measure(data: Fixtures.sample("digits-test.npz")))
    let mailbox = Mailbox<Screen.Message>()
    var screen = Screen(session: try session(), mailbox: mailbox, glyphs: .unicode)
    #expect(screen.state.session.measurements.isEmpty)
    _ = try Headless.run(
      &screen, script: try KeyScript("<Wait>"), size: Size(width: 120, height: 40), mailbox: mailbox)
    #expect(screen.state.session.measurements.map(\.metrics.first?.value) == [measured.metrics.first?.value])
    // The layer under the cursor was read for what is not kept.
    let current = try #require(screen.state.current)
    #expect(screen.state.session.survey(of: current)?.isWhole == true)
    #expect(screen.state.session.isSurveyed)
  }
}
