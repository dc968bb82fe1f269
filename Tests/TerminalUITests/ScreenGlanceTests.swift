import Checkpoints
import Support
import Testing
import Workbench

@testable import TerminalUI

/// What the list tells at a glance: weights alone, their distributions, their part of the damage, in the order of the model.
@Suite struct ScreenGlanceTests {
  @Test(arguments: usualSizes) func weightsStandAloneAndTheTitleCountsBoth(size: ScreenSize) throws {
    let shot = try Shot.digits("", size, showsAll: false)
    #expect(shot.names == ["/conv1/Conv", "/conv2/Conv", "/conv3/Conv", "/fc1/Gemm", "/fc2/Gemm"])
    #expect(shot.text.contains("Layers 5 of 10"))
    let all = try Shot.digits(".", size, showsAll: false)
    #expect(all.rows.count == 10 && all.text.contains("┌ Layers ─"))
    // What only biases have is found all the same.
    #expect(try Shot.digits("/bias<Enter>", size, showsAll: false).rows.count == 5)
  }

  @Test func aRowHasItsDistributionAndItsPartOfTheDamage() throws {
    let shot = try Shot.digits(":set *=int4<Enter><Wait>", showsAll: false)
    let row = shot.row("/fc1/Gemm")
    #expect(row.contains("█"), "\(row)")
    #expect(shot.text.contains("density"))
    // A block's row has that of all its layers.
    let folded = try Shot.of("shakespeare-llama-f16.gguf", "f", showsAll: false)
    #expect(folded.rows.filter { $0.contains("blk.") }.allSatisfy { $0.contains("█") || $0.contains("▇") })
  }

  /// Names that differ late stay apart, and what a choice does stays in sight beside them.
  @Test func longNamesAreCutWhereTheyAreAlike() throws {
    let folder = try ScratchFolder()
    let tensors = (0..<4).map {
      (
        name: "the_same_long_beginning/encoder/\($0)/reparam_conv", shape: [32, 32],
        values: [Float](repeating: 1, count: 1024)
      )
    }
    let path = try folder.write(safetensors(tensors), to: "long.safetensors")
    func shot(_ width: Int) throws -> Shot {
      Shot(
        try Front.replay(
          ":set *=int4<Enter><Wait>", on: Session(try Checkpoint.open(path)), data: nil,
          size: ScreenSize(width: width, height: 24)))
    }
    let wide = try shot(120)
    #expect(Set(wide.rows.map { $0.dropFirst(2).prefix(35) }).count == 4, "\(wide.rows)")
    for shot in [wide, try shot(80)] {
      #expect(shot.rows.allSatisfy { $0.contains("int4 g32") } && shot.lines[2].contains("t²"), "\(shot.text)")
    }
  }

  @Test func pricesStandWhereThereIsRoom() throws {
    let wide = try Shot.digits(":set *=int4<Enter><Wait>", ScreenSize(width: 200, height: 50), showsAll: false)
    #expect(wide.text.contains("−1 bit") && wide.text.contains("+1 bit"))
    #expect(!(try Shot.digits(":set *=int4<Enter><Wait>", showsAll: false).text.contains("−1 bit")))
  }

  @Test func columnsAreChosen() throws {
    let shot = try Shot.digits(":columns db,range<Enter>", showsAll: false)
    #expect(shot.text.contains("range ±") && !shot.lines[2].prefix(76).contains("t²"))
    #expect(try Shot.digits(":columns dB,nonsense<Enter>").status.contains("no column \"nonsense\""))
    // Space takes the first of the list in, which is the operator.
    #expect(try Shot.digits("|<Space><Enter>", ScreenSize(width: 200, height: 50)).text.contains("operator"))
    #expect(!(try Shot.digits("|<Space><Enter>:columns auto<Enter>").text.contains("operator")))
  }

  /// 404 standard deviations: one weight sets the scale for all others, and the row says so.
  @Test func anOutlierIsFlaggedAndExplained() throws {
    let folder = try ScratchFolder()
    var values = (0..<4096).map { Float(($0 * 7919) % 1000) / 1000 - 0.5 }
    values[1234] = 100
    let path = try folder.write(safetensors([("blocks.0.fc.weight", [64, 64], values)]), to: "outlier.safetensors")
    let session = Session(try Checkpoint.open(path))
    let shot = Shot(
      try Front.replay("<Wait>", on: session, data: nil, size: ScreenSize(width: 120, height: 40)))
    #expect(shot.text.contains("one weight at 100 sets the scale"), "\(shot.text)")
    // A second look has bins over what is drawn: more than a few rows and columns are filled.
    let bars = shot.lines.prefix(20).map { $0.suffix(44).filter { "▁▂▃▄▅▆▇█".contains($0) }.count }
    #expect(bars.reduce(0, +) > 100, "\(shot.text)")
  }

