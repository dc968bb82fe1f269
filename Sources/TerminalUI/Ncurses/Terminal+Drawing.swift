import CNcurses

extension Terminal {
  /// Shows `canvas`: tells curses the cells that differ from what is shown, and curses sends one
  /// update. A canvas of another size (drawn just before a resize) is clipped.
  func draw(_ canvas: Canvas) {
    let size = self.size
    if shown?.size != canvas.size { shown = nil }
    if shown == nil { lathe_erase() }
    let rows = min(canvas.height, size.height)
    let columns = min(canvas.width, size.width)
    for y in 0..<rows {
      if let run = changedRun(canvas, y, columns) { put(canvas, y, run) }
    }
    shown = canvas
    let cursor = canvas.cursor?.point ?? Point(x: columns - 1, y: rows - 1)
    lathe_update(
      CInt(min(max(0, cursor.y), size.height - 1)), CInt(min(max(0, cursor.x), size.width - 1)),
      canvas.cursor?.isVisible ?? false)
  }

  /// The columns of row `y` from the first to the last that changed, whole characters.
  private func changedRun(_ canvas: Canvas, _ y: Int, _ columns: Int) -> Range<Int>? {
    let start = y * canvas.width
    guard let shown else { return 0..<columns }
    var first = 0
    while first < columns, shown.cells[start + first] == canvas.cells[start + first] { first += 1 }
    guard first < columns else { return nil }
    var last = columns - 1
    while shown.cells[start + last] == canvas.cells[start + last] { last -= 1 }
    while first > 0, canvas.cells[start + first].width == 0 { first -= 1 }
    return first..<last + 1
  }

  private func put(_ canvas: Canvas, _ y: Int, _ run: Range<Int>) {
    var glyphs: [lathe_glyph] = []
    glyphs.reserveCapacity(run.count)
    for x in run {
      let cell = canvas.cells[y * canvas.width + x]
      if cell.width > 0 { glyphs.append(glyph(cell)) }
    }
    lathe_put(CInt(y), CInt(run.lowerBound), glyphs, CInt(glyphs.count))
  }

  private func glyph(_ cell: Cell) -> lathe_glyph {
    let look = appearance(cell.style)
    var glyph = lathe_glyph()
    glyph.foreground = Int32(look.foreground)
    glyph.background = Int32(look.background)
    glyph.attributes = look.attributes.rawValue
    withUnsafeMutableBytes(of: &glyph.scalars) { bytes in
      let scalars = bytes.bindMemory(to: UInt32.self)
      // Safe: the C array has four elements, zeroed above.
      for (place, scalar) in cell.character.unicodeScalars.prefix(4).enumerated() {
        scalars[place] = scalar.value
      }
    }
    if self.glyphs.isASCII, glyph.scalars.0 > 0x7E { glyph.scalars = (0x3F, 0, 0, 0) }
    return glyph
  }

  private func appearance(_ style: Style) -> Appearance {
    if let known = appearances[style] { return known }
    let look = theme.appearance(of: style)
    appearances[style] = look
    return look
  }
}
