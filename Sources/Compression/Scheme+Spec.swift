import Numerics

/// What was wrong with a SPEC, in words for the person who typed it.
public struct SpecError: Error, Sendable, Hashable, CustomStringConvertible {
  public let description: String
}

extension Scheme: CustomStringConvertible {
  /// The SPEC, defaults left out: `int4,group=64,affine`.
  public var description: String {
    var words: [String]
    switch format {
    case .keep: words = ["keep"]
    case .f16: words = ["f16"]
    case .bf16: words = ["bf16"]
    case .block(let type): words = [type.name.lowercased()]
    case .named(let format): words = [format.rawValue]
    case .uniform(let uniform): words = uniform.words
    case .smallFloat(let small): words = small.words
    case .codebook(let codebook): words = codebook.words
    }
    switch sparsity {
    case .none: break
    case .threshold(let threshold): words.append("threshold=\(threshold)")
    default: words.append("sparsity=\(sparsity.words)")
    }
    if coding != .none { words.append("coding=\(coding.rawValue)") }
    return words.joined(separator: ",")
  }
}

extension UniformScheme {
  fileprivate var words: [String] {
    var words = ["int\(bits)", granularity.description]
    if symmetry != .symmetric { words.append(symmetry.rawValue) }
    switch range {
    case .minMax: break
    case .leastSquares: words.append("range=mse")
    case .percentile(let p): words.append("range=percentile=\(p)")
    case .entropy: words.append("range=entropy")
    }
    if scale != .fp16 { words.append("scale=\(scale.rawValue)") }
    if let rounds { words.append("rounds=\(rounds.rawValue)") }
    return words
  }
}

extension SmallFloatScheme {
  fileprivate var words: [String] {
    guard let granularity, granularity != .channel else { return [word] }
    return [word, granularity.description]
  }
}

extension CodebookScheme {
  fileprivate var words: [String] {
    var words = [word]
    if word == "kmeans" { words.append("entries=\(entries)") }
    if granularity != defaultGranularity { words.append(granularity.description) }
    return words
  }
}

extension Granularity: CustomStringConvertible {
  public var description: String {
    switch self {
    case .tensor: "tensor"
    case .channel: "channel"
    case .axis(let axis): "channel,axis=\(axis)"
    case .group(let size): "group=\(size)"
    }
  }
}

extension Scheme {
  /// Every scheme word, for completion and for the split of `PATTERN=SPEC`.
  public static let words: [String] =
    ["keep"] + UniformScheme.widths.map { "int\($0)" } + ["f16", "fp16", "bf16"]
    + BlockType.allCases.filter { $0 != .q8_1 && $0 != .q8_k }.map { $0.name.lowercased() }
    + SmallFloatScheme.words.map(\.word) + CodebookScheme.words.map(\.word) + NamedFormat.allCases.map(\.rawValue)

  /// Parses a SPEC: a scheme word and options, separated by commas.
  public init(spec: String) throws(SpecError) {
    var parts = spec.split(separator: ",", omittingEmptySubsequences: false)
      .map { String($0).trimmingSpaces.lowercased() }
    let word = parts.removeFirst()
    guard let format = Format(word: word) else {
      if word.hasPrefix("kmeans") {
        throw SpecError(
          description:
            "unknown scheme \"\(word)\": expected kmeans1 … kmeans8, of as many bits, or kmeans,entries=N with N from 2 to "
            + "256")
      }
      throw SpecError(
        description:
          "unknown scheme \"\(word)\"\(suggestion(for: word, among: Self.words)): expected keep, int1 … int8, int16, f16, bf16, a ggml type such as "
          + "q4_k, or another name that `lathe schemes` lists")
    }
    self.init(format)
    var said: [String: String] = [:]
    for part in parts {
      try apply(option: part, after: word, of: spec)
      // One setting is said once: two that agree are one.
      guard let setting = Self.setting(of: part) else { continue }
      if let other = said[setting], other != part {
        throw SpecError(description: "\"\(spec)\" says both \(other) and \(part): only one of them can be")
      }
      said[setting] = part
    }
    if let axis = said["axis"], let other = said["granularity"], other != "channel" {
      throw SpecError(description: "\"\(spec)\" says both \(other) and \(axis): only one of them can be")
    }
  }

