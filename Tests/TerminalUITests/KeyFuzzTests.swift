import Checkpoints
import Foundation
import Support
import Testing
import Workbench

@testable import TerminalUI

/// Any keys in any order on any size: no trap, and what is drawn has the size that was asked for.
///
/// `LATHE_KEYS=200000 swift test -c release --filter KeyFuzz` types more than the few thousand of a usual run;
/// `LATHE_KEYS_SEED` types others.
@Suite struct KeyFuzzTests {
  private static let count = environment("LATHE_KEYS") ?? 800
  private static let seed = environment("LATHE_KEYS_SEED") ?? 1

  private static func environment(_ name: String) -> Int? {
    ProcessInfo.processInfo.environment[name].flatMap { Int($0) }
  }

  private static let sizes = [
    (80, 24), (120, 40), (200, 50), (40, 10), (80, 10), (20, 5), (1, 1), (300, 20), (66, 60),
  ].map { ScreenSize(width: $0.0, height: $0.1) }

  private static let words = [
    "attn", "zz", "fc", "!", "bits 4", "bits 99999999999999999999", "group 0", "group -3", "sparsity nan",
    "sparsity 2:4",
    "sparsity channel:1e300", "threshold 1e-400", "scheme int4", "scheme q4_k", "set *=int3,sparsity=0.5", "sort error",
    "select *", "target gguf", "target onnxruntime", "target none", "view channels", "keep", "scheme kmeans3", "lock",
    "sparsity 99999999999999999999:3", "scheme int4,group=99999999999999999999", "coding rans", "é\u{301}", "\u{202e}x",
  ]

  /// A key as somebody at a loss would press it; words now and then, so that prompts hold something.
  private static func keys(_ generator: inout SeededGenerator) -> [Key] {
    switch Int.random(in: 0..<100, using: &generator) {
    case 0..<62:
      let letters = Array("jjjjkkGgvv  JK-+=gycxspp[]{}zhl?/:oOuZtLM!mY<>.,0123456789abdfinqrw*\u{7f}é")
      return [.character(letters.randomElement(using: &generator) ?? "j")]
    case 62..<86:
      let named: [Key] = [
        .enter, .enter, .escape, .escape, .tab, .tab, .backTab, .up, .down, .left, .right, .home, .end, .pageUp,
        .pageDown,
        .backspace, .delete, .shiftUp, .shiftDown, .shiftLeft, .shiftRight, .control("r"), .control("a"), .control("d"),
        .control("b"), .control("c"), .control("l"), .control("n"), .control("p"), .control("u"), .control("w"),
        .alt("x"), .alt("j"),
      ]
      return [named.randomElement(using: &generator) ?? .enter]
    case 86..<91:
      let word = words.randomElement(using: &generator) ?? ""
      let opener: Character = Bool.random(using: &generator) ? ":" : "/"
      return [.escape, .character(opener)] + word.map { .character($0) } + [.enter]
    case 91..<93: return [.paste(words.randomElement(using: &generator) ?? "")]
    case 93..<96: return [.resize(sizes.randomElement(using: &generator) ?? sizes[0])]
    default:
      let kinds: [MouseEvent.Kind] = [.press, .release, .doublePress, .scrollUp, .scrollDown]
      let point = Point(x: Int.random(in: -1...210, using: &generator), y: Int.random(in: -1...60, using: &generator))
      return [
        .mouse(
          MouseEvent(kinds.randomElement(using: &generator) ?? .press, at: point, shift: Bool.random(using: &generator))
        )
      ]
    }
  }

  /// What would write a file, or read one that keys made up, is left out here; on a terminal of its own all is typed.
  private static func writes(_ screen: Screen) -> Bool {
    guard let text = screen.state.prompt?.editor.text else { return false }
    return ["e", "bin", "rec", "im", "ses"].contains { text.drop { $0 == " " }.hasPrefix($0) }
  }

  @Test(arguments: [
    "Samples/digits-cnn.onnx", "Samples/shakespeare-llama", "Samples/shakespeare-llama-f16.gguf",
    "Tests/Fixtures/digits-qdq.onnx", "Tests/Fixtures/plain-decode.safetensors",
  ])
  func anyKeysInAnyOrder(model: String) throws {
    let session = Session(try Checkpoint.open(Fixtures.root.appending(path: model).path))
    var generator = SeededGenerator(UInt64(Self.seed))
    var typed = 0
    while typed < Self.count {
      let mailbox = Mailbox<Screen.Message>()
      var screen = Screen(
        session: session, mailbox: mailbox, glyphs: .unicode, data: Fixtures.sample("digits-test.npz"), workers: 1)
      var size = Self.sizes.randomElement(using: &generator) ?? Self.sizes[0]
      screen.handle(.resize(size))
      for _ in 0..<300 where !screen.isDone {
        for key in Self.keys(&generator) where !screen.isDone {
          typed += 1
          if case .resize(let new) = key { size = new }
          screen.handle(key == .enter && Self.writes(screen) ? .escape : key)
        }
        if typed % 7 == 0 { screen.receive(mailbox.take()) }
        if typed % 3 == 0 {
          let canvas = screen.view(size)
          #expect(canvas.width == size.width && canvas.height == size.height)
        }
        _ = screen.takeRequests()
      }
      // Whatever was done, marks and ranges hold layers of this model alone.
      let ids = Set(session.items.map(\.id))
      #expect(screen.state.selection.isSubset(of: ids))
    }
  }
}
