/// How many colours a terminal has.
package enum ColorTier: Int, Hashable, Sendable, CaseIterable {
  /// No colour, or none wanted (`NO_COLOR`): bold, dim, underline and reverse only.
  case monochrome = 0
  case eight = 8
  case sixteen = 16
  case full = 256

  /// The best tier for a terminal with this many colours.
  init(colors: Int) {
    self = colors >= 256 ? .full : colors >= 16 ? .sixteen : colors >= 8 ? .eight : .monochrome
  }
}

/// Whether the terminal's background is dark or light.
package enum Backdrop: Hashable, Sendable {
  case dark
  case light

  /// From `COLORFGBG`, which some terminals set to the numbers of their colours (`0;15`); dark
  /// where nothing says otherwise.
  init(colorFGBG: String?) {
    guard let last = colorFGBG?.split(separator: ";").last, let index = Int(last) else {
      self = .dark
      return
    }
    self = index == 7 || (9...15).contains(index) ? .light : .dark
  }
}

/// What a style comes to on a terminal: colour numbers, -1 for the terminal's own, and attributes.
struct Appearance: Hashable, Sendable {
  var foreground: Int
  var background: Int
  var attributes: Attributes

  struct Attributes: OptionSet, Hashable, Sendable {
    let rawValue: UInt32
    init(rawValue: UInt32) { self.rawValue = rawValue }
    static let bold = Attributes(rawValue: 1)
    static let dim = Attributes(rawValue: 2)
    static let reverse = Attributes(rawValue: 4)
    static let underline = Attributes(rawValue: 8)
  }

  init(_ foreground: Int = -1, on background: Int = -1, _ attributes: Attributes = []) {
    self.foreground = foreground
    self.background = background
    self.attributes = attributes
  }
}

/// The looks of all roles on one kind of terminal.
package struct Theme: Sendable {
  let tier: ColorTier
  let backdrop: Backdrop
  private let looks: [Appearance]

  package init(tier: ColorTier, backdrop: Backdrop = .dark) {
    self.tier = tier
    self.backdrop = backdrop
    looks = Role.allCases.map { Palette.look(of: $0, tier: tier, backdrop: backdrop) }
  }

  /// The look of a role by itself.
  func look(of role: Role) -> Appearance { looks[Int(role.rawValue)] }

  /// What a style comes to: the foreground's colour and attributes, the background's colour, and
  /// the attributes by which the background shows itself where there is no colour.
  func appearance(of style: Style) -> Appearance {
    var result = Appearance()
    switch style.foreground {
    case .terminal: break
    case .index(let index): result.foreground = nearest(index)
    case .role(let role):
      let look = look(of: role)
      result.foreground = look.foreground
      result.attributes = look.attributes
    }
    switch style.background {
    case .terminal: break
    case .index(let index): result.background = nearest(index)
    case .role(let role):
      let look = look(of: role)
      result.background = look.background
      if style.foreground != style.background {
        result.attributes.remove(.reverse)
        result.attributes.formUnion(look.attributes.intersection([.reverse, .underline]))
        // A surface that brings a foreground of its own does so to be readable.
        let isReadable = result.foreground != look.background
        if look.background >= 0, !isReadable || (tier != .full && look.foreground >= 0) {
          result.foreground = look.foreground
        }
      }
    }
    if style.bold { result.attributes.insert(.bold) }
    if style.dim { result.attributes.insert(.dim) }
    if style.reverse { result.attributes.formSymmetricDifference(.reverse) }
    if style.underline { result.attributes.insert(.underline) }
    return result
  }

  /// A colour of the 256 as this terminal can show it.
  private func nearest(_ index: UInt8) -> Int {
    switch tier {
    case .monochrome: return -1
    case .full: return Int(index)
    case .sixteen: return index < 16 ? Int(index) : ANSIColor.nearest(index, among: 16)
    case .eight: return index < 8 ? Int(index) : ANSIColor.nearest(index, among: 8)
    }
  }
}
