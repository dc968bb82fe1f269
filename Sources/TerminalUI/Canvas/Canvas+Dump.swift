extension Canvas {
  /// The characters as lines of plain text, without the spaces at their ends; every line ends with a
  /// newline.
  package func text() -> String {
    var result = ""
    for y in 0..<height {
      var line = ""
      for x in 0..<width where self[x, y].width > 0 { line.append(self[x, y].character) }
      while line.last == " " { line.removeLast() }
      result += line + "\n"
    }
    return result
  }

  /// The cells with their colours as a terminal of 256 is told them (SGR), one line a row, every
  /// row complete. For pictures of the screen.
  package func ansi(_ theme: Theme = Theme(tier: .full)) -> String {
    var result = ""
    for y in 0..<height {
      var current: Appearance?
      for x in 0..<width where self[x, y].width > 0 {
        let look = theme.appearance(of: self[x, y].style)
        if look != current {
          result += Self.sgr(look)
          current = look
        }
        result.append(self[x, y].character)
      }
      result += "\u{1B}[0m\n"
    }
    return result
  }

  private static func sgr(_ look: Appearance) -> String {
    var codes = "0"
    if look.attributes.contains(.bold) { codes += ";1" }
    if look.attributes.contains(.dim) { codes += ";2" }
    if look.attributes.contains(.underline) { codes += ";4" }
    if look.attributes.contains(.reverse) { codes += ";7" }
    if look.foreground >= 0 { codes += ";38;5;\(look.foreground)" }
    if look.background >= 0 { codes += ";48;5;\(look.background)" }
    return "\u{1B}[\(codes)m"
  }
}
