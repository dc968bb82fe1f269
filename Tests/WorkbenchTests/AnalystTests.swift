import Compression
import Dispatch
import Support
import Synchronization
import Testing

@testable import Workbench

/// Answers as an analyst posts them; may hold its first worker up until it is let go.
private final class Collector: Sendable {
  private let reports = Mutex<[Report]>([])
  private let arrived = DispatchSemaphore(value: 0)
  private let held = Atomic<Bool>(false)
  private let entered = DispatchSemaphore(value: 0)
  private let gate = DispatchSemaphore(value: 0)
  private let holds: Bool

  init(holdingFirst holds: Bool = false) { self.holds = holds }

  func post(_ new: [Report]) {
    reports.withLock { $0 += new }
    arrived.signal()
    if holds, !new.isEmpty, !held.exchange(true, ordering: .relaxed) {
      entered.signal()
      gate.wait()
    }
  }

  /// Until the first answer has come and its worker stands still.
  func waitForHold() throws {
    try #require(entered.wait(timeout: .now() + .seconds(60)) == .success)
  }

  func letGo() { gate.signal() }

  var all: [Report] { reports.withLock { $0 } }

  /// Waits until the analyst has nothing left to do.
  func settle(_ analyst: Analyst) throws -> [Report] {
    let deadline = DispatchTime.now() + .seconds(120)
    while analyst.progress != nil {
      // Woken by the next post; the worker that ends last posts once more.
      try #require(arrived.wait(timeout: deadline) == .success)
    }
    return all
  }
}

@Suite(.serialized) struct AnalystTests {
  private func analyst(_ session: Session, workers: Int, _ collector: Collector) -> Analyst {
    Analyst(session.checkpoint, items: session.items, workers: workers) { collector.post($0) }
  }

  private func scheme(_ spec: String) throws -> Scheme { try Scheme(spec: spec) }

  @Test(arguments: [1, 2, 5]) func everyQuestionIsAnsweredOnce(workers: Int) throws {
    let session = try Models.digits()
    let collector = Collector()
    let analyst = analyst(session, workers: workers, collector)
    analyst.ask(session.opening)
    analyst.ask(session.opening)
    let reports = try collector.settle(analyst)
    #expect(reports.count == 10)
    #expect(Set(reports.map(\.question)) == Set(session.opening))
    for report in reports {
      guard case .survey = report.answer else {
        Issue.record("\(report)")
        continue
      }
    }
  }

  @Test func theAnswersDoNotDependOnTheNumberOfWorkers() throws {
    let base = try Models.digits()
    var found: [Surveys] = []
    var assessed: [Assessments] = []
    for workers in [1, 2] {
      var session = base
      try session.set("*=int4,channel,sparsity=0.3,coding=rans")
      let collector = Collector()
      let analyst = analyst(session, workers: workers, collector)
      analyst.ask(session.opening + session.questions(about: session.items))
      session.receive(try collector.settle(analyst))
      found.append(session.answers.surveys)
      assessed.append(session.answers.assessments)
    }
    #expect(found[0].count == 10 && assessed[0].count == 5)
    #expect(found[0] == found[1])
    #expect(assessed[0] == assessed[1])
  }

  @Test func ofQuestionsOfOneKindAboutOneItemTheLatestWins() throws {
    let session = try Models.digits()
    let (fc1, fc2) = (try session.item("/fc1/Gemm").id, try session.item("/fc2/Gemm").id)
    let collector = Collector(holdingFirst: true)
    let analyst = analyst(session, workers: 1, collector)
    analyst.ask([.survey(fc2)], urgent: true)
    try collector.waitForHold()
    for bits in [8, 6, 5, 3] {
      analyst.ask([.assessment(fc1, try scheme("int\(bits),channel"))], urgent: true)
    }
    analyst.ask([.assessment(fc2, try scheme("int7,channel"))], urgent: true)
    collector.letGo()
    let reports = try collector.settle(analyst)
    let expected: Set<Question> = [
      .survey(fc2), .assessment(fc1, try scheme("int3,channel")),
      .assessment(fc2, try scheme("int7,channel")),
    ]
    #expect(reports.count == expected.count)
    #expect(Set(reports.map(\.question)) == expected)
  }

  @Test func whatIsUrgentComesFirstAndTheLastOfItAtOnce() throws {
    let session = try Models.digits()
    let ids = session.items.map(\.id)
    let collector = Collector(holdingFirst: true)
    let analyst = analyst(session, workers: 1, collector)
    analyst.ask([.survey(ids[0])])
    try collector.waitForHold()
    analyst.ask([.survey(ids[1]), .survey(ids[2]), .survey(ids[3])])
    analyst.ask([.survey(ids[4])], urgent: true)
    analyst.ask([.survey(ids[5])], urgent: true)
    // One that waits already is moved to the front.
    analyst.ask([.survey(ids[3])], urgent: true)
    collector.letGo()
    let order = try collector.settle(analyst).map(\.question.item)
    #expect(order == [ids[0], ids[3], ids[5], ids[4], ids[1], ids[2]])
  }

  @Test func whatIsCalledOffIsNotAnsweredAndMayBeAskedAgain() throws {
    let session = try Models.digits()
    let collector = Collector(holdingFirst: true)
    let analyst = analyst(session, workers: 1, collector)
    analyst.ask(session.opening)
    try collector.waitForHold()
    analyst.cancelAll()
    collector.letGo()
    #expect(try collector.settle(analyst).count == 1)
    #expect(analyst.progress == nil)
    analyst.ask(Array(session.opening.dropFirst()))
    let reports = try collector.settle(analyst)
    #expect(Set(reports.map(\.question)) == Set(session.opening))
    #expect(reports.count == 10)
  }

  @Test func theProgressCountsWhatWaitsAndRuns() throws {
    let session = try Models.digits()
    let collector = Collector(holdingFirst: true)
    let analyst = analyst(session, workers: 1, collector)
    #expect(analyst.progress == nil)
    analyst.ask(session.opening)
    try collector.waitForHold()
    let progress = try #require(analyst.progress)
    // One of ten is answered.
    #expect(progress.jobs == 9)
    #expect(progress.fraction > 0 && progress.fraction < 1)
    collector.letGo()
    _ = try collector.settle(analyst)
    #expect(analyst.progress == nil)
  }

  @Test func aTensorThatCannotBeReadIsAFailureInWords() throws {
    let folder = try ScratchFolder()
    let session = try Models.matrices(columns: [64, 4096], in: folder)
    // The file is cut behind the analyst's back.
    try FileCut.half(folder.path("matrices.safetensors"))
    let collector = Collector()
    let analyst = analyst(session, workers: 2, collector)
    analyst.ask(session.opening)
    let failures = try collector.settle(analyst).filter {
      if case .failure = $0.answer { true } else { false }
    }
    #expect(failures.map(\.question) == [.survey(try session.item("w4096").id)])
    for case .failure(let message) in failures.map(\.answer) {
      #expect(message.contains("matrices.safetensors"))
    }
  }
}

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

private enum FileCut {
  static func half(_ path: String) throws {
    var status = stat()
    try #require(stat(path, &status) == 0)
    try #require(truncate(path, status.st_size / 2) == 0)
  }
}
