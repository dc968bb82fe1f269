import Testing

@testable import TerminalUI

@Suite struct LineEditorTests {
  private func typed(_ keys: String, in editor: inout LineEditor) throws {
    for step in try KeyScript(keys).steps {
      if case .key(let key) = step { _ = editor.handle(key) }
    }
  }

  private func edited(_ keys: String, from text: String = "", history: [String] = []) throws -> LineEditor {
    var editor = LineEditor(prompt: ":", text: text, history: history)
    try typed(keys, in: &editor)
    return editor
  }

  @Test(arguments: [
    ("abc<Left><Left>x", "axbc"), ("abc<C-a>x<C-e>y", "xabcy"), ("one two<C-w>", "one "),
    ("one two <C-w><C-w>", ""), ("abc<C-a><Del>", "bc"), ("ab cd<C-u>", ""), ("ab<Left><C-k>", "a"),
    ("ab<Left><C-u>", "b"), ("abc<BS><BS>", "a"), ("ab cd<A-b>x", "ab xcd"), ("ab cd<Home><A-d>", " cd"),
    ("é漢<Left><BS>", "漢"),
  ])
  func editing(keys: String, text: String) throws { #expect(try edited(keys).text == text) }

  @Test func enterSubmitsAndEscCancels() {
    var editor = LineEditor(prompt: ":", text: "q")
    #expect(editor.handle(.enter) == .submitted("q"))
    #expect(editor.history == ["q"])
    #expect(editor.handle(.escape) == .cancelled)
    #expect(editor.handle(.control("c")) == .cancelled)
    #expect(editor.handle(.mouse(MouseEvent(.press, at: Point(x: 0, y: 0)))) == .ignored)
  }

  @Test func backspaceInAnEmptyLineCloses() {
    var editor = LineEditor(prompt: "/")
    #expect(editor.handle(.backspace) == .cancelled)
  }

  @Test func historyGoesBackAndReturnsToTheDraft() throws {
    let past = ["first", "second"]
    #expect(try edited("dra<Up>", history: past).text == "second")
    #expect(try edited("dra<Up><Up><Up>", history: past).text == "first")
    #expect(try edited("dra<Up><Up><Down><Down>", history: past).text == "dra")
  }

  @Test func tabCompletesWhatIsCommonThenGoesRound() {
    var editor = LineEditor(prompt: ":", text: "export ll")
    let complete: (String) -> LineEditor.Completion = { _ in
      .init(start: 7, candidates: ["llama.cpp", "llama.json", "llm"])
    }
    _ = editor.handle(.tab, complete: complete)
    #expect(editor.text == "export llama.cpp")
    _ = editor.handle(.tab, complete: complete)
    #expect(editor.text == "export llama.json")
    _ = editor.handle(.backTab, complete: complete)
    _ = editor.handle(.backTab, complete: complete)
    #expect(editor.text == "export llm")
    _ = editor.handle(.character("x"), complete: complete)
    #expect(editor.candidates.isEmpty)
  }

  @Test func tabWritesTheCommonBeginningFirst() {
    var editor = LineEditor(prompt: ":", text: "e")
    _ = editor.handle(.tab) { _ in .init(start: 0, candidates: ["export", "expand"]) }
    #expect(editor.text == "exp")
    #expect(editor.candidates == ["export", "expand"])
  }

  @Test func pastedLinesBecomeOne() {
    var editor = LineEditor(prompt: ":")
    _ = editor.handle(.paste("a\nb\n"))
    #expect(editor.text == "a b")
  }

  @Test func theCursorStaysInSightInANarrowField() {
    var canvas = Canvas(width: 8, height: 1)
    canvas.draw(LineEditor(prompt: ":", text: "abcdefghijkl"), in: canvas.bounds)
    #expect(canvas.text() == ":ghijkl\n")
    #expect(canvas.cursor == .init(Point(x: 7, y: 0), isVisible: true))
  }
}
