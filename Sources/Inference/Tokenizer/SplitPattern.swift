/// One step of a pre-tokenizer: it divides a stretch of characters into pieces. What the pattern does not match stays a
/// piece by itself, as `Split` with the behaviour "isolated" leaves it.
enum SplitPattern: Sendable {
  /// \p{N}{1,n}, as many as there are where `n` is 0.
  case numbers(Int)
  /// [0-9][0-9][0-9]
  case threeDigits
  /// [\p{P}$+<=>^~|]+, and others.
  case punctuation(including: [Unicode.Scalar])
  /// A class repeated, perhaps with one space of any kind before.
  case run(CharacterClass, spaceBefore: Bool)
  /// [\r\n]
  case lineEnds
  /// [一-龥…]+ by ranges.
  case ranges([ClosedRange<UInt32>])
  case words(WordPattern)

  /// The end of the match that begins at `start`, if one does.
  func match(_ text: ClassifiedText, _ start: Int, _ end: Int) -> Int? {
    switch self {
    case .numbers(let most):
      let last = run(text, start, most == 0 ? end : min(end, start + most)) { $0.contains(.number) }
      return last > start ? last : nil
    case .threeDigits:
      guard start + 3 <= end, (start..<start + 3).allSatisfy({ ("0"..."9").contains(text.scalars[$0]) }) else {
        return nil
      }
      return start + 3
    case .punctuation(let others):
      var at = start
      while at < end, text.classes[at].contains(.punctuation) || others.contains(text.scalars[at]) { at += 1 }
      return at > start ? at : nil
    case .run(let kind, let spaceBefore):
      let first = spaceBefore && text.classes[start].contains(.space) ? start + 1 : start
      let last = run(text, first, end) { !$0.isDisjoint(with: kind) }
      return last > first ? last : nil
    case .lineEnds: return text.classes[start].contains(.lineEnd) ? start + 1 : nil
    case .ranges(let ranges):
      var at = start
      while at < end, ranges.contains(where: { $0.contains(text.scalars[at].value) }) { at += 1 }
      return at > start ? at : nil
    case .words(let pattern): return pattern.match(text, start, end)
    }
  }

  private func run(_ text: ClassifiedText, _ start: Int, _ end: Int, _ holds: (CharacterClass) -> Bool) -> Int {
    var at = start
    while at < end, holds(text.classes[at]) { at += 1 }
    return at
  }
}

/// The alternation that divides a text into words, in the form that GPT-2 began and its followers vary:
/// contractions | letters | numbers | others | line ends | spaces.
struct WordPattern: Sendable {
  enum Contractions: Sendable { case none, lowercase, anyCase, afterWords }
  enum Letters: Sendable {
    /// ` ?\p{L}+`
    case afterSpace
    /// `[^\r\n\p{L}\p{N}]?\p{L}+`
    case afterAny
    /// `[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+`
    case withMarks
    /// `[^\r\n\p{L}\p{N}]?` and a word whose capitals come first (GPT-4o).
    case cased
    /// `[!-/:-~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+` (DeepSeek V3)
    case deepSeek
  }
  enum Numbers: Sendable {
    /// ` ?\p{N}+`
    case afterSpace
    /// `\p{N}{1,n}`
    case most(Int)
    case none
  }

  var contractions = Contractions.anyCase
  var letters = Letters.afterAny
  var numbers = Numbers.most(3)
  /// Marks count as letters where it comes to what is no letter.
  var othersExcludeMarks = false
  /// `[\r\n]*` after what is no letter; with `/` too in GPT-4o's.
  var othersTakeLineEnds = true
  var othersTakeSlashes = false
  /// Only \p{P} and \p{S} (DeepSeek V3).
  var othersArePunctuation = false
  /// `\s*[\r\n]+`
  var hasLineEnds = true

  /// GPT-2's.
  static let gpt2 = WordPattern(
    contractions: .lowercase, letters: .afterSpace, numbers: .afterSpace, othersTakeLineEnds: false, hasLineEnds: false)

  func match(_ text: ClassifiedText, _ start: Int, _ end: Int) -> Int? {
    if contractions == .lowercase || contractions == .anyCase, let found = contraction(text, start, end) {
      return found
    }
    return word(text, start, end) ?? number(text, start, end) ?? others(text, start, end) ?? spaces(text, start, end)
  }

