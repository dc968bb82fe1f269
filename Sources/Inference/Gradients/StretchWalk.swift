/// A part of a model between two places that everything goes through: a transformer's block, its head, or steps of a graph
/// from one array to another.
public struct Stretch: Sendable, Hashable {
  /// What it is called: `block 3`, `head`, the name of the array that it makes.
  public let name: String
  /// The checkpoint's layers of those that were asked for whose weights it reads first.
  public let layers: [Int]
}

/// A model walked stretch by stretch on samples, each stretch with the loss of what it makes: what the changed stretches
/// before it make of the samples goes in, what the original makes of them is what should come out.
///
/// The loss of a stretch is ‖y − ŷ‖² / ‖y‖² of what comes out, a token's or a batch's; of the last one, which makes the
/// outputs, the model's own (`DistillationLoss`). Source: Y. Li et al. (BRECQ, arXiv:2102.05426), which weighs the squares by
/// those of the output's gradients.
///
/// Memory beside the weights: three cuts through the model for all samples, and one stretch's numbers on the way back.
public protocol StretchWalk {
  associatedtype Weights: ModelWeights

  /// Those with a layer that was asked for, in the order of the model.
  var stretches: [Stretch] { get }
  /// What is run together at least: texts, or batches of a graph's samples.
  var count: Int { get }
  /// How many of these make a step.
  var batch: Int { get }

  /// Codes activations of the changed model in other ranges from here on; `nil` for plain numbers.
  mutating func code(in ranges: ActivationRanges?)

  /// Goes on to a stretch.
  ///
  /// - Parameters:
  ///   - stretch: a place in `stretches`, not before the last.
  ///   - changed: what the model is up to there.
  /// - Throws: what a run throws.
  mutating func advance(to stretch: Int, changed: Weights, isCancelled: @escaping () -> Bool) throws

  /// The loss of the stretch that the walk has come to, and its gradients by some of its layers' weights.
  ///
  /// - Parameters:
  ///   - samples: places below `count`.
  ///   - layers: of none the loss alone is found.
  /// - Throws: as `Model.lossGradients`.
  func lossGradients(
    _ samples: [Int], changed: Weights, ofLayers layers: Set<Int>, isCancelled: @escaping () -> Bool
  ) throws -> LossGradients
}
