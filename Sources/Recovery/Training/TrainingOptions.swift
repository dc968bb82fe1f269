import Compression
import Inference

/// How a training goes.
public struct TrainingOptions: Sendable, Hashable {
  /// Batches that it learns from.
  public var steps = 300
  /// Samples a step; `nil` for 32, of texts for those of 1,024 tokens.
  public var batch: Int?
  /// The same gives the same batches.
  public var seed: UInt64 = 0
  public var loss = DistillationLoss()
  /// What each weight's own rates are multiplied by.
  public var rate: Float = 1
  /// How many times the loss is found on samples that are held out, evenly spread.
  public var checks = 20
  /// Where the training's state goes, to be gone on from; `nil` for nowhere. A file that is there is gone on from.
  public var checkpoint: String?
  /// Steps between two writings.
  public var checkpointEvery = 50

  public init() {}
}

/// What a training says on its way.
public enum TrainingEvent: Sendable, Hashable {
  /// A step is made: its number from 1 on, all, and the loss of its batch before it.
  case step(Int, of: Int, loss: Double)
  /// The loss on the samples that are held out, after so many steps.
  case heldOut(Int, loss: Double)
  /// What a person should know, in a line.
  case note(String)
}

/// What a training came to.
public struct TrainingResult: Sendable {
  /// By the checkpoint's layer: the best on the samples that are held out.
  public var chosen: [Int: ChosenWeight]
  /// Each step's loss on its batch; NaN where it was none.
  public var losses: [Double]
  /// The loss on the samples that are held out, after so many steps.
  public var heldOut: [(step: Int, loss: Double)]
  /// The least of these.
  public var best: Double
}

/// Why a training ended before its time. What was best until then is not lost.
public struct TrainingFailure: Error, Sendable, CustomStringConvertible {
  public let description: String
  public let result: TrainingResult
}
