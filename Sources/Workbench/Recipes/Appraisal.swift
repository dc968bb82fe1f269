/// What is to be said of a recipe beside the one that stands.
public struct Appraisal: Sendable {
  public let recipe: Recipe
  public let estimate: Estimate
  /// `nil` where the estimate is not calibrated.
  public let prediction: Calibration.Prediction?
  /// Items, in the model's order, whose schemes are others than in the recipe that stands.
  public let differing: [Item.ID]
}

extension Session {
  /// Cost: a walk over all items.
  public func appraisal(of recipe: Recipe) -> Appraisal {
    let estimate = estimate { recipe[$0] }
    let present = self.recipe
    return Appraisal(
      recipe: recipe, estimate: estimate, prediction: prediction(of: estimate),
      differing: items.filter { recipe[$0] != present[$0] }.map(\.id))
  }
}