  /// What an option sets.
  private static func setting(of option: String) -> String? {
    let name = option.prefix { $0 != "=" }
    switch name {
    case "tensor", "channel", "group": return "granularity"
    case "symmetric", "symmetric-full", "symmetric-signed", "affine": return "symmetry"
    case "sparsity", "threshold": return "sparsity"
    case "axis", "range", "scale", "rounds", "coding", "entries": return String(name)
    default: return nil
    }
  }

  /// The options that any scheme may have, for suggestions.
  private static let optionWords = [
    "tensor", "channel", "axis", "group", "symmetric", "symmetric-full", "symmetric-signed", "affine", "range", "scale",
    "rounds", "sparsity", "threshold", "coding", "entries",
  ]

  private mutating func apply(option: String, after word: String, of spec: String) throws(SpecError) {
    func wrong(_ expected: String) -> SpecError {
      let name = String(option.prefix { $0 != "=" })
      let hint = Self.setting(of: option) == nil ? suggestion(for: name, among: Self.optionWords) : ""
      return SpecError(description: "\"\(option)\" in \"\(spec)\"\(hint): expected \(expected)")
    }
    let name = option.prefix { $0 != "=" }
    let value = option.contains("=") ? String(option.dropFirst(name.count + 1)) : nil
    switch (String(name), value) {
    case ("sparsity", let value?): sparsity = try Sparsity(value, wrong: wrong)
    case ("threshold", let value?):
      guard let threshold = Double(value), threshold >= 0, threshold.isFinite else {
        throw wrong("a magnitude, as in threshold=0.01")
      }
      sparsity = threshold == 0 ? .none : .threshold(threshold)
    case ("coding", let value?):
      guard let coding = Coding(rawValue: value) else { throw wrong("coding=none, huffman or rans") }
      self.coding = coding
    default:
      switch format {
      case .uniform(var uniform):
        try uniform.apply(option: String(name), value: value, wrong: wrong)
        format = .uniform(uniform)
      case .smallFloat(var small) where small.granularity != nil:
        small.granularity = try Granularity(
          option: String(name), value: value, wrong: wrong, others: "tensor, channel, group=N")
        format = .smallFloat(small)
      case .codebook(var codebook):
        try codebook.apply(option: String(name), value: value, after: word, wrong: wrong)
        format = .codebook(codebook)
      default:
        throw wrong("sparsity=, threshold= or coding=; \(word) has no other options")
      }
    }
  }
}

extension Scheme.Format {
  init?(word: String) {
    if word == "keep" {
      self = .keep
    } else if word == "f16" || word == "fp16" {
      self = .f16
    } else if word == "bf16" {
      self = .bf16
    } else if word.hasPrefix("int"), let bits = Int(word.dropFirst(3)), UniformScheme.widths.contains(bits),
      word == "int\(bits)"
    {
      self = .uniform(UniformScheme(bits: bits))
    } else if let type = BlockType.allCases.first(where: { $0.name.lowercased() == word }), type != .q8_1,
      type != .q8_k
    {
      self = .block(type)
    } else if let small = SmallFloatScheme.words.first(where: { $0.word == word }) {
      self = .smallFloat(small.scheme)
    } else if let codebook = CodebookScheme.words.first(where: { $0.word == word }) {
      self = .codebook(codebook.scheme)
    } else if let named = NamedFormat(rawValue: word) {
      self = .named(named)
    } else {
      return nil
    }
  }
}

