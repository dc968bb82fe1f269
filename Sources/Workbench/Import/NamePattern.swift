import Foundation

/// A regular expression of a config, tried on names.
///
/// The dialect is ICU's, which takes what ECMAScript and Python share. A plain name, escaped and anchored or not, as
/// tools write them by the thousand, is compared without it. Work on one name is bounded: an expression that tries
/// exponentially many ways is an error, no standstill.
struct NamePattern {
  /// Where in a name it must match.
  enum Anchoring {
    /// Anywhere: ECMAScript's search.
    case search
    /// From the name's first character on, to wherever: Python's `re.match`.
    case start
  }

  /// Characters of a pattern; names are a few dozen long.
  static let maximumLength = 2000
  /// ICU's reports of progress for one name, each of some ten thousand steps.
  private static let maximumReports = 200

  private let text: String
  private let body: Body
  private let anchoring: Anchoring

  private enum Body {
    case literal(String, start: Bool, end: Bool)
    case expression(NSRegularExpression)
  }

  /// - Throws: `PatternError` for one that is too long or does not compile.
  init(_ text: String, _ anchoring: Anchoring) throws(PatternError) {
    self.text = text
    self.anchoring = anchoring
    guard text.utf8.count <= Self.maximumLength else {
      throw PatternError("the pattern is \(text.utf8.count) bytes long, more than \(Self.maximumLength)")
    }
    if let literal = Self.literal(text) {
      body = literal
      return
    }
    // Python's named groups are ICU's without the P.
    let source = text.replacing("(?P<", with: "(?<")
    guard let expression = try? NSRegularExpression(pattern: source) else {
      throw PatternError("the pattern is no regular expression")
    }
    body = .expression(expression)
  }

  /// A pattern that stands for itself: no special characters but escaped ones, `^` first and `$` last.
  private static func literal(_ text: String) -> Body? {
    var rest = text[...]
    let start = rest.first == "^"
    if start { rest.removeFirst() }
    var name = ""
    while let character = rest.popFirst() {
      switch character {
      case "$" where rest.isEmpty: return .literal(name, start: start, end: true)
      case "\\":
        guard let escaped = rest.popFirst(), escaped.isASCII, escaped.isPunctuation || escaped.isSymbol else {
          return nil
        }
        name.append(escaped)
      case "^", "$", ".", "|", "?", "*", "+", "(", ")", "[", "]", "{", "}": return nil
      default: name.append(character)
      }
    }
    return .literal(name, start: start, end: false)
  }

  /// What a name must be, where only one fits.
  var onlyName: String? {
    guard case .literal(let name, let start, true) = body, start || anchoring == .start else { return nil }
    return name
  }

  /// What a name must begin with, where that is all.
  var onlyPrefix: String? {
    guard case .literal(let name, let start, false) = body, start || anchoring == .start else { return nil }
    return name
  }

  /// - Throws: `PatternError` where it takes too many steps to tell.
  func matches(_ name: String) throws(PatternError) -> Bool {
    switch body {
    case .literal(let literal, let start, let end):
      switch (start || anchoring == .start, end) {
      case (true, true): return name == literal
      case (true, false): return name.hasPrefix(literal)
      case (false, true): return name.hasSuffix(literal)
      case (false, false): return literal.isEmpty || name.utf8.firstRange(of: literal.utf8) != nil
      }
    case .expression(let expression):
      var (found, reports, isBeyond) = (false, 0, false)
      var options: NSRegularExpression.MatchingOptions = [.reportProgress]
      if anchoring == .start { options.insert(.anchored) }
      expression.enumerateMatches(in: name, options: options, range: NSRange(location: 0, length: name.utf16.count)) {
        match, flags, stop in
        if match != nil { found = true }
        if flags.contains(.progress) { reports += 1 }
        if flags.contains(.internalError) || reports > Self.maximumReports { isBeyond = true }
        if found || isBeyond { stop.pointee = true }
      }
      guard found || !isBeyond else {
        throw PatternError("the pattern tries too many ways to match \(excerpt(name)): write a simpler one")
      }
      return found
    }
  }
}

/// What is wrong with a pattern, in words that follow its name.
struct PatternError: Error, CustomStringConvertible {
  let description: String
  init(_ description: String) { self.description = description }
}
