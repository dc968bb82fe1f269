extension Session {
  /// What a target has to say of the model with its recipe.
  public enum TargetVerdict: Sendable, Equatable {
    /// It takes the model, but so many of the layers' schemes not.
    case takes(misfits: Int)
    /// It cannot take the model at all.
    case cannot(String)
  }

  /// What every target has to say, by its name.
  ///
  /// - Parameter goesOn: asked before each; `false` leaves the others out.
  /// - Complexity: O(items) a target.
  func targetVerdicts(_ goesOn: () -> Bool) -> [String: TargetVerdict] {
    var verdicts: [String: TargetVerdict] = [:]
    for target in Target.all where goesOn() {
      do {
        var other = self
        other.take(try aim(for: target))
        verdicts[target.name] = .takes(misfits: other.misfits.count)
      } catch {
        verdicts[target.name] = .cannot(error.description)
      }
    }
    return verdicts
  }
}
