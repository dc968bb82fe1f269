import Compression

#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Musl)
  internal import Musl
#elseif canImport(Darwin)
  internal import Darwin
#endif

/// A weight that learns under a scheme: what a training changes step by step.
///
/// A value: a copy is its state at a time.
public protocol TrainedWeight: Sendable {
  var rows: Int { get }
  var columns: Int { get }
  /// Ŵ as the training runs it, (rows, columns).
  var values: [Float] { get }
  /// Bytes that it holds, about.
  var byteCount: Int { get }

  /// Moves what is learnt against a gradient.
  ///
  /// - Parameter gradient: ∂loss/∂Ŵ, (rows, columns), finite.
  mutating func step(_ gradient: [Float], _ moment: TrainingMoment)

  /// What it became, in the scheme's own form; at any time.
  func finished() -> ChosenWeight

  /// All that changes with steps.
  var state: [UInt8] { get }

  /// Takes a state of the same weight, exactly.
  ///
  /// - Throws: where it is of another.
  mutating func restore(_ state: [UInt8]) throws(RecoveryError)
}

/// Where a training stands when it makes a step.
public struct TrainingMoment: Sendable, Hashable {
  /// From 0 on.
  public var step: Int
  /// All.
  public var steps: Int
  /// What each weight's own rates are multiplied by: from 1 to 0 along a cosine, halved where a step was undone.
  public var rate: Float

  public init(step: Int, steps: Int, rate: Float) { (self.step, self.steps, self.rate) = (step, steps, rate) }

  /// ½·(1 + cos πt) before a step.
  static func cosine(_ step: Int, of steps: Int) -> Float {
    Float(0.5 * (1 + cos(.pi * Double(step) / Double(max(1, steps)))))
  }

  /// How much of the training is done with this step, 0 to 1.
  public var share: Double { Double(step + 1) / Double(max(1, steps)) }
}
