import Compression
import Dispatch
import Synchronization

extension Session {
  /// Asks questions and waits for all answers: how the command line works.
  ///
  /// - Parameter progress: called now and then on the calling thread.
  /// - Throws: `WorkbenchError` with the first failure: a tensor that could not be read.
  public mutating func settle(
    _ questions: [Question], progress: (Analyst.Progress) -> Void = { _ in }
  ) throws(WorkbenchError) {
    guard !questions.isEmpty else { return }
    let inbox = Inbox()
    let analyst = Analyst(checkpoint, items: items) { inbox.put($0) }
    analyst.ask(questions)
    var failure: String?
    func note(_ reports: [Report]) {
      receive(reports)
      for case .failure(let message) in reports.map(\.answer) { failure = failure ?? message }
    }
    while true {
      let reports = inbox.take(until: .now() + .milliseconds(250))
      note(reports)
      if failure != nil { analyst.cancelAll() }
      guard let state = analyst.progress else {
        // A worker posts its answers before it goes idle, so all of them are there.
        note(inbox.take(until: .now()))
        break
      }
      progress(state)
    }
    if let failure { throw WorkbenchError(failure) }
  }

  /// What a whole estimate needs: the chosen schemes, the unit of the damage, and the zeros of what is kept.
  public var estimateQuestions: [Question] {
    items.filter { $0.closed == nil && ($0.kind == .weight || !recipe[$0].isKeep) }.flatMap {
      item -> [Question] in
      var questions: [Question] = []
      if recipe[item].isComputed { questions.append(.assessment(item.id, made(recipe[item], of: item))) }
      if item.kind == .weight, item.obstacle(to: Estimate.unit) == nil, made(recipe[item], of: item) != Estimate.unit {
        questions.append(.assessment(item.id, Estimate.unit))
      }
      return questions
    }
  }
}

/// Reports on their way between two threads.
private final class Inbox: Sendable {
  private let reports = Mutex<[Report]>([])
  private let arrived = DispatchSemaphore(value: 0)

  func put(_ new: [Report]) {
    reports.withLock { $0 += new }
    arrived.signal()
  }

  /// What has come, waiting for something until `deadline`.
  func take(until deadline: DispatchTime) -> [Report] {
    _ = arrived.wait(timeout: deadline)
    return reports.withLock { list in
      defer { list = [] }
      return list
    }
  }
}
