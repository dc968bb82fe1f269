import Checkpoints
import Compression
import Support
import Testing
import Workbench

@testable import TerminalUI

/// The pruning popup, the picker and what they choose. fc1 of the digits network has 64 rows of 256 weights.
@Suite struct ScreenPruneTests {
  /// The cells of the popup's histogram that are shaded.
  static func shaded(_ shot: Shot) -> Int { shot.text.count { $0 == "░" } }

  @Test(arguments: usualSizes) func theSliderMovesThePrunedRangeAndEnterChooses(size: ScreenSize) throws {
    let narrow = try Shot.digits("jjjjjjp<Wait>", size)
    #expect(narrow.text.contains("30 %") && narrow.text.contains("zeros 30 %"))
    let wide = try Shot.digits("jjjjjjp]]]]<Right><Right><Wait>", size)
    #expect(wide.text.contains("52 %") && wide.text.contains("zeros 52 %"))
    #expect(Self.shaded(wide) > Self.shaded(narrow) && Self.shaded(narrow) > 0)
    let chosen = try Shot.digits("jjjjjjp]]]]<Enter><Wait>", size)
    #expect(chosen.row("/fc1/Gemm").contains("50%"), "\(chosen.row("/fc1/Gemm"))")
    let left = try Shot.digits("jjjjjjp]]]]<Esc><Wait>", size)
    #expect(left.row("/fc1/Gemm").contains("keep") && !left.row("/fc1/Gemm").contains("50%"))
  }

  @Test func nOfMShowsWhatWouldGo() throws {
    let shot = try Shot.digits("jjjjjjp<Tab><Wait>")
    #expect(shot.text.contains(" 2:4 ") && shot.text.contains("zeros 50 %"))
    // Half of the cells of the first rows are shaded.
    let cells = shot.lines.filter { $0.contains("░") && !$0.contains("zeros") }
    let shaded = cells.reduce(0) { $0 + $1.count { $0 == "░" } }
    #expect(!cells.isEmpty && shaded % 2 == 0 && shaded >= cells.count * 30)
    let chosen = try Shot.digits("jjjjjjp<Tab><Right><Enter><Wait>")
    #expect(chosen.row("/fc1/Gemm").contains("1:4"))
  }

  /// 16 of 64 rows.
  @Test func channelsShowTheirNormsAndHowManyGo() throws {
    let shot = try Shot.digits("jjjjjjp<Tab><Tab>[<Wait>")
    #expect(shot.text.contains("16 of 64 channels go, with "))
    #expect(Self.shaded(shot) > 0)
    let chosen = try Shot.digits("jjjjjjp<Tab><Tab>[<Enter><Wait>")
    #expect(chosen.row("/fc1/Gemm").contains("ch25%"))
    #expect(chosen.row("/fc1/Gemm").contains("25%"))
  }

  @Test func whatDoesNotFitSaysWhyBeforehand() throws {
    // conv1 has 9 columns: no n:m, no blocks; nobody said how much inputs matter.
    #expect(try Shot.digits("p<Tab><Wait>").text.contains("not here: 9 columns are no multiple of 4"))
    #expect(try Shot.digits("pk<Wait>").text.contains("not here: it needs the inputs' importances"))
    let picker = try Shot.digits("s<Wait>")
    #expect(picker.text.contains("9 columns are no multiple of the gro"))
  }

  @Test func thePickerHasEverySchemesErrorAndTheLevelsOfTheOneUnderTheCursor() throws {
    let shot = try Shot.digits("jjjjjjs" + String(repeating: "<Down>", count: 37) + "<Wait>")
    let rows = shot.lines.filter { $0.contains("int3") || $0.contains("int2") || $0.contains("int4") }
    #expect(rows.count >= 3)
    #expect(!shot.text.contains("levels …") && shot.text.contains("levels"))
    #expect(shot.text.contains("┴"))
    let last = try Shot.digits("jjjjjjs" + String(repeating: "<PageDown>", count: 6) + "<Wait>")
    #expect(!last.text.contains("not yet computed"))
    let page = try Shot.digits("jjjjjjs" + String(repeating: "<PageDown>", count: 3) + "<Wait>")
    let named = page.lines.filter { $0.contains(" binary ") || $0.contains(" kmeans1 ") }
    #expect(named.count == 2 && named.allSatisfy { $0.contains("e-1") })
  }

  @Test func aTablesLevelsAreOnTheHistogram() throws {
    let shot = try Shot.digits("jjjjjj:set /fc1*=kmeans3<Enter><Wait>", ScreenSize(width: 120, height: 40))
    let axis = try #require(shot.lines.first { $0.contains("┼") })
    // Eight values; two may share a column.
    #expect((6...8).contains(axis.count { $0 == "┼" }))
    #expect(shot.row("/fc1/Gemm").contains("kmeans3") && shot.row("/fc1/Gemm").contains("e-2"))
    let floats = try Shot.digits("jjjjjj:set /fc1*=ocp-mxfp4<Enter><Wait>", ScreenSize(width: 120, height: 40))
    #expect(floats.text.contains("levels of the mean"))
    #expect(try #require(floats.lines.first { $0.contains("┼") }).count { $0 == "┼" } >= 8)
  }

