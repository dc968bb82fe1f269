import Testing

@testable import TerminalUI

@Suite struct ThemeTests {
  static let all: [Theme] = ColorTier.allCases.flatMap { tier in
    [Theme(tier: tier, backdrop: .dark), Theme(tier: tier, backdrop: .light)]
  }

  @Test func everyTierKeepsWithinItsColours() {
    for theme in Self.all {
      for role in Role.allCases {
        for surface in [nil, Role.cursorRow, .selection, .status] {
          let look = theme.appearance(of: Style(role, on: surface))
          #expect(look.foreground < theme.tier.rawValue, "\(role) on \(theme.tier)")
          #expect(look.background < theme.tier.rawValue, "\(role) on \(theme.tier)")
        }
      }
      let index = theme.appearance(of: Style(foreground: .index(214), background: .index(24)))
      #expect(index.foreground < theme.tier.rawValue && index.background < theme.tier.rawValue)
    }
  }

  @Test func noTextHasTheColourOfItsGround() {
    for theme in Self.all where theme.tier != .monochrome {
      for role in Role.allCases {
        for surface in Role.allCases {
          let look = theme.appearance(of: Style(role, on: surface))
          #expect(
            look.foreground != look.background || look.background == -1,
            "\(role) on \(surface), \(theme.tier)")
        }
      }
    }
  }

  @Test func theCursorRowIsSeenWithoutColour() {
    let theme = Theme(tier: .monochrome)
    #expect(theme.appearance(of: Style(.cursorRow)).attributes.contains(.reverse))
    #expect(theme.appearance(of: Style(.warning, on: .cursorRow)).attributes.contains(.reverse))
  }

  @Test func whatMustBeKeptApartLooksApart() {
    for theme in Self.all {
      for (a, b) in [
        (Role.estimate, Role.measured), (.chosenByUser, .chosenByRule), (.normal, .cursorRow),
        (.bar, .pruned),
      ] {
        #expect(theme.look(of: a) != theme.look(of: b), "\(a) and \(b) on \(theme.tier) \(theme.backdrop)")
      }
    }
  }

  @Test(arguments: [
    (0, ColorTier.monochrome), (7, .monochrome), (8, .eight), (16, .sixteen), (88, .sixteen), (256, .full),
    (1 << 24, .full),
  ])
  func tierOf(colors: Int, tier: ColorTier) { #expect(ColorTier(colors: colors) == tier) }

  @Test(arguments: [
    (nil, Backdrop.dark), ("15;0", .dark), ("0;15", .light), ("0;default;15", .light), ("0;8", .dark),
    ("x", .dark),
  ])
  func backdropOf(colorFGBG: String?, backdrop: Backdrop) {
    #expect(Backdrop(colorFGBG: colorFGBG) == backdrop)
  }
}