  @Test func aConstantLayerSaysSo() throws {
    let folder = try ScratchFolder()
    let values = [Float](repeating: 0.25, count: 64 * 32)
    let path = try folder.write(safetensors([("fc.weight", [64, 32], values)]), to: "constant.safetensors")
    let shot = Shot(
      try Front.replay(
        "<Wait>", on: Session(try Checkpoint.open(path)), data: nil, size: ScreenSize(width: 120, height: 40)))
    #expect(shot.text.contains("all 2.05 k numbers are 0.250"), "\(shot.text)")
  }

  /// Three values stand at their own places; two hundred fill the range without gaps, though bins and columns do not meet.
  @Test func quantisedWeightsAreDrawnAtTheirLevels() throws {
    let folder = try ScratchFolder()
    func shot(_ levels: Int) throws -> [String] {
      let values = (0..<32768).map { Float(($0 &* 2_654_435_761) % levels) / Float(levels) - 0.5 }
      let path = try folder.write(safetensors([("fc.weight", [128, 256], values)]), to: "\(levels).safetensors")
      return Shot(
        try Front.replay(
          "<Wait>", on: Session(try Checkpoint.open(path)), data: nil, size: ScreenSize(width: 120, height: 40))
      ).lines
    }
    // A line low in the bars of the histogram.
    func bars(_ lines: [String]) throws -> Substring {
      let axis = try #require(lines.firstIndex { $0.contains("0│───") })
      return lines[axis - 1].suffix(42).prefix { $0 != "┐" }
    }
    #expect(try bars(shot(3)).count { $0 == "█" } <= 6)
    let many = try bars(shot(200))
    #expect(many.count { $0 == "█" } >= 33, "\(many)")
  }

  @Test func blocksStandInTheOrderOfTheirNumbers() throws {
    let folder = try ScratchFolder()
    // As Hugging Face's files have them: by their letters.
    let names = ((0..<12).map { "model.layers.\($0).fc.weight" } + ["lm_head.weight"]).sorted()
    let tensors = names.map { (name: $0, shape: [4, 4], values: [Float](repeating: 0.5, count: 16)) }
    let path = try folder.write(safetensors(tensors), to: "order.safetensors")
    let session = Session(try Checkpoint.open(path))
    let shown = session.shownOrder.map { session.items[$0].name }
    #expect(shown == ["lm_head"] + (0..<12).map { "model.layers.\($0).fc" }, "\(shown)")
  }

  @Test(arguments: [
    ("@attn", 12), ("@ffn", 9), ("@q", 3), ("@down", 3), ("@head", 1), ("@embd", 1), ("@attn !blk.1", 8),
  ]) func wordsForRolesFilter(word: String, count: Int) throws {
    let session = Session(try Checkpoint.open(Fixtures.sample("shakespeare-llama-f16.gguf")))
    var state = State(session: session, size: ScreenSize(width: 120, height: 40))
    for key in [Key.character("/")] + word.map(Key.character) + [.enter] { _ = state.press(key) }
    #expect(state.rows.count { if case .item = $0 { true } else { false } } == count)
  }

  @Test func wordsForRolesAreEdited() throws {
    var session = Session(try Checkpoint.open(Fixtures.sample("shakespeare-llama-f16.gguf")))
    try session.apply([Rule("@attn=int6"), Rule("@ffn=int4")])
    func count(_ spec: String) -> Int { session.items.count { "\(session.scheme(of: $0))" == spec } }
    #expect(count("int6,group=32") == 12 && count("int4,group=32") == 9)
    #expect(throws: WorkbenchError.self) { try session.apply([Rule("@conv=int4")]) }
    let shot = try Shot.of("shakespeare-llama-f16.gguf", ":bits 3 @down<Enter>", showsAll: false)
    #expect(shot.status.contains("3 layers changed"), "\(shot.status)")
    let none = try Shot.of("shakespeare-llama-f16.gguf", ":bits 3 @conv<Enter>", showsAll: false)
    #expect(none.status.contains("there is @attn"), "\(none.status)")
  }

  @Test func figuresThatTheRowShowsAreFound() throws {
    let shot = try Shot.digits(":set /fc1*=int4<Enter><Wait>/64×256<Enter>", showsAll: false)
    #expect(shot.names == ["/fc1/Gemm"])
    let size = try Shot.digits("/64.0 KiB<Enter>", showsAll: false)
    #expect(size.names == ["/fc1/Gemm"], "\(size.text)")
  }
}
