import Workbench

/// Figures of a session that take a walk over all items. They know what they were worked out from: of a session that
/// changed, only what that touches is worked out anew.
struct Figures: Sendable {
  private(set) var estimate: Estimate
  /// The curve that a recipe has to beat, once every weight was read.
  private(set) var uniformPoints: [TradeOffPoint] = []
  /// Layers whose schemes the chosen target cannot say, and why.
  private(set) var misfits: [Item.ID: String]

  private var recipeVersion: Int
  private var estimateVersion: Int
  private var target: Target?
  /// Of the curve: no recipe changes it, a target that makes other numbers does.
  private var curve: (isKnown: Bool, target: Target?) = (false, nil)

  init(_ session: Session) {
    estimate = session.estimate
    misfits = session.misfits
    (recipeVersion, estimateVersion, target) = (session.version, session.estimateVersion, session.target)
  }

  /// - Returns: whether the recipe is another.
  mutating func renew(from session: Session) -> Bool {
    let changes = session.version - recipeVersion
    if session.estimateVersion != estimateVersion { estimate = session.estimate }
    if session.target != target || changes > 1 {
      misfits = session.misfits
    } else if changes == 1 {
      for (id, reason) in session.changedMisfits { misfits[id] = reason }
    }
    if session.isSurveyed, !curve.isKnown || curve.target != session.target {
      uniformPoints = session.uniformPoints
      curve = (true, session.target)
    }
    (recipeVersion, estimateVersion, target) = (session.version, session.estimateVersion, session.target)
    return changes != 0
  }
}
