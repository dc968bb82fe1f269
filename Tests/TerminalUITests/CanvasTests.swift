import Testing

@testable import TerminalUI

@Suite struct CanvasTests {
  @Test func drawingOutsideIsClipped() {
    var canvas = Canvas(width: 5, height: 2)
    canvas.put("abcdefgh", x: 3, y: 0)
    canvas.put("xyz", x: -1, y: 1)
    canvas.put("no", x: 0, y: 2)
    canvas.put("no", x: 0, y: -1)
    canvas.fill(Rect(x: 4, y: 1, width: 100, height: 100), "#")
    #expect(canvas.text() == "   ab\nyz  #\n")
  }

  @Test func aPieceThatStartsLeftOfTheEdgeIsSeenFromTheEdge() {
    var canvas = Canvas(width: 4, height: 1)
    canvas.put("hello", x: -2, y: 0)
    #expect(canvas.text() == "llo\n")
  }

  @Test func theLowerRightCellCanBeDrawn() {
    var canvas = Canvas(width: 3, height: 2)
    canvas.put("Z", x: 2, y: 1)
    #expect(canvas[2, 1].character == "Z")
  }

  @Test func anEmptyCanvasTakesAnyDrawing() {
    var canvas = Canvas(width: 0, height: -3)
    canvas.put("abc", x: 0, y: 0)
    canvas.frame(canvas.bounds, title: "t")
    #expect(canvas.text() == "")
  }

  @Test func wideCharactersTakeTwoCellsAndAreNeverHalved() {
    var canvas = Canvas(width: 5, height: 1)
    let end = canvas.put("a漢字z", x: 0, y: 0)
    #expect(end == 5)
    #expect(canvas[1, 0].width == 2)
    #expect(canvas[2, 0].width == 0)
    // There is one column left for the third: it stays out.
    canvas.put("漢字漢", x: 0, y: 0)
    #expect(canvas[4, 0].character != "漢")
  }

  @Test func overwritingHalfOfAWideCharacterBlanksTheOther() {
    var canvas = Canvas(width: 4, height: 1)
    canvas.put("漢字", x: 0, y: 0)
    canvas.put("x", x: 1, y: 0)
    #expect(canvas.text() == " x字\n")
    canvas.put("漢字", x: 0, y: 0)
    canvas.put("字", x: 1, y: 0)
    #expect(canvas.text() == " 字\n")
    for x in 0..<4 where canvas[x, 0].width == 2 { #expect(canvas[x + 1, 0].width == 0) }
  }

  @Test func combiningMarksStayWithTheirLetter() {
    var canvas = Canvas(width: 4, height: 1)
    #expect(canvas.put("e\u{301}x", x: 0, y: 0) == 2)
    #expect(canvas[0, 0].character == "e\u{301}")
    #expect(canvas[1, 0].character == "x")
  }

  @Test func nothingThatSteersATerminalGetsThrough() {
    var canvas = Canvas(width: 20, height: 1)
    canvas.put("a\u{1B}[2Jb\u{9B}c\u{7F}\u{202E}d\te\u{200D}\nf", x: 0, y: 0)
    #expect(canvas.text() == "a?[2Jb?c?d e?f\n")
  }

  @Test func framesHoldTheirTitles() {
    var canvas = Canvas(width: 20, height: 4)
    let inside = canvas.frame(canvas.bounds, title: "Layers", note: "3/7")
    #expect(inside == Rect(x: 1, y: 1, width: 18, height: 2))
    #expect(
      canvas.text() == """
        ┌ Layers ───── 3/7 ┐
        │                  │
        │                  │
        └──────────────────┘

        """)
  }

  @Test func asciiReplacesWhatItCannotShow() {
    var canvas = Canvas(width: 14, height: 3, glyphs: .ascii)
    canvas.frame(canvas.bounds, title: "t²")
    canvas.put("≈ 3× 漢…", x: 1, y: 1)
    #expect(canvas.text() == "+ t2 --------+\n|~ 3x ? ~    |\n+------------+\n")
    #expect(canvas.text().utf8.allSatisfy { $0 < 0x80 })
  }

  @Test func splittingNeverLeavesTheRectangle() {
    let rect = Rect(x: 2, y: 3, width: 10, height: 4)
    let (left, rest) = rect.splitLeft(99)
    #expect(left == rect)
    #expect(rest.isEmpty)
    #expect(rect.splitBottom(1).bottom == Rect(x: 2, y: 6, width: 10, height: 1))
    #expect(rect.splitTop(-5).top.isEmpty)
    #expect(Rect(x: 0, y: 0, width: -4, height: 2).width == 0)
  }

  @Test func coloursAreDumpedPerRun() {
    var canvas = Canvas(width: 4, height: 1)
    canvas.put("ab", x: 0, y: 0, Style(foreground: .index(9)))
    #expect(canvas.ansi() == "\u{1B}[0;38;5;9mab\u{1B}[0m  \u{1B}[0m\n")
  }
}
