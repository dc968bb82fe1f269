import Checkpoints
import Support
import Testing
import Workbench

@testable import TerminalUI

/// Compression has a `Size` too.
typealias ScreenSize = TerminalUI.Size

/// The screen after a script, and what a person would look for on it.
struct Shot {
  let canvas: Canvas
  let lines: [String]

  init(_ canvas: Canvas) {
    self.canvas = canvas
    lines = canvas.text().split(separator: "\n", omittingEmptySubsequences: false).dropLast().map(String.init)
  }

  static func digits(
    _ keys: String, _ size: ScreenSize = ScreenSize(width: 120, height: 40), glyphs: GlyphSet = .unicode,
    showsAll: Bool = true
  ) throws -> Shot {
    try of("digits-cnn.onnx", keys, size, glyphs: glyphs, showsAll: showsAll)
  }

  static func of(
    _ sample: String, _ keys: String, _ size: ScreenSize = ScreenSize(width: 120, height: 40),
    glyphs: GlyphSet = .unicode, showsAll: Bool = true
  ) throws -> Shot {
    let session = Session(try Checkpoint.open(Fixtures.sample(sample)))
    // Most tests speak of biases too.
    return Shot(try Front.replay(showsAll ? "." + keys : keys, on: session, data: nil, size: size, glyphs: glyphs))
  }

  /// The model and the totals.
  var header: String { lines.first ?? "" }
  /// Progress and messages.
  var status: String { lines.dropLast().last ?? "" }
  /// The keys, or the prompt.
  var foot: String { lines.last ?? "" }
  var text: String { lines.joined(separator: "\n") }

  /// The rows of the list: what stands between its frame's sides, below the headings.
  var rows: [String] {
    let frame = lines.drop { !$0.contains(" Layers ") }.dropFirst(2)
    return frame.prefix { $0.hasPrefix("│") || $0.hasPrefix("|") }.map { line in
      let side: Character = line.first ?? "│"
      return String(line.dropFirst().prefix { $0 != side })
    }.filter { !$0.allSatisfy { $0 == " " } }
  }

  /// The names in the list, in its order, without marks and indents.
  var names: [String] { rows.map { Self.words($0).first ?? "" } }

  /// The row of a layer.
  func row(_ name: String) -> String { rows.first { Self.words($0).first == name } ?? "" }

  /// The row where the hardware cursor is parked.
  var current: String {
    guard let cursor = canvas.cursor, lines.indices.contains(cursor.point.y) else { return "" }
    return Self.words(String(lines[cursor.point.y].dropFirst())).first ?? ""
  }

  private static func words(_ row: String) -> [String] {
    row.split(separator: " ").map(String.init).filter { !["▌", ">", "*", "▾", "▸"].contains($0) }
  }
}

/// The sizes that the issue names.
let usualSizes = [
  ScreenSize(width: 80, height: 24), ScreenSize(width: 120, height: 40), ScreenSize(width: 200, height: 50),
]
