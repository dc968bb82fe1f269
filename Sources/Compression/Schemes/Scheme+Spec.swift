import Numerics

/// What was wrong with a SPEC, in words for the person who typed it.
public struct SpecError: Error, Sendable, Hashable, CustomStringConvertible {
  public let description: String
}

extension Scheme: CustomStringConvertible {
  /// The SPEC, defaults left out: `int4,group=64,affine`.
  public var description: String {
    var words = format.value.spec
    switch sparsity {
    case .none: break
    case .threshold(let threshold): words.append("threshold=\(threshold)")
    default: words.append("sparsity=\(sparsity.words)")
    }
    if coding != .none { words.append("coding=\(coding.rawValue)") }
    if by != .nearest { words.append("by=\(by.rawValue)") }
    return words.joined(separator: ",")
  }
}

extension Scheme {
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

  /// Whether any scheme has an option of this name.
  static func isOption(_ name: String) -> Bool { setting(of: name) != nil }

  /// What an option sets.
  private static func setting(of option: String) -> String? {
    let name = option.prefix { $0 != "=" }
    switch name {
    case "tensor", "channel", "group": return "granularity"
    case "symmetric", "symmetric-full", "symmetric-signed", "affine": return "symmetry"
    case "sparsity", "threshold": return "sparsity"
    case "axis", "range", "scale", "rounds", "exponent", "tensor-scale", "coding", "by", "entries": return String(name)
    default: return nil
    }
  }

  /// The options that any scheme may have, for suggestions.
  static let optionWords = [
    "tensor", "channel", "axis", "group", "symmetric", "symmetric-full", "symmetric-signed", "affine", "range", "scale",
    "rounds", "exponent", "tensor-scale", "sparsity", "threshold", "coding", "by", "entries",
  ]

  private mutating func apply(option: String, after word: String, of spec: String) throws(SpecError) {
    let option = SpecOption(option, after: word, of: spec)
    switch (option.name, option.value) {
    case ("sparsity", let value?): sparsity = try Sparsity(value, wrong: option.wrong)
    case ("threshold", let value?):
      guard let threshold = Double(value), threshold >= 0, threshold.isFinite else {
        throw option.wrong("a magnitude, as in threshold=0.01")
      }
      sparsity = threshold == 0 ? .none : .threshold(threshold)
    case ("coding", let value?):
      guard let coding = Coding(rawValue: value) else { throw option.wrong("coding=none, huffman or rans") }
      self.coding = coding
    case ("by", let value?):
      guard let choice = CodeChoice(rawValue: value) else {
        throw option.wrong("by=\(CodeChoice.allCases.map(\.rawValue).joined(separator: ", "))")
      }
      by = choice
    default: format = try format.value.with(option)
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
