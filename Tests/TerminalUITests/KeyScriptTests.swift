import Testing

@testable import TerminalUI

@Suite struct KeyScriptTests {
  @Test func charactersAndNamesBecomeKeys() throws {
    let script = try KeyScript("j4<Enter><Esc><Tab><S-Tab><Space><C-r><S-Down><lt>>")
    #expect(
      script.steps == [
        .key(.character("j")), .key(.character("4")), .key(.enter), .key(.escape), .key(.tab), .key(.backTab),
        .key(.character(" ")), .key(.control("r")), .key(.shiftDown), .key(.character("<")),
        .key(.character(">")),
      ])
  }

  @Test func namesAreReadInAnyCase() throws {
    #expect(
      try KeyScript("<ENTER><c-R><pagedown>").steps == [.key(.enter), .key(.control("r")), .key(.pageDown)])
  }

  @Test func waitsSizesAndTheMouse() throws {
    #expect(
      try KeyScript("<Wait><Resize 80x24><Click 10,5><ScrollDown 0,1>").steps == [
        .wait, .key(.resize(Size(width: 80, height: 24))),
        .key(.mouse(MouseEvent(.press, at: Point(x: 10, y: 5)))),
        .key(.mouse(MouseEvent(.scrollDown, at: Point(x: 0, y: 1), button: 0))),
      ])
  }

  @Test func newlinesAreNoKeys() throws {
    #expect(try KeyScript("a\nb\r\n").steps == [.key(.character("a")), .key(.character("b"))])
  }

  @Test(arguments: [
    ("ab<Foo>", 1, 3), ("<", 1, 1), ("x\ny<C-long>", 2, 2), ("<Enter", 1, 1), ("<Enter>a<>", 1, 9),
    ("<Resize 0x1>", 1, 1), ("<Resize 1>", 1, 1), ("<Click 1>", 1, 1), ("<Up\n>", 1, 1),
  ])
  func whatIsUnknownIsNamedWithItsPlace(text: String, line: Int, column: Int) {
    let error = #expect(throws: KeyScriptError.self) { try KeyScript(text) }
    #expect(error?.line == line)
    #expect(error?.column == column)
  }

  @Test func everyKeyIsReadBackFromItsDescription() throws {
    let keys: [Key] =
      [
        .character("x"), .character("<"), .character(" "), .control("a"), .alt("f"),
        .resize(Size(width: 9, height: 3)),
      ]
      + KeyScript.names.map(\.value)
    for key in keys { #expect(try KeyScript(key.description).steps == [.key(key)]) }
  }

  @Test(arguments: [
    ("A", Key.up), ("1;2B", .shiftDown), ("1;2A", .shiftUp), ("H", .home), ("4~", .end), ("3~", .delete),
    ("5~", .pageUp), ("Z", .backTab), ("1;5C", .right),
  ])
  func sequencesOfTerminals(sequence: String, key: Key) { #expect(ControlSequence.key(sequence) == key) }

  @Test(arguments: ["I", "O", "200~", "", "99~", "?1;2c"])
  func otherSequencesAreSwallowed(sequence: String) { #expect(ControlSequence.key(sequence) == nil) }

  @Test(arguments: [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foobar", "Zm9vYmFy")])
  func base64OfRFC4648(text: String, coded: String) { #expect(Base64.encode(Array(text.utf8)) == coded) }
}
