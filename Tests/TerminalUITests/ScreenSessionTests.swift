import Checkpoints
import Support
import Testing
import Workbench

@testable import TerminalUI

/// Help, messages, exporting and leaving.
@Suite struct ScreenSessionTests {
  @Test(arguments: usualSizes) func helpListsSearchesAndRuns(size: ScreenSize) throws {
    let help = try Shot.digits("?", size)
    #expect(help.text.contains("┌ Help ") && help.text.contains(":fewer"))
    let found = try Shot.digits("?sparsity 2", size)
    #expect(found.text.contains(":sparsity") && !found.text.contains(":fewer"))
    let none = try Shot.digits("?xyzzy<Enter>", size)
    #expect(none.header.contains("176 KiB → 176 KiB"))
    let run = try Shot.digits("jj?fewer<Enter>", size)
    #expect(run.row("/conv2/Conv").contains("int8"))
    #expect(!run.text.contains("┌ Help "))
    #expect(!(try Shot.digits("?<Esc>", size).text.contains("┌ Help ")))
  }

  @Test func helpPutsACommandThatNeedsAWordIntoThePrompt() throws {
    #expect(try Shot.digits("?bits<Enter>").foot.hasPrefix(":bits"))
    #expect(try Shot.digits("jj?bits<Enter>3<Enter>").row("/conv2/Conv").contains("int3"))
  }

