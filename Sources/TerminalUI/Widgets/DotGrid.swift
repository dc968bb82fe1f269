/// A picture finer than cells: points and lines in quadrants (2 × 2 a cell), braille (2 × 4) or ASCII
/// (1 × 2), put on a canvas at the end.
struct DotGrid {
  let columns: Int
  let rows: Int
  /// Dots a cell.
  let across: Int
  let down: Int
  private var bits: [Int]
  private let glyphs: GlyphSet

  init(columns: Int, rows: Int, glyphs: GlyphSet) {
    self.columns = max(0, columns)
    self.rows = max(0, rows)
    self.glyphs = glyphs
    across = 2
    down = !glyphs.isASCII && glyphs.dots == .braille ? 4 : 2
    bits = Array(repeating: 0, count: self.columns * self.rows)
  }

  var width: Int { columns * across }
  var height: Int { rows * down }

  /// Sets a dot, counted from the upper left; outside nothing happens.
  mutating func set(_ x: Int, _ y: Int) {
    guard x >= 0, y >= 0, x < width, y < height else { return }
    let (cx, cy) = (x % across, y % down)
    let braille = [[0x01, 0x02, 0x04, 0x40], [0x08, 0x10, 0x20, 0x80]]
    bits[y / down * columns + x / across] |= down == 4 ? braille[cx][cy] : 1 << (cy * 2 + cx)
  }

  /// A line from dot to dot, both included (Bresenham 1965). The ends must not lie far outside: what
  /// is outside is walked too.
  mutating func line(_ x0: Int, _ y0: Int, _ x1: Int, _ y1: Int) {
    let (dx, dy) = (abs(x1 - x0), -abs(y1 - y0))
    let (sx, sy) = (x0 < x1 ? 1 : -1, y0 < y1 ? 1 : -1)
    var (x, y, error) = (x0, y0, dx + dy)
    while true {
      set(x, y)
      if x == x1, y == y1 { return }
      let twice = 2 * error
      if twice >= dy {
        error += dy
        x += sx
      }
      if twice <= dx {
        error += dx
        y += sy
      }
    }
  }

  /// Puts the cells that have dots on `canvas`, the upper left at (`x`, `y`).
  func draw(on canvas: inout Canvas, x: Int, y: Int, style: Style) {
    for row in 0..<rows {
      for column in 0..<columns where bits[row * columns + column] != 0 {
        let cell = bits[row * columns + column]
        canvas.put(down == 4 ? glyphs.braille(cell) : glyphs.quadrant(cell), x: x + column, y: y + row, style)
      }
    }
  }
}
