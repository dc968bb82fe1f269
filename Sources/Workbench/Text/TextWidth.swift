import CText

/// Columns of a terminal: how many a text takes, and how to make it take a given number.
package enum TextWidth {
  /// Columns of one scalar: 0, 1 or 2. Control characters count as the one replacement drawn.
  package static func columns(of scalar: Unicode.Scalar) -> Int {
    if scalar.isASCII { return 1 }
    if isInvisible(scalar) { return 0 }
    return max(0, lathe_width(scalar.value) < 0 ? 1 : Int(lathe_width(scalar.value)))
  }

  /// Columns that `text` takes on a canvas.
  package static func columns(of text: String) -> Int {
    if text.utf8.allSatisfy({ $0 < 0x80 }) { return text.utf8.count }
    return text.unicodeScalars.reduce(0) { $0 + columns(of: $1) }
  }

  /// Where to cut what is too long.
  package enum Cut: Sendable {
    case end
    /// Tensor names differ at their ends, and their beginnings say the block.
    case middle
    case start
  }

  /// Where a text stands in its field.
  package enum Alignment: Sendable {
    case left
    case right
    case center
  }

  /// `text` in at most `width` columns, cut with an ellipsis where it is longer.
  package static func clipped(_ text: String, to width: Int, cut: Cut = .end) -> String {
    guard columns(of: text) > width else { return text }
    guard width > 1 else { return width == 1 ? "…" : "" }
    let room = width - 1
    switch cut {
    case .end: return prefix(of: text, columns: room) + "…"
    case .start: return "…" + suffix(of: text, columns: room)
    case .middle:
      return prefix(of: text, columns: room / 2) + "…" + suffix(of: text, columns: room - room / 2)
    }
  }

  /// A tensor's name in at most `width` columns: of its beginning, which others share, a few letters stay, and of its end,
  /// which tells it from them, all that there is room for.
  package static func clippedName(_ name: String, to width: Int) -> String {
    guard columns(of: name) > width else { return name }
    guard width > 4 else { return clipped(name, to: width, cut: .start) }
    let before = min(4, (width - 1) / 4)
    return prefix(of: name, columns: before) + "…" + suffix(of: name, columns: width - 1 - before)
  }

  /// `text` in exactly `width` columns: clipped, or filled with spaces.
  package static func fitted(
    _ text: String, to width: Int, alignment: Alignment = .left, cut: Cut = .end
  ) -> String {
    guard width > 0 else { return "" }
    let text = clipped(text, to: width, cut: cut)
    let free = max(0, width - columns(of: text))
    let before = alignment == .left ? 0 : alignment == .right ? free : free / 2
    return String(repeating: " ", count: before) + text + String(repeating: " ", count: free - before)
  }

  private static func prefix(of text: String, columns limit: Int) -> String {
    var used = 0
    var result = ""
    for character in text {
      let width = columns(of: String(character))
      guard used + width <= limit else { break }
      used += width
      result.append(character)
    }
    return result
  }

  private static func suffix(of text: String, columns limit: Int) -> String {
    var used = 0
    var result: [Character] = []
    for character in text.reversed() {
      let width = columns(of: String(character))
      guard used + width <= limit else { break }
      used += width
      result.append(character)
    }
    return String(result.reversed())
  }

  /// Joiners, variation selectors, directional controls and other marks that have no place of their
  /// own in a grid of cells, and over which terminals disagree or are led astray.
  package static func isInvisible(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar.value {
    case 0x00AD, 0x061C, 0x180E, 0x200B...0x200F, 0x2028...0x202E, 0x2060...0x206F, 0xFE00...0xFE0F,
      0xFEFF, 0xE0000...0xE0FFF:
      true
    default: false
    }
  }
}
