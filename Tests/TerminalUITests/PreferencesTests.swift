import Checkpoints
import Compression
import Support
import Testing
import Workbench

@testable import TerminalUI

/// The file of settings: what it says, and what is wrong in it.
@Suite struct PreferencesTests {
  @Test func everyKeyIsRead() throws {
    let text = """
      # mine
      theme = light   # a comment behind it
        ascii=yes
      mouse = no\r
      target = llama.cpp

      scheme = int6,group=32
      columns = name, scheme, t²,share
      """
    let found = try Preferences(text, path: "config")
    #expect(found.backdrop == .light && found.ascii == true && found.mouse == false && found.target == "llama.cpp")
    #expect(found.scheme == (try Scheme(spec: "int6,group=32")))
    #expect(found.columns == [.name, .scheme, .error, .share])
    #expect(try Preferences("", path: "config") == Preferences())
    #expect(try Preferences("theme = auto\n", path: "config") == Preferences())
  }

  @Test(arguments: [
    ("theme = blue", "config:1: theme: expected auto, dark or light, not \"blue\""),
    ("\n\ntheme", "config:3: expected key = value"), ("them = dark", "config:1: unknown key \"them\""),
    ("ascii = maybe", "config:1: ascii: expected yes or no, not \"maybe\""),
    ("mouse = ", "config:1: mouse: expected yes or no, not \"\""),
    ("target = nonsense", "config:1: target: unknown target"), ("scheme = int99", "config:1: scheme: "),
    ("columns = name, colour", "config:1: columns: expected some of name"),
    ("columns =", "config:1: columns: expected some of name"),
    ("ascii = yes\nascii = yes", "config:2: ascii: said in line 1 already"), ("= dark", "config:1: unknown key \"\""),
    ("\u{1B}[2J = dark", "config:1: unknown key"),
  ])
  func aMistakeNamesItsLine(text: String, words: String) throws {
    let error = #expect(throws: WorkbenchError.self) { _ = try Preferences(text, path: "config") }
    let message = try #require(error).description
    #expect(message.hasPrefix(words) && !message.unicodeScalars.contains("\u{1B}"), "\(message)")
  }

  @Test func aFileThatIsNoneIsAnError() throws {
    let folder = try ScratchFolder()
    #expect(try Preferences(path: folder.path("none")) == nil)
    #expect(throws: WorkbenchError.self) { try Preferences(path: folder.path) }
    let long = try folder.write(String(repeating: "#", count: 1 << 17), to: "long")
    #expect(throws: WorkbenchError.self) { try Preferences(path: long) }
  }

  /// What `-` makes of a kept weight first.
  @Test func thePreferredSchemeIsWhereStepsBegin() throws {
    var session = Session(try Checkpoint.open(Fixtures.sample("digits-cnn.onnx")))
    session.firstScheme = try Scheme(spec: "int5,channel")
    let step = try Front.replay("j-", on: session, data: nil, size: ScreenSize(width: 120, height: 40)).text()
    #expect(step.contains("int5"))
    let two = try Front.replay("j--", on: session, data: nil, size: ScreenSize(width: 120, height: 40)).text()
    #expect(two.contains("int4"))
    // What the weight cannot take is passed over.
    session.firstScheme = try Scheme(spec: "int4,group=77")
    let other = try Front.replay("j-", on: session, data: nil, size: ScreenSize(width: 120, height: 40)).text()
    #expect(other.contains("int8"))
  }
}
