import Compression
import Workbench

// What is asked in the background.

extension Screen {
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
  func askForCurrent() {
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
  func askForCloseUp() {
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
  func askForFormats() {
    guard state.isZoomed, state.pane == .errors, let item = state.current, item.isReadable, item.kind == .weight else {
      return
    }
    let sparsity = state.session.scheme(of: item).sparsity
    let open = Scheme.compared.map { Scheme($0, sparsity: sparsity) }
      .filter { item.obstacle(to: $0) == nil && state.session.assessment(of: item, in: $0) == nil }
    analyst.ask(open.map { .assessment(item.id, state.session.made($0, of: item)) })
  }

  /// The size of the file that the target would write, one recipe at a time: the newest when one was found.
  mutating func askForFileSize() {
    guard let size = state.figures.fileSize, size.version != state.session.exportVersion else { return }
    let isSizing = jobs.values.contains { if case .fileSize = $0.work { true } else { false } }
    if !isSizing { start(.fileSize(size.target)) }
  }

  /// Starts work on the session as it is now.
  ///
  /// - Parameter effect: what is done in its place where a file that is there may go.
  mutating func start(_ work: Job.Work, replacing effect: Effect? = nil) {
    let job = queue.start(work, on: state.session)
    jobs[job.id] = job
    replacing[job.id] = effect
  }

  /// What an open popup shows: at once what the summary knows, then the scheme that it speaks of, then the rest.
  mutating func askForPopup() {
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
}
