import FileAccess
import Workbench

/// What jobs tell, taken over into the state.
extension Screen {
  mutating func receive(_ report: Job.Report) {
    if report.event.isLast {
      jobs[report.job.id] = nil
      // A failure ends what failed, and nothing else.
      switch report.job.work {
      case .measure: state.measuring = nil
      case .calibrate: state.calibrating = nil
      case .recover: state.recovering = nil
      case .export: state.exporting = nil
      default: break
      }
      if case .failed = report.event { state.quitsWhenWritten = false }
      if case .done(.exists) = report.event {} else { replacing[report.job.id] = nil }
    }
    switch report.event {
    case .measuring(let progress): state.measuring = progress
    case .calibrating(let progress): state.calibrating = progress
    case .recovering(let progress):
      state.recovering = progress
      if let loss = progress.loss, loss.isFinite { state.losses.append(loss) }
    case .exporting(let progress): state.exporting = progress
    case .failed(let reason): state.refuse(reason)
    case .calledOff: state.say("called off")
    case .done(let result): take(result, of: report.job)
    }
  }

  /// Asks whether a file may be replaced that stands where another was to be written.
  private mutating func askToReplace(_ path: String, by effect: Effect) {
    state.prompt = Prompt(purpose: .confirm(effect), editor: LineEditor(prompt: printable(path)))
  }

  /// A front for the popup that waits for it.
  private mutating func take(_ front: SearchFront, open: [Question]) {
    guard state.popups.contains(where: { $0 is FrontPopup }) else { return }
    ask(open)
    var shown: Recipe?
    let bytes = state.session.estimate.bytes
    state.update(FrontPopup.self) { shown = $0.take(front, open: open.count, bytes: bytes) }
    guard let recipe = shown else {
      if open.isEmpty {
        state.popups = []
        state.complain("front: every layer was chosen by hand or can take nothing: u takes a choice back")
      }
      return
    }
    state.session.preview(recipe, provenance: Provenance(method: "the front"))
    askForChoices()
  }

  /// Offers the work of a session that ended without being asked to, where nothing is open.
  private mutating func offer(_ found: OpenedSession?) {
    state.rescued = found
    guard let found else { return }
    if state.popup == nil, state.prompt == nil { state.popup = RescuePopup(found) }
  }

  /// Takes it up, or throws it away.
  mutating func perform(_ choice: Rescued) {
    guard let found = state.rescued else { return }
    state.rescued = nil
    switch choice {
    case .restore:
      // Before it is told of: a crash replaces the file.
      state.rescuePath = found.path
      restore(found)
      state.sayOpened(found)
    case .discard:
      RescueFolder.discard(found.path)
      state.say("discarded \(printable(found.path))")
    }
  }

  private mutating func take(_ result: Job.Result, of job: Job) {
    switch result {
    case .measured(let measurement): state.take(measurement)
    case .sensitivities(let values, let path): state.take(values, from: path)
    case .recovered(let recovered):
      state.take(recovered)
      renew()
      keepCodes()
    case .recalled(let recollection):
      state.session.take(recollection)
      for measurement in state.session.measurements { state.session.keepSnapshot(of: measurement.recipe) }
      state.sessionChanged()
    case .exists(let path): if let effect = replacing.removeValue(forKey: job.id) { askToReplace(path, by: effect) }
    case .appraised(let appraisals):
      // Whichever asked: of other recipes each takes nothing.
      state.update(ComparePopup.self) { $0.take(appraisals) }
      state.update(RecipesPopup.self) { $0.take(appraisals) }
    case .targets(let verdicts): state.update(TargetsPopup.self) { $0.fits = verdicts }
    case .other(let other):
      (state.other, state.overlay) = (other, nil)
      state.say("\(printable(other.path)): its layers are drawn over those of the same names; := none ends that")
      askForOverlay()
    case .overlay(let overlay, let layer):
      guard let other = state.other, state.current?.name == layer else { break }
      state.overlay = overlay
      if overlay == nil { state.complain("\(printable(other.path)) has no layer \(printable(layer))") }
    case .exported(let export, let path):
      state.ownPaths.insert(path)
      let notes = export.notes.isEmpty ? "" : "; \(export.notes.count) notes, the first: \(export.notes[0])"
      state.say("wrote \(printable(path)), \(export.bytes) bytes\(notes)")
    case .written(let export, let target, let path):
      state.ownPaths.insert(path)
      if target == .lathe, job.version == state.session.version {
        wrote()
        if state.quitsWhenWritten { state.isDone = true }
      }
      state.quitsWhenWritten = false
      state.tell(export)
    case .saved(let path, let what):
      state.ownPaths.insert(path)
      state.say("wrote \(printable(path)), \(what)")
    case .keptCodes(let codes):
      state.keptCodes = codes
      changed(state.draft, state.rescuePath)
    case .savedSession(let path):
      state.ownPaths.insert(path)
      if job.version == state.session.version { wrote() }
      state.say("wrote \(printable(path)), the session: :session open \(printable(path)) goes on with it")
    case .openedSession(let opened):
      restore(opened)
      state.sayOpened(opened)
    case .rescued(let found): offer(found)
    case .imported(let choice, let path):
      state.adopt(choice, from: path)
      if choice.outcome.hasChosenCodes {
        renew()
        keepCodes()
      } else {
        askForChoices()
      }
    case .importances(let file, let path):
      do {
        let count = try state.session.weigh(by: file, path: path)
        state.say("importances of \(count) weight\(count == 1 ? "" : "s"): errors have a weighted one beside them")
        renew()
      } catch {
        state.refuse("\(error)")
      }
    case .aimed(let aim):
      state.take(aim)
      askForChoices()
    case .locked(let locks):
      state.session.lock(locks)
      let count = locks?.count ?? 0
      state.say(
        locks == nil
          ? "layers change apart"
          : count == 0 ? "no layers here are run as one" : "\(count) groups of layers change together")
    case .onDevices(let found):
      if state.popup == nil { state.popup = TextPopup.onDevices(found, state.session, wrapped: state.wrapped) }
    case .front(let front, let open): take(front, open: open)
    case .reason(let reason, let id):
      if let item = state.session.item(id: id), state.popup == nil {
        state.popup = TextPopup.why(item, reason, state.session, state.glyphs)
      }
    case .threshold(let ratio, let threshold):
      state.session.resolve(ratio, as: threshold)
      state.say("\(Format.percent(ratio)) of all these weights lie below \(Format.significant(threshold))")
      askForChoices()
    case .fileSize(let bytes, let target, let version):
      state.figures.take(.init(target: target, version: version, bytes: bytes))
    }
  }
}
