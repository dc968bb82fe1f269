import Compression
import Dispatch
import Synchronization

extension Session {
  /// Asks questions and waits for all answers: how the command line works. One tensor that cannot be read does not hide
  /// the others.
  ///
  /// - Parameters:
  ///   - room: bytes that whole surveys may take; `nil` for what goes with the number of tensors.
  ///   - needsBins: whether histograms are wanted, not figures alone.
  ///   - progress: called now and then on the calling thread.
  /// - Returns: why some could not be answered, a line a tensor, in the order in which it was found out.
  @discardableResult
  public mutating func settle(
    _ questions: [Question], room: Int? = nil, needsBins: Bool = false,
    progress: (Analyst.Progress) -> Void = { _ in }
  ) -> [String] {
    questions.isEmpty ? [] : settle(room: room, needsBins, progress: progress) { $0.ask(questions) }
  }

  /// The same of every item's survey.
  @discardableResult
  public mutating func survey(room: Int? = nil, progress: (Analyst.Progress) -> Void = { _ in }) -> [String] {
    settle(room: room, false, progress: progress) { $0.survey() }
  }

  private mutating func settle(
    room: Int?, _ needsBins: Bool, progress: (Analyst.Progress) -> Void, _ ask: (Analyst) -> Void
  ) -> [String] {
    let inbox = Inbox()
    let analyst = Analyst(checkpoint, items: items, room: room, cache: cache, needsBins: needsBins) { inbox.put($0) }
    ask(analyst)
    defer { cache?.flush() }
    var failed: Set<Int> = []
    var failures: [String] = []
    func note(_ reports: [Report]) {
      receive(reports)
      for report in reports {
        guard case .failure(let message) = report.answer, failed.insert(report.question.item).inserted else { continue }
        failures.append(message)
      }
    }
    while true {
      note(inbox.take(until: .now() + .milliseconds(250)))
      guard let state = analyst.progress else {
        // A worker posts its answers before it goes idle, so all of them are there.
        note(inbox.take(until: .now()))
        return failures
      }
      progress(state)
    }
  }

  /// Finds out what a whole estimate needs, some items at a time: of hundreds of thousands of items all questions at once
  /// would take more than their answers.
  @discardableResult
  public mutating func settleEstimate(progress: (Analyst.Progress) -> Void = { _ in }) -> [String] {
    let (step, all) = (1 << 14, items.count)
    var failures: [String] = []
    for first in stride(from: 0, to: items.count, by: step) {
      let last = min(first + step, items.count)
      failures += settle(estimateQuestions(of: items[first..<last])) { state in
        var state = state
        state.fraction = (Double(first) + state.fraction * Double(last - first)) / Double(all)
        progress(state)
      }
    }
    return failures
  }

  /// What a whole estimate needs: the chosen schemes, the unit of the damage, and the zeros of what is kept.
  public var estimateQuestions: [Question] { estimateQuestions(of: items[...]) }

  private func estimateQuestions(of items: ArraySlice<Item>) -> [Question] {
    items.filter { $0.closed == nil && $0.sharedWith == nil && ($0.kind == .weight || !recipe[$0].isKeep) }.flatMap {
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
