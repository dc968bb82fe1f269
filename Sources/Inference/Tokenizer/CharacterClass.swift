/// What the patterns of pre-tokenizers ask of a character, as bits.
struct CharacterClass: OptionSet, Sendable {
  let rawValue: UInt16

  /// \p{L}
  static let letter = CharacterClass(rawValue: 1)
  /// \p{N}
  static let number = CharacterClass(rawValue: 2)
  /// \s
  static let space = CharacterClass(rawValue: 4)
  /// \p{M}
  static let mark = CharacterClass(rawValue: 8)
  /// \p{P}
  static let punctuation = CharacterClass(rawValue: 16)
  /// \p{S}
  static let symbol = CharacterClass(rawValue: 32)
  /// Letters that begin a word in capitals, and those without case: \p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}.
  static let upper = CharacterClass(rawValue: 64)
  /// \p{Ll}\p{Lm}\p{Lo}\p{M}
  static let lower = CharacterClass(rawValue: 128)
  /// \r and \n
  static let lineEnd = CharacterClass(rawValue: 256)
  /// \p{C}: control and format characters, private ones and those without a meaning.
  static let control = CharacterClass(rawValue: 512)

  init(rawValue: UInt16) { self.rawValue = rawValue }

  init(_ scalar: Unicode.Scalar) {
    self = scalar.value < 128 ? Self.ascii[Int(scalar.value)] : Self.lookUp(scalar)
  }

  private static let ascii = (0..<128).map { lookUp(Unicode.Scalar(UInt8($0))) }

  private static func lookUp(_ scalar: Unicode.Scalar) -> CharacterClass {
    let properties = scalar.properties
    var found: CharacterClass =
      switch properties.generalCategory {
      case .uppercaseLetter, .titlecaseLetter: [.letter, .upper]
      case .lowercaseLetter: [.letter, .lower]
      case .modifierLetter, .otherLetter: [.letter, .upper, .lower]
      case .decimalNumber, .letterNumber, .otherNumber: .number
      case .nonspacingMark, .spacingMark, .enclosingMark: [.mark, .upper, .lower]
      case .connectorPunctuation, .dashPunctuation, .openPunctuation, .closePunctuation, .initialPunctuation,
        .finalPunctuation, .otherPunctuation:
        .punctuation
      case .mathSymbol, .currencySymbol, .modifierSymbol, .otherSymbol: .symbol
      case .control, .format, .surrogate, .privateUse, .unassigned: .control
      default: []
      }
    if properties.isWhitespace { found.insert(.space) }
    if scalar == "\r" || scalar == "\n" { found.insert(.lineEnd) }
    return found
  }
}

/// A text as characters with their classes and their places in its bytes.
struct ClassifiedText {
  let scalars: [Unicode.Scalar]
  let classes: [CharacterClass]
  /// The byte at which each character begins, and the end.
  let offsets: [Int]

  init(_ text: Substring.UnicodeScalarView) {
    var scalars: [Unicode.Scalar] = []
    var classes: [CharacterClass] = []
    var offsets = [0]
    for scalar in text {
      scalars.append(scalar)
      classes.append(CharacterClass(scalar))
      offsets.append(offsets[offsets.count - 1] + UTF8.width(scalar))
    }
    (self.scalars, self.classes, self.offsets) = (scalars, classes, offsets)
  }
}