  /// `'s`, `'t`, `'re`, `'ve`, `'m`, `'ll`, `'d`.
  private func contraction(_ text: ClassifiedText, _ start: Int, _ end: Int) -> Int? {
    guard start + 1 < end, text.scalars[start] == "'" else { return nil }
    let folds = contractions != .lowercase
    func letter(_ index: Int) -> Unicode.Scalar? {
      guard index < end else { return nil }
      let scalar = text.scalars[index]
      guard folds else { return scalar }
      // Unicode's simple folding: the long s is an s.
      if scalar == "\u{17f}" { return "s" }
      return ("A"..."Z").contains(scalar) ? Unicode.Scalar(scalar.value + 32) : scalar
    }
    guard let first = letter(start + 1) else { return nil }
    if ["s", "t", "m", "d"].contains(first) { return start + 2 }
    switch (first, letter(start + 2)) {
    case ("r", "e"?), ("v", "e"?), ("l", "l"?): return start + 3
    default: return nil
    }
  }

  private func word(_ text: ClassifiedText, _ start: Int, _ end: Int) -> Int? {
    let kind = text.classes[start]
    switch letters {
    case .afterSpace:
      return run(text, text.scalars[start] == " " ? start + 1 : start, end, .letter)
    case .afterAny, .withMarks:
      let wanted: CharacterClass = letters == .withMarks ? [.letter, .mark] : .letter
      let hasPrefix = kind.isDisjoint(with: [.lineEnd, .letter, .number])
      return hasPrefix
        ? run(text, start + 1, end, wanted) ?? run(text, start, end, wanted) : run(text, start, end, wanted)
    case .cased:
      let hasPrefix = kind.isDisjoint(with: [.lineEnd, .letter, .number])
      let starts = hasPrefix ? [start + 1, start] : [start]
      for form in [capitalised, capitals] {
        for first in starts {
          guard let last = form(text, first, end) else { continue }
          return contractions == .afterWords ? contraction(text, last, end) ?? last : last
        }
      }
      return nil
    case .deepSeek:
      let first = text.scalars[start]
      if first.isASCII, first.value > 32, first.value < 127, !kind.isDisjoint(with: [.punctuation, .symbol]) {
        var at = start + 1
        while at < end, text.scalars[at].isASCII, text.classes[at].contains(.letter) { at += 1 }
        if at > start + 1 { return at }
      }
      let hasPrefix = kind.isDisjoint(with: [.lineEnd, .letter, .punctuation, .symbol])
      return hasPrefix
        ? run(text, start + 1, end, [.letter, .mark]) ?? run(text, start, end, [.letter, .mark])
        : run(text, start, end, [.letter, .mark])
    }
  }

  /// `U*L+`, both greedy: what lies in both classes goes to U, and is given back where no L follows.
  private func capitalised(_ text: ClassifiedText, _ start: Int, _ end: Int) -> Int? {
    let upper = run(text, start, end, .upper) ?? start
    if let last = run(text, upper, end, .lower) { return last }
    var at = upper - 1
    while at >= start, !text.classes[at].contains(.lower) { at -= 1 }
    return at >= start ? at + 1 : nil
  }

  /// `U+L*`
  private func capitals(_ text: ClassifiedText, _ start: Int, _ end: Int) -> Int? {
    guard let upper = run(text, start, end, .upper) else { return nil }
    return run(text, upper, end, .lower) ?? upper
  }

  private func number(_ text: ClassifiedText, _ start: Int, _ end: Int) -> Int? {
    switch numbers {
    case .afterSpace: run(text, text.scalars[start] == " " ? start + 1 : start, end, .number)
    case .most(let most): run(text, start, min(end, start + most), .number)
    case .none: nil
    }
  }

  private func others(_ text: ClassifiedText, _ start: Int, _ end: Int) -> Int? {
    let first = text.scalars[start] == " " ? start + 1 : start
    var at = first
    while at < end {
      let kind = text.classes[at]
      let isOther =
        othersArePunctuation
        ? !kind.isDisjoint(with: [.punctuation, .symbol])
        : kind.isDisjoint(with: othersExcludeMarks ? [.space, .letter, .number, .mark] : [.space, .letter, .number])
      guard isOther else { break }
      at += 1
    }
    guard at > first else { return nil }
    while at < end,
      othersTakeLineEnds && text.classes[at].contains(.lineEnd) || othersTakeSlashes && text.scalars[at] == "/"
    {
      at += 1
    }
    return at
  }

  /// `\s*[\r\n]+|\s+(?!\S)|\s+`: up to the last line end; else all but the space before a word; else one.
  private func spaces(_ text: ClassifiedText, _ start: Int, _ end: Int) -> Int? {
    guard let last = run(text, start, end, .space) else { return nil }
    if hasLineEnds, let line = (start..<last).last(where: { text.classes[$0].contains(.lineEnd) }) { return line + 1 }
    return last == end || last == start + 1 ? last : last - 1
  }

  private func run(_ text: ClassifiedText, _ start: Int, _ end: Int, _ kinds: CharacterClass) -> Int? {
    var at = start
    while at < end, !text.classes[at].isDisjoint(with: kinds) { at += 1 }
    return at > start ? at : nil
  }
}
