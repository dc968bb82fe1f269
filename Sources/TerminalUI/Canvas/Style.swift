/// What a piece of the screen means. A `Theme` decides how it looks on the terminal at hand, so
/// views name roles and never colours.
enum Role: UInt8, Hashable, Sendable, CaseIterable {
  case normal
  /// Of less weight: hints, units, what does not apply here.
  case dim
  case title
  case border
  /// The frame of the pane that the keys go to.
  case focusedBorder
  /// Marked rows of a range.
  case selection
  /// The row that the keys act on.
  case cursorRow
  /// A figure that was worked out, not measured.
  case estimate
  case measured
  case chosenByUser
  case chosenByRule
  case chosenBySearch
  case good
  case warning
  case error
  case accent
  /// The name of a key in a hint.
  case key
  /// The line at the top and the one at the bottom.
  case status
  /// The columns of a histogram.
  case bar
  /// Columns and figures of weights that are set to zero.
  case pruned
  /// The quantisation grid.
  case level
  /// A second series over the first.
  case overlay
  case axis
  case curve
  /// What a search found in a text.
  case match
}

/// A colour: of a role, of the terminal's 256, or the terminal's own.
enum Color: Hashable, Sendable {
  case terminal
  case role(Role)
  case index(UInt8)
}

/// How a cell is to look.
struct Style: Hashable, Sendable {
  var foreground: Color
  var background: Color
  var bold: Bool
  var dim: Bool
  var reverse: Bool
  var underline: Bool

  init(
    foreground: Color = .terminal, background: Color = .terminal, bold: Bool = false, dim: Bool = false,
    reverse: Bool = false, underline: Bool = false
  ) {
    self.foreground = foreground
    self.background = background
    self.bold = bold
    self.dim = dim
    self.reverse = reverse
    self.underline = underline
  }

  /// The whole look of a role, its background and attributes included. With `surface` it is text
  /// on something (the cursor's row, a marked row): the background is that of the surface.
  init(_ role: Role, on surface: Role? = nil) {
    self.init(foreground: .role(role), background: .role(surface ?? role))
  }

  static let normal = Style(.normal)
  static let dim = Style(.dim)

  /// The same on another surface.
  func on(_ surface: Role) -> Style {
    var style = self
    style.background = .role(surface)
    return style
  }

  var bolded: Style {
    var style = self
    style.bold = true
    return style
  }
}
