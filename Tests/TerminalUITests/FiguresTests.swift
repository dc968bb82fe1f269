import Checkpoints
import Support
import Testing
import Workbench

@testable import TerminalUI

/// Figures that are kept are those that the session would work out now.
@Suite struct FiguresTests {
  private func digits() throws -> Session { Session(try Checkpoint.open(Fixtures.sample("digits-cnn.onnx"))) }

  @Test func severalChangesAtOnceLeaveNoMisfitOut() throws {
    var session = try digits()
    try session.aim(at: Target(name: "onnxruntime"))
    var figures = Figures(session)
    for name in ["/conv2/Conv", "/fc1/Gemm"] { try session.apply([Rule("\(name)=int3")]) }
    let isOther = figures.renew(from: session)
    #expect(isOther && figures.misfits.count == 2 && figures.misfits == session.misfits)
    session.undo()
    let isOtherAgain = figures.renew(from: session)
    #expect(isOtherAgain && figures.misfits.count == 1 && figures.misfits == session.misfits)
  }

  @Test func theEstimateFollowsTheRecipeAndWhatIsFoundOut() throws {
    var session = try digits()
    var figures = Figures(session)
    try session.apply([Rule("*=int4")])
    _ = figures.renew(from: session)
    #expect(figures.estimate == session.estimate && figures.estimate.damage == nil)
    session.survey()
    let isOther = figures.renew(from: session)
    #expect(!isOther && figures.estimate == session.estimate && figures.estimate.damage != nil)
  }

  /// Its points are those of the numbers that the target's tool makes.
  @Test func theCurveFollowsTheTarget() throws {
    var session = try digits()
    var figures = Figures(session)
    #expect(figures.uniformPoints.isEmpty)
    session.survey()
    _ = figures.renew(from: session)
    let plain = figures.uniformPoints
    #expect(!plain.isEmpty && plain == session.uniformPoints)
    try session.aim(at: Target(name: "onnxruntime"))
    _ = figures.renew(from: session)
    #expect(figures.uniformPoints == session.uniformPoints)
    try session.aim(at: nil)
    _ = figures.renew(from: session)
    #expect(figures.uniformPoints == plain)
  }
}
