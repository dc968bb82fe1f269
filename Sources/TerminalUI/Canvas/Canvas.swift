/// One place of a canvas.
struct Cell: Hashable, Sendable {
  /// A spacing character with its combining marks.
  var character: Character
  /// 1 or 2; 0 for the right half of the wide character to the left.
  var width: UInt8
  var style: Style

  init(_ character: Character, width: UInt8 = 1, style: Style = .normal) {
    self.character = character
    self.width = width
    self.style = style
  }

  static let blank = Cell(" ")
}

/// A screenful of cells: what views draw and tests compare. It is a value; drawing outside it, or
/// across its edge, is clipped and never an error.
package struct Canvas: Hashable, Sendable {
  let size: Size
  var glyphs: GlyphSet
  /// Where the hardware cursor stands; screen readers follow it, so it belongs on the selected row.
  var cursor: Cursor?
  /// Where the mouse does something, those below before those above.
  var zones: [Zone] = []
  /// Row after row.
  private(set) var cells: [Cell]

  /// The place of the hardware cursor, and whether it is seen (in a prompt) or only parked.
  struct Cursor: Hashable, Sendable {
    var point: Point
    var isVisible: Bool

    init(_ point: Point, isVisible: Bool = false) {
      self.point = point
      self.isVisible = isVisible
    }
  }

  init(_ size: Size, glyphs: GlyphSet = .unicode) {
    self.size = Size(width: max(0, size.width), height: max(0, size.height))
    self.glyphs = glyphs
    cells = Array(repeating: .blank, count: self.size.width * self.size.height)
  }

  init(width: Int, height: Int, glyphs: GlyphSet = .unicode) {
    self.init(Size(width: width, height: height), glyphs: glyphs)
  }

  var width: Int { size.width }
  var height: Int { size.height }
  var bounds: Rect { Rect(size) }

  /// A cell; blank outside.
  subscript(x: Int, y: Int) -> Cell {
    guard x >= 0, x < width, y >= 0, y < height else { return .blank }
    return cells[y * width + x]
  }

  /// Puts one cell and mends the halves of wide characters that it overwrites.
  mutating func set(_ x: Int, _ y: Int, _ cell: Cell) {
    guard x >= 0, y >= 0, y < height, x + Int(cell.width) <= width, cell.width > 0 else { return }
    let row = y * width
    if cells[row + x].width == 0 { cells[row + x - 1] = Cell(" ", style: cells[row + x - 1].style) }
    let last = x + Int(cell.width) - 1
    if cells[row + last].width == 2, last + 1 < width {
      cells[row + last + 1] = Cell(" ", style: cells[row + last + 1].style)
    }
    cells[row + x] = cell
    if cell.width == 2 { cells[row + x + 1] = Cell(" ", width: 0, style: cell.style) }
  }

  /// Adds a combining mark to the character at (`x`, `y`); at most three, as terminals do.
  mutating func combine(_ x: Int, _ y: Int, _ mark: Unicode.Scalar) {
    guard bounds.contains(Point(x: x, y: y)) else { return }
    let index = y * width + x
    var scalars = cells[index].character.unicodeScalars.map { $0 }
    guard scalars.count < 4 else { return }
    scalars.append(mark)
    var text = String.UnicodeScalarView()
    text.append(contentsOf: scalars)
    let joined = String(text)
    if joined.count == 1, let character = joined.first { cells[index].character = character }
  }
}
