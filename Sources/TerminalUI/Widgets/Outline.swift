import Compression
import Workbench

extension Canvas {
  /// A distribution in one row of cells: braille dots or eighths, the cells in which a level lies in the levels' colour,
  /// what is pruned in its own.
  mutating func outline(
    _ shape: DistributionShape, x: Int, y: Int, width: Int, levels: [Double] = [], pruned: ClosedRange<Double>? = nil,
    _ surface: Role? = nil
  ) {
    guard width > 0 else { return }
    let isFine = !glyphs.isASCII && glyphs.dots == .braille
    let heights = shape.heights(in: isFine ? 2 * width : width)
    let (low, extent) = (Double(shape.low), Double(shape.high) - Double(shape.low))
    var hasLevel = [Bool](repeating: false, count: width)
    for level in levels where extent > 0 {
      hasLevel[min(width - 1, max(0, Int(saturating: (level - low) / extent * Double(width))))] = true
    }
    for cell in 0..<width {
      let middle = low + (Double(cell) + 0.5) / Double(width) * extent
      let role: Role = pruned?.contains(middle) == true ? .pruned : hasLevel[cell] ? .level : .bar
      let character: Character
      if isFine {
        character = glyphs.brailleColumns(dots(heights[2 * cell], of: 4), dots(heights[2 * cell + 1], of: 4))
      } else {
        character = glyphs.column(dots(heights[cell], of: 8))
      }
      put(character, x: x + cell, y: y, Style(role, on: surface))
    }
  }

  /// What is there is seen: one at least.
  private func dots(_ height: Double, of most: Int) -> Int {
    height > 0 ? max(1, Int(saturating: (height * Double(most)).rounded())) : 0
  }
}

extension GlyphSet {
  /// Two columns of braille dots, filled from below by so many of four.
  func brailleColumns(_ left: Int, _ right: Int) -> Character {
    let lefts = [0, 0x40, 0x44, 0x46, 0x47]
    let rights = [0, 0x80, 0xA0, 0xB0, 0xB8]
    return braille(lefts[min(4, max(0, left))] | rights[min(4, max(0, right))])
  }

  /// The same filled from above.
  func brailleColumnsDown(_ left: Int, _ right: Int) -> Character {
    let lefts = [0, 0x01, 0x03, 0x07, 0x47]
    let rights = [0, 0x08, 0x18, 0x38, 0xB8]
    return braille(lefts[min(4, max(0, left))] | rights[min(4, max(0, right))])
  }
}
