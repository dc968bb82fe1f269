import Architectures
import FileAccess
import Testing

/// The sheets of families.
struct ArchitectureTests {
  @Test(arguments: Architecture.sheets) func everySheetIsRead(_ sheet: String) throws {
    let family = try Architecture(sheet: sheet)
    #expect(!family.classes.isEmpty && !family.inner.isEmpty && family.outer.values.contains("token_embd"))
    #expect(Architecture.named(family.classes[0])?.classes == family.classes)
  }

  @Test func noClassIsInTwoSheets() {
    let classes = Architecture.all.flatMap(\.classes)
    #expect(Set(classes).count == classes.count && Architecture.all.count == Architecture.sheets.count)
  }

  @Test(arguments: [
    ("name a\nnorm rms\nactivation silu", "blocks is missing"),
    ("name a\nblocks layers.\nnorm rms\nactivation silu\nwindow all", "window is unknown"),
    ("name a\nblocks layers.\nnorm rms\nactivation silu\nwindows every 0", "windows"),
    ("name a\nblocks layers.\nnorm rms\nactivation silu\nepsilon small", "epsilon"),
    ("name a\nblocks layers.\nnorm rms\nactivation silu\ninner\n  one", "two names"),
  ])
  func aSheetThatIsWrongSaysWhere(sheet: String, named: String) {
    let error = #expect(throws: SheetError.self) { try Architecture(sheet: sheet) }
    #expect(error?.description.contains(named) == true, "\(error?.description ?? "")")
  }
}
