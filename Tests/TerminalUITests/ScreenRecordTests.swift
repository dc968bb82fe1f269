import Checkpoints
import Foundation
import Support
import Testing
import Workbench

@testable import TerminalUI

/// Sessions as files, from the screen.
@Suite struct ScreenRecordTests {
  private let folder: ScratchFolder
  private let session: Session

  init() throws {
    folder = try ScratchFolder()
    session = Session(try Checkpoint.open(Fixtures.sample("digits-cnn.onnx")))
  }

  private func replay(_ keys: String, opened: OpenedSession? = nil) throws -> Shot {
    Shot(
      try Front.replay(
        keys, on: session, data: nil, size: ScreenSize(width: 120, height: 40), opened: opened))
  }

  @Test func whatWasDoneAndHowItWasLookedAtComesBack() throws {
    let path = folder.path("a.session.json")
    let before = try replay(
      ":bits 4 /fc1/Gemm<Enter>:bits 6 *conv*<Enter>:sort size<Enter>/Gemm<Enter><Tab>C:session save \(path)<Enter>")
    #expect(before.status.contains("wrote"), "\(before.status)")
    let opened = try session.opened(path)
    let after = try replay("", opened: opened)
    #expect(after.rows == before.rows && after.header == before.header)
    // Nothing is unsaved; the steps before it are there.
    #expect(try replay("q", opened: opened).foot == after.foot)
    let undone = try replay("u<Esc>", opened: opened)
    #expect(undone.row("/fc1/Gemm").contains("int4") && !undone.text.contains("int6"))
    #expect(try replay("u<C-r><Esc>", opened: opened).header == after.header)
    // The recipe that was marked stands beside another.
    #expect(try replay(":bits 2 *<Enter>C", opened: opened).text.contains("int2"))
  }

  @Test func aSessionIsOpenedOnTheScreenAsOneThatWasKept() throws {
    let path = folder.path("b.session.json")
    _ = try replay(":bits 4 /fc1/Gemm<Enter>:session save \(path)<Enter>")
    let shot = try replay(":bits 3 *<Enter>:session open \(path)<Enter>")
    #expect(shot.row("/fc1/Gemm").contains("int4") && !shot.text.contains("int3"))
    #expect(shot.status.contains("opened"))
    // It takes the place of what stood: its own history is what is walked.
    #expect(!(try replay(":bits 3 *<Enter>:session open \(path)<Enter>u").text.contains("int3")))
  }

  @Test(arguments: [
    (":session<Enter>", "expected save"), (":session open<Enter>", "expected a path"),
    (":session keep x<Enter>", "expected save"), (":session open /nowhere/a.json<Enter>", "no such session"),
    (":rescued restore<Enter>", "no work of an ended session"),
  ])
  func aMistakeIsSaid(keys: String, words: String) throws {
    #expect(try replay(keys).status.contains(words))
  }

  @Test func itsWordsAreCompleted() {
    let state = State(session: session, size: ScreenSize(width: 80, height: 24))
    #expect(state.completions(of: "session ") == ["session save ", "session open "])
    #expect(state.completions(of: "rescued d") == ["rescued discard"])
    #expect(!state.completions(of: "session open ").contains { $0.contains("Gemm") })
  }

  @Test func dataThatWereNamedComeBeforeThoseOfTheSession() throws {
    var screen = Screen(session: session, mailbox: Mailbox(), glyphs: .unicode, data: "/own/data.npz", workers: 1)
    let path = try folder.write(
      String(decoding: SessionWriter.bytes(of: screen.state.draft), as: UTF8.self), to: "c.json")
    let opened = try session.opened(path)
    screen = Screen(session: session, mailbox: Mailbox(), glyphs: .unicode, data: nil, workers: 1, opened: opened)
    #expect(screen.state.dataPath == "/own/data.npz")
    screen = Screen(
      session: session, mailbox: Mailbox(), glyphs: .unicode, data: "/new.npz", workers: 1, opened: opened)
    #expect(screen.state.dataPath == "/new.npz")
  }

  @Test func theOfferFitsTheSmallestScreen() throws {
    let path = folder.path("d.session.json")
    _ = try replay(":bits 4 /fc1/Gemm<Enter>:session save \(path)<Enter>")
    var state = State(session: session, size: ScreenSize(width: 20, height: 5))
    state.popup = RescuePopup(try session.opened(path))
    #expect(state.view(state.size).text().contains("Enter restores"))
  }
}
