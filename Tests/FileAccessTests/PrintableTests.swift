import FileAccess
import Testing

struct PrintableTests {
  @Test func controlCharactersAreEscapedForTheScreen() {
    #expect(printable("a\u{1b}]0;x\u{7}b") == "a\\u{1b}]0;x\\u{7}b")
    #expect(printable("\u{9b}31m\u{7f}\u{202e}\u{2066}") == "\\u{9b}31m\\u{7f}\\u{202e}\\u{2066}")
    #expect(printable("Größe.重み") == "Größe.重み")
  }
}
