import Compression
import Inference
import Workbench

// What is done outside the state.

extension Screen {
  mutating func perform(_ effect: Effect) {
    switch effect {
    case .write(let target, let path, let replaces) where target.isCheckpoint:
      state.exporting = ExportProgress()
      start(
        .export(target, path: path, workers: workers, replaces: replaces),
        replacing: .write(target, path: path, replaces: true))
    case .write(let target, _, _) where target.needsFigures && !state.session.hasFigures:
      state.complain("\(target.name): figures are still coming in; write it when the analysis is done")
    case .write(let target, let path, let replaces):
      start(.write(target, path: path, replaces: replaces), replacing: .write(target, path: path, replaces: true))
    case .save(let path, .bins, let replaces): writeBins(path, replaces)
    case .save(let path, .sensitivities, let replaces): keepSensitivities(path, replaces)
    case .appraise(let recipes): start(.appraise(recipes))
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
    case .recover(let data):
      state.recovering = RecoveryProgress(what: "layers")
      var request = request
      request.data = data
      var recovery = RecoveryRequest(request)
      // Called off and asked for again, a training goes on where it was.
      recovery.folder = state.session.cache?.folder.trainingFolder()
      start(.recover(recovery))
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
      start(
        .saveSession(state.draft.written, path: path, replaces: replaces),
        replacing: .saveSession(path: path, replaces: true))
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
    start(
      .save(bytes, path: path, what: "sensitivities of \(values.layers.count) layers", replaces: replaces),
      replacing: .save(path: path, what: .sensitivities, replaces: true))
  }

  private mutating func writeBins(_ path: String, _ replaces: Bool) {
    guard let item = state.current, let histogram = state.session.survey(of: item)?.histogram,
      !histogram.counts.isEmpty
    else {
      state.complain("bins: the layer is not read yet")
      return
    }
    let text = "layer,bin,low,high,count\n" + histogram.csv(layer: item.name)
    start(
      .save(Array(text.utf8), path: path, what: "\(histogram.counts.count) bins", replaces: replaces),
      replacing: .save(path: path, what: .bins, replaces: true))
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
