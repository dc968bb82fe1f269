import Compression
import Inference
import Recovery

/// How codes are to be chosen for the layers whose schemes ask for it (`by=`).
public struct RecoveryRequest: Sendable {
  /// The data that calibrate; others than those that score.
  public var measurement: MeasurementRequest
  /// At most so many samples, windows or lines; `nil` for all, of a text for 128 windows, of lines for 2,048.
  public var samples: Int?
  /// Whether each layer makes good what those before it changed of its inputs.
  public var comparesWithOriginal = true
  /// Whether factors move between all neighbours whose codes are chosen; else between those with `by=equalised`.
  public var equalises = false
  /// How what is learnt learns (`by=scales`, `rounding` and `trained`).
  public var training = TrainingOptions()
  /// Pulls weights to zero, and whole outputs, where they are trained.
  public var latent = LatentTraining.Options()
  /// In what order weights learn; `nil` for what their method does best, and block by block where all at once takes more
  /// memory than there is.
  public var order: LearningOrder?
  /// A folder where a training's state is kept until it is done: whoever asks for the same again goes on from there.
  public var folder: String?

  public init(_ measurement: MeasurementRequest, samples: Int? = nil) {
    (self.measurement, self.samples) = (measurement, samples)
  }
}

/// In what order weights learn.
public enum LearningOrder: String, Sendable, Hashable, CaseIterable {
  /// All at once, by the model's outputs.
  case whole
  /// A block at a time, by what each makes.
  case blocks
  /// Block by block, and then all at once.
  case both
}

/// How far a recovery has come.
public struct RecoveryProgress: Sendable {
  /// `layers`, `steps`.
  public var what: String
  public var done: Int
  public var of: Int
  /// The loss of the step, where something is learnt.
  public var loss: Double?

  public init(what: String, done: Int = 0, of: Int = 0, loss: Double? = nil) {
    (self.what, self.done, self.of, self.loss) = (what, done, of, loss)
  }
}

/// What a recovery came to.
public struct Recovered: Sendable {
  /// By the items' names.
  public var chosen: [String: ChosenWeight] = [:]
  public var notes: [String] = []
  /// The losses of all steps, where something was learnt.
  public var losses: [Double] = []
  public var seconds = 0.0
}
