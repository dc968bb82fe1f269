/// Patterns in their order, of which a name has the first that it matches. Names and beginnings of names, which configs
/// list by the thousand, are looked up; only true expressions are tried one after another.
struct NamePatterns {
  /// Trials of expressions on names that one config may cost.
  private static let maximumTrials = 2_000_000

  private var names: [String: Int] = [:]
  private var prefixes: [String: Int] = [:]
  private var others: [(place: Int, pattern: NamePattern)] = []
  private var trials = 0

  init(_ patterns: [NamePattern]) {
    for (place, pattern) in patterns.enumerated() {
      if let name = pattern.onlyName {
        if names[name] == nil { names[name] = place }
      } else if let prefix = pattern.onlyPrefix {
        if prefixes[prefix] == nil { prefixes[prefix] = place }
      } else {
        others.append((place, pattern))
      }
    }
  }

  /// The place of the first pattern that the name matches.
  ///
  /// - Throws: `PatternError` where it takes too many steps to tell.
  mutating func first(_ name: String) throws(PatternError) -> Int? {
    var best = names[name]
    if !prefixes.isEmpty {
      var end = name.startIndex
      while true {
        if let place = prefixes[String(name[..<end])], place < best ?? .max { best = place }
        guard end < name.endIndex else { break }
        name.unicodeScalars.formIndex(after: &end)
      }
    }
    for (place, pattern) in others {
      if place > best ?? .max { break }
      trials += 1
      guard trials <= Self.maximumTrials else {
        throw PatternError("\(others.count) expressions are too many for this model: name the layers instead")
      }
      if try pattern.matches(name) { return place }
    }
    return best
  }
}
