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
  private let items: [Item]
  private let places: ItemPlaces
  private let workers: Int
  private let post: @Sendable ([Report]) -> Void
  private let cache: ModelCache?
  private let needsBins: Bool
  private let queue = DispatchQueue(label: "lathe.analyst", qos: .utility, attributes: .concurrent)
  private let state = Mutex(State())
  /// What workers touch between two chunks stands outside the lock: a worker that is put aside while it holds the lock
  /// would hold up the thread that draws.
  private let done = Atomic<Int>(0)
  private let generation = Atomic<Int>(0)
  /// Bytes that whole surveys may still take: when there are none, the figures are posted, of what nobody looks at.
  private let room: Atomic<Int>

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
    /// Places of items whose surveys were asked for all together: those that wait, and before them those that do not.
    var opening = 0..<0
    /// How many of them wait.
    var openingCount = 0
    var running: Set<Question> = []
    var active = 0
    /// Weights to read in all (`done` counts those read) and the time, since the engine was last idle.
    var total = 0.0
    var started: UInt64 = 0

    var isIdle: Bool { waitingCount == 0 && active == 0 }
    /// Questions that wait.
    var waitingCount: Int { tickets.count + openingCount }
  }

  /// - Parameters:
  ///   - room: bytes that whole surveys may take; `nil` for what goes with the number of tensors.
  ///   - cache: what earlier runs found out, and where this one keeps what it does.
  ///   - needsBins: whether a survey that is kept without its histogram is none.
  ///   - post: hears of answers on a background thread.
  public init(
    _ checkpoint: Checkpoint, items: [Item], workers: Int? = nil, room: Int? = nil, cache: ModelCache? = nil,
    needsBins: Bool = false, post: @escaping @Sendable ([Report]) -> Void
  ) {
    self.checkpoint = checkpoint
    (self.cache, self.needsBins) = (cache, needsBins)
    self.items = items
    places = ItemPlaces(items)
    self.room = Atomic(room ?? Session.room(tensors: checkpoint.tensors.count))
    self.workers = max(1, workers ?? sysconf(Int32(_SC_NPROCESSORS_ONLN)))
    self.post = post
  }

  /// Asks questions that have not been asked; `urgent` ones come first, the last of them at once.
  ///
  /// - Parameters:
  ///   - replacing: whether a newer question of its kind about the same item takes an urgent one's place.
  ///   - again: what was answered is asked once more: the answer was not kept.
  public func ask(_ questions: [Question], urgent: Bool = false, replacing: Bool = true, again: Bool = false) {
    start { state in
      for question in questions {
        state.add(question, urgent: urgent, replacing: replacing, cost: cost(question), again: again) {
          places[$0]
        }
      }
    }
  }

  /// Puts questions and starts as many workers as they need.
  private func start(_ put: (inout State) -> Void) {
    let wanted = state.withLock { state -> Int in
      if state.isIdle {
        (state.total, state.started) = (0, DispatchTime.now().uptimeNanoseconds)
        done.store(0, ordering: .relaxed)
      }
      put(&state)
      let starting = min(workers - state.active, state.waitingCount)
      state.active += max(0, starting)
      return starting
    }
    for _ in 0..<max(0, wanted) { queue.async { self.work() } }
  }

  /// Asks for the surveys of all items, in their order, without a list of questions: there may be hundreds of thousands.
  public func survey() {
    let (cost, count) = Self.opening(items)
    start { state in
      state.total += cost
      state.openingCount = count
      state.opening = 0..<items.count
    }
  }

  /// What surveys of all items cost, and how many there are.
  private static func opening(_ items: [Item]) -> (cost: Double, count: Int) {
    var (cost, count) = (0.0, 0)
    // Lent, not copied: there may be hundreds of thousands.
    let items = items.span
    for place in items.indices where items[place].isSurveyed {
      cost += Double(items[place].count) * 2
      count += 1
    }
    return (cost, count)
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
      (state.opening, state.openingCount) = (0..<0, 0)
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
        jobs: state.waitingCount + state.running.count,
        fraction: state.total > 0 ? max(0, min(1, done / state.total)) : 0, weightsPerSecond: rate,
        secondsLeft: rate > 0 ? max(0, state.total - done) / rate : nil)
    }
  }

  /// Passes over the weight that a question takes, roughly, times its weights.
  private func cost(_ question: Question) -> Double {
    Double(places[question.item].map { items[$0].count } ?? 0) * 2
  }

  private func work() {
    lowerPriorityOfThread()
    while let (question, generation, isUrgent) = take() {
      guard let item = places[question.item].map({ items[$0] }) else { continue }
      let counted = Atomic<Int>(0)
      let cost = Int(cost(question))
      let control = PassControl { weights in
        counted.add(weights, ordering: .relaxed)
        self.done.add(weights, ordering: .relaxed)
        return self.generation.load(ordering: .relaxed) == generation
      }
      let kept = keptAnswer(question, item)
      let isEnough = kept.map { suffices($0, isUrgent) } ?? false
      // What is kept is shown while the rest of it is read.
      if let kept, !isEnough { post([Report(question: question, answer: kept)]) }
      let answer = isEnough ? kept : question.answer(from: checkpoint, item: item, control: control)
      if !isEnough, let answer { cache?.keep(answer, to: question, about: item) }
      // A question that took more or fewer passes than foreseen is done all the same.
      done.add(cost - counted.load(ordering: .relaxed), ordering: .relaxed)
      state.withLock { _ = $0.running.remove(question) }
      if let answer { post([Report(question: question, answer: isUrgent ? answer : trimmed(answer))]) }
    }
    if let cache, state.withLock({ $0.isIdle }) { cache.flush() }
    post([])
  }

  /// The answer that an earlier run found.
  private func keptAnswer(_ question: Question, _ item: Item) -> Answer? {
    // What is drawn of a scheme is not kept.
    if case .detail = question { return nil }
    guard let answer = cache?.answer(to: question, about: item) else { return nil }
    if needsBins, case .survey(let survey) = answer, survey.histogram.counts.isEmpty { return nil }
    return answer
  }

  /// Whether nothing more is wanted: a layer that somebody looks at is read for what is not kept of it.
  private func suffices(_ answer: Answer, _ isUrgent: Bool) -> Bool {
    guard isUrgent, case .survey(let survey) = answer else { return true }
    return survey.isWhole
  }

  /// A survey's figures alone where whole ones have no room left.
  private func trimmed(_ answer: Answer) -> Answer {
    guard case .survey(let survey) = answer else { return answer }
    let bytes = survey.byteCount
    let left = room.subtract(bytes, ordering: .relaxed).newValue
    guard left < 0 else { return answer }
    room.add(bytes, ordering: .relaxed)
    return .survey(survey.figures)
  }

  private func take() -> (Question, Int, isUrgent: Bool)? {
    state.withLock { state in
      guard let (question, isUrgent) = state.pop() ?? state.popOpening(items) else {
        state.active -= 1
        return nil
      }
      state.running.insert(question)
      return (question, generation.load(ordering: .relaxed), isUrgent)
    }
  }
}