  @Test func helpSaysWhyACommandDoesNothingHere() throws {
    #expect(try Shot.digits("?undo", ScreenSize(width: 200, height: 50)).text.contains("not here: nothing to undo"))
    #expect(
      !(try Shot.digits("jj-?undo", ScreenSize(width: 200, height: 50)).text.contains("not here: nothing to undo")))
  }

  @Test func aKeyWithoutMeaningSaysSo() throws {
    #expect(try Shot.digits("#").status.contains("# does nothing here"))
  }

  @Test(arguments: [
    (":nonsense", "nonsense"), (":bits 99", "99"), (":bits 4 zz*", "zz*"), (":set zz=int4", "zz"),
    (":set *=int9", "int9"), (":set", "PATTERN=SPEC"), (":set /conv1/Conv=int4", "9 columns"),
    (":export onnx x", "onnx"), (":export gguf", "path"),
    (":export nonsense x", "nonsense"), (":export lathe /no/such/file", "/no/such/file"),
    (":export llama.cpp /tmp/x", "digits-cnn.onnx"), (":recipe", "path"), (":recipe /no/such/file", "/no/such/file"),
    (":sort nonsense", "nonsense"),
    (":view nonsense", "nonsense"), (":threshold -1", "threshold"), (":sparsity 7", "7"), (":group 0", "group"),
    (":group x", "x"),
    (":coding zip", "zip"), (":symmetry x", "x"), (":scheme int4,foo", "foo"), (":select zz*", "zz*"),
    (":bins /no/such/file", "/no/such/file"),
    (":s", "may be"),
  ])
  func anErrorIsAMessageThatLeavesTheSessionAsItWas(line: String, named: String) throws {
    let before = try Shot.digits("jj--k")
    let shown = try Shot.digits("jj--k<Wait>\(line)<Enter>")
    #expect(shown.status.contains(named), "\(shown.status)")
    #expect(shown.lines.dropLast(2) == before.lines.dropLast(2))
    #expect(try Shot.digits("jj--k<Wait>\(line)<Enter><Esc>uu").header.contains("176 KiB → 176 KiB"))
  }

  @Test func aRecipeForAnotherModelLeavesTheSessionAsItWas() throws {
    let folder = try ScratchFolder()
    var llama = Session(try Checkpoint.open(Fixtures.sample("shakespeare-llama")))
    try llama.apply([try Rule("*=q8_0")])
    _ = try llama.write(.lathe, to: folder.path("r.json"))
    let before = try Shot.digits("jj--")
    let after = try Shot.digits("jj--:recipe \(folder.path("r.json"))<Enter>")
    #expect(after.lines.dropLast(2) == before.lines.dropLast(2))
    // Eighty columns may cut the path; the reason is looked for in a wide screen.
    let wide = try Shot.digits(":recipe \(folder.path("r.json"))<Enter>", ScreenSize(width: 300, height: 30))
    #expect(wide.status.contains("another model"))
  }

  @Test func aRecipeIsOpenedAndCanBeUndone() throws {
    let folder = try ScratchFolder()
    let path = folder.path("r.json")
    _ = try Shot.digits(":set *=int5,channel<Enter>:export lathe \(path)<Enter>")
    let opened = try Shot.digits(":recipe \(path)<Enter>")
    #expect(opened.row("/conv1/Conv").contains("int5 ch"))
    #expect(try Shot.digits(":recipe \(path)<Enter>u").header.contains("176 KiB → 176 KiB"))
  }

  /// A program that has ended takes no more keys: the cursor tells.
  @Test func quitLeavesAtOnceWhenNothingWouldBeLost() throws {
    for keys in ["q", "<C-c>", ":quit<Enter>", "jjj-u<Home>q", ":quit!<Enter>"] {
      #expect(try Shot.digits(keys + "jj").current == "/conv1/Conv", "\(keys)")
    }
  }

  @Test(arguments: usualSizes) func quitAsksWhenAChoiceWouldBeLostAndNamesIt(size: ScreenSize) throws {
    for keys in ["q", "<C-c>", ":quit<Enter>"] {
      let asked = try Shot.digits("-" + keys, size)
      #expect(asked.foot.contains("not written") && asked.foot.contains("1 change would be lost"))
      #expect(asked.foot.contains("Esc"))
      #expect(try Shot.digits("-" + keys + "<Esc>jj", size).current == "/conv2/Conv")
      #expect(try Shot.digits("-" + keys + "yjj", size).current == "/conv1/Conv")
    }
    #expect(try Shot.digits("-:quit!<Enter>jj", size).current == "/conv1/Conv")
    #expect(try Shot.digits(":set *=int8,channel<Enter>q", size).foot.contains("5 changes would be lost"))
  }

  @Test func quitOffersToWriteAndLeavesOnceWritten() throws {
    #expect(try Shot.digits("-qw").foot.contains("write-quit digits-cnn.recipe.json"))
    let folder = try ScratchFolder()
    let keys = "-:export lathe \(folder.path("r.json"))<Enter>"
    #expect(try Shot.digits(keys + "jj").current == "/conv2/Conv")
    #expect(folder.names == ["r.json"])
    #expect(try Shot.digits(keys + "yqjj").current == "/conv1/Conv")
    // A later change is not in the file.
    #expect(try Shot.digits(keys + "y-q").foot.contains("would be lost"))
  }

  @Test func anExportForAToolDoesNotSaveTheRecipe() throws {
    let folder = try ScratchFolder()
    let keys = ":set *=q8_0<Enter>:export llama.cpp \(folder.path("types.txt"))<Enter>"
    let shot = try Shot.of("shakespeare-llama-f16.gguf", keys, ScreenSize(width: 300, height: 40))
    #expect(shot.status.contains("llama-quantize"))
    #expect(folder.names == ["types.txt"])
    #expect(try Shot.of("shakespeare-llama-f16.gguf", keys + "yq").foot.contains("would be lost"))
  }

  @Test func controlCClosesAPromptAndNothingElse() throws {
    let shot = try Shot.digits("-:set x<C-c>")
    #expect(!shot.foot.contains("would be lost") && !shot.foot.contains(":set"))
    #expect(try Shot.digits("-:set x<C-c>jj").current == "/conv2/Conv")
    #expect(try Shot.digits("?<C-c>jj").current == "/conv2/Conv")
  }

  @Test func whatWasCalledOffIsTakenUpAgain() throws {
    // A first Esc calls the analysis off, if that is not over by then; another would do nothing more.
    let shot = try Shot.digits("jj--<Esc><Esc>:analyse<Enter><Wait>k")
    #expect(shot.status.contains("all 10 weights"))
    #expect(shot.row("/conv2/Conv").contains("e-4"))
    #expect(!shot.header.contains("…"))
  }

  @Test func theCommandLineCompletesNamesAndValues() throws {
    #expect(try Shot.digits(":symm<Tab>").foot.contains(":symmetry"))
    #expect(try Shot.digits(":view tr<Tab>").foot.contains(":view tradeoff"))
    #expect(try Shot.digits(":set /fc1<Tab>").foot.contains(":set /fc1/Gemm="))
  }

  @Test func binsOfTheCurrentLayerAreWritten() throws {
    let folder = try ScratchFolder()
    _ = try Shot.digits("jj<Wait>:bins \(folder.path("b.csv"))<Enter>")
    let lines = String(decoding: try #require(folder.bytes(of: "b.csv")), as: UTF8.self).split(separator: "\n")
    #expect(lines.count == 2049)
    let counts = lines.dropFirst().compactMap { line in Int(line.split(separator: ",").last ?? "") }
    #expect(counts.reduce(0, +) == 32 * 288)
  }
}