extension UniformScheme {
  fileprivate mutating func apply(
    option: String, value: String?, wrong: (String) -> SpecError
  ) throws(SpecError) {
    switch (option, value) {
    case ("tensor", nil): granularity = .tensor
    case ("channel", nil): granularity = .channel
    case ("axis", let value?):
      guard let axis = Int(value), (0...7).contains(axis) else {
        throw wrong("axis=N: 0 for outputs, 1 for inputs, 2 and more for a kernel's places")
      }
      granularity = axis == 0 ? .channel : .axis(axis)
    case ("group", let value?):
      guard let size = Int(value), (2...65_536).contains(size) else {
        throw wrong("group=N with N from 2 to 65536")
      }
      granularity = .group(size)
    case ("symmetric", nil): symmetry = .symmetric
    case ("symmetric-full", nil), ("symmetric-signed", nil), ("affine", nil), ("edge", nil):
      guard bits > 1 else { throw wrong("no symmetry with int1, which is the sign times the mean magnitude") }
      symmetry = Symmetry(rawValue: option) ?? symmetry
    case ("range", let value?): range = try RangeRule(value, wrong: wrong)
    case ("scale", let value?):
      guard let scale = ScaleType(rawValue: value) else { throw wrong("scale=fp16, bf16, fp32 or pow2") }
      self.scale = scale
    case ("rounds", let value?):
      guard (2...8).contains(bits) else { throw wrong("rounds= with 2 to 8 bits only") }
      guard let rounds = Rounding(rawValue: value) else { throw wrong("rounds=product, quotient or sum") }
      self.rounds = rounds
    default:
      throw wrong(
        "tensor, channel, axis=N, group=N, symmetric, symmetric-full, symmetric-signed, affine, edge, range=, scale=, "
          + "rounds=, sparsity=, threshold= or coding="
      )
    }
  }
}

extension Granularity {
  /// - Parameter others: what else might have stood here.
  fileprivate init(
    option: String, value: String?, wrong: (String) -> SpecError, others: String
  ) throws(SpecError) {
    switch (option, value) {
    case ("tensor", nil): self = .tensor
    case ("channel", nil): self = .channel
    case ("group", let value?):
      guard let size = Int(value), (2...65_536).contains(size) else {
        throw wrong("group=N with N from 2 to 65536")
      }
      self = .group(size)
    default: throw wrong("\(others), sparsity=, threshold= or coding=")
    }
  }
}

extension CodebookScheme {
  fileprivate mutating func apply(
    option: String, value: String?, after word: String, wrong: (String) -> SpecError
  ) throws(SpecError) {
    guard option == "entries", table != .nf4 else {
      let others = "\(word == "kmeans" ? "entries=N, " : "")tensor, channel, group=N"
      granularity = try Granularity(option: option, value: value, wrong: wrong, others: others)
      return
    }
    guard word == "kmeans" else {
      throw wrong("no entries with \(word), which has \(entries): write kmeans,entries=N")
    }
    guard let value, let entries = Int(value), Self.entryLimits.contains(entries) else {
      throw wrong("entries=N with N from 2 to 256")
    }
    table = .kMeans(entries: entries)
  }
}

extension RangeRule {
  fileprivate init(_ value: String, wrong: (String) -> SpecError) throws(SpecError) {
    if value == "minmax" {
      self = .minMax
    } else if value == "mse" {
      self = .leastSquares
    } else if value == "entropy" {
      self = .entropy
    } else if value.hasPrefix("percentile="), let p = Double(value.dropFirst(11)), p > 50, p <= 100 {
      self = .percentile(p)
    } else {
      throw wrong("range=minmax, mse, entropy or percentile=P with P above 50, at most 100")
    }
  }
}

extension Scheme: Codable {
  public init(from decoder: any Decoder) throws {
    let container = try decoder.singleValueContainer()
    let spec = try container.decode(String.self)
    do {
      try self.init(spec: spec)
    } catch {
      throw DecodingError.dataCorruptedError(in: container, debugDescription: error.description)
    }
  }

  public func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    try container.encode(description)
  }
}

extension String {
  fileprivate var trimmingSpaces: String {
    var text = self[...]
    while text.first == " " { text.removeFirst() }
    while text.last == " " { text.removeLast() }
    return String(text)
  }
}
