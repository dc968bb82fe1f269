internal import Checkpoints
internal import FileAccess

/// Why a network or a data set cannot be run, in words: which node or sample, what was found, what was expected.
public struct InferenceError: Error, Sendable, Hashable, CustomStringConvertible {
  /// Where: "node '/conv1/Conv' (Conv)", a file's path, "sample 17".
  public let place: String
  public let reason: String
  /// Whether nothing was wrong and the caller asked to stop.
  public let isCancellation: Bool
  /// Whether there is no memory for an array, so that a smaller batch may pass.
  public let lacksMemory: Bool
  /// Whether no gradient goes through an operator, so that an estimate must do without.
  public let lacksGradient: Bool

  public init(_ place: String, _ reason: String) {
    self.init(place: place, reason: reason)
  }

  private init(
    place: String, reason: String, isCancellation: Bool = false, lacksMemory: Bool = false, lacksGradient: Bool = false
  ) {
    self.lacksMemory = lacksMemory
    self.lacksGradient = lacksGradient
    self.place = place
    self.reason = reason
    self.isCancellation = isCancellation
  }

  /// The same, of an array that there is no memory for.
  var forLackOfMemory: InferenceError { InferenceError(place: place, reason: reason, lacksMemory: true) }

  /// The same, of an operator that no gradient goes through.
  var forLackOfGradient: InferenceError { InferenceError(place: place, reason: reason, lacksGradient: true) }

  /// What a run throws when it was asked to stop.
  public static let cancelled = InferenceError(place: "run", reason: "was cancelled", isCancellation: true)

  /// One line, safe to print.
  public var description: String { printable("\(place): \(reason)") }
}
