import Checkpoints
import Support
import Testing
import Workbench

@testable import TerminalUI

/// Codes chosen from the screen.
@Suite struct RecoverScreenTests {
  private static let data = Fixtures.sample("digits-calibration.npz")

  @Test func methodsAreListedWithWhatTheyNeed() throws {
    let shot = try Shot.digits(":set *=int3,channel<Enter>gr<Down><Down>", showsAll: false)
    #expect(shot.text.contains("choose codes") && shot.text.contains("for 5 layers"))
    for method in ["nearest", "ranges", "gptq", "scales", "rounding", "trained"] { #expect(shot.text.contains(method)) }
    #expect(shot.text.contains("error feedback by the inputs"))
    #expect(shot.foot.contains("choose codes"))
    // Nothing to choose among.
    let kept = try Shot.digits("gr<Down><Enter>", showsAll: false)
    #expect(kept.status.contains("choose bits first"))
  }

  @Test func chosenCodesStandInThePlaceOfTheNearest() throws {
    let shot = try Shot.digits(
      ":set *=int3,channel<Enter><Wait>:recover gptq \(Self.data)<Enter><Wait>", showsAll: false)
    #expect(shot.row("/conv2/Conv").contains("int3 ch gptq"))
    #expect(shot.status.contains("codes of 5 layers chosen"))
    let before = try Shot.digits(":set *=int3,channel<Enter><Wait>", showsAll: false)
    // Less damage at the same size, and one step back is the nearest again.
    #expect(before.header != shot.header && before.header.contains("17.6 KiB") && shot.header.contains("17.6 KiB"))
    let undone = try Shot.digits(
      ":set *=int3,channel<Enter><Wait>:recover gptq \(Self.data)<Enter><Wait>u<Wait>", showsAll: false)
    #expect(undone.header == before.header)
  }

  @Test func theLossIsDrawnAsItFalls() throws {
    var session = Session(try Checkpoint.open(Fixtures.sample("digits-cnn.onnx")))
    try session.apply([try Rule("*=int2,channel")])
    var state = State(session: session, size: ScreenSize(width: 100, height: 36))
    state.calibrationPath = Self.data
    state.losses = (0..<40).map { 0.5 / Double($0 + 1) }
    state.recovering = RecoveryProgress(what: "steps", done: 40, of: 300, loss: 0.0125)
    state.popup = RecoverPopup(state)
    let shot = Shot(state.view(state.size))
    #expect(shot.text.contains("steps 40 of 300, loss 1.3e-2"))
    #expect(shot.text.contains("step") && shot.text.contains("▚"))
    #expect(shot.status.contains("choosing codes, steps 40/300"))
  }

  @Test func whatCannotBeIsSaid() throws {
    let word = try Shot.digits(":recover magic<Enter>", showsAll: false)
    #expect(word.status.contains("\"magic\" is no method"))
    let missing = try Shot.digits(
      ":set *=int4,channel<Enter>:recover gptq /nowhere.npz<Enter><Wait>", showsAll: false)
    #expect(missing.status.contains("/nowhere.npz"))
    // Not measured as something else meanwhile.
    let measured = try Shot.digits(
      ":set *=int4,channel,by=gptq<Enter>:measure \(Fixtures.sample("digits-test.npz"))<Enter><Wait>", showsAll: false)
    #expect(measured.status.contains("are not chosen yet"))
  }
}
