import Foundation
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

  // MARK: - Colours for all eyes

  /// What must be told apart by colour on a terminal of 256.
  private static let apart: [[Role]] = [
    [.estimate, .measured], [.chosenByUser, .chosenByRule, .chosenBySearch], [.good, .warning, .error],
    [.bar, .overlay, .level, .pruned],
  ]

  /// ΔE*ab between any two of a group, as full sight and each of the three dichromacies have them: 2.3 is a just
  /// noticeable difference (Mahy et al. 1994).
  @Test(arguments: [Backdrop.dark, .light]) func coloursAreToldApartByAllEyes(backdrop: Backdrop) {
    let theme = Theme(tier: .full, backdrop: backdrop)
    for group in Self.apart {
      for (place, one) in group.enumerated() {
        for other in group[(place + 1)...] {
          for (name, sight) in Sight.all {
            let difference = sight.difference(theme.look(of: one).foreground, theme.look(of: other).foreground)
            #expect(difference >= 15, "\(one) and \(other) with \(name) on \(backdrop): \(difference)")
          }
        }
      }
    }
  }

  /// WCAG 2.2: 4.5 for text, 3 for what is drawn and for what is bold or large; on black and on white.
  @Test(arguments: [Backdrop.dark, .light]) func textStandsOutFromItsGround(backdrop: Backdrop) {
    let theme = Theme(tier: .full, backdrop: backdrop)
    let ground = backdrop == .dark ? 16 : 231
    for role in [Role.estimate, .measured, .chosenByUser, .chosenByRule, .chosenBySearch, .good, .error, .key, .dim] {
      #expect(Sight.contrast(theme.look(of: role).foreground, ground) >= 4.5, "\(role) on \(backdrop)")
    }
    for role in [Role.warning, .bar, .overlay, .level, .accent, .curve] {
      #expect(Sight.contrast(theme.look(of: role).foreground, ground) >= 3, "\(role) on \(backdrop)")
    }
  }

  /// A person's choice, a search's, a refusal, a marked row, a fold.
  @Test func marksDifferInASCIIToo() {
    for glyphs in [GlyphSet.unicode, .ascii] {
      let marks = [
        glyphs.pencil, glyphs.searchMark, "!", glyphs.markedMark, glyphs.folded, glyphs.unfolded, glyphs.cursorMark,
        glyphs.measuredMark, glyphs.approximately,
      ]
      #expect(Set(marks).count == marks.count)
    }
    #expect(GlyphSet.ascii.pencil == "*" && GlyphSet.ascii(for: "✎") == "*" && GlyphSet.ascii(for: "◊") == "m")
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

/// How a person sees colours: all three primaries, or two of them (Machado, Oliveira and Fernandes 2009, severity 1).
private struct Sight {
  let matrix: [[Double]]

  static let all: [(name: String, sight: Sight)] = [
    ("full sight", Sight(matrix: [[1, 0, 0], [0, 1, 0], [0, 0, 1]])),
    (
      "protanopia",
      Sight(matrix: [
        [0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998],
      ])
    ),
    (
      "deuteranopia",
      Sight(matrix: [
        [0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881],
      ])
    ),
    (
      "tritanopia",
      Sight(matrix: [
        [1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900],
      ])
    ),
  ]

  /// IEC 61966-2-1.
  private static func linear(_ color: Int) -> [Double] {
    let parts = ANSIColor.components(UInt8(color))
    return [parts.red, parts.green, parts.blue].map {
      let share = Double($0) / 255
      return share <= 0.04045 ? share / 12.92 : pow((share + 0.055) / 1.055, 2.4)
    }
  }

  /// CIE 1976 L*a*b* of a colour as it is seen.
  private func lab(_ color: Int) -> [Double] {
    let own = Self.linear(color)
    let seen = matrix.map { row in min(1, max(0, zip(row, own).reduce(0) { $0 + $1.0 * $1.1 })) }
    let toXYZ = [
      [0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750], [0.0193339, 0.1191920, 0.9503041],
    ]
    let f = zip(toXYZ, [0.95047, 1, 1.08883]).map { row, white in
      let t = zip(row, seen).reduce(0) { $0 + $1.0 * $1.1 } / white
      return t > 216.0 / 24389 ? cbrt(t) : (24389.0 / 27 * t + 16) / 116
    }
    return [116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])]
  }

  func difference(_ one: Int, _ other: Int) -> Double {
    zip(lab(one), lab(other)).reduce(0) { $0 + ($1.0 - $1.1) * ($1.0 - $1.1) }.squareRoot()
  }

  static func contrast(_ one: Int, _ other: Int) -> Double {
    let light = [one, other].map { zip([0.2126, 0.7152, 0.0722], linear($0)).reduce(0) { $0 + $1.0 * $1.1 } + 0.05 }
    return max(light[0], light[1]) / min(light[0], light[1])
  }
}
