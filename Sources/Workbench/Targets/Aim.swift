/// Whom a recipe is meant for, and what that tool says of every layer of the model.
public struct Aim: Sendable {
  public let target: Target?
  /// `nil` without a target, and for one that takes any recipe.
  let fit: TargetFit?

  static let none = Aim(target: nil, fit: nil)
}
