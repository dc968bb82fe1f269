import Checkpoints
import Compression
import Inference
import Workbench

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// The screen as a program: keys and messages change its state, `view` draws it, and what it finds wanting it asks the
/// analyst for.
struct Screen: Program {
  /// What background work tells the screen.
  enum Message: Sendable {
    case reports([Report])
    case job(Job.Report)
    /// What the filter searches.
    case indexed(SearchIndex)
    /// In which order the items are shown.
    case ordered([Int])
  }

  var state: State
  var analyst: Analyst
  let workers: Int?
  let mailbox: Mailbox<Message>
  var requests: [TerminalRequest] = []
  /// Whether questions about items that did not change may be open.
  var asksAll = true
  /// Hears of every change of what would be lost.
  let changed: @Sendable (SessionDraft, _ rescuePath: String?) -> Void
  private var told = Told()
  /// Whether recalled measurements may have something to teach once the analysis ends, and whether it was asked for.
  private var wantsLessons = true
  private var lessonsAsked = false
  /// Files that a rescue would write: codes that were chosen are kept beside them. None without a rescue.
  let kept: [String]
  /// How measurements run.
  let request: MeasurementRequest
  let queue: JobQueue
  /// Those that run, by number.
  var jobs: [Job.ID: Job] = [:]
  /// Of those that write: what writes over a file that is in the way.
  var replacing: [Job.ID: Effect] = [:]

  /// - Parameters:
  ///   - glyphs: what the locale can show.
  ///   - opened: a session of this model to go on with.
  ///   - offersRescues: whether the work of a session of this model that ended without being asked to is looked for.
  ///   - changed: hears of every change of the recipe and what was measured, and of its being written.
  ///   - kept: where the session would be written.
  init(
    session: Session, mailbox: Mailbox<Message>, glyphs: GlyphSet, data: String? = nil,
    request: MeasurementRequest = .init(data: ""), workers: Int? = nil,
    opened: OpenedSession? = nil, offersRescues: Bool = false,
    changed: @escaping @Sendable (SessionDraft, String?) -> Void = { _, _ in }, kept: [String] = []
  ) {
    self.request = request
    self.kept = kept
    self.changed = changed
    state = State(session: session, size: Size(width: 80, height: 24))
    state.glyphs = glyphs
    state.dataPath =
      data
      ?? Paths.data(besides: session.checkpoint.path, ending: session.checkpoint.graph == nil ? ".txt" : ".npz")
    state.calibrationPath = Paths.calibration(
      besides: session.checkpoint.path, ending: session.checkpoint.graph == nil ? ".txt" : ".npz")
    if let opened {
      state.restore(opened)
      state.dataPath = data ?? state.dataPath
    }
    self.mailbox = mailbox
    self.workers = workers
    queue = JobQueue { mailbox.post(.job($0)) }
    analyst = Analyst(session.checkpoint, items: state.session.items, workers: workers, cache: session.cache) {
      mailbox.post(.reports($0))
    }
    analyst.survey()
    state.progress = analyst.progress
    askForChoices()
    askForFileSize()
    if opened != nil { perform(.resolveShared) }
    if opened?.chosen.isEmpty == false { keepCodes() }
    if offersRescues { start(.rescued) }
    if session.cache != nil { start(.recall) }
    if session.items.count > SearchJob.veryLongModel { SearchJob.startOrder(session, mailbox: mailbox) }
    if session.items.count > SearchJob.longModel { SearchJob.start(session.items, mailbox: mailbox) }
  }

  var isDone: Bool { state.isDone }
  var wantsTick: Bool { !isIdle }
  var isIdle: Bool { analyst.progress == nil && jobs.isEmpty }
  var isAnswering: Bool { jobs.values.contains { $0.work.isAnswer } }
  static func isAnswer(_ message: Message) -> Bool {
    if case .job(let report) = message { report.job.work.isAnswer } else { false }
  }

  mutating func handle(_ key: Key) {
    let before = (version: state.session.version, item: state.current?.id, look: state.look)
    let effects = state.press(key)
    if state.session.version != before.version {
      // What summaries know is shown with this very frame.
      state.session.answerAtOnce(state.session.lastChanged.filter { $0 == state.current?.id })
      state.session.answerAtOnce(Array(state.session.lastChanged.prefix(8)))
      state.sessionChanged()
      askForChoices()
    } else if state.current?.id != before.item || state.look != before.look {
      askForCurrent()
    }
    askForOverlay()
    effects.forEach { perform($0) }
    askForPopup()
    askForFormats()
    askForFileSize()
    state.scrollToCursor()
    state.progress = analyst.progress
    tellChange()
  }

  /// What a rescue is of: numbers to compare.
  private struct Told: Equatable {
    var (version, measurements, learnt, snapshots) = (0, 0, 0, 0)
  }

  private mutating func tellChange() {
    let session = state.session
    let now = Told(
      version: session.version, measurements: session.measurements.count,
      learnt: session.sensitivities.map { $0.version + 1 } ?? 0, snapshots: session.snapshots.count)
    guard now != told else { return }
    told = now
    changed(state.draft, state.rescuePath)
  }

  /// Keeps the codes that were chosen where a rescue finds them.
  mutating func keepCodes() { if !kept.isEmpty { start(.keepCodes(beside: kept)) } }

  /// What there is to lose has been written.
  mutating func wrote() {
    state.session.markSaved()
    if let path = state.rescuePath { RescueFolder.discard(path) }
    state.rescuePath = nil
    changed(state.draft, nil)
  }

  /// Goes on with a session that was kept.
  mutating func restore(_ opened: OpenedSession) {
    state.restore(opened)
    if opened.importances != nil || !opened.chosen.isEmpty { renew() }
    if !opened.chosen.isEmpty { keepCodes() }
    if let name = opened.record.target, let target = try? Target(name: name) { start(.aim(target)) }
    perform(.resolveShared)
    askForChoices()
  }

  mutating func receive(_ messages: [Message]) {
    for message in messages {
      switch message {
      case .reports(let reports): state.session.receive(reports)
      case .indexed(let index): state.searchIndex = index
      case .ordered(let order): state.take(order: order)
      case .job(let report) where jobs[report.job.id] != nil: receive(report)
      case .job: break
      }
    }
    state.sessionChanged()
    askForCloseUp()
    askForFileSize()
    state.progress = analyst.progress
    renewFront()
    if analyst.progress == nil, wantsLessons {
      wantsLessons = false
      let open = state.session.recalledQuestions
      if open.isEmpty { learnRecalled() } else { analyst.ask(open) }
      lessonsAsked = !open.isEmpty
    } else if analyst.progress == nil, lessonsAsked {
      lessonsAsked = false
      learnRecalled()
    }
    tellChange()
  }

  private mutating func learnRecalled() {
    state.session.learnRecalled()
    state.sessionChanged()
  }

  /// The front anew, once all that it lacked was found out.
  private mutating func renewFront() {
    guard analyst.progress == nil, let front = state.popups.lazy.compactMap({ $0 as? FrontPopup }).first, front.open > 0
    else { return }
    let isRunning = jobs.values.contains { if case .front = $0.work { true } else { false } }
    if !isRunning { start(.front) }
  }

  /// Asks for what was found to be open.
  func ask(_ questions: [Question]) { analyst.ask(questions) }

  mutating func tick() {
    state.spinner += 1
    state.progress = analyst.progress
  }

  func view(_ size: Size) -> Canvas { state.view(size) }

  mutating func takeRequests() -> [TerminalRequest] {
    defer { requests = [] }
    return requests
  }
}
