import Checkpoints
import Compression
import FileAccess
import Foundation
import Support
import Testing

@testable import Workbench

/// Answers are kept by what they are about.
@Suite struct CacheTests {
  private static let specs = [
    "int4", "int3,channel,affine", "q4_k", "kmeans4", "int4,sparsity=0.5", "int4,channel,coding=rans", "f16", "int1",
    "int4,sparsity=2:4", "nf4",
  ]

  /// What is kept of an answer: all but what is drawn.
  private func figures(_ answer: Answer) -> Answer {
    switch answer {
    case .survey(var survey):
      (survey.channelMinima, survey.channelMaxima, survey.summary) = ([], [], nil)
      return .survey(survey)
    default: return answer
    }
  }

  private func expectSame(_ one: Answer?, _ other: Answer?, _ question: Question) {
    switch (one, other) {
    case (.survey(let a), .survey(let b)): #expect(a == b)
    case (.table(let a), .table(let b)): #expect(a == b)
    case (.assessment(let a), .assessment(let b)): #expect(a == b)
    default: Issue.record("\(question): \(String(describing: one)) and \(String(describing: other))")
    }
  }

  @Test func everyAnswerComesBackAsItWas() throws {
    let bench = try CacheBench()
    let session = try bench.session()
    let questions = try session.allQuestions(Self.specs)
    #expect(questions.count > 16)
    var found: [Question: Answer] = [:]
    for question in questions {
      let item = try #require(session.item(id: question.item))
      found[question] = question.answer(from: session.checkpoint, item: item, control: .silent)
      session.cache?.keep(try #require(found[question]), to: question, about: item)
    }
    session.cache?.flush()
    let again = try bench.session()
    for question in questions {
      let item = try #require(again.item(id: question.item))
      expectSame(again.cache?.answer(to: question, about: item), found[question].map(figures), question)
    }
  }

  /// The numbers change behind the key's back: only what was kept can be the answer then.
  @Test func aModelThatIsOpenedAgainIsNotReadAgain() throws {
    let bench = try CacheBench()
    var first = try bench.session()
    try first.set("*=int3")
    first.survey()
    first.settleEstimate()
    try bench.change(at: try bench.unseenOffset(), count: 16)
    var again = try bench.session()
    try again.set("*=int3")
    again.survey()
    again.settleEstimate()
    var read = try bench.uncached()
    try read.set("*=int3")
    read.survey()
    read.settleEstimate()
    let large = try first.item("large")
    #expect(again.survey(of: large)?.statistics == first.survey(of: large)?.statistics)
    #expect(again.survey(of: large)?.histogram == first.survey(of: large)?.histogram)
    #expect(again.survey(of: large)?.errors == first.survey(of: large)?.errors)
    #expect(again.estimate.damage == first.estimate.damage && again.estimate.bytes == first.estimate.bytes)
    #expect(read.survey(of: large)?.statistics.maximum == 1000)
    #expect(read.estimate.damage != first.estimate.damage)
  }

  @Test func whatSomebodyLooksAtIsReadForWhatIsNotKept() throws {
    let bench = try CacheBench()
    var first = try bench.session()
    first.survey()
    let session = try bench.session()
    let id = try session.item("large").id
    let inbox = Posted()
    let analyst = Analyst(session.checkpoint, items: session.items, cache: session.cache) { inbox.add($0) }
    analyst.ask([.survey(id)], urgent: true)
    while analyst.progress != nil { usleep(1000) }
    let surveys = inbox.all.compactMap { if case .survey(let survey) = $0.answer { survey } else { nil } }
    #expect(surveys.map(\.isWhole) == [false, true])
    #expect(surveys.first?.histogram == surveys.last?.histogram)
  }

  // MARK: - What is not used

  private func answers(_ bench: CacheBench, _ name: String = "large") throws -> Bool {
    let session = try bench.session()
    let item = try session.item(name)
    return session.cache?.answer(to: .survey(item.id), about: item) != nil
  }

  private func filled() throws -> CacheBench {
    let bench = try CacheBench()
    var session = try bench.session()
    session.survey()
    #expect(try answers(bench))
    return bench
  }

  @Test func aByteThatChangedInASampledPageIsAnotherModel() throws {
    let bench = try filled()
    try bench.change(at: try #require(fileSize(bench.path)) - 4)
    #expect(try !answers(bench))
  }

  @Test func aFileOfAnotherSizeIsAnotherModel() throws {
    let bench = try filled()
    let bytes = try #require(bench.scratch.bytes(of: "model.safetensors"))
    // The small weight's last row is cut off, in the header too.
    let header = String(decoding: bytes[8..<bench.start], as: UTF8.self)
    let other = Array(
      header.replacingOccurrences(of: "[4, 64]", with: "[3, 64]")
        .replacingOccurrences(of: "\(4 * (CacheBench.count + 256))]", with: "\(4 * (CacheBench.count + 192))]").utf8)
    #expect(other.count == header.utf8.count)
    try bench.scratch.write(bytes[..<8] + other + bytes[bench.start..<bytes.count - 256], to: "model.safetensors")
    FileTimes.set(bench.path, to: 0)
    #expect(try !answers(bench))
  }

  @Test func aFileThatWasJustWrittenIsNotKept() throws {
    let bench = try CacheBench()
    let bytes = try #require(bench.scratch.bytes(of: "model.safetensors"))
    try bench.scratch.write(bytes, to: "model.safetensors")
    var session = try bench.session()
    session.survey()
    #expect(bench.segments.isEmpty)
  }

  @Test func otherSchemesAndImportancesHaveAnswersOfTheirOwn() throws {
    let bench = try CacheBench()
    var session = try bench.session()
    try session.set("*=int4")
    session.settleEstimate()
    var again = try bench.session()
    let item = try again.item("small")
    let int4 = try Scheme(spec: "int4")
    #expect(again.cache?.answer(to: .assessment(item.id, int4), about: item) != nil)
    #expect(again.cache?.answer(to: .assessment(item.id, try Scheme(spec: "int4,affine")), about: item) == nil)
    let place = try #require(again.table.place(of: item.id))
    again.table.weigh(place, by: try #require(Importances([Float](repeating: 1, count: 64), columns: 64)))
    #expect(again.cache?.answer(to: .assessment(item.id, int4), about: again.items[place]) == nil)
  }

  @Test func withoutACacheNothingIsWritten() throws {
    let bench = try CacheBench()
    var session = try bench.uncached()
    session.survey()
    #expect(!bench.scratch.names.contains("cache"))
  }

  @Test func aFolderThatCannotBeWrittenIsNoError() throws {
    let bench = try CacheBench()
    try bench.scratch.write("a file where the folder should be", to: "cache")
    var session = try bench.session()
    #expect(session.survey() == [])
    #expect(session.isSurveyed)
    #expect(bench.scratch.names == ["cache", "model.safetensors"])
  }
}

/// Reports that came.
final class Posted: @unchecked Sendable {
  private let lock = NSLock()
  private var reports: [Report] = []

  func add(_ new: [Report]) { lock.withLock { reports += new } }
  var all: [Report] { lock.withLock { reports } }
}
