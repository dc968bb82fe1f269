import Testing

@testable import TerminalUI

/// Answers are told from keys, whichever way they come mixed and cut.
@Suite struct BackgroundQueryTests {
  private static func read(_ pieces: [String]) -> BackgroundQuery {
    var query = BackgroundQuery()
    for piece in pieces { query.take(Array(piece.utf8)) }
    return query
  }

  @Test(arguments: [
    ("rgb:ffff/ffff/ffff", Backdrop.light), ("rgb:0000/0000/0000", .dark), ("rgb:f/f/f", .light),
    ("rgb:1e/1e/2e", .dark), ("rgb:fd/f6/e3", .light), ("rgba:ffff/ffff/ffff/0000", .light),
    ("rgb:000/fff/000", .light),
    ("rgb:ffff/0000/ffff", .dark),
  ])
  func coloursAreRead(text: String, backdrop: Backdrop) {
    #expect(BackgroundQuery.backdrop(of: Array(text.utf8)) == backdrop)
    for end in ["\u{7}", "\u{1B}\\"] {
      let query = Self.read(["\u{1B}]11;\(text)\(end)\u{1B}[?62;22c"])
      #expect(query.backdrop == backdrop && query.isAnswered && query.typed.isEmpty)
    }
  }

  @Test(arguments: [
    "", "rgb:", "rgb:ffff/ffff", "rgb:ffff/ffff/ffff/ffff", "rgb:fffff/0/0", "rgb:/0/0", "rgb:g/0/0", "rgb:-1/0/0",
    "rgb:+1/0/0", "rgb: 1/0/0", "#ffffff", "white", "?", "rgba:0/0/0", "RGB:0/0/0", "rgb:0/0/0 ", "rgb:１/0/0",
  ])
  func whatIsNoColourIsNone(text: String) { #expect(BackgroundQuery.backdrop(of: Array(text.utf8)) == nil) }

  @Test func aTerminalThatKnowsOnlyWhoItIsEndsTheWait() {
    let query = Self.read(["\u{1B}[?1;2c"])
    #expect(query.isAnswered && query.backdrop == nil && query.typed.isEmpty)
  }

  @Test func keysTypedMeanwhileAreKept() {
    let answer = "\u{1B}]11;rgb:ffff/ffff/ffff\u{1B}\\"
    for keys in [
      "jj-", "\u{1B}[A", "\u{1B}", "\u{1B}OB", "é", "\u{1B}\u{1B}", "\u{1B}]", "\u{1B}[", "\u{1B}]1x", "\u{1B}[?x",
    ] {
      var query = Self.read(["a\(keys)\(answer)b\u{1B}[?62c\(keys)"])
      query.finish()
      #expect(String(decoding: query.typed, as: UTF8.self) == "a\(keys)b\(keys)", "\(keys.debugDescription)")
      #expect(query.backdrop == .light && query.isAnswered, "\(keys.debugDescription)")
    }
  }

  @Test func anAnswerMayComeInPieces() {
    let text = Array("x\u{1B}]11;rgb:ffff/ffff/ffff\u{1B}\\\u{1B}[?62;22cy".utf8)
    for cut in 1..<text.count {
      var query = BackgroundQuery()
      query.take(text[..<cut])
      query.take(text[cut...])
      #expect(query.backdrop == .light && query.isAnswered && query.typed == Array("xy".utf8))
    }
  }

  @Test func anAnswerWithoutEndIsGivenUp() {
    var query = Self.read(["\u{1B}]11;" + String(repeating: "f", count: 500) + "j"])
    query.finish()
    #expect(query.backdrop == nil && !query.isAnswered && query.typed.last == UInt8(ascii: "j"))
  }

  @Test(arguments: [
    (["TERM": "xterm-256color"], true), (["TERM": "tmux-256color", "TMUX": "x"], true),
    (["TERM": "screen-256color", "TMUX": "x"], true), (["TERM": "screen"], false),
    (["TERM": "xterm", "STY": "1.x"], false),
    (["TERM": "linux"], false), (["TERM": "dumb"], false), (["TERM": "vt100"], false), ([:], false),
    (["TERM": "xterm", "INSIDE_EMACS": "29"], false),
  ])
  func whoIsAsked(environment: [String: String], asks: Bool) {
    #expect(BackgroundQuery.mayAsk { environment[$0] } == asks)
  }
}
