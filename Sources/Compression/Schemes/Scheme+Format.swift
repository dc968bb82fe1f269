import Numerics

// The two places that list the families of number formats.

extension Scheme {
  /// In the order in which their words are listed.
  static let families: [any NumberFormat.Type] = [
    KeptFormat.self, UniformScheme.self, HalfFormat.self, BlockType.self, SmallFloatScheme.self, CodebookScheme.self,
    NamedFormat.self,
  ]
}

extension Scheme.Format {
  /// What the house knows of it.
  var value: any NumberFormat {
    switch self {
    case .keep: KeptFormat()
    case .uniform(let uniform): uniform
    case .f16: HalfFormat.f16
    case .bf16: HalfFormat.bf16
    case .block(let type): type
    case .smallFloat(let small): small
    case .codebook(let codebook): codebook
    case .named(let named): named
    }
  }
}

// What follows asks the families alone.

extension Scheme {
  /// Every scheme word, for completion and for the split of `PATTERN=SPEC`.
  public static let words: [String] = families.flatMap { $0.words.map(\.word) }

  /// What may stand in a SPEC, by family; after them what any may have.
  package static let grammar: [SchemeGrammar] = families.flatMap { $0.grammar }

  /// What the picker lists, `keep` first.
  package static let menu: [Format] = families.map { $0.menu }.sorted { $0.place < $1.place }.flatMap(\.formats)

  /// What stands beside the table of integers' errors.
  package static let compared: [Format] = families.flatMap { $0.compared }
}

extension Scheme.Format {
  init?(word: String) {
    for family in Scheme.families {
      if let found = family.words.first(where: { $0.word == word }) {
        self = found.format
        return
      }
    }
    return nil
  }

  /// Weights that share a scale, where that may be chosen.
  public var granularity: Granularity? { value.scaleGranularity }

  /// Bits of a code, scales aside (ggml's with them); `nil` where the weight stays in floats.
  public var codeBits: Double? { value.codeBits }

  /// The SPEC in as few letters as a column has: `int4 g32`, `int4 ch a`.
  package var short: String { value.short }

  /// What it is, in a line for people.
  package var meaning: String { value.meaning }

  /// The same with another granularity, where one may be chosen.
  package func with(_ granularity: Granularity) -> Scheme.Format { value.with(granularity) }

  /// Formats of the same kind with other widths, the most bits first; where it has none of its own, integers'.
  ///
  /// - Parameter integers: what keys begin with on this weight.
  package func rungs(integers: UniformScheme) -> [Scheme.Format] { value.rungs(integers: integers) }
}
