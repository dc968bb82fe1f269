import Checkpoints
import Foundation
import Support
import Testing
import Workbench

@testable import TerminalUI

/// What hands know from other programs: counts, chords, `:wq`, `n`, and questions before something is lost.
@Suite struct ScreenHabitTests {
  @Test func chordsAndCountsMove() throws {
    #expect(try Shot.digits("Ggg").current == "/conv1/Conv")
    #expect(try Shot.digits("3j", showsAll: false).current == "/fc1/Gemm")
    #expect(try Shot.digits("G2gg", showsAll: false).current == "/conv2/Conv")
    #expect(try Shot.digits("3G", showsAll: false).current == "/conv3/Conv")
    // More than there is goes to the end.
    #expect(try Shot.digits("99999999999999999999j", showsAll: false).current == "/fc2/Gemm")
    #expect(try Shot.digits("j3-", showsAll: false).row("/conv2/Conv").contains("int6"))
    #expect(try Shot.digits("g").foot.contains("g first row"))
    #expect(try Shot.digits("gx").status.contains("gx does nothing"))
    #expect(try Shot.digits("g<Esc>j", showsAll: false).current == "/conv2/Conv")
  }

  /// The eight jobs in the fewest keys that they take.
  @Test func kindsAreMarkedAndGivenBits() throws {
    func schemes(after keys: String) throws -> [String] {
      let session = Session(try Checkpoint.open(Fixtures.sample("shakespeare-llama-f16.gguf")))
      var state = State(session: session, size: ScreenSize(width: 120, height: 60))
      for case .key(let key) in try KeyScript(keys).steps { _ = state.press(key) }
      return state.session.recipe.choices.values.map { "\($0.scheme)" }
    }
    let bits = try schemes(after: "@a6b@f4b")
    #expect(bits.count { $0 == "int6,group=32" } == 12 && bits.count { $0 == "int4,group=32" } == 9, "\(bits)")
    #expect(try schemes(after: "@fp<Tab><Enter>") == [String](repeating: "keep,sparsity=2:4", count: 9))
    #expect(try Shot.digits("@a", ScreenSize(width: 160, height: 40)).status.contains("there is @"))
    #expect(try Shot.digits("4b", showsAll: false).row("/conv1/Conv").contains("int4 ch"))
    #expect(try Shot.digits("j4b", showsAll: false).row("/conv2/Conv").contains("int4 g32"))
    #expect(try Shot.digits("b").foot.contains(":bits"))
  }

  @Test func theCheapestBitsAndTheFarthestWeightsAreFound() throws {
    let cheapest = try Shot.of(
      "shakespeare-llama-f16.gguf", "@f4b@a6b<Esc><Wait>opv4j-<Wait>", ScreenSize(width: 200, height: 50),
      showsAll: false)
    #expect(cheapest.status.contains("5 layers changed"), "\(cheapest.status)")
    let far = try Shot.digits("<Wait>ou<Wait>", showsAll: false)
    #expect(far.text.contains("max/σ▾") && far.current == far.names.first, "\(far.text)")
    #expect(try Shot.digits("odof", showsAll: false).names.first == "/conv1/Conv")
  }

  @Test func nGoesOnLooking() throws {
    let keys = "/conv<Enter><Esc>gg"
    #expect(try Shot.digits(keys + "n", showsAll: false).current == "/conv2/Conv")
    #expect(try Shot.digits(keys + "nnn", showsAll: false).current == "/conv1/Conv")
    #expect(try Shot.digits(keys + "N", showsAll: false).current == "/conv3/Conv")
    #expect(try Shot.digits("n").status.contains("nothing was looked for"))
  }

  @Test func aStarShowsLayersOfTheSameKind() throws {
    let shot = try Shot.digits("*", showsAll: false)
    #expect(shot.names == ["/conv1/Conv", "/conv2/Conv", "/conv3/Conv"])
    #expect(try Shot.digits("**", showsAll: false).rows.count == 5)
  }

  @Test func filtersComeBackFromTheHistory() throws {
    #expect(try Shot.digits("/fc<Enter><Esc>/<Up><Enter>", showsAll: false).names == ["/fc1/Gemm", "/fc2/Gemm"])
  }

  @Test func editsSayWhatTheyDid() throws {
    let status = try Shot.digits(":set *=int4<Enter><Wait>j-<Wait>", showsAll: false).status
    #expect(status.contains("/conv2/Conv int4 g32 → int3 g32, −1.13 KiB, damage ≈ "), "\(status)")
    #expect(status.contains("%)"))
    let undone = try Shot.digits(":set *=int4<Enter><Wait>j-<Wait>u<Wait>", showsAll: false).status
    #expect(undone.contains("undone: /conv2/Conv int3 g32 → int4 g32, +1.13 KiB"), "\(undone)")
  }

  @Test func writingAsksBeforeItReplaces() throws {
    let folder = try ScratchFolder()
    let path = folder.path("r.json")
    try Data("mine".utf8).write(to: URL(filePath: path))
    let asked = try Shot.digits("-:export lathe \(path)<Enter>", ScreenSize(width: 160, height: 40))
    #expect(asked.foot.contains("is there already") && asked.foot.contains("y overwrite"), "\(asked.foot)")
    _ = try Shot.digits("-:export lathe \(path)<Enter><Esc>")
    #expect(try Data(contentsOf: URL(filePath: path)) == Data("mine".utf8))
    _ = try Shot.digits("-:w \(path)<Enter>y")
    #expect(try Data(contentsOf: URL(filePath: path)).count > 100)
    // What was written here may be written again.
    let other = folder.path("s.json")
    let again = try Shot.digits("-:w \(other)<Enter>-:w \(other)<Enter>", ScreenSize(width: 160, height: 40))
    #expect(again.status.contains("wrote"), "\(again.status)")
  }

  @Test func writeAndQuitLeavesOnceItIsWritten() throws {
    let folder = try ScratchFolder()
    let mailbox = Mailbox<Screen.Message>()
    let session = Session(try Checkpoint.open(Fixtures.sample("digits-cnn.onnx")))
    var screen = Screen(session: session, mailbox: mailbox, glyphs: .unicode)
    let path = folder.path("r.json")
    _ = try Headless.run(
      &screen, script: KeyScript("-:wq \(path)<Enter>"), size: ScreenSize(width: 80, height: 24), mailbox: mailbox)
    #expect(screen.isDone && FileManager.default.fileExists(atPath: path))
    // Where it cannot be written nobody leaves.
    let other = Mailbox<Screen.Message>()
    let again = Session(try Checkpoint.open(Fixtures.sample("digits-cnn.onnx")))
    var stuck = Screen(session: again, mailbox: other, glyphs: .unicode)
    _ = try Headless.run(
      &stuck, script: KeyScript("-:wq /nowhere/at/all.json<Enter>"), size: ScreenSize(width: 80, height: 24),
      mailbox: other)
    #expect(!stuck.isDone)
  }

  @Test func aTildeIsThePersonsFolder() {
    #expect(Paths.expanded("~/x.json") == (ProcessInfo.processInfo.environment["HOME"] ?? "~") + "/x.json")
    #expect(Paths.expanded("a~/x") == "a~/x")
  }

  @Test func candidatesAreListedWhileOneTypes() throws {
    let shot = try Shot.digits(":spar")
    #expect(shot.text.contains("sparsity RATIO|N:M") && shot.text.contains("sparser"), "\(shot.text)")
    let words = try Shot.digits(":target onnx")
    #expect(words.text.contains("target [NAME|none]") && words.text.contains("onnxruntime"), "\(words.text)")
  }
}
