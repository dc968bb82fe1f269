import Checkpoints
import Support
import Testing
import Workbench

@testable import TerminalUI

/// Changing the choice: what the row and the totals must say, from the shapes.
@Suite struct ScreenEditTests {
  /// conv2 (32×288) in eight bits and groups of 32: 9,216 + 288·2 bytes for 36,864 of 180,648.
  @Test(arguments: usualSizes) func aDashChangesTheWidthAndTheTotals(size: ScreenSize) throws {
    let shot = try Shot.digits("jj-", size)
    #expect(shot.row("/conv2/Conv").contains("int8 g32"))
    // 153,576 bytes; 8 · 153,576 / 45,162; 180,648 / 153,576.
    for total in ["176 KiB → 150 KiB", "27.20 bpw", "1.18×"] { #expect(shot.header.contains(total), "\(shot.header)") }
    let lower = try Shot.digits("jj---", size)
    #expect(lower.row("/conv2/Conv").contains("int6 g32"))
    // 6,912 + 576 bytes: 151,272 in all.
    for total in ["148 KiB", "26.80 bpw", "1.19×"] { #expect(lower.header.contains(total)) }
  }

  @Test(arguments: usualSizes) func undoBringsTheTotalsBackAndRedoTheChange(size: ScreenSize) throws {
    let before = try Shot.digits("jj", size)
    let changed = try Shot.digits("jj--", size)
    let undone = try Shot.digits("jj--uu", size)
    #expect(changed.header != before.header)
    #expect(undone.header == before.header)
    #expect(undone.rows == before.rows)
    #expect(try Shot.digits("jj--uu<C-r><C-r>", size).rows == changed.rows)
    #expect(try Shot.digits("jj--uu<C-r><C-r>", size).header == changed.header)
    #expect(try Shot.digits("u").status.contains("nothing to undo"))
    #expect(try Shot.digits("<C-r>").status.contains("nothing to redo"))
  }

  @Test func aPlusBringsTheWidthUpToWhatIsStored() throws {
    #expect(try Shot.digits("jj--+").row("/conv2/Conv").contains("int8"))
    let kept = try Shot.digits("jj-+")
    #expect(kept.row("/conv2/Conv").contains("keep"))
    #expect(kept.header.contains("176 KiB → 176 KiB"))
  }

  @Test func theWidthStopsAtOneBit() throws {
    let shot = try Shot.digits("jj" + String(repeating: "-", count: 12))
    #expect(shot.row("/conv2/Conv").contains("int1 g32"))
  }

  @Test func aLayerWhoseRowsDoNotDivideStartsWithAScaleAChannel() throws {
    #expect(try Shot.digits("-").row("/conv1/Conv").contains("int8 ch"))
  }

  /// Between ggml's types a step is the next size at which no other type is better; what llama.cpp makes only with an
  /// importance waits for one, and what is for ternary models is no step.
  @Test func stepsBetweenBlockTypesAreSizesThatCanBeExported() throws {
    let steps = ":scheme q2_k blk.0.attn_k*<Enter>:fewer blk.0.attn_k*<Enter>/attn_k<Enter>j"
    let plain = try Shot.of("shakespeare-llama-f16.gguf", steps)
    #expect(plain.row("attn_k").contains("q2_k"), "\(plain.text)")
    let said = try Shot.of("shakespeare-llama-f16.gguf", "/attn_k<Enter>j:scheme q2_k<Enter>-<Wait>")
    #expect(said.status.contains("nothing smaller"), "\(said.status)")
    let path = Fixtures.fixture("importances/imatrix.gguf")
    let weighed = try Shot.of("shakespeare-llama-f16.gguf", ":importance \(path)<Enter>" + steps)
    #expect(weighed.text.contains("iq2_s"), "\(weighed.text)")
  }

  /// By t² on normal weights (llama.cpp's own tables agree): Q4_0 and IQ4_NL are worse than Q4_K at its size, Q4_1 and Q5_0
  /// than smaller or equal ones.
  @Test(arguments: [
    ("q8_0", "q6_k"), ("q6_k", "q5_k"), ("q5_1", "q5_k"), ("q5_k", "q4_k"), ("q4_k", "iq4_xs"), ("q4_0", "iq4_xs"),
    ("iq4_xs", "q3_k"), ("q3_k", "q2_k"),
  ])
  func dominatedTypesAreNoSteps(type: String, next: String) throws {
    let shot = try Shot.of(
      "shakespeare-llama-f16.gguf", ":target gguf<Enter>:scheme \(type) blk.0.attn_k*<Enter>/attn_k<Enter>j-<Wait>")
    #expect(shot.row("attn_k").contains(next), "\(shot.rows)")
  }

  /// A weight that is stored in five bits has nothing to gain from eight.
  @Test func aStepIsSmallerThanWhatIsStored() throws {
    let folder = try ScratchFolder()
    let small = folder.path("small.gguf")
    let source = Session(try Checkpoint.open(Fixtures.sample("shakespeare-llama-f16.gguf")))
    var session = source
    try session.apply([Rule("*attn_k*=q4_1"), Rule("*attn_q*=q2_k")])
    _ = try session.write(checkpoint: .gguf, to: small)
    func shot(_ keys: String) throws -> Shot {
      let session = Session(try Checkpoint.open(small))
      return Shot(try Front.replay(keys, on: session, data: nil, size: ScreenSize(width: 120, height: 40)))
    }
    #expect(try shot("/blk.0.attn_k<Enter>j-<Wait>").row("attn_k").contains("int4 g32"))
    #expect(try shot("/blk.0.attn_q<Enter>j-<Wait>").row("attn_q").contains("int2 g32"))
    #expect(try shot("/blk.0.attn_k<Enter>j-+<Wait>").row("attn_k").contains("keep"))
    #expect(try shot(":target gguf<Enter>/blk.0.attn_k<Enter>j-<Wait>").row("attn_k").contains("q4_k"))
    #expect(try shot(":target gguf<Enter>/blk.0.attn_q<Enter>j-<Wait>").status.contains("nothing smaller"))
  }

  /// Kept weights have no groups, no symmetry and no coding: the keys say so, and `gg` goes to the first row.
  @Test(arguments: ["gn", "gngn", "y", "H"]) func keysForSettingsDoNotQuantiseWhatIsKept(keys: String) throws {
    let shot = try Shot.digits("jj" + keys)
    #expect(shot.row("/conv2/Conv").contains("keep"))
    #expect(shot.status.contains("what is kept has none"), "\(shot.status)")
    // Among others they change those that are quantised.
    let some = try Shot.digits("jj--kkvjj" + keys)
    #expect(some.row("/conv1/Conv").contains("keep") && !some.row("/conv2/Conv").contains("keep"))
  }

  @Test(arguments: usualSizes) func bitsWithAPatternChangeAllThatMatch(size: ScreenSize) throws {
    let shot = try Shot.digits(":bits 4 /fc*<Enter>", size)
    #expect(shot.row("/fc1/Gemm").contains("int4") && shot.row("/fc2/Gemm").contains("int4"))
    #expect(shot.row("/conv2/Conv").contains("keep") && shot.row("fc1.bias").contains("keep"))
    #expect(shot.status.contains("2 layers"))
  }

  @Test func setIsTheCommandLinesSet() throws {
    let shot = try Shot.digits(":set *=int5,channel,affine<Enter>:set fc1.weight=q4_0<Enter>")
    #expect(shot.row("/conv1/Conv").contains("int5 ch a"))
    #expect(shot.row("/fc1/Gemm").contains("q4_0"))
    #expect(try Shot.digits(":set conv1.bias=int8<Enter>").row("conv1.bias").contains("int8"))
  }

  @Test func whatASchemeDoesNotFitIsMarkedOnItsRow() throws {
    let shot = try Shot.digits(":set *=int4<Enter>")
    #expect(shot.row("/conv1/Conv").contains("keep !"))
    #expect(shot.status.contains("/conv1/Conv") && shot.status.contains("9 columns"))
    #expect(shot.row("/conv2/Conv").contains("int4"))
    // The note goes with the choice.
    let undone = try Shot.digits(":set *=int4<Enter>u")
    #expect(!undone.row("/conv1/Conv").contains("!"))
    let chosen = try Shot.digits(":set *=int4<Enter>:set /conv1/Conv=int8,channel<Enter>jk")
    #expect(!chosen.status.contains("9 columns"))
  }

  @Test func groupSymmetrySparsityAndCodingAreCommandsAndKeys() throws {
    let cases: [(keys: String, seen: String)] = [
      ("jj-y", "int8 g32 a"), ("jj-gn", "int8 t"), ("jj-gc", "int8 ch"), ("jj-g3", "int8 g32"),
      ("jj-]]", "int8 g32 10%"), ("jj-]]]][", "int8 g32 15%"),
      ("jj-H", "int8 g32 h"),
      ("jj:group channel<Enter>", "int8 ch"), ("jj-:sparsity 2:4<Enter>", "int8 g32 2:4"),
      ("jj-:coding rans<Enter>", "int8 g32 r"),
      ("jj-:symmetry affine<Enter>", "int8 g32 a"), ("jj:scheme q8_0<Enter>", "q8_0"), ("jj-x", "keep"),
      ("jj:threshold 0.05<Enter>", "keep <τ"),
    ]
    for (keys, seen) in cases {
      let row = try Shot.digits(keys).row("/conv2/Conv")
      #expect(row.contains(seen), "\(keys): \(row)")
    }
  }

  /// Half of 16,384 pruned: 8,192 zeros.
  @Test func sparsityIsSeenAsZeros() throws {
    let shot = try Shot.digits(":sparsity 0.5 /fc1*<Enter>Gkkkh")
    #expect(shot.row("/fc1/Gemm").contains(" 50%"))
    #expect(shot.text.contains("zeros 50 %"))
  }

  @Test(arguments: usualSizes) func hCyclesWhatTheHistogramShows(size: ScreenSize) throws {
    #expect(try Shot.digits("jj--", size).text.contains("weights"))
    #expect(try Shot.digits("jj--h", size).text.contains("what they become"))
    #expect(try Shot.digits("jj--hh", size).text.contains("error w"))
    let round = try Shot.digits("jj--hhh", size)
    #expect(round.text.contains("weights") && round.text.contains("become") && !round.text.contains("error w"))
    #expect(try Shot.digits("jjhh", size).text.contains("kept exactly"))
  }

  @Test func thePickerListsSchemesWithSizesAndTakesOne() throws {
    let shot = try Shot.digits("jjs")
    // 9,216 codes of a byte and 32 scales of two bytes; the same with 288 scales.
    #expect(shot.lines.contains { $0.contains("int8,channel ") && $0.contains("9.06 KiB") })
    #expect(shot.lines.contains { $0.contains("int8,group=32 ") && $0.contains("9.56 KiB") })
    let picked = try Shot.digits("jjs<Down><Enter>")
    #expect(picked.row("/conv2/Conv").contains("int8 g32"))
    #expect(try Shot.digits("jjs<Down><Esc>").row("/conv2/Conv").contains("keep"))
  }

  @Test func theUsersChoiceIsDrawnDifferentlyFromARules() throws {
    let shot = try Shot.digits(":set *=int8,channel<Enter>jj-")
    #expect(shot.row("/conv2/Conv").contains("✎"))
  }
}
