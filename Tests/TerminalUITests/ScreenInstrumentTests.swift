import Checkpoints
import Foundation
import Support
import Testing
import Workbench

@testable import TerminalUI

/// The map, the table of errors, the recipes, the pickers and the mouse.
@Suite struct ScreenInstrumentTests {
  private static let llama = "shakespeare-llama-f16.gguf"

  private func llama(_ keys: String, _ size: ScreenSize = ScreenSize(width: 120, height: 40)) throws -> Shot {
    try Shot.of(Self.llama, keys, size, showsAll: false)
  }

  // MARK: The map

  @Test(arguments: usualSizes) func theMapShowsBlocksAndRoles(size: ScreenSize) throws {
    let shot = try llama(":set *=int4<Enter>M<Wait>", size)
    #expect(shot.text.contains("┌ Map ─"))
    for name in ["embd", "gate", "down", "head", "blk.0", "blk.2"] { #expect(shot.text.contains(name), "\(name)") }
    #expect(shot.text.contains("4.5  4.5  4.5"))
  }

  @Test func theMapTurnsAndCloses() throws {
    #expect(try Shot.digits("Mh", showsAll: false).text.contains("[t²]"))
    #expect(try Shot.digits("M<Esc>", showsAll: false).text.contains("┌ Layers"))
  }

  /// On a cell an edit is that layer's, on a row's name the block's, on a column's the role's; a rectangle has what it covers.
  @Test(arguments: [
    ("M-", 1), ("Mj-", 0), ("Mj<Home>-", 7), ("M<Home><Up><Right><Right>-", 3), ("Mj<Home><Right><Right>v<Right>j-", 4),
    ("Mj<Home><Right><Right> j -", 2),
  ]) func editsApplyToWhatTheMapsCursorCovers(keys: String, count: Int) throws {
    let state = try pressed(keys)
    #expect(state.session.recipe.choices.count == count, "\(state.session.recipe.choices.keys)")
  }

  /// The language model after some keys, with nothing read of it.
  private func pressed(_ keys: String) throws -> State {
    let session = Session(try Checkpoint.open(Fixtures.sample(Self.llama)))
    var state = State(session: session, size: ScreenSize(width: 120, height: 40))
    for case .key(let key) in try KeyScript(keys).steps { _ = state.press(key) }
    return state
  }

  @Test func enterOpensTheLayer() throws {
    #expect(try pressed("Mj<Home><Right><Right><Enter>").current?.name == "blk.0.attn_q")
  }

  @Test func aNetworkWithoutBlocksIsMappedInItsOrder() throws {
    let shot = try Shot.digits("M", showsAll: false)
    #expect(shot.text.contains("+0") && shot.text.contains("+4"), "\(shot.text)")
  }

  // MARK: The table of errors

  @Test func theTableIsWalkedAndACellTaken() throws {
    // From int8 in groups of 32, three down and one to the left: int5 in groups of 64.
    let shot = try Shot.digits("3j-<Wait>T<Down><Down><Down><Left><Enter>", showsAll: false)
    #expect(shot.row("/fc1/Gemm").contains("int5 g64"), "\(shot.row("/fc1/Gemm"))")
    #expect(try Shot.digits("3jT<Esc>", showsAll: false).row("/fc1/Gemm").contains("keep"))
    #expect(try Shot.digits("3j<Wait>Td<Wait>", showsAll: false).text.contains("dB by bits"))
  }

  @Test func aTargetsOwnTypesAreItsRows() throws {
    let shot = try llama(":target gguf<Enter>jjjT<Wait>")
    #expect(shot.text.contains("q5_k") && shot.text.contains("45.3"), "\(shot.text)")
  }

  // MARK: Recipes

  @Test func whatWasMeasuredIsKeptAndRestored() throws {
    let data = Fixtures.sample("digits-test.npz")
    let keys = ":set *=int4,channel<Enter>:measure \(data)<Enter><Wait>:set *=int2,channel<Enter>m<Wait>"
    let shot = try Shot.digits(keys + "R", ScreenSize(width: 160, height: 40), showsAll: false)
    #expect(shot.text.contains("int4 ch") && shot.text.contains("int2 ch"), "\(shot.text)")
    #expect(shot.text.contains("top-1") && shot.text.contains("±"))
    let restored = try Shot.digits(keys + "R<Up><Enter>", showsAll: false)
    #expect(restored.row("/fc1/Gemm").contains("int4 ch"), "\(restored.text)")
    #expect(try Shot.digits(keys + "Rd", showsAll: false).text.contains("Two recipes"))
    #expect(!(try Shot.digits(keys + "RxR", showsAll: false).text.contains("▪ int2 ch")))
    #expect(try Shot.digits("R").text.contains("none yet"))
    let kept = try Shot.digits("-:keep-as mine<Enter>R", showsAll: false)
    #expect(kept.text.contains("▪ mine"))
  }

  // MARK: Pickers

  @Test func pickersSearchAndExplain() throws {
    let shot = try Shot.digits("3jsnf4<Wait>", showsAll: false)
    #expect(shot.text.contains("search: nf4") && shot.text.contains("sixteen levels"), "\(shot.text)")
    #expect(try Shot.digits("3jsnf4<Enter>", showsAll: false).row("/fc1/Gemm").contains("nf4"))
    let targets = try Shot.digits("t<Wait>")
    #expect(targets.text.contains("onnxruntime") && targets.text.contains("layers fit"), "\(targets.text)")
    // What has no use for the model is dim, says why, and cannot be chosen.
    let refused = try Shot.of(
      "shakespeare-llama-f16.gguf", "tonnx<Wait><Enter>", ScreenSize(width: 120, height: 40), showsAll: false)
    #expect(refused.text.contains("not here:") && refused.status.contains("no ONNX model"), "\(refused.text)")
    #expect(!refused.header.contains("for onnx"))
    #expect(try Shot.digits("tonnxrun<Enter><Wait>").header.contains("for onnxruntime"))
  }

  @Test func helpHasTheGlossaryAndOpensOverPopups() throws {
    #expect(try Shot.digits("?sqnr").text.contains("signal to quantisation noise"))
    let over = try Shot.digits("3js?", showsAll: false)
    #expect(over.text.contains("Help") && over.text.contains("choose"), "\(over.text)")
    // Esc goes back to what is under it.
    #expect(try Shot.digits("3js?<Esc>", showsAll: false).text.contains("type to search"))
  }

  /// What arrives for a popup reaches it under the help, and a popup that is done leaves none behind that it was opened over.
  @Test func popupsStandOverEachOther() throws {
    let under = try Shot.digits("t?<Wait><Esc>")
    #expect(under.text.contains("layers fit") && !under.text.contains(" … "), "\(under.text)")
    let front = try Shot.digits("<Wait>a?<Wait><Esc>", showsAll: false)
    #expect(front.text.contains("┌ Front ") && !front.text.contains("working out"), "\(front.text)")
    let keys = "-:keep-as one<Enter>-:keep-as two<Enter>R<Up>d<Enter>"
    #expect(!(try Shot.digits(keys + "?<Esc>", showsAll: false).text.contains("┌ Recipes")))
  }

  // MARK: One layer over another

  @Test func aLayerIsDrawnOverAnother() throws {
    let shot = try Shot.digits("3j<Wait>=<Wait>k<Wait>", showsAll: false)
    #expect(shot.text.contains("over it /fc1/Gemm"), "\(shot.text)")
    #expect(!(try Shot.digits("3j<Wait>=<Wait>=<Wait>k<Wait>", showsAll: false).text.contains("over it")))
    let file = Fixtures.sample("digits-cnn.onnx")
    let other = try Shot.digits("3j<Wait>:overlay \(file)<Enter><Wait>", showsAll: false)
    #expect(other.text.contains("over it"), "\(other.text)")
    #expect(try Shot.digits(":overlay /nowhere<Enter><Wait>").status.contains("/nowhere"))
  }

  // MARK: The ridge

  @Test func channelsAreDensities() throws {
    let shot = try Shot.digits("3jr<Wait>", showsAll: false)
    #expect(shot.text.contains("Channels, the widest first"), "\(shot.text)")
    #expect(try Shot.digits("3jrr<Wait>", showsAll: false).text.contains("Ranges by channel"))
  }

  // MARK: The mouse

  /// The column of a word on a line, to press on it.
  private func place(of word: String, _ shot: Shot) throws -> String {
    let y = try #require(shot.lines.firstIndex { $0.contains(word) })
    let range = try #require(shot.lines[y].range(of: word))
    return "\(shot.lines[y].distance(from: shot.lines[y].startIndex, to: range.lowerBound)),\(y)"
  }

  @Test func headingsSort() throws {
    let shot = try Shot.digits(":set *=int4<Enter><Wait>", showsAll: false)
    let heading = try place(of: "t²", shot)
    let sorted = try Shot.digits(":set *=int4<Enter><Wait><Click \(heading)>", showsAll: false)
    #expect(sorted.text.contains("t²▾"), "\(sorted.text)")
    #expect(try Shot.digits("<Click \(heading)><Click \(heading)>", showsAll: false).text.contains("t²▴"))
  }

  @Test func hintsRun() throws {
    let shot = try Shot.digits("", showsAll: false)
    let hint = try place(of: "s scheme", shot)
    #expect(try Shot.digits("<Click \(hint)>", showsAll: false).text.contains("type to search"))
    let help = try place(of: "? help", shot)
    #expect(try Shot.digits("<Click \(help)>", showsAll: false).text.contains("┌ Help"))
  }

  @Test func popupRowsAreChosenAndOutsideCloses() throws {
    let shot = try Shot.digits("3js<Wait>", showsAll: false)
    let row = try place(of: "int8,channel", shot)
    let taken = try Shot.digits("3js<Click \(row)><Click \(row)>", showsAll: false)
    #expect(taken.row("/fc1/Gemm").contains("int8 ch"), "\(taken.text)")
    let closed = try Shot.digits("3js<Click 1,1>", showsAll: false)
    #expect(!closed.text.contains("type to search"))
  }

  @Test func aCellOfTheTableIsTaken() throws {
    let shot = try Shot.digits("3j<Wait>", showsAll: false)
    let y = try #require(shot.lines.firstIndex { $0.contains("sym tensor") }) + 5
    let x = try #require(shot.lines[y - 5].range(of: "sym")).lowerBound
    let column = shot.lines[y - 5].distance(from: shot.lines[y - 5].startIndex, to: x) + 8
    let taken = try Shot.digits("3j<Wait><Click \(column),\(y)>", showsAll: false)
    #expect(taken.row("/fc1/Gemm").contains("int4 t"), "\(taken.text)")
  }

  @Test func theSliderIsDragged() throws {
    let shot = try Shot.digits("3jp<Wait>", showsAll: false)
    let y = try #require(shot.lines.firstIndex { $0.contains("▕") && $0.contains("%") })
    let line = shot.lines[y]
    let start = line.distance(from: line.startIndex, to: try #require(line.firstIndex(of: "▕")))
    let end = line.distance(
      from: line.startIndex, to: try #require(line.firstIndex(of: "▏") ?? line.lastIndex(of: "▏")))
    let middle = (start + max(end, start + 40)) / 2
    let dragged = try Shot.digits(
      "3jp<Click \(start + 2),\(y)><Drag \(middle),\(y)><Release \(middle),\(y)><Wait>", showsAll: false)
    let percent = dragged.lines[y].split(separator: "│").compactMap { part in
      part.split(separator: " ").first.flatMap { Int($0) }
    }.first
    #expect(percent.map { $0 > 10 } ?? false, "\(dragged.lines[y])")
  }
}