  @Test func fewerAndMoreBitsAndGranularitiesGoThroughFloatsAndTables() throws {
    func scheme(after keys: String) throws -> String { try Shot.digits("jjjjjj\(keys)<Wait>").row("/fc1/Gemm") }
    #expect(try scheme(after: ":set /fc1*=kmeans4<Enter>-").contains("kmeans3"))
    #expect(try scheme(after: ":set /fc1*=kmeans4,channel<Enter>+").contains("kmeans5"))
    #expect(try scheme(after: ":set /fc1*=kmeans8<Enter>+").contains("keep"))
    #expect(try scheme(after: ":set /fc1*=kmeans1<Enter>-").contains("kmeans1"))
    #expect(try scheme(after: ":set /fc1*=ocp-mxfp8<Enter>--").contains("ocp-mxfp4"))
    #expect(try scheme(after: ":set /fc1*=nf4<Enter>+").contains("keep"))
    #expect(try scheme(after: ":set /fc1*=nvidia-nvfp4<Enter>gn").contains("int8"))
  }

  @Test func theErrorPaneHasFloatsAndTablesBesideTheIntegers() throws {
    let shot = try Shot.digits("jjjjjj<Tab>z<Wait>", ScreenSize(width: 140, height: 40))
    for word in ["fp8-e4m3", "ocp-mxfp6", "nvidia-nvfp4", "nf4", "kmeans4"] {
      let line = shot.lines.first { $0.contains("\(word) ") }
      #expect(line?.contains("e-") == true, "\(word): \(line ?? "")")
    }
    #expect(!shot.text.contains("…"))
  }

  @Test func layersSortByDamagePerByteSaved() throws {
    let shot = try Shot.digits(
      ":set *=int8,channel<Enter>:bits 2 /fc1*<Enter>:sort perbyte<Enter><Wait>", ScreenSize(width: 200, height: 50))
    #expect(shot.names.first == "/fc1/Gemm")
    #expect(shot.text.contains("Δ/byte"))
    let turned = try Shot.digits(":set *=int8,channel<Enter>:bits 2 /fc1*<Enter>:sort perbyte asc<Enter><Wait>")
    #expect(turned.names.last == "/fc1/Gemm")
  }

  @Test func importancesPutAWeightedErrorBesideThePlainOne() throws {
    let path = Fixtures.fixture("importances/imatrix.gguf")
    let shot = try Shot.of(
      "shakespeare-llama-f16.gguf", ":importance \(path)<Enter>:set blk.0.attn_k*=int4<Enter>/attn_k<Enter>j<Wait>")
    #expect(shot.text.contains("weighted 9.6e-3"), "\(shot.text)")
    #expect(try Shot.digits(":importance \(path)<Enter>").status.contains("none of its names"))
  }

  @Test func aRatioOverTheModelBecomesOneThreshold() throws {
    let shot = try Shot.digits("<C-a>:sparsity model:0.3<Enter><Wait>", ScreenSize(width: 200, height: 50))
    for name in ["/conv2/Conv", "/fc1/Gemm"] { #expect(shot.row(name).contains("<τ"), "\(shot.row(name))") }
  }

  /// The reference: a 32-bit weight after its survey, before any other pass.
  @Test func anErrorThatIsBoundedIsDrawnSoUntilTheExactOneComes() throws {
    var session = Session(try Checkpoint.open(sample("digits-cnn.onnx")))
    session.settle(session.opening)
    let item = try #require(session.item(named: "/fc1/Gemm"))
    let scheme = try Scheme(spec: "int4,tensor,range=mse")
    session.change([item.id]) { _, _ in scheme }
    session.answerAtOnce([item.id])
    #expect(session.isErrorEstimated(of: item, in: scheme))
    let estimate = try #require(session.relativeError(of: item, in: scheme))
    var state = State(session: session, size: ScreenSize(width: 120, height: 40))
    state.cursor = 6
    #expect(Shot(state.view(state.size)).row("/fc1/Gemm").contains("≈"))
    session.settle([.assessment(item.id, scheme)])
    #expect(!session.isErrorEstimated(of: item, in: scheme))
    let exact = try #require(session.relativeError(of: item, in: scheme))
    #expect(abs(exact - estimate) < 0.02 * exact)
    state = State(session: session, size: ScreenSize(width: 120, height: 40))
    #expect(!Shot(state.view(state.size)).row("/fc1/Gemm").contains("≈"))
  }
}
