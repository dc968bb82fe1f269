import Foundation
import Support
import Testing

@testable import TerminalUI

/// With a target chosen: what it cannot say is dim and says why, keys step over it, and locked layers change together.
@Suite struct ScreenTargetTests {
  /// To the first block's `mlp.down_proj`.
  private static let down = "jjjj"

  @Test(arguments: usualSizes) func theTargetStandsInTheHeader(size: ScreenSize) throws {
    let shot = try Shot.llama(":target mlx-config<Enter>", size)
    #expect(shot.status.contains("mlx-config") && shot.status.contains("takes every choice"))
    if size.width >= 120 { #expect(shot.header.contains("for mlx-config")) }
    #expect(!(try Shot.llama(":target mlx-config<Enter>:target none<Enter>", size)).header.contains("for mlx"))
  }

  @Test(arguments: usualSizes) func theFirstStepIsWhatTheTargetTakes(size: ScreenSize) throws {
    let shot = try Shot.llama(":target mlx-config<Enter>\(Self.down)-", size)
    #expect(shot.cursorRow.contains("int8 g32 a"))
    // Seven bits are stepped over.
    #expect(try Shot.llama(":target mlx-config<Enter>\(Self.down)--", size).cursorRow.contains("int6 g32 a"))
    // So is what has no groups.
    let groups = try Shot.llama(":target mlx-config<Enter>\(Self.down)-gn", size).cursorRow
    #expect(groups.contains("int8 g128 a") || groups.contains("int8 g64 a"), "\(groups)")
  }

  /// onnxruntime has 16, 8 and 4 bits for a convolution: from eight on, and not below four.
  @Test func theLeastThatFitsStays() throws {
    let begun = try Shot.digits(":target onnxruntime<Enter>jj-", .wide)
    #expect(begun.row("/conv2/Conv").contains("int8 ch"))
    let least = try Shot.digits(":target onnxruntime<Enter>jj" + String(repeating: "-", count: 6), .wide)
    #expect(least.row("/conv2/Conv").contains("int4 ch") && !least.header.contains("not fit"))
  }

  @Test func whatDoesNotFitIsMarkedWithItsReason() throws {
    let shot = try Shot.llama("\(Self.down):scheme int8<Enter>:target mlx-config<Enter>", .wide)
    #expect(shot.cursorRow.contains("int8 g32 !"))
    #expect(shot.header.contains("for mlx-config: 1 does not fit"))
    #expect(shot.status.contains("no symmetric for mlx-lm: it takes affine"))
  }

  @Test func thePickerShowsWhatFitsFirstAndTheRestDim() throws {
    let shot = try Shot.llama(":target mlx-config<Enter>\(Self.down)s", .wide)
    let fitting = shot.lines.firstIndex { $0.contains("int8,group=64,affine") }
    let other = shot.lines.firstIndex { $0.contains("no symmetric for mlx-lm") }
    #expect(try #require(fitting) < #require(other))
    // What is dim cannot be chosen.
    let refused = try Shot.llama(
      ":target mlx-config<Enter>\(Self.down)s" + String(repeating: "<PageDown>", count: 9) + "<Enter>", .wide)
    #expect(refused.cursorRow.contains("keep"))
    #expect(refused.status.contains("for mlx-lm"), "\(refused.status)")
  }

  @Test func theTableOfErrorsIsDimWhereTheTargetTakesNothing() throws {
    func table(_ target: String) throws -> (lines: [String], dim: Int) {
      let shot = try Shot.llama(":target \(target)<Enter>\(Self.down):view errors<Enter>z")
      let errors = shot.canvas.cells.filter { $0.character == "e" && $0.style == .dim }
      return (shot.lines, errors.count)
    }
    let mlx = try table("mlx-config")
    // Affine stands first, since MLX takes nothing else.
    let heading = try #require(mlx.lines.first { $0.contains("aff tensor") })
    #expect(try #require(heading.range(of: "aff ")).lowerBound < #require(heading.range(of: "sym ")).lowerBound)
    #expect(try table("none").dim < mlx.dim)
  }

  @Test func lockedLayersChangeTogether() throws {
    let toQuery = String(repeating: "j", count: 10)
    func scheme(_ name: String, _ shot: Shot) -> String { shot.rows.first { $0.contains(name) } ?? "" }
    let shot = try Shot.llama(toQuery + "L-")
    for name in ["q_proj", "k_proj", "v_proj"] { #expect(scheme(name, shot).contains("int8"), "\(name)") }
    #expect(scheme("o_proj", shot).contains("keep"))
    #expect(shot.status.contains("3 layers changed") && shot.text.contains("locked"))
    // Apart again.
    let apart = try Shot.llama(toQuery + "LL-")
    #expect(scheme("q_proj", apart).contains("int8") && scheme("v_proj", apart).contains("keep"))
  }

  @Test func layersThatMustAgreeSaySo() throws {
    let shot = try Shot.llama(":target llm-compressor<Enter>:set *layers.0*q_proj=int4,group=64<Enter>", .wide)
    #expect(shot.header.contains("3 do not fit"), "\(shot.header)")
    #expect(shot.status.contains("runs q_proj, k_proj, v_proj as one"), "\(shot.status)")
  }

  @Test(arguments: usualSizes) func everyLayerThatDoesNotFitIsToldOverTheScreen(size: ScreenSize) throws {
    let folder = try ScratchFolder()
    let keys = ":set *_proj=int4,group=16<Enter>:export mlx-config \(folder.path("c.json"))<Enter>"
    let shot = try Shot.llama(keys, size)
    #expect(shot.text.contains("Not written") && shot.text.contains("the recipe does not fit mlx-config"))
    // The last of them can be scrolled to.
    let last = try Shot.llama(keys + String(repeating: "j", count: 60), size)
    #expect(last.text.contains("leave a layer as it is with 'NAME=keep'"))
    #expect(folder.names.isEmpty)
  }

  @Test(arguments: usualSizes) func whatWasWrittenAndHowToUseItIsTold(size: ScreenSize) throws {
    let folder = try ScratchFolder()
    let shot = try Shot.llama(":set *_proj=int4,group=64<Enter>:export torchao \(folder.path("c.json"))<Enter>", size)
    #expect(shot.text.contains("Written") && shot.text.contains("config_from_dict"))
    #expect(folder.names == ["c.json"])
  }

  @Test func anExportToTheTargetIsOffered() throws {
    // The list begins at the chosen target; Enter writes its command, with a path to be changed.
    let list = try Shot.llama(":target torchao<Enter>e", .wide)
    #expect(list.text.contains("Export: what is written"))
    let shot = try Shot.llama(":target torchao<Enter>e<Enter>", .wide)
    #expect(shot.foot.contains(":export torchao shakespeare-llama-"), "\(shot.foot)")
    #expect(try Shot.llama(":target nowhere<Enter>").status.contains("unknown target"))
  }
}

extension Shot {
  fileprivate static func llama(_ keys: String, _ size: ScreenSize = .wide) throws -> Shot {
    try of("shakespeare-llama", keys, size)
  }

  fileprivate var cursorRow: String { rows.first { $0.contains("▌") } ?? "" }
}

extension ScreenSize {
  fileprivate static let wide = ScreenSize(width: 200, height: 50)
}
