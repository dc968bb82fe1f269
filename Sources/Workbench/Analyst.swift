import Checkpoints
import Compression
import Dispatch
import Synchronization

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// The core engine's background queue: takes questions, newest and visible first, and posts the answers.
///
/// Workers run on `.utility` queues, one a core, each at a lowered priority of its own, so that the thread that draws
/// never waits for them. A waiting question is replaced by a newer one of its kind about the same item.
public final class Analyst: Sendable {
  private let checkpoint: Checkpoint
  private let items: [Int: Item]
  private let workers: Int
  private let post: @Sendable ([Report]) -> Void
  private let queue = DispatchQueue(label: "lathe.analyst", qos: .utility, attributes: .concurrent)
  private let state = Mutex(State())
  /// What workers touch between two chunks stands outside the lock: a worker that is put aside while it holds the lock
  /// would hold up the thread that draws.
  private let done = Atomic<Int>(0)
  private let generation = Atomic<Int>(0)

  fileprivate struct State {
    /// Questions that wait, each with its number: an entry of the lines below with another number is void. So a
    /// question changes lines, or is called off, without a search.
    var tickets: [Question: Int] = [:]
    var lastTicket = 0
    /// Asked by what is on the screen: the last one is next.
    var urgent: [(question: Question, ticket: Int)] = []
    /// The rest, in order from `next` on.
    var waiting: [(question: Question, ticket: Int)] = []
    var next = 0
    /// The urgent question that waits and that a newer one of its kind would replace.
    var replaceable: [Question.Kind: Question] = [:]
    var asked: Set<Question> = []
    var running: Set<Question> = []
    var active = 0
    /// Weights to read in all (`done` counts those read) and the time, since the engine was last idle.
    var total = 0.0
    var started: UInt64 = 0

    var isIdle: Bool { tickets.isEmpty && active == 0 }
  }

  /// - Parameter post: hears of answers on a background thread.
  public init(
    _ checkpoint: Checkpoint, items: [Item], workers: Int? = nil, post: @escaping @Sendable ([Report]) -> Void
  ) {
    self.checkpoint = checkpoint
    self.items = Dictionary(items.map { ($0.id, $0) }) { first, _ in first }
    self.workers = max(1, workers ?? sysconf(Int32(_SC_NPROCESSORS_ONLN)))
    self.post = post
  }

  /// Asks questions that have not been asked; `urgent` ones come first, the last of them at once.
  ///
  /// - Parameter replacing: whether a newer question of its kind about the same item takes an urgent one's place.
  public func ask(_ questions: [Question], urgent: Bool = false, replacing: Bool = true) {
    let wanted = state.withLock { state -> Int in
      if state.isIdle {
        (state.total, state.started) = (0, DispatchTime.now().uptimeNanoseconds)
        done.store(0, ordering: .relaxed)
      }
      for question in questions {
        state.add(question, urgent: urgent, replacing: replacing, cost: cost(question))
      }
      let starting = min(workers - state.active, state.tickets.count)
      state.active += max(0, starting)
      return starting
    }
    for _ in 0..<max(0, wanted) { queue.async { self.work() } }
  }

  /// Calls off everything that waits or runs.
  public func cancelAll() {
    state.withLock { state in
      state.asked.subtract(state.tickets.keys)
      state.asked.subtract(state.running)
      state.tickets = [:]
      state.replaceable = [:]
      state.urgent = []
      state.waiting = []
      state.next = 0
      generation.add(1, ordering: .relaxed)
    }
  }

  /// How far the work is.
  public struct Progress: Sendable, Equatable {
    /// Questions that wait or run.
    public var jobs: Int
    /// 0…1 of the weights to read.
    public var fraction: Double
    public var weightsPerSecond: Double
    public var secondsLeft: Double?
  }

  /// `nil` when there is nothing to do.
  public var progress: Progress? {
    state.withLock { state in
      guard !state.isIdle else { return nil }
      let seconds = Double(DispatchTime.now().uptimeNanoseconds - state.started) / 1e9
      let done = Double(done.load(ordering: .relaxed))
      let rate = seconds > 0 ? done / seconds : 0
      return Progress(
        jobs: state.tickets.count + state.running.count,
        fraction: state.total > 0 ? max(0, min(1, done / state.total)) : 0, weightsPerSecond: rate,
        secondsLeft: rate > 0 ? max(0, state.total - done) / rate : nil)
    }
  }

  /// Passes over the weight that a question takes, roughly, times its weights.
  private func cost(_ question: Question) -> Double {
    Double(items[question.item]?.count ?? 0) * 2
  }

  private func work() {
    // On Linux niceness belongs to the thread: 0 is the calling one.
    #if os(Linux)
      _ = setpriority(__priority_which_t(PRIO_PROCESS.rawValue), 0, 19)
    #endif
    while let (question, generation) = take() {
      guard let item = items[question.item] else { continue }
      let counted = Atomic<Int>(0)
      let cost = Int(cost(question))
      let control = PassControl { weights in
        counted.add(weights, ordering: .relaxed)
        self.done.add(weights, ordering: .relaxed)
        return self.generation.load(ordering: .relaxed) == generation
      }
      let answer = question.answer(from: checkpoint, item: item, control: control)
      // A question that took more or fewer passes than foreseen is done all the same.
      done.add(cost - counted.load(ordering: .relaxed), ordering: .relaxed)
      state.withLock { _ = $0.running.remove(question) }
      if let answer { post([Report(question: question, answer: answer)]) }
    }
    post([])
  }

  private func take() -> (Question, Int)? {
    state.withLock { state in
      guard let question = state.pop() else {
        state.active -= 1
        return nil
      }
      state.running.insert(question)
      return (question, generation.load(ordering: .relaxed))
    }
  }
}

extension Analyst.State {
  fileprivate mutating func add(
    _ question: Question, urgent isUrgent: Bool, replacing: Bool, cost: Double
  ) {
    if asked.contains(question) {
      if isUrgent, tickets[question] != nil { enter(question, urgent: true) }
      return
    }
    // The screen wants the newest answer alone; what is asked in order is all wanted.
    if isUrgent, replacing, let kind = question.kind {
      if let old = replaceable[kind], tickets.removeValue(forKey: old) != nil {
        asked.remove(old)
        total -= cost
      }
      replaceable[kind] = question
    }
    asked.insert(question)
    total += cost
    enter(question, urgent: isUrgent)
  }

  /// Puts a question at the end of a line; where it stood before is void.
  private mutating func enter(_ question: Question, urgent isUrgent: Bool) {
    lastTicket += 1
    tickets[question] = lastTicket
    if isUrgent { urgent.append((question, lastTicket)) } else { waiting.append((question, lastTicket)) }
  }

  fileprivate mutating func pop() -> Question? {
    while let (question, ticket) = urgent.popLast() {
      if take(question, ticket) { return question }
    }
    while next < waiting.count {
      next += 1
      let (question, ticket) = waiting[next - 1]
      if take(question, ticket) { return question }
    }
    waiting = []
    next = 0
    return nil
  }

  private mutating func take(_ question: Question, _ ticket: Int) -> Bool {
    guard tickets[question] == ticket else { return false }
    tickets[question] = nil
    if let kind = question.kind, replaceable[kind] == question { replaceable[kind] = nil }
    return true
  }
}
