/// The colours of every role on every kind of terminal, in one place.
///
/// Meaning never hangs on colour alone: marks and words carry it too, and the monochrome looks keep
/// apart what must be kept apart (an estimate from a measurement, the user's choice from a rule's).
/// With 256 colours it is kept apart for those too who see two of the three primary colours as one
/// (`ThemeTests` simulates them): green is a bluish one, and red on light ground a dark one.
enum Palette {
  static func look(of role: Role, tier: ColorTier, backdrop: Backdrop) -> Appearance {
    switch (tier, backdrop) {
    case (.monochrome, _): return monochrome(role)
    case (.eight, .dark): return eightDark(role)
    case (.eight, .light): return eightLight(role)
    case (.sixteen, .dark): return sixteenDark(role)
    case (.sixteen, .light): return eightLight(role)
    case (.full, .dark): return fullDark(role)
    case (.full, .light): return fullLight(role)
    }
  }

  private static func monochrome(_ role: Role) -> Appearance {
    switch role {
    case .normal, .border, .bar, .axis, .curve, .chosenByRule, .level: Appearance()
    case .dim, .pruned: Appearance(-1, .dim)
    case .selection: Appearance(-1, .underline)
    case .cursorRow, .match: Appearance(-1, .reverse)
    case .status: Appearance()
    case .title, .focusedBorder, .measured, .chosenByUser, .warning, .accent, .key, .good:
      Appearance(-1, .bold)
    case .error: Appearance(-1, [.bold, .reverse])
    case .estimate, .chosenBySearch, .overlay: Appearance()
    }
  }

  private static func fullDark(_ role: Role) -> Appearance {
    switch role {
    case .normal: Appearance()
    case .dim: Appearance(245)
    case .title: Appearance(-1, .bold)
    case .border: Appearance(240)
    case .focusedBorder: Appearance(75)
    case .selection: Appearance(-1, on: 24)
    case .cursorRow: Appearance(-1, on: 238, .bold)
    case .estimate: Appearance(179)
    case .measured: Appearance(79)
    case .chosenByUser: Appearance(81, .bold)
    case .chosenByRule: Appearance(109)
    case .chosenBySearch: Appearance(141)
    case .good: Appearance(79)
    case .warning: Appearance(214)
    case .error: Appearance(203, .bold)
    case .accent: Appearance(75)
    case .key: Appearance(117, .bold)
    case .status: Appearance(252, on: 236)
    case .bar: Appearance(67)
    case .pruned: Appearance(241)
    case .level: Appearance(221)
    case .overlay: Appearance(209)
    case .axis: Appearance(245)
    case .curve: Appearance(109)
    case .match: Appearance(16, on: 221)
    }
  }

  private static func fullLight(_ role: Role) -> Appearance {
    switch role {
    case .normal: Appearance()
    case .dim: Appearance(243)
    case .title: Appearance(-1, .bold)
    case .border: Appearance(250)
    case .focusedBorder: Appearance(26)
    case .selection: Appearance(-1, on: 153)
    case .cursorRow: Appearance(-1, on: 253, .bold)
    case .estimate: Appearance(94)
    case .measured: Appearance(29)
    case .chosenByUser: Appearance(27, .bold)
    case .chosenByRule: Appearance(240)
    case .chosenBySearch: Appearance(90)
    case .good: Appearance(29)
    case .warning: Appearance(130)
    case .error: Appearance(88, .bold)
    case .accent: Appearance(26)
    case .key: Appearance(25, .bold)
    case .status: Appearance(236, on: 254)
    case .bar: Appearance(67)
    case .pruned: Appearance(249)
    case .level: Appearance(130)
    case .overlay: Appearance(161)
    case .axis: Appearance(243)
    case .curve: Appearance(66)
    case .match: Appearance(16, on: 221)
    }
  }

  /// The eight colours that every colour terminal has, and bold, on a dark background. Dark blue is
  /// unreadable on many of them and is used as a background only.
  private static func eightDark(_ role: Role) -> Appearance {
    switch role {
    case .normal, .border, .axis: Appearance()
    case .dim, .pruned: Appearance(-1, .dim)
    case .title: Appearance(-1, .bold)
    case .focusedBorder, .accent, .curve: Appearance(6)
    case .selection: Appearance(7, on: 4)
    case .cursorRow: Appearance(0, on: 6)
    case .estimate, .level: Appearance(3)
    case .measured, .good: Appearance(2, .bold)
    case .chosenByUser, .key: Appearance(6, .bold)
    case .chosenByRule: Appearance()
    case .chosenBySearch: Appearance(5)
    case .warning: Appearance(3, .bold)
    case .error: Appearance(1, .bold)
    case .status: Appearance(0, on: 7)
    case .bar: Appearance(6)
    case .overlay: Appearance(5, .bold)
    case .match: Appearance(0, on: 3)
    }
  }

  private static func eightLight(_ role: Role) -> Appearance {
    switch role {
    case .focusedBorder, .accent, .curve, .bar: Appearance(4)
    case .chosenByUser, .key: Appearance(4, .bold)
    case .selection: Appearance(0, on: 6)
    case .cursorRow: Appearance(7, on: 4)
    case .estimate, .level: Appearance(5)
    case .measured, .good: Appearance(2)
    case .warning: Appearance(1)
    case .overlay: Appearance(1)
    case .status: Appearance(7, on: 4)
    default: eightDark(role)
    }
  }

  private static func sixteenDark(_ role: Role) -> Appearance {
    switch role {
    case .dim, .border, .axis, .pruned: Appearance(8)
    case .chosenByUser, .key: Appearance(14, .bold)
    case .warning: Appearance(11)
    case .error: Appearance(9, .bold)
    case .measured, .good: Appearance(10)
    case .chosenBySearch, .overlay: Appearance(13)
    case .cursorRow: Appearance(15, on: 4)
    case .selection: Appearance(15, on: 8)
    case .status: Appearance(15, on: 8)
    default: eightDark(role)
    }
  }
}
