import Dispatch
import Inference
import Support
import Synchronization
import Testing

@testable import Workbench

/// Jobs tell who they are: a failure ends no other, and an answer knows what it was asked for.
@Suite struct JobTests {
  /// Keeps what jobs tell until all of them have ended.
  private final class Listener: Sendable {
    private let told = Mutex<[Job.Report]>([])
    private let ended = DispatchSemaphore(value: 0)

    func hear(_ report: Job.Report) {
      told.withLock { $0.append(report) }
      if report.event.isLast { ended.signal() }
    }

    func wait(for count: Int) throws -> [Job.Report] {
      for _ in 0..<count { try #require(ended.wait(timeout: .now() + .seconds(120)) == .success) }
      return told.withLock { $0 }
    }
  }

  private let folder: ScratchFolder
  private let listener = Listener()
  private let queue: JobQueue

  init() throws {
    folder = try ScratchFolder()
    let listener = listener
    queue = JobQueue { listener.hear($0) }
  }

  private func last(_ job: Job, _ reports: [Job.Report]) throws -> Job.Event {
    let own = reports.filter { $0.job.id == job.id }
    #expect(own.count { $0.event.isLast } == 1)
    return try #require(own.last).event
  }

  @Test func aFailureEndsNoOther() throws {
    var session = try Models.digits()
    try session.set("*=int4,channel")
    let measuring = queue.start(.measure(.init(data: Fixtures.sample("digits-test.npz"))), on: session)
    let failing = queue.start(
      .export(.gguf, path: "/nowhere/at/all.gguf", workers: 1, replaces: true), on: try Models.digits())
    let missing = queue.start(.importChoice(path: folder.path("none.json")), on: session)
    let written = queue.start(.write(.lathe, path: folder.path("r.json"), replaces: true), on: session)
    let reports = try listener.wait(for: 4)
    guard case .done(.measured(let measurement)) = try last(measuring, reports) else {
      Issue.record("\(try last(measuring, reports))")
      return
    }
    #expect(measurement.samples == 360)
    guard case .failed(let reason) = try last(failing, reports) else {
      Issue.record("\(try last(failing, reports))")
      return
    }
    #expect(reason.contains("/nowhere"))
    guard case .failed = try last(missing, reports), case .done(.written) = try last(written, reports) else {
      Issue.record("\(reports.map(\.event))")
      return
    }
    #expect(folder.names == ["r.json"])
  }

  @Test func whatIsCalledOffSaysSo() throws {
    let session = try Models.llama()
    let job = queue.start(
      .measure(.init(data: Fixtures.sample("shakespeare-test.txt"))), on: session)
    job.cancel()
    guard case .calledOff = try last(job, try listener.wait(for: 1)) else {
      Issue.record("it went on")
      return
    }
  }

  @Test func anAnswerKnowsTheRecipeThatItWasAskedFor() throws {
    var session = try Models.digits()
    let before = queue.start(.fileSize(.gguf), on: session)
    try session.set("*=int4,channel")
    let after = queue.start(.aim(.gguf), on: session)
    #expect(after.version > before.version && before.id != after.id)
    _ = try listener.wait(for: 2)
  }
}
