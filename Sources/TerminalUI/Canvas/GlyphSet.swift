/// The characters that pictures are made of: Unicode's blocks and boxes, or ASCII.
///
/// The Unicode set keeps to characters of a settled width of one column: no ● ▲ → ◆, which
/// East Asian fonts draw two columns wide.
package struct GlyphSet: Hashable, Sendable {
  /// How much of Unicode the terminal can show.
  package enum Repertoire: Hashable, Sendable {
    case unicode
    case ascii
  }

  /// What the points of a plot are made of.
  package enum Dots: Hashable, Sendable {
    /// 2 × 2 a cell, in every font.
    case quadrants
    /// 2 × 4 a cell, missing in some fonts.
    case braille
  }

  var repertoire: Repertoire
  var dots: Dots

  package init(_ repertoire: Repertoire, dots: Dots = .quadrants) {
    self.repertoire = repertoire
    self.dots = dots
  }

  package static let unicode = GlyphSet(.unicode)
  package static let ascii = GlyphSet(.ascii)

  var isASCII: Bool { repertoire == .ascii }

  private static let eighthsUp: [Character] = [" ", "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"]
  private static let eighthsRight: [Character] = [" ", "▏", "▎", "▍", "▌", "▋", "▊", "▉", "█"]
  private static let asciiUp: [Character] = [" ", "_", "_", ".", ".", ":", ":", "#", "#"]
  private static let asciiRight: [Character] = [" ", " ", ".", ".", "-", "-", "=", "=", "#"]
  private static let quadrantCells: [Character] = [
    " ", "▘", "▝", "▀", "▖", "▌", "▞", "▛", "▗", "▚", "▐", "▜", "▄", "▙", "▟", "█",
  ]

  /// A cell filled from below by `eighths` of 8; clamped.
  func column(_ eighths: Int) -> Character {
    (isASCII ? Self.asciiUp : Self.eighthsUp)[min(max(eighths, 0), 8)]
  }

  /// A cell filled from the left by `eighths` of 8; clamped.
  func row(_ eighths: Int) -> Character {
    (isASCII ? Self.asciiRight : Self.eighthsRight)[min(max(eighths, 0), 8)]
  }

  /// Upper left 1, upper right 2, lower left 4, lower right 8.
  func quadrant(_ bits: Int) -> Character {
    if isASCII { return bits & 15 == 0 ? " " : bits & 12 == 0 ? "'" : bits & 3 == 0 ? "." : ":" }
    return Self.quadrantCells[bits & 15]
  }

  /// Bits as Unicode numbers braille's dots.
  func braille(_ bits: Int) -> Character {
    if isASCII { return bits == 0 ? " " : bits & 0b1100_0000 != 0 && bits & 0b1001 == 0 ? "." : ":" }
    return Unicode.Scalar(UInt32(0x2800 + (bits & 0xFF))).map(Character.init) ?? " "
  }

  var shade: Character { isASCII ? ":" : "░" }
  var horizontal: Character { isASCII ? "-" : "─" }
  var vertical: Character { isASCII ? "|" : "│" }
  var topLeft: Character { isASCII ? "+" : "┌" }
  var topRight: Character { isASCII ? "+" : "┐" }
  var bottomLeft: Character { isASCII ? "+" : "└" }
  var bottomRight: Character { isASCII ? "+" : "┘" }
  var teeRight: Character { isASCII ? "+" : "┤" }
  var teeUp: Character { isASCII ? "+" : "┴" }
  var teeDown: Character { isASCII ? "+" : "┬" }
  var cross: Character { isASCII ? "+" : "┼" }
  var ellipsis: Character { isASCII ? "~" : "…" }
  var approximately: Character { isASCII ? "~" : "≈" }
  var times: Character { isASCII ? "x" : "×" }
  var folded: Character { isASCII ? "+" : "▸" }
  var unfolded: Character { isASCII ? "-" : "▾" }
  var cursorMark: Character { isASCII ? ">" : "▌" }
  var pointMark: Character { isASCII ? "o" : "▪" }
  var hereMark: Character { isASCII ? "@" : "✚" }
  var measuredMark: Character { isASCII ? "m" : "◊" }
  /// A row that is marked.
  var markedMark: Character { isASCII ? "#" : "*" }
  /// Chosen by a person, and by a search.
  var pencil: Character { isASCII ? "*" : "✎" }
  var searchMark: Character { isASCII ? "a" : "∘" }
  var ascending: Character { isASCII ? "^" : "▴" }
  var descending: Character { isASCII ? "v" : "▾" }
  var gaugeLeft: Character { isASCII ? "[" : "▕" }
  var gaugeRight: Character { isASCII ? "]" : "▏" }

  /// The frames of a spinner.
  var spinner: [Character] {
    isASCII ? ["|", "/", "-", "\\"] : ["▖", "▘", "▝", "▗"]
  }

  /// The nearest ASCII to a character that an ASCII terminal cannot show.
  static func ascii(for scalar: Unicode.Scalar) -> Character {
    switch scalar {
    case "≈", "∼", "…": "~"
    case "−", "–", "—", "─", "━", "▬": "-"
    case "×", "✖", "✓": "x"
    case "→", "▸", "▶", "›", "»": ">"
    case "←", "◂", "‹", "«": "<"
    case "↑", "▴": "^"
    case "↓", "▾": "v"
    case "◊": "m"
    case "·", "•", "▪", "●", "◆", "✎": "*"
    case "│", "┃", "▏", "▕", "▐", "▌": "|"
    case "┌", "┐", "└", "┘", "├", "┤", "┬", "┴", "┼", "✚": "+"
    case "█", "▇", "▆", "▉", "▊", "▋": "#"
    case "▄", "▅", "▃": ":"
    case "▁", "▂": "_"
    case "░", "▒", "▓": ":"
    case "²": "2"
    case "³": "3"
    case "¹": "1"
    case "½": "."
    case "±": "+"
    case "≤": "<"
    case "≥": ">"
    case "Δ": "D"
    case "σ": "s"
    case "μ", "µ": "u"
    case "Σ": "S"
    case "“", "”", "„": "\""
    case "‘", "’": "'"
    default: "?"
    }
  }
}
