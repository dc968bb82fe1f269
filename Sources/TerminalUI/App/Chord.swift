import Workbench

/// Two keys, one after the other: `gg`, `ZZ`. The first waits for the second, and the foot of the screen says what there is.
struct Chord: Sendable {
  let first: Character
  let second: Character
  let command: StaticString
  let argument: String
  /// For the foot of the screen.
  let word: String

  init(_ keys: (Character, Character), _ command: StaticString, _ argument: String, _ word: String) {
    (first, second) = keys
    (self.command, self.argument, self.word) = (command, argument, word)
  }

  static let all: [Chord] = [
    Chord(("g", "g"), "top", "", "first row"),
    Chord(("g", "n"), "group", "", "next group"),
    Chord(("g", "t"), "group", "tensor", "a scale a tensor"),
    Chord(("g", "c"), "group", "channel", "a channel"),
    Chord(("g", "1"), "group", "128", "128"),
    Chord(("g", "6"), "group", "64", "64"),
    Chord(("g", "3"), "group", "32", "32"),
    Chord(("g", "r"), "recover", "", "recover accuracy"),
    Chord(("@", "a"), "role", "@attn", "attention"),
    Chord(("@", "f"), "role", "@ffn", "feed-forward"),
    Chord(("@", "e"), "role", "@embd", "embeddings"),
    Chord(("@", "h"), "role", "@head", "head"),
    Chord(("@", "c"), "role", "@conv", "convolutions"),
    Chord(("@", "l"), "role", "@linear", "linear"),
    Chord(("@", "x"), "role", "@expert", "experts"),
    Chord(("@", "@"), "role", "", "this kind"),
    Chord(("o", "o"), "sort", "", "next column"),
    Chord(("o", "d"), "sort-from-top", "delta", "Δ"),
    Chord(("o", "p"), "sort-from-top", "fewer asc", "cheapest bit"),
    Chord(("o", "u"), "sort-from-top", "outlier", "outliers"),
    Chord(("o", "t"), "sort-from-top", "error", "t²"),
    Chord(("o", "s"), "sort-from-top", "size", "size"),
    Chord(("o", "z"), "sort-from-top", "zeros", "zeros"),
    Chord(("o", "n"), "sort-from-top", "name", "name"),
    Chord(("o", "f"), "sort-from-top", "file", "file's order"),
    Chord(("Z", "Z"), "write-quit", "", "write the recipe and leave"),
    Chord(("Z", "Q"), "quit!", "", "leave, writing nothing"),
  ]

  static func beginning(with first: Character) -> [Chord] { all.filter { $0.first == first } }

  /// As help shows the keys of a command, `gg`.
  static func labels(of command: String) -> [String] {
    let own = all.filter { "\($0.command)" == command }
    return own.filter { $0.argument.isEmpty }.map { "\($0.first)\($0.second)" }
  }
}

/// What was typed towards a command and does nothing yet: a count, the first key of a chord.
struct PendingKeys: Sendable, Equatable {
  var count: Int?
  var first: Character?

  var isEmpty: Bool { count == nil && first == nil }
  var text: String { (count.map(String.init) ?? "") + (first.map(String.init) ?? "") }

  /// More repetitions than anybody means.
  static let mostCount = 9999

  /// Takes a digit; 0 alone is no count.
  mutating func take(digit: Character) -> Bool {
    guard let value = digit.wholeNumberValue, digit.isASCII, value > 0 || count != nil else { return false }
    count = min(Self.mostCount, (count ?? 0) * 10 + value)
    return true
  }
}
