/// What is wrong with a sheet.
package struct SheetError: Error, CustomStringConvertible {
  package let description: String
}

extension Architecture {
  /// - Throws: where a line is not understood, or something is missing.
  package init(sheet text: String) throws(SheetError) {
    var sheet = try Sheet(text)
    name = try sheet.take("name")
    classes = sheet.words("classes")
    tokenizer = try sheet.choice("tokenizer", .llama)
    (inner, outer, routed) = (sheet.inner, sheet.outer, sheet.routed)
    prefixes = sheet.words("prefixes")
    dropped = sheet.words("drops")
    blocks = try sheet.take("blocks")
    wrapper = sheet.word("wrapper")
    pathPrefix = sheet.word("path") ?? ""
    aliases = try sheet.pairs("alias")
    defaults = try sheet.numbers("default")
    sharesHeadWidth = sheet.flag("shares-head-width")
    refused = sheet.words("refuses")
    tiesByDefault = sheet.flag("ties")
    isEncoder = sheet.flag("encoder")
    usesRMSNorm = try sheet.take("norm") == "rms"
    epsilon = try sheet.number("epsilon") ?? 1e-6
    normOffset = Float(try sheet.number("norm-offset") ?? 0)
    activation = try sheet.take("activation")
    isGated = !sheet.flag("plain-feed-forward")
    hasHeadNorms = sheet.flag("head-norms")
    hasPostNorms = sheet.flag("post-norms")
    normsAllHeads = sheet.flag("norms-all-heads")
    experts = try sheet.experts()
    positions = try sheet.choice("positions", .rotary)
    windows = try sheet.windows()
    scalesEmbedding = sheet.flag("scales-embedding")
    let scalar = sheet.lines["attention-scalar"]?.first
    attentionScalar = (scalar != nil, scalar?.first.flatMap { Int($0) })
    localBase = try sheet.number("local-base")
    isExported = !sheet.flag("not-exported")
    interleavesHeads = sheet.flag("interleaves-heads")
    trimsEmbedding = sheet.flag("trims-embedding")
    hasPooling = sheet.flag("pooling")
    writesRotary = !sheet.flag("rotary-not-written")
    metadata = try sheet.metadata()
    try sheet.finish(name)
  }
}

/// The lines of a sheet by their keys.
private struct Sheet {
  private(set) var lines: [String: [[String]]] = [:]
  private(set) var inner: [String: String] = [:]
  private(set) var outer: [String: String] = [:]
  private(set) var routed: [String: String] = [:]
  private var known: Set<String> = ["attention-scalar"]

  init(_ text: String) throws(SheetError) {
    var section = ""
    for line in text.split(whereSeparator: \.isNewline) {
      let words = line.split(separator: " ").map(String.init)
      guard let key = words.first, !key.hasPrefix("#") else { continue }
      if ["inner", "outer", "routed"].contains(key) {
        section = key
      } else if section.isEmpty {
        lines[key, default: []].append(Array(words.dropFirst()))
      } else {
        guard words.count == 2 else { throw SheetError(description: "two names expected: \(line)") }
        switch section {
        case "inner": inner[key] = words[1]
        case "outer": outer[key] = words[1]
        default: routed[key] = words[1]
        }
      }
    }
  }

  mutating func words(_ key: String) -> [String] {
    known.insert(key)
    return lines[key]?.flatMap { $0 } ?? []
  }

  mutating func word(_ key: String) -> String? { words(key).first }

  mutating func take(_ key: String) throws(SheetError) -> String {
    guard let word = word(key) else { throw SheetError(description: "\(key) is missing") }
    return word
  }

  mutating func flag(_ key: String) -> Bool {
    known.insert(key)
    return lines[key] != nil
  }

  mutating func number(_ key: String) throws(SheetError) -> Double? {
    guard let word = word(key) else { return nil }
    guard let number = Double(word) else { throw SheetError(description: "\(key): a number expected, not \(word)") }
    return number
  }

  mutating func choice<Choice: RawRepresentable<String>>(_ key: String, _ usual: Choice) throws(SheetError) -> Choice {
    guard let word = word(key) else { return usual }
    guard let choice = Choice(rawValue: word) else { throw SheetError(description: "\(key): \(word) is unknown") }
    return choice
  }

  mutating func pairs(_ key: String) throws(SheetError) -> [String: String] {
    known.insert(key)
    var pairs: [String: String] = [:]
    for words in lines[key] ?? [] {
      guard words.count == 2 else { throw SheetError(description: "\(key): two words expected") }
      pairs[words[0]] = words[1]
    }
    return pairs
  }

  mutating func numbers(_ key: String) throws(SheetError) -> [String: Double] {
    var numbers: [String: Double] = [:]
    for (name, word) in try pairs(key) {
      guard let number = Double(word) else { throw SheetError(description: "\(key) \(name): a number expected") }
      numbers[name] = number
    }
    return numbers
  }

  mutating func windows() throws(SheetError) -> Architecture.Windows {
    let words = words("windows")
    switch (words.first, words.dropFirst().first.flatMap { Int($0) }) {
    case (nil, _): return .none
    case ("all"?, nil): return .all
    case ("every"?, let count?) where count > 0: return .every(count)
    case ("except"?, let count?) where count > 0: return .except(count)
    default: throw SheetError(description: "windows: all, every N or except N expected")
    }
  }

  /// `experts normalised|plain [asked]`.
  mutating func experts() throws(SheetError) -> Architecture.Experts? {
    let words = words("experts")
    switch (words.first, words.dropFirst().first) {
    case (nil, _): return nil
    case ("normalised"?, nil): return .init(isNormalised: true, asksConfig: false)
    case ("normalised"?, "asked"?): return .init(isNormalised: true, asksConfig: true)
    case ("plain"?, "asked"?): return .init(isNormalised: false, asksConfig: true)
    default: throw SheetError(description: "experts: normalised, normalised asked or plain asked expected")
    }
  }

  /// `metadata KEY ENTRY int|float [unless ENTRY VALUE]`.
  mutating func metadata() throws(SheetError) -> [Architecture.Metadata] {
    known.insert("metadata")
    var all: [Architecture.Metadata] = []
    for words in lines["metadata"] ?? [] {
      guard words.count == 3 || words.count == 6 && words[3] == "unless", ["int", "float"].contains(words[2]) else {
        throw SheetError(description: "metadata: KEY ENTRY int|float [unless ENTRY VALUE] expected")
      }
      let unless = words.count == 6 ? Int(words[5]).map { (entry: words[4], value: $0) } : nil
      all.append(.init(key: words[0], entry: words[1], isInteger: words[2] == "int", unless: unless))
    }
    return all
  }

  func finish(_ name: String) throws(SheetError) {
    guard let other = lines.keys.filter({ !known.contains($0) }).min() else { return }
    throw SheetError(description: "\(name): \(other) is unknown")
  }
}
