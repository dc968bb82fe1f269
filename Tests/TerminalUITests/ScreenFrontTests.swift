import Support
import Testing

@testable import TerminalUI

/// The front under the arrow keys, why a layer has its bits, and two recipes side by side.
@Suite struct ScreenFrontTests {
  @Test(arguments: usualSizes) func theTradeOffBecomesTheFront(size: ScreenSize) throws {
    let shot = try Shot.digits("<Wait>a<Wait><Down><Down>", size)
    #expect(shot.text.contains("Front ") && shot.text.contains("bpw"))
    #expect(shot.foot.contains("step") && shot.foot.contains("Enter take") && shot.foot.contains("Esc as it was"))
    // The list follows.
    #expect(shot.row("/conv2/Conv").contains("int"))
  }

  /// The recipe's schemes, as the list shows them.
  private func schemes(_ keys: String) throws -> [String] {
    try Shot.digits(keys, ScreenSize(width: 200, height: 50)).rows.map {
      $0.split(separator: " ").joined(separator: " ")
    }
  }

  @Test func stepsChangeOneLayerAndWhatIsNotTakenIsNotKept() throws {
    let plain = try schemes("<Wait>")
    let low = try schemes("<Wait>a<Wait><Home>")
    let next = try schemes("<Wait>a<Wait><Home><Right>")
    #expect(plain != low && low != next)
    #expect(zip(low, next).count { $0 != $1 } >= 1)
    #expect(try schemes("<Wait>a<Wait><Home><Right><Left>") == low)
    #expect(try schemes("<Wait>a<Wait><Home><Esc>") == plain)
    // One step back, however many were walked.
    let taken = try schemes("<Wait>a<Wait><Home><Right><Enter>")
    #expect(taken.filter { $0.contains("int2") } == next.filter { $0.contains("int2") })
    #expect(try schemes("<Wait>a<Wait><Home><Right><Right><Right><Enter>u") == plain)
  }

  @Test func leavingItKeepsWhatHadBeenUndone() throws {
    let redone = try schemes("<Wait>jj-u<C-r>")
    #expect(try schemes("<Wait>jj-ua<Wait><Down><Esc><C-r>") == redone)
  }

  @Test func whatWasChosenByHandStaysAndIsMarkedOtherwise() throws {
    let shot = try Shot.digits(
      "<Wait>jj:scheme int3,channel<Enter>a<Wait><Home><Enter>", ScreenSize(width: 200, height: 50))
    #expect(shot.row("/conv2/Conv").contains("int3 ch ✎"))
    #expect(shot.row("/fc1/Gemm").contains("∘") && !shot.row("/fc1/Gemm").contains("✎"))
    #expect(shot.status.contains("from the front"))
  }

  @Test func whereAllWasChosenNothingIsSearched() throws {
    let shot = try Shot.digits("<Wait>:bits 4<Enter>jjVGa<Wait>a<Wait>")
    #expect(!shot.text.contains("working out"))
  }

  @Test func aJumpNamesTheBudgetThatItKeeps() throws {
    let shot = try Shot.digits("<Wait>a<Wait><Down><Down><Down>", ScreenSize(width: 120, height: 40))
    #expect(shot.text.contains("within "))
  }

  @Test(arguments: usualSizes) func whyALayerHasItsBits(size: ScreenSize) throws {
    let shot = try Shot.digits("<Wait>jja<Wait><Down><Down><Enter>A<Wait>", size)
    #expect(shot.text.contains("Why: /conv2/Conv") && shot.text.contains("saved a KiB"))
    #expect(shot.text.contains("Chosen by a search."))
  }

  @Test(arguments: usualSizes) func twoRecipesStandSideBySideAndTheBetterIsAdopted(size: ScreenSize) throws {
    let keys = "<Wait>jj:scheme int8,channel<Enter>C:scheme int2,channel<Enter>C"
    let shot = try Shot.digits(keys, size)
    #expect(shot.text.contains("Two recipes") && shot.text.contains("1 layer differs"))
    #expect(shot.text.contains("int8 ch") && shot.text.contains("int2 ch"))
    let adopted = try Shot.digits(keys + "<Enter>", size)
    #expect(adopted.row("/conv2/Conv").contains("int8 ch"))
    #expect(try Shot.digits(keys + "<Right><Enter>", size).row("/conv2/Conv").contains("int2 ch"))
    #expect(try Shot.digits(keys + "x", size).status.contains("no recipe is marked"))
  }

  /// With a target the front has its schemes, once they were found out.
  @Test func theFrontIsTheTargets() throws {
    let shot = try Shot.digits(
      "<Wait>:target onnxruntime<Enter><Wait>a<Wait><Home>", ScreenSize(width: 200, height: 50))
    #expect(shot.text.contains("Front ") && !shot.text.contains("still being found out"))
    #expect(shot.rows.contains { $0.contains("int4") || $0.contains("int8") })
    #expect(!shot.rows.contains { $0.contains("int3") || $0.contains("int5") || $0.contains("int2") })
  }
}

/// What a device would make of the recipe, graphs too.
@Suite struct ScreenDeviceTests {
  @Test(arguments: usualSizes) func imagesASecondAreEstimatedOfAGraph(size: ScreenSize) throws {
    let shot = try Shot.digits("<Wait>:device<Enter><Wait>", size)
    #expect(shot.text.contains("images/s") && shot.text.contains("cortex-m7"))
  }
}
