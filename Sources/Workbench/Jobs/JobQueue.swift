import Checkpoints
import Compression
import Dispatch
import Inference
import Synchronization

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// Starts jobs and passes on what they tell, from background threads.
///
/// What a person waits for runs at once and at the program's own priority; everything else on threads that give way.
public final class JobQueue: Sendable {
  private let post: @Sendable (Job.Report) -> Void
  private let last = Atomic<Int>(0)

  public init(post: @escaping @Sendable (Job.Report) -> Void) { self.post = post }

  /// Starts work on a session as it is now.
  public func start(_ work: Job.Work, on session: Session) -> Job {
    let job = Job(id: last.add(1, ordering: .relaxed).newValue, work, version: session.version)
    let post = post
    DispatchQueue.global(qos: work.isAnswer ? .userInitiated : .utility).async {
      if !work.isAnswer { lowerPriorityOfThread() }
      let event: Job.Event
      do {
        let result = try job.run(on: session) { post(.init(job: job, event: $0)) }
        event = result.map { .done($0) } ?? .calledOff
      } catch is Cancelled {
        event = .calledOff
      } catch let found as FileExists {
        event = .done(.exists(path: found.path))
      } catch {
        event = .failed("\(error)")
      }
      post(.init(job: job, event: event))
    }
    return job
  }
}

/// Makes the calling thread give way to those that draw.
func lowerPriorityOfThread() {
  // On Linux niceness belongs to the thread: 0 is the calling one.
  #if os(Linux)
    _ = setpriority(__priority_which_t(PRIO_PROCESS.rawValue), 0, 19)
  #endif
}

extension Job {
  /// - Returns: `nil` where it was called off.
  fileprivate func run(on session: Session, tell: @escaping @Sendable (Event) -> Void) throws -> Result? {
    switch work {
    case .measure(let request):
      let clock = MeasuringClock { tell(.measuring($0)) }
      var request = request
      request.running = { clock.figure = $0 }
      let measurement = try session.measure(
        request,
        progress: { done, of in
          clock.tick(done, of)
          return true
        }, isCancelled: { !self.goesOn })
      return measurement.map { .measured($0) }
    case .calibrate(let request):
      let found = try session.sensitivities(
        request,
        progress: {
          tell(.calibrating($0))
          return true
        }, isCancelled: { !self.goesOn })
      return found.map { .sensitivities($0, path: nil) }
    case .recover(let request):
      let found = try session.recover(
        request,
        progress: {
          tell(.recovering($0))
          return true
        }, isCancelled: { !self.goesOn })
      return found.map { .recovered($0) }
    case .sensitivities(let path):
      let values = try Sensitivities(path: path)
      session.keep(values)
      return .sensitivities(values, path: path)
    case .recall: return .recalled(session.recollection)
    case .export(let target, let path, let workers, let replaces):
      if !replaces { try session.checkFree([path]) }
      let export = try session.write(checkpoint: target, to: path, workers: workers) { progress in
        tell(.exporting(progress))
        return self.goesOn
      }
      return .exported(export, path: path)
    case .write(let target, let path, let replaces):
      return .written(try session.write(target, to: path, replaces: replaces), target, path: path)
    case .saveSession(let draft, let path, let replaces):
      if !replaces { try session.checkFree([path] + session.codePaths(beside: path)) }
      var draft = draft
      draft.record.recovered = try session.writeCodes(beside: path)
      try session.write(SessionWriter.bytes(of: draft), to: path)
      return .savedSession(path: path)
    case .keepCodes(let paths): return .keptCodes(try session.keepCodes(beside: paths))
    case .openSession(let path): return .openedSession(try session.opened(path))
    case .rescued:
      return .rescued(try session.rescued(among: RescueFolder.allFiles(for: session.checkpoint.path)))
    case .save(let bytes, let path, let what, let replaces):
      if !replaces { try session.checkFree([path]) }
      try session.write(bytes, to: path)
      return .saved(path: path, what: what)
    case .importChoice(let path): return .imported(try session.choice(from: path), path: path)
    case .importances(let path): return .importances(try ImportanceFile(path: path), path: path)
    case .aim(let target): return .aimed(try session.aim(for: target))
    case .lock(let isLocked): return .locked(isLocked ? session.lockable : nil)
    case .devices(let devices):
      // What a graph computes is known once it has run.
      let count =
        session.checkpoint.graph == nil
        ? nil : try? Network(session.checkpoint).multiplications(isCancelled: { !self.goesOn })
      return .onDevices(
        devices.map { device in
          let found = session.estimate(on: device, context: Self.contextOnDevices, multiplications: count ?? nil)
          return OnDevice(device: device, estimate: found)
        })
    case .front:
      let open = session.searchQuestions().filter { session.answers.failures[$0.item] == nil }
      return .front(SearchFront(session.searchMenu()), open: open)
    case .reason(let id):
      return .reason(session.searchMenu(isWhole: true).reason(for: id, in: session.recipe), id)
    case .appraise(let recipes):
      var appraisals: [Appraisal] = []
      for recipe in recipes where goesOn { appraisals.append(session.appraisal(of: recipe)) }
      return .appraised(appraisals)
    case .targets: return .targets(session.targetVerdicts { self.goesOn })
    case .other(let path): return .other(try OtherModel(path: path))
    case .overlay(let other, let layer):
      return .overlay(try other.overlay(of: layer, PassControl { _ in self.goesOn }), layer: layer)
    case .threshold(let shared): return .threshold(ratio: shared.ratio, try shared.threshold())
    case .fileSize(let target):
      return .fileSize(try? session.size(checkpoint: target), target, version: session.exportVersion)
    }
  }
}
