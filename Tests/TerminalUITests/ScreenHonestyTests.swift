import Checkpoints
import Foundation
import Support
import Testing
import Workbench

@testable import TerminalUI

/// What is shown is what is so: sizes beside the slider, the file's size in the header, no measurement at an estimate's
/// place, messages that can be read to their end, a search that runs nothing.
@Suite struct ScreenHonestyTests {
  private static let wide = ScreenSize(width: 200, height: 50)

  /// The size that the slider promises is the one that Enter gives.
  @Test(arguments: ["", "<Tab>", "<Tab><Tab>"]) func thePruneWindowShowsTheLayersOwnScheme(kind: String) throws {
    let keys = "jjjjjj:scheme int4,coding=huffman<Enter>p\(kind)<Wait>"
    let offered = try Shot.digits(keys, Self.wide)
    let line = try #require(offered.lines.first { $0.contains("size ") && $0.contains(" → ") && $0.contains("zeros") })
    let promised = try #require(line.components(separatedBy: " → ").dropFirst().first)
      .split(separator: " ").prefix(2).joined(separator: " ")
    let chosen = try Shot.digits(keys + "<Enter><Wait>", Self.wide)
    #expect(chosen.row("/fc1/Gemm").contains(promised), "\(line) | \(chosen.row("/fc1/Gemm"))")
    #expect(!promised.hasPrefix("64"))
  }

  @Test func theHeaderHasTheSizeOfTheFileThatTheTargetWrites() throws {
    var session = Session(try Checkpoint.open(Fixtures.sample("shakespeare-llama")))
    try session.apply([Rule("*=q4_k"), Rule("*down_proj*=q8_0")])
    let size = try session.size(checkpoint: .gguf)
    let shot = Shot(
      try Front.replay(":target gguf<Enter><Wait>", on: session, data: nil, size: Self.wide))
    #expect(shot.header.contains("→ \(Format.bytes(size)) "), "\(shot.header)")
    #expect(size - session.estimate.bytes > 20_000, "the tokenizer is in the file")
    // It follows an edit, and goes with the target.
    try session.apply([Rule("*down_proj*=q6_k")])
    let edited = Shot(
      try Front.replay(
        ":target gguf<Enter>:set *down_proj*=q6_k<Enter><Wait>", on: session, data: nil, size: Self.wide))
    #expect(edited.header.contains("→ \(Format.bytes(try session.size(checkpoint: .gguf))) "), "\(edited.header)")
    let none = Shot(
      try Front.replay(":target gguf<Enter><Wait>:target none<Enter>", on: session, data: nil, size: Self.wide))
    #expect(none.header.contains("→ \(Format.bytes(session.estimate.bytes)) "), "\(none.header)")
  }

  @Test func aMeasurementIsListedAndNotDrawnAtAnEstimatesHeight() throws {
    let session = Session(try Checkpoint.open(Fixtures.sample("digits-cnn.onnx")))
    let shot = Shot(
      try Front.replay(
        ":view tradeoff<Enter>z:bits 3 *<Enter>m<Wait>", on: session, data: Fixtures.sample("digits-test.npz"),
        size: Self.wide))
    let marks = shot.lines.dropFirst().filter { $0.contains("◊") }
    #expect(marks.count == 1 && marks[0].contains("top-1"), "\(marks)")
  }

  @Test func aLongMessageIsReadWholeInTheListOfMessages() throws {
    let narrow = ScreenSize(width: 60, height: 24)
    let cut = try Shot.digits(":view nothing-of-that-name-and-long<Enter>", narrow)
    #expect(cut.status.contains("…") && cut.status.hasSuffix("! all"), "\(cut.status)")
    let all = try Shot.digits(":view nothing-of-that-name-and-long<Enter>jj!", narrow)
    #expect(all.text.contains("Messages"))
    #expect(all.text.contains("channels or tradeoff"), "\(all.text)")
    #expect(try Shot.digits("!").status.contains("nothing was said yet"))
  }

  /// Letters typed into the help search; they change nothing and open nothing.
  @Test(arguments: ["quantise", "quit", "undo", "export", "x", "q"]) func theSearchOfHelpRunsNothing(word: String)
    throws
  {
    let shot = try Shot.digits("jj-?\(word)")
    #expect(shot.text.contains("search: \(word)"))
    let after = try Shot.digits("jj-?\(word)<Esc>")
    #expect(after.row("/conv2/Conv").contains("int8 g32"))
    #expect(!after.foot.contains("would be lost") && !after.foot.hasPrefix(":"))
  }

  /// By name before by what is said about it: `keep` is mentioned by others that stand before it.
  @Test(arguments: [("keep", "keep"), ("sort", "sort"), ("quantise", "scheme"), ("group", "group"), ("und", "undo")])
  func theSearchOfHelpRanksNamesFirst(word: String, first: String) {
    #expect(Command.found(by: word).first?.name == first)
  }

  /// Sizes down to one row: every popup, whatever is left of it.
  @Test func popupsAreDrawnInAnySize() throws {
    for (width, height) in [(80, 10), (80, 6), (80, 3), (40, 8), (10, 5), (1, 1), (200, 4)] {
      let size = ScreenSize(width: width, height: height)
      for keys in [
        "jjp", "jjp<Tab>", "jjp<Tab><Tab>", "jjs", "?", "jj-p<Tab>", ":about-estimate<Enter>", "z<Tab>z<Tab>",
      ] {
        _ = try Shot.digits(keys + "<Wait>", size)
      }
    }
  }
}
