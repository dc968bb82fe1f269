import Workbench

extension Canvas {
  /// Writes `text` from (`x`, `y`) to the right, at most `limit` columns and never past the edge.
  ///
  /// Control characters become `?`, a tab a space; marks that would lead the terminal astray
  /// (directional controls, joiners) are left out. With ASCII glyphs other characters are replaced
  /// by the nearest ASCII.
  ///
  /// - Returns: the column after the last one written, so that pieces can be put in a row.
  @discardableResult
  mutating func put(
    _ text: String, x: Int, y: Int, _ style: Style = .normal, limit: Int = .max
  ) -> Int {
    var column = x
    let end = limit > width - x ? max(width, x) : x + max(0, limit)
    var last: Int?
    for scalar in text.unicodeScalars {
      let columns = TextWidth.columns(of: scalar)
      if columns == 0 {
        if !TextWidth.isInvisible(scalar), !glyphs.isASCII, let last { combine(last, y, scalar) }
        continue
      }
      guard column + columns <= end else { break }
      set(column, y, Cell(shown(scalar), width: glyphs.isASCII ? 1 : UInt8(columns), style: style))
      if glyphs.isASCII, columns == 2 { set(column + 1, y, Cell(" ", style: style)) }
      last = column
      column += columns
    }
    return column
  }

  /// Writes one character, which takes one column.
  mutating func put(_ character: Character, x: Int, y: Int, _ style: Style = .normal) {
    put(String(character), x: x, y: y, style)
  }

  /// Writes `text` into the field `width` columns wide at (`x`, `y`): aligned, clipped, and the rest
  /// of the field filled with the style.
  mutating func put(
    _ text: String, x: Int, y: Int, width field: Int, _ style: Style = .normal,
    alignment: TextWidth.Alignment = .left, cut: TextWidth.Cut = .end
  ) {
    put(TextWidth.fitted(text, to: field, alignment: alignment, cut: cut), x: x, y: y, style)
  }

  /// A piece of text in one style.
  typealias Piece = (text: String, style: Style)

  /// Writes pieces one after the other; returns the column after the last.
  @discardableResult
  mutating func put(_ pieces: [Piece], x: Int, y: Int, limit: Int = .max) -> Int {
    let end = limit > width - x ? max(width, x) : x + max(0, limit)
    var column = x
    for piece in pieces { column = put(piece.text, x: column, y: y, piece.style, limit: end - column) }
    return column
  }

  /// Fills `rect` with one character of one column.
  mutating func fill(_ rect: Rect, _ character: Character = " ", _ style: Style = .normal) {
    let area = rect.intersection(bounds)
    guard let scalar = character.unicodeScalars.first else { return }
    let cell = Cell(shown(scalar), style: style)
    for y in area.minY..<area.maxY {
      for x in area.minX..<area.maxX { set(x, y, cell) }
    }
  }

  /// A box around the edge of `rect`, with a title at the upper left and a note at the upper right.
  ///
  /// - Returns: the inside.
  @discardableResult
  mutating func frame(
    _ rect: Rect, title: String = "", note: String = "", style: Style = Style(.border),
    titleStyle: Style = Style(.title)
  ) -> Rect {
    guard rect.width >= 2, rect.height >= 2 else { return rect.inset() }
    let (right, bottom) = (rect.maxX - 1, rect.maxY - 1)
    for x in rect.minX..<rect.maxX {
      put(glyphs.horizontal, x: x, y: rect.minY, style)
      put(glyphs.horizontal, x: x, y: bottom, style)
    }
    for y in rect.minY..<rect.maxY {
      put(glyphs.vertical, x: rect.minX, y: y, style)
      put(glyphs.vertical, x: right, y: y, style)
    }
    put(glyphs.topLeft, x: rect.minX, y: rect.minY, style)
    put(glyphs.topRight, x: right, y: rect.minY, style)
    put(glyphs.bottomLeft, x: rect.minX, y: bottom, style)
    put(glyphs.bottomRight, x: right, y: bottom, style)
    caption(rect, title: title, note: note, titleStyle: titleStyle)
    return rect.inset()
  }

  /// The title and the note on the upper edge; the note gives way where both do not fit.
  private mutating func caption(_ rect: Rect, title: String, note: String, titleStyle: Style) {
    let room = rect.width - 4
    guard room > 0 else { return }
    let noteColumns = TextWidth.columns(of: note)
    let titleColumns = min(TextWidth.columns(of: title), room - 2)
    let showsNote = noteColumns > 0 && titleColumns + noteColumns + 4 <= room
    if !title.isEmpty, room > 2 {
      let shown = TextWidth.clipped(title, to: room - 2, cut: .middle)
      put(" " + shown + " ", x: rect.minX + 1, y: rect.minY, titleStyle)
    }
    if showsNote {
      put(" " + note + " ", x: rect.maxX - 3 - noteColumns, y: rect.minY, Style(.dim))
    }
  }

  private func shown(_ scalar: Unicode.Scalar) -> Character {
    let value = scalar.value
    if value == 0x09 { return " " }
    if value < 0x20 || (value >= 0x7F && value < 0xA0) { return "?" }
    if glyphs.isASCII, !scalar.isASCII { return GlyphSet.ascii(for: scalar) }
    return Character(scalar)
  }
}