extension Analyst.State {
  fileprivate mutating func add(
    _ question: Question, urgent isUrgent: Bool, replacing: Bool, cost: Double, again: Bool, place: (Item.ID) -> Int?
  ) {
    if again { forget(question) }
    if asked.contains(question) || !again && wasOpened(question, place) {
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

  /// Whether it is one of the surveys that were asked for all together, and was taken already.
  private func wasOpened(_ question: Question, _ place: (Item.ID) -> Int?) -> Bool {
    guard opening.lowerBound > 0, case .survey(let id) = question else { return false }
    return place(id).map { $0 < opening.lowerBound } ?? false
  }

  /// The next of the surveys that were asked for all together, without those that were asked for by themselves.
  fileprivate mutating func popOpening(_ items: [Item]) -> (Question, isUrgent: Bool)? {
    while let place = opening.first {
      opening = place + 1..<opening.upperBound
      let question = Question.survey(items[place].id)
      guard items[place].isSurveyed else { continue }
      openingCount -= 1
      if !asked.contains(question) { return (question, false) }
    }
    openingCount = 0
    return nil
  }

  /// A question that neither waits nor runs may be asked again.
  fileprivate mutating func forget(_ question: Question) {
    if tickets[question] == nil, !running.contains(question) { asked.remove(question) }
  }

  fileprivate mutating func pop() -> (Question, isUrgent: Bool)? {
    while let (question, ticket) = urgent.popLast() {
      if take(question, ticket) { return (question, true) }
    }
    while next < waiting.count {
      next += 1
      let (question, ticket) = waiting[next - 1]
      if take(question, ticket) { return (question, false) }
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
