import Support
import Testing

@testable import TerminalUI

/// Moving, selecting, sorting, filtering: checked against the names on the screen.
@Suite struct ScreenMoveTests {
  private let all = ScreenTests.digitsNames

  @Test(arguments: [
    ("", "/conv1/Conv"), ("j", "conv1.bias"), ("jjk", "conv1.bias"), ("<Down><Down>", "/conv2/Conv"),
    ("k", "/conv1/Conv"),
    ("G", "fc2.bias"), ("Gj", "fc2.bias"), ("G<Home>", "/conv1/Conv"), ("<PageDown>", "fc2.bias"),
    ("<End><Up>", "/fc2/Gemm"), ("jj<C-l>", "/conv2/Conv"),
  ])
  func theCursorIsWhereTheKeysLedItAndParkedThere(keys: String, name: String) throws {
    for size in usualSizes { #expect(try Shot.digits(keys, size).current == name) }
  }

  @Test func theListScrollsSoThatTheCursorIsInSight() throws {
    let size = ScreenSize(width: 80, height: 24)
    let top = try Shot.of("shakespeare-llama-f16.gguf", "", size)
    let bottom = try Shot.of("shakespeare-llama-f16.gguf", "G", size)
    #expect(!top.names.contains(bottom.current))
    #expect(bottom.names.contains(bottom.current))
    #expect(bottom.rows.count == top.rows.count)
  }

  @Test(arguments: [
    ("fc", ["/fc1/Gemm", "fc1.bias", "/fc2/Gemm", "fc2.bias"]), ("fc !bias", ["/fc1/Gemm", "/fc2/Gemm"]),
    ("!fc !bias", ["/conv1/Conv", "/conv2/Conv", "/conv3/Conv"]), ("GEMM fc2", ["/fc2/Gemm", "fc2.bias"]),
    ("3×3 64", ["/conv3/Conv"]),
  ])
  func theFilterTakesTermsOfAllColumnsAndNegations(terms: String, names: [String]) throws {
    let shown = try Shot.digits("/\(terms)<Enter>").names
    #expect(shown.filter { !$0.hasSuffix(".bias") } == names.filter { !$0.hasSuffix(".bias") })
    if terms.contains("fc"), !terms.hasPrefix("!") { #expect(shown == names) }
  }

  @Test func aFilterWithoutMatchSaysSoAndEscShowsAll() throws {
    let nothing = try Shot.digits("/zzz<Enter>")
    #expect(nothing.text.contains("no layer has \"zzz\""))
    #expect(nothing.text.contains("0/0"))
    #expect(try Shot.digits("/zzz<Enter><Esc>").names == all)
    #expect(try Shot.digits("/fc<Esc>").names == all)
    #expect(try Shot.digits("/zzz<Enter>-u<Esc>").names == all)
  }

  @Test func theFilterWorksWhileItIsTyped() throws {
    let shot = try Shot.digits("/fc1")
    #expect(shot.names == ["/fc1/Gemm", "fc1.bias"])
    #expect(shot.foot.contains("/fc1"))
    #expect(shot.canvas.cursor?.isVisible == true)
  }

  /// In bytes: 1152, 128, 36864, 128, 73728, 256, 65536, 256, 2560, 40.
  @Test func sortingOrdersByTheColumnBothWays() throws {
    let bySize = ["/conv3/Conv", "/fc1/Gemm", "/conv2/Conv", "/fc2/Gemm", "/conv1/Conv"]
    let down = try Shot.digits(":sort size<Enter>").names
    #expect(Array(down.prefix(5)) == bySize)
    #expect(down.last == "fc2.bias")
    let up = try Shot.digits(":sort size<Enter>O").names
    #expect(up == down.reversed())
    #expect(try Shot.digits(":sort name<Enter>").names == all.sorted())
    #expect(try Shot.digits(":sort size asc<Enter>").names.first == "fc2.bias")
    #expect(try Shot.digits(":sort size<Enter>:sort file<Enter>").names == all)
    // Larger errors first: two bits, four bits, then what is kept.
    let byError = try Shot.digits(":bits 4 /fc1*<Enter>:bits 2 /fc2*<Enter><Wait>:sort error<Enter>").names
    #expect(Array(byError.prefix(2)) == ["/fc2/Gemm", "/fc1/Gemm"])
  }

  @Test func theCursorStaysWithItsLayerWhenTheOrderChanges() throws {
    #expect(try Shot.digits("jj:sort size<Enter>").current == "/conv2/Conv")
    #expect(try Shot.digits("jj:sort size<Enter>O:sort file<Enter>").current == "/conv2/Conv")
  }

  @Test func aRangeIsEditedWithoutItsBiases() throws {
    let shot = try Shot.digits("jjvjjj-")
    for name in ["/conv2/Conv", "/conv3/Conv"] { #expect(shot.row(name).contains("int8")) }
    for name in all where name != "/conv2/Conv" && name != "/conv3/Conv" { #expect(shot.row(name).contains("keep")) }
    #expect(shot.text.contains("4 marked"))
    #expect(shot.status.contains("2 layers"))
  }

  @Test func shiftArrowsAndSpaceSelectToo() throws {
    let shifted = try Shot.digits("jj<S-Down><S-Down>-")
    #expect(shifted.row("/conv2/Conv").contains("int8") && shifted.row("/conv3/Conv").contains("int8"))
    #expect(!shifted.row("/fc1/Gemm").contains("int8"))
    let marked = try Shot.digits("<Space>jjjjj<Space>-")
    #expect(marked.row("/conv1/Conv").contains("int8") && marked.row("/fc1/Gemm").contains("int8"))
    #expect(marked.row("/conv2/Conv").contains("keep"))
    let cleared = try Shot.digits("<Space><Space><Esc>-")
    #expect(cleared.row("/conv2/Conv").contains("int8") && cleared.row("/conv1/Conv").contains("keep"))
  }

  @Test func aBlockFoldsAndItsEditIsThatOfItsLayers() throws {
    let open = try Shot.of("shakespeare-llama-f16.gguf", "/blk.1<Enter>")
    #expect(open.rows.contains { $0.contains("attn_q") })
    let folded = try Shot.of("shakespeare-llama-f16.gguf", "f", ScreenSize(width: 200, height: 50))
    #expect(!folded.rows.contains { $0.contains("attn_q") })
    #expect(folded.rows.count { $0.contains("blk.") } == 3)
    let edited = try Shot.of("shakespeare-llama-f16.gguf", "/blk.1<Enter>-", ScreenSize(width: 200, height: 50))
    #expect(edited.status.contains("7 layers"))
  }

  @Test func aPanesTitleIsTheCurrentLayers() throws {
    #expect(try Shot.digits("jjjj").text.contains("┌ /conv3/Conv "))
    #expect(try Shot.digits("Gk").text.contains("10×64 · F32"))
  }

  @Test(arguments: [
    ("Click 5,5", "/conv2/Conv"), ("ScrollDown 5,5", "conv2.bias"), ("DoubleClick 5,7<Esc>", "/conv3/Conv"),
  ])
  func theMouseMovesTheCursor(event: String, name: String) throws {
    let keys = event.contains("<") ? "<\(event.replacing("<", with: "><"))" : "<\(event)>"
    #expect(try Shot.digits(keys).current == name)
  }
}
