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
  }

  var state: State
  private var analyst: Analyst
  private let workers: Int?
  private let mailbox: Mailbox<Message>
  private var requests: [TerminalRequest] = []
  /// Whether questions about items that did not change may be open.
  private var asksAll = true
  /// Hears of every change of what would be lost.
  let changed: @Sendable (SessionDraft, _ rescuePath: String?) -> Void
  private var told = Told()
  /// Whether recalled measurements may have something to teach once the analysis ends, and whether it was asked for.
  private var wantsLessons = true
  private var lessonsAsked = false
  /// How measurements run.
  private let request: MeasurementRequest
  private let queue: JobQueue
  /// Those that run, by number.
  var jobs: [Job.ID: Job] = [:]

  /// - Parameters:
  ///   - glyphs: what the locale can show.
  ///   - opened: a session of this model to go on with.
  ///   - rescues: files with work of sessions of models of this name: what is of this very one is offered.
  ///   - changed: hears of every change of the recipe and what was measured, and of its being written.
  init(
    session: Session, mailbox: Mailbox<Message>, glyphs: GlyphSet, data: String? = nil,
    request: MeasurementRequest = .init(data: ""), workers: Int? = nil,
    opened: OpenedSession? = nil, rescues: [String] = [],
    changed: @escaping @Sendable (SessionDraft, String?) -> Void = { _, _ in }
  ) {
    self.request = request
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
    if !rescues.isEmpty { start(.rescued(among: rescues)) }
    if session.cache != nil { start(.recall) }
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
    var (version, measurements, learnt) = (0, 0, 0)
  }

  private mutating func tellChange() {
    let session = state.session
    let now = Told(
      version: session.version, measurements: session.measurements.count,
      learnt: session.sensitivities.map { $0.version + 1 } ?? 0)
    guard now != told else { return }
    told = now
    changed(state.draft, state.rescuePath)
  }

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
    if opened.importances != nil { renew() }
    if let name = opened.record.target, let target = try? Target(name: name) { start(.aim(target)) }
    perform(.resolveShared)
    askForChoices()
  }

  mutating func receive(_ messages: [Message]) {
    for message in messages {
      switch message {
      case .reports(let reports): state.session.receive(reports)
      case .indexed(let index): state.searchIndex = index
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
    guard let front = state.popup as? FrontPopup, front.open > 0, analyst.progress == nil else { return }
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

  // MARK: - What is asked in the background

  /// The open questions of the recipe, those of the current layer first: of what the last change changed, and of all
  /// items when they were not asked or were called off.
  mutating func askForChoices() {
    let session = state.session
    let items = asksAll ? session.items : session.lastChanged.compactMap(session.item(id:))
    asksAll = false
    analyst.ask(session.questions(about: items), urgent: true)
    askForCurrent()
  }

  /// What the panes show of the current layer: its survey, its table under its sparsity, its reconstruction.
  private func askForCurrent() {
    guard let item = state.current, item.isReadable, item.kind != .buffer else { return }
    let session = state.session
    let scheme = session.scheme(of: item)
    var questions: [Question] = []
    if !scheme.isKeep, scheme.isComputed { questions.append(.detail(item.id, session.made(scheme, of: item))) }
    if scheme.sparsity != .none, item.kind == .weight,
      session.table(of: item, sparsity: scheme.sparsity) == nil
    {
      questions.append(.table(item.id, scheme.sparsity))
    }
    // What was found and not kept whole is read again.
    let isWhole = session.survey(of: item).map(\.isWhole) ?? true
    if session.survey(of: item) == nil || !isWhole { questions.append(.survey(item.id)) }
    questions += closerLooks(at: item)
    let isDrawn = session.assessment(of: item, in: scheme).map { $0.reconstruction != nil } ?? true
    analyst.ask(questions, urgent: true, again: !isWhole || !isDrawn)
    analyst.ask(session.toolQuestions(about: item))
  }

  /// The histogram over what is drawn of it, where a few weights stretch its range; the channels' densities, where they
  /// are in sight.
  private func closerLooks(at item: Item) -> [Question] {
    let answers = state.session.answers
    var questions: [Question] = []
    // The outline tells first, for nothing.
    if let survey = state.session.survey(of: item), survey.shape?.isStretched == true, answers.closeUps[item.id] == nil,
      survey.histogram.needsCloseUp
    {
      questions.append(.closeUp(item.id))
    }
    if state.showsRidge, item.kind == .weight, answers.ridges[item.id] == nil { questions.append(.ridge(item.id)) }
    return questions
  }

  /// Once the layer under the cursor was read, it may turn out that its range is stretched.
  private func askForCloseUp() {
    guard let item = state.current, item.isReadable, item.kind != .buffer else { return }
    analyst.ask(closerLooks(at: item), urgent: true)
  }

  /// The layer of the same name in the other file, once it is another.
  mutating func askForOverlay() {
    guard let other = state.other, let name = state.current?.name, state.overlay?.name != name else { return }
    let isAsked = jobs.values.contains { if case .overlay(_, let layer) = $0.work { layer == name } else { false } }
    if !isAsked { start(.overlay(other, layer: name)) }
  }

  /// The errors of small floats and codebooks, while their table is in sight.
  private func askForFormats() {
    guard state.isZoomed, state.pane == .errors, let item = state.current, item.isReadable, item.kind == .weight else {
      return
    }
    let sparsity = state.session.scheme(of: item).sparsity
    let open = Scheme.compared.map { Scheme($0, sparsity: sparsity) }
      .filter { item.obstacle(to: $0) == nil && state.session.assessment(of: item, in: $0) == nil }
    analyst.ask(open.map { .assessment(item.id, state.session.made($0, of: item)) })
  }

  /// The size of the file that the target would write, one recipe at a time: the newest when one was found.
  private mutating func askForFileSize() {
    guard let size = state.figures.fileSize, size.version != state.session.exportVersion else { return }
    let isSizing = jobs.values.contains { if case .fileSize = $0.work { true } else { false } }
    if !isSizing { start(.fileSize(size.target)) }
  }

  /// Starts work on the session as it is now.
  mutating func start(_ work: Job.Work) {
    let job = queue.start(work, on: state.session)
    jobs[job.id] = job
  }

  /// What an open popup shows: at once what the summary knows, then the scheme that it speaks of, then the rest.
  private mutating func askForPopup() {
    guard let popup = state.popup, let item = state.subject, item.isReadable, item.kind != .buffer else { return }
    if let scheme = popup.considered(over: state), item.obstacle(to: scheme) == nil {
      state.session.answer(item, scheme)
      if state.session.assessment(of: item, in: scheme) == nil {
        analyst.ask([.assessment(item.id, state.session.made(scheme, of: item))], urgent: true)
      }
    }
    let questions = popup.questions(about: item, over: state)
    analyst.ask(questions.urgent, urgent: true)
    analyst.ask(questions.others)
  }

  // MARK: - What is done outside the state

  private mutating func perform(_ effect: Effect) {
    switch effect {
    case .write(let target, let path, let replaces) where target.isCheckpoint:
      state.exporting = ExportProgress()
      start(.export(target, path: path, workers: workers, replaces: replaces))
    case .write(let target, _, _) where target.needsFigures && !state.session.hasFigures:
      state.complain("\(target.name): figures are still coming in; write it when the analysis is done")
    case .write(let target, let path, let replaces): start(.write(target, path: path, replaces: replaces))
    case .save(let path, .bins, let replaces): writeBins(path, replaces)
    case .save(let path, .sensitivities, let replaces): keepSensitivities(path, replaces)
    case .targets: start(.targets)
    case .other(let path): start(.other(path: path))
    case .importRecipe(let path): start(.importChoice(path: path))
    case .importances(let path): start(.importances(path: path))
    case .aim(let target): start(.aim(target))
    case .lock(let isLocked): start(.lock(isLocked))
    case .devices(let devices): start(.devices(devices))
    case .front: start(.front)
    case .why(let id): start(.reason(id))
    case .measure(let data):
      state.measuring = MeasuringProgress()
      var request = request
      request.data = data
      start(.measure(request))
    case .calibrate(let data):
      state.calibrating = .init(done: 0, of: 0, what: "layers")
      var request = request
      request.data = data
      start(.calibrate(SensitivityRequest(request)))
    case .sensitivities(let path): start(.sensitivities(path: path))
    case .cancel:
      jobs.values.forEach { $0.cancel() }
      analyst.cancelAll()
      asksAll = true
      state.say("called off; what is not known shows as …; :analyse goes on")
    case .analyse:
      let known = state.session.answers
      analyst.ask(state.session.opening.filter { known.surveys[$0.item] == nil && known.failures[$0.item] == nil })
      askForChoices()
    case .resolveShared:
      for shared in state.session.sharedRatios { start(.threshold(shared)) }
    case .saveSession(let path, let replaces):
      start(.saveSession(state.draft.written, path: path, replaces: replaces))
    case .openSession(let path): start(.openSession(path: path))
    case .rescued(let choice): perform(choice)
    case .mouse(let isOn): requests.append(.mouse(isOn))
    case .suspend: requests.append(.suspend)
    case .repaint: requests.append(.repaint)
    case .copy(let text): requests.append(.copy(text))
    }
  }

  private mutating func keepSensitivities(_ path: String, _ replaces: Bool) {
    guard let values = state.session.sensitivities?.values, let bytes = try? values.encoded() else { return }
    start(.save(bytes, path: path, what: "sensitivities of \(values.layers.count) layers", replaces: replaces))
  }

  private mutating func writeBins(_ path: String, _ replaces: Bool) {
    guard let item = state.current, let histogram = state.session.survey(of: item)?.histogram,
      !histogram.counts.isEmpty
    else {
      state.complain("bins: the layer is not read yet")
      return
    }
    let text = "layer,bin,low,high,count\n" + histogram.csv(layer: item.name)
    start(.save(Array(text.utf8), path: path, what: "\(histogram.counts.count) bins", replaces: replaces))
  }

  /// Asks everything anew: the items have changed.
  mutating func renew() {
    let (mailbox, session) = (mailbox, state.session)
    analyst.cancelAll()
    analyst = Analyst(session.checkpoint, items: session.items, workers: workers, cache: session.cache) {
      mailbox.post(.reports($0))
    }
    asksAll = true
    perform(.analyse)
  }
}
