import Inference
import Synchronization

/// A piece of work in the background: what it does, for which state of the recipe it was asked, and a way to call it off.
///
/// It works on the session as it was when it was asked: a session is a value. What it tells is a `Report`, which names it,
/// so that one job's failure ends no other.
public final class Job: Sendable, Identifiable {
  public let id: Int
  public let work: Work
  /// The version of the recipe that it was asked for.
  public let version: Int
  private let isCancelled = Atomic<Bool>(false)

  init(id: Int, _ work: Work, version: Int) {
    (self.id, self.work, self.version) = (id, work, version)
  }

  /// Asks it to stop at the next chance; it then reports that it was called off.
  public func cancel() { isCancelled.store(true, ordering: .relaxed) }

  public var goesOn: Bool { !isCancelled.load(ordering: .relaxed) }

  /// What is done.
  public enum Work: Sendable {
    /// The recipe run on held-out data.
    case measure(MeasurementRequest)
    /// What each layer's compression does to the outputs, found out.
    case calibrate(SensitivityRequest)
    /// Codes chosen for the layers that ask for it.
    case recover(RecoveryRequest)
    /// Sensitivities read.
    case sensitivities(path: String)
    /// What earlier runs measured, looked up.
    case recall
    /// The weights written for a target.
    case export(Target, path: String, workers: Int?, replaces: Bool)
    /// A config or a recipe written.
    case write(Target, path: String, replaces: Bool)
    /// The session written, to be opened again.
    case saveSession(SessionDraft, path: String, replaces: Bool)
    /// The codes that were chosen kept beside the files that a rescue would write.
    case keepCodes(beside: [String])
    /// A session read.
    case openSession(path: String)
    /// The work of a session that ended without being asked to, looked for in files of its model's name.
    case rescued
    /// Bytes about the model written; `what` says what they are.
    case save([UInt8], path: String, what: String, replaces: Bool)
    /// What is to be said of recipes beside the one that stands.
    case appraise([Recipe])
    /// What every target has to say of the model and the recipe.
    case targets
    /// Another file of the same kind opened, to hold its layers beside this one's.
    case other(path: String)
    /// The layer of that name in the other file, read.
    case overlay(OtherModel, layer: String)
    /// A recipe, another tool's config or a checkpoint's types read.
    case importChoice(path: String)
    /// How much inputs matter, read.
    case importances(path: String)
    /// What a target says of every layer found out.
    case aim(Target?)
    /// What the recipe would take and give on devices.
    case devices([DeviceProfile])
    /// The front of size and harm, of what is known.
    case front
    /// Why a layer has its bits.
    case reason(Item.ID)
    /// Layers that are locked to each other found, or let go.
    case lock(Bool)
    /// The threshold of a ratio over the model.
    case threshold(Session.SharedRatio)
    /// The size of the file that a target would write.
    case fileSize(Target)
  }

  /// What it tells.
  public enum Event: Sendable {
    case measuring(MeasuringProgress)
    case calibrating(SensitivityProgress)
    case recovering(RecoveryProgress)
    case exporting(ExportProgress)
    /// The last thing but for these three.
    case done(Result)
    case failed(String)
    case calledOff

    public var isLast: Bool {
      switch self {
      case .measuring, .calibrating, .recovering, .exporting: false
      case .done, .failed, .calledOff: true
      }
    }
  }

  /// What came of it.
  public enum Result: Sendable {
    case measured(Measurement)
    case recovered(Recovered)
    /// Where they were read, or `nil`.
    case sensitivities(Sensitivities, path: String?)
    case recalled(Recollection)
    case exported(CheckpointExport, path: String)
    case written(Export, Target, path: String)
    case saved(path: String, what: String)
    /// Something stands where this was to be written, and nothing was.
    case exists(path: String)
    case appraised([Appraisal])
    case targets([String: Session.TargetVerdict])
    case other(OtherModel)
    case overlay(Overlay?, layer: String)
    case savedSession(path: String)
    case keptCodes(RecipeFile.Recovered?)
    case openedSession(OpenedSession)
    /// `nil` where none is of this model.
    case rescued(OpenedSession?)
    case imported(ImportedChoice, path: String)
    case importances(ImportanceFile, path: String)
    case aimed(Aim)
    case locked(Locks?)
    case onDevices([OnDevice])
    /// With what is still to be found out.
    case front(SearchFront, open: [Question])
    case reason(SearchMenu.Reason?, Item.ID)
    case threshold(ratio: Double, Double)
    /// `nil` where the recipe does not fit the target.
    case fileSize(Int?, Target, version: Int)
  }

  /// Tokens whose keys and values are counted on devices.
  public static let contextOnDevices = 4096

  public struct OnDevice: Sendable {
    public let device: DeviceProfile
    public let estimate: DeviceEstimate
  }

  /// An event with the job that it is of.
  public struct Report: Sendable {
    public let job: Job
    public let event: Event
  }
}

extension Job.Work {
  /// Whether a person waits for the answer and types on: files that are short as a rule, and what is only looked up.
  public var isAnswer: Bool {
    switch self {
    case .write, .save, .importChoice, .importances, .sensitivities, .aim, .lock, .reason, .devices, .other, .appraise,
      .saveSession, .openSession, .rescued:
      true
    case .measure, .calibrate, .recover, .recall, .export, .threshold, .fileSize, .front, .targets, .overlay,
      .keepCodes:
      false
    }
  }
}
