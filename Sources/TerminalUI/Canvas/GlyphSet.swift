/// The characters that pictures are made of: Unicode's blocks and boxes, or ASCII.
///
/// The Unicode set keeps to characters of a settled width of one column: no ● ▲ → ◆, which
/// East Asian fonts draw two columns wide.
public struct GlyphSet: Hashable, Sendable {
  /// How much of Unicode the terminal can show.
  public enum Repertoire: Hashable, Sendable {
    case unicode
    case ascii
  }

  /// What the points of a plot are made of.
  public enum Dots: Hashable, Sendable {
    /// 2 × 2 a cell, in every font.
    case quadrants
    /// 2 × 4 a cell, missing in some fonts.
    case braille
  }

  public var repertoire: Repertoire
  public var dots: Dots

  public init(_ repertoire: Repertoire, dots: Dots = .quadrants) {
    self.repertoire = repertoire
    self.dots = dots
  }

  public static let unicode = GlyphSet(.unicode)
  public static let ascii = GlyphSet(.ascii)

  public var isASCII: Bool { repertoire == .ascii }

  private static let eighthsUp: [Character] = [" ", "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"]
  private static let eighthsRight: [Character] = [" ", "▏", "▎", "▍", "▌", "▋", "▊", "▉", "█"]
  private static let asciiUp: [Character] = [" ", "_", "_", ".", ".", ":", ":", "#", "#"]
  private static let asciiRight: [Character] = [" ", " ", ".", ".", "-", "-", "=", "=", "#"]
  private static let quadrantCells: [Character] = [
    " ", "▘", "▝", "▀", "▖", "▌", "▞", "▛", "▗", "▚", "▐", "▜", "▄", "▙", "▟", "█",
  ]

  /// A cell filled from below by `eighths` of 8; clamped.
  public func column(_ eighths: Int) -> Character {
    (isASCII ? Self.asciiUp : Self.eighthsUp)[min(max(eighths, 0), 8)]
  }

  /// A cell filled from the left by `eighths` of 8; clamped.
  public func row(_ eighths: Int) -> Character {
    (isASCII ? Self.asciiRight : Self.eighthsRight)[min(max(eighths, 0), 8)]
  }

  /// Upper left 1, upper right 2, lower left 4, lower right 8.
  public func quadrant(_ bits: Int) -> Character {
    if isASCII { return bits & 15 == 0 ? " " : bits & 12 == 0 ? "'" : bits & 3 == 0 ? "." : ":" }
    return Self.quadrantCells[bits & 15]
  }

  /// Bits as Unicode numbers braille's dots.
  public func braille(_ bits: Int) -> Character {
    if isASCII { return bits == 0 ? " " : bits & 0b1100_0000 != 0 && bits & 0b1001 == 0 ? "." : ":" }
    return Unicode.Scalar(UInt32(0x2800 + (bits & 0xFF))).map(Character.init) ?? " "
  }

  public var shade: Character { isASCII ? ":" : "░" }
  public var horizontal: Character { isASCII ? "-" : "─" }
  public var vertical: Character { isASCII ? "|" : "│" }
  public var topLeft: Character { isASCII ? "+" : "┌" }
  public var topRight: Character { isASCII ? "+" : "┐" }
  public var bottomLeft: Character { isASCII ? "+" : "└" }
  public var bottomRight: Character { isASCII ? "+" : "┘" }
  public var teeLeft: Character { isASCII ? "+" : "├" }
  public var teeRight: Character { isASCII ? "+" : "┤" }
  public var teeUp: Character { isASCII ? "+" : "┴" }
  public var teeDown: Character { isASCII ? "+" : "┬" }
  public var cross: Character { isASCII ? "+" : "┼" }
  public var ellipsis: Character { isASCII ? "~" : "…" }
  public var approximately: Character { isASCII ? "~" : "≈" }
  public var times: Character { isASCII ? "x" : "×" }
  public var folded: Character { isASCII ? "+" : "▸" }
  public var unfolded: Character { isASCII ? "-" : "▾" }
  public var cursorMark: Character { isASCII ? ">" : "▌" }
  public var pointMark: Character { isASCII ? "o" : "▪" }
  public var hereMark: Character { isASCII ? "@" : "✚" }
  public var measuredMark: Character { isASCII ? "*" : "◊" }
  public var pencil: Character { isASCII ? "!" : "✎" }
  public var check: Character { isASCII ? "x" : "✓" }
  public var ascending: Character { isASCII ? "^" : "▴" }
  public var descending: Character { isASCII ? "v" : "▾" }
  public var gaugeLeft: Character { isASCII ? "[" : "▕" }
  public var gaugeRight: Character { isASCII ? "]" : "▏" }

  /// The frames of a spinner.
  public var spinner: [Character] {
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
    case "·", "•", "▪", "●", "◊", "◆": "*"
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
    case "✎": "!"
    case "“", "”", "„": "\""
    case "‘", "’": "'"
    default: "?"
    }
  }
}
