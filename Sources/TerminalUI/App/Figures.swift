import Workbench

/// Figures of a session that take a walk over all items. They know what they were worked out from: of a session that
/// changed, only what that touches is worked out anew.
struct Figures: Sendable {
  private(set) var estimate: Estimate
  /// The curve that a recipe has to beat, once every weight was read.
  private(set) var uniformPoints: [TradeOffPoint] = []
  /// Layers whose schemes the chosen target cannot say, and why.
  private(set) var misfits: [Item.ID: String]
  /// The size of the file that the target would write; `nil` where it writes no checkpoint. A job finds it out.
  private(set) var fileSize: FileSize?

  private var recipeVersion: Int
  private var estimateVersion: Int
  /// What the estimate is the estimate of.
  var shownEstimateVersion: Int { estimateVersion }
  private var target: Target?
  /// Of the curve: no recipe changes it, a target that makes other numbers does.
  private var curve: (isKnown: Bool, target: Target?, calibration: Int) = (false, nil, 0)
  /// What is expected of the recipe as it stands, where the estimate is calibrated.
  private(set) var prediction: Calibration.Prediction?
  private(set) var measuredPoints: [MeasuredPoint] = []

  /// A size, with what it is of.
  struct FileSize: Sendable {
    let target: Target
    /// The `exportVersion` of the session; `nil` while it was found of none.
    var version: Int?
    /// `nil` where the recipe does not fit the target.
    var bytes: Int?

    /// Not found out yet.
    fileprivate init?(of target: Target?) {
      guard let target, target.isCheckpoint else { return nil }
      self.target = target
    }

    init(target: Target, version: Int, bytes: Int?) {
      (self.target, self.version, self.bytes) = (target, version, bytes)
    }
  }

  init(_ session: Session) {
    estimate = session.estimate
    misfits = session.misfits
    fileSize = FileSize(of: session.target)
    (recipeVersion, estimateVersion, target) = (session.version, session.estimateVersion, session.target)
  }

  /// - Returns: whether the recipe is another.
  mutating func renew(from session: Session) -> Bool {
    let changes = session.version - recipeVersion
    if session.estimateVersion != estimateVersion { estimate = session.estimate }
    if session.target != target { fileSize = FileSize(of: session.target) }
    if session.target != target || changes > 1 {
      misfits = session.misfits
    } else if changes == 1 {
      for (id, reason) in session.changedMisfits { misfits[id] = reason }
    }
    let calibration = session.sensitivities?.version ?? 0
    if session.isSurveyed, !curve.isKnown || curve.target != session.target || curve.calibration != calibration {
      uniformPoints = session.uniformPoints
      curve = (true, session.target, calibration)
    }
    prediction = session.prediction(of: estimate)
    if session.sensitivities != nil { measuredPoints = session.measuredPoints }
    (recipeVersion, estimateVersion, target) = (session.version, session.estimateVersion, session.target)
    return changes != 0
  }

  /// Keeps a size that was found out, unless the target is another by now.
  mutating func take(_ size: FileSize) { if size.target == fileSize?.target { fileSize = size } }
}
