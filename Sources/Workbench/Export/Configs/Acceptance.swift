import Compression
import Numerics

/// One scheme that a tool takes for some kinds of layers, and what its config says of it.
struct Acceptance: Sendable {
  /// `linear`, `embedding`, `convolution`, … (`Item.targetKinds`), ONNX operators, or `any`.
  let kinds: Set<String>
  let format: Scheme.Format
  /// Whether the group may have any size.
  let hasAnyGroup: Bool
  /// Whether every scheme fits, written as `*`.
  var takesEverything = false
  let sparsities: Set<SparsityKind>
  /// For the templates.
  let fields: [String: String]

  /// What is set to zero, its numbers aside.
  enum SparsityKind: Hashable, Sendable {
    case ratio, threshold, wanda
    case pattern(Int, Int)
    case wandaPattern(Int, Int)
    case structured
    case model
  }
}

// MARK: - Reading

extension Acceptance {
  /// Parses `KINDS : SPECS : FIELDS`: every scheme that the braces stand for.
  static func parse(_ text: String) throws(WorkbenchError) -> [Acceptance] {
    // `2:4` has a colon of its own: columns are parted by one between spaces.
    let parts = columns(text)
    guard parts.count == 2 || parts.count == 3 else {
      throw WorkbenchError("\"\(text)\": expected KINDS : SCHEMES, or KINDS : SCHEMES : FIELDS")
    }
    let kinds = Set(parts[0].split(separator: " ").map(String.init))
    var fields: [String: String] = [:]
    for field in (parts.count > 2 ? parts[2] : "").split(separator: " ") {
      guard let equals = field.firstIndex(of: "=") else {
        throw WorkbenchError("\"\(field)\": expected a field as NAME=VALUE")
      }
      fields[String(field[..<equals])] = String(field[field.index(after: equals)...])
    }
    var found: [Acceptance] = []
    for word in parts[1].split(separator: " ") {
      if word == "*" {
        found.append(
          Acceptance(
            kinds: kinds, format: .keep, hasAnyGroup: false, takesEverything: true, sparsities: [], fields: fields))
        continue
      }
      var sparsities: Set<SparsityKind> = []
      var options = alternativesApart(String(word))
      for option in options where option.hasPrefix("sparsity=") {
        for value in expand(String(option.dropFirst(9))) { sparsities.insert(try kind(value)) }
      }
      if options.contains("threshold") { sparsities.insert(.threshold) }
      options.removeAll { $0 == "threshold" || $0.hasPrefix("sparsity=") }
      for spec in expand(options.joined(separator: ",")) {
        let words = spec.split(separator: ",")
        let hasAnyGroup = words.contains("group=*")
        let plain = words.map { $0 == "group=*" ? "group=32" : $0 }.joined(separator: ",")
        do {
          found.append(
            Acceptance(
              kinds: kinds, format: try Scheme(spec: plain).format, hasAnyGroup: hasAnyGroup, sparsities: sparsities,
              fields: fields))
        } catch { throw WorkbenchError("\(error)") }
      }
    }
    return found
  }

  /// The parts of a line between ` : `.
  private static func columns(_ text: String) -> [String] {
    var columns = [""]
    for word in text.split(separator: " ") {
      if word == ":" { columns.append("") } else { columns[columns.count - 1] += " " + word }
    }
    return columns
  }

  private static func kind(_ text: String) throws(WorkbenchError) -> SparsityKind {
    switch text {
    case "ratio": return .ratio
    case "wanda": return .wanda
    case "structured": return .structured
    case "model": return .model
    default:
      let isWanda = text.hasPrefix("wanda:")
      let numbers = (isWanda ? text.dropFirst(6) : text[...]).split(separator: ":").compactMap { Int($0) }
      guard numbers.count == 2 else {
        throw WorkbenchError("sparsity=\(text): expected ratio, model, structured, wanda, N:M or wanda:N:M")
      }
      return isWanda ? .wandaPattern(numbers[0], numbers[1]) : .pattern(numbers[0], numbers[1])
    }
  }

  /// `a,b={1,2},c` as its three options.
  private static func alternativesApart(_ text: String) -> [String] {
    var parts = [""]
    var depth = 0
    for character in text {
      if character == "{" { depth += 1 }
      if character == "}" { depth -= 1 }
      if character == ",", depth == 0 { parts.append("") } else { parts[parts.count - 1].append(character) }
    }
    return parts
  }

  /// `int{4,8},group={32,64}`: four texts.
  static func expand(_ text: String) -> [String] {
    guard let open = text.firstIndex(of: "{"), let close = text[open...].firstIndex(of: "}") else { return [text] }
    let before = text[..<open]
    let rests = expand(String(text[text.index(after: close)...]))
    return text[text.index(after: open)..<close].split(separator: ",", omittingEmptySubsequences: false)
      .flatMap { value in rests.map { before + value + $0 } }
  }
}

// MARK: - Asking

extension Acceptance {
  func takes(_ kinds: Set<String>) -> Bool { self.kinds.contains("any") || !self.kinds.isDisjoint(with: kinds) }

  func takes(_ format: Scheme.Format) -> Bool {
    self.format == format || hasAnyGroup && format.groupSize != nil && self.format == format.withGroup(32)
  }

  func takes(_ sparsity: Sparsity) -> Bool { SparsityKind(sparsity).map(sparsities.contains) ?? true }
}

extension Acceptance.SparsityKind {
  /// `nil` for dense weights.
  init?(_ sparsity: Sparsity) {
    switch sparsity {
    case .none: return nil
    case .ratio: self = .ratio
    case .threshold: self = .threshold
    case .weighted: self = .wanda
    case .pattern(let keep, let of): self = .pattern(keep, of)
    case .weightedPattern(let keep, let of): self = .wandaPattern(keep, of)
    case .structured: self = .structured
    case .model: self = .model
    }
  }

  /// In words.
  var text: String {
    switch self {
    case .ratio: "a ratio by magnitude (sparsity=0.3)"
    case .threshold: "a threshold"
    case .wanda: "a ratio by weight and input (sparsity=wanda:0.3)"
    case .pattern(let keep, let of): "\(keep):\(of)"
    case .wandaPattern(let keep, let of): "wanda:\(keep):\(of)"
    case .structured: "whole channels, heads or blocks"
    case .model: "a ratio shared by the model"
    }
  }
}

extension Scheme.Format {
  /// Weights side by side that share a scale, where that is chosen.
  var groupSize: Int? { if case .group(let size)? = granularity { size } else { nil } }

  var granularity: Granularity? {
    switch self {
    case .uniform(let uniform): uniform.granularity
    case .smallFloat(let small): small.granularity
    case .codebook(let codebook): codebook.granularity
    default: nil
    }
  }

  func withGroup(_ size: Int) -> Scheme.Format {
    switch self {
    case .uniform(var uniform):
      uniform.granularity = .group(size)
      return .uniform(uniform)
    case .smallFloat(var small):
      small.granularity = .group(size)
      return .smallFloat(small)
    case .codebook(var codebook):
      codebook.granularity = .group(size)
      return .codebook(codebook)
    default: return self
    }
  }

  /// The same with scales of another type.
  func withScale(_ type: ScaleType) -> Scheme.Format {
    guard case .uniform(var uniform) = self else { return self }
    uniform.scale = type
    return .uniform(uniform)
  }

  /// What tells schemes apart, from the coarsest on: the word, then what shares a scale, and so on.
  var traits: [String] {
    let word = String(Scheme(self).description.prefix { $0 != "," })
    let shared: [String] =
      switch granularity {
      case nil: ["", ""]
      case .group(let size): ["groups", "groups of \(size)"]
      case .channel: ["channels", ""]
      case .tensor: ["one scale a tensor", ""]
      case .axis(let axis): ["axis \(axis)", ""]
      }
    guard case .uniform(let uniform) = self else { return [word] + shared }
    let range =
      switch uniform.range {
      case .minMax: "range=minmax"
      case .leastSquares: "range=mse"
      case .percentile: "range=percentile"
      case .entropy: "range=entropy"
      }
    return [word] + shared + [uniform.symmetry.rawValue, range, "scale=\(uniform.scale.rawValue)"]
  }
}

extension ConfigTarget {
  /// The acceptance that a scheme falls under for a layer of some kinds.
  ///
  /// - Throws: `Unfit`: what the tool takes instead.
  func acceptance(of scheme: Scheme, kinds: Set<String>) throws(Unfit) -> Acceptance? {
    let offered = acceptances.filter { $0.takes(kinds) }
    if let open = offered.first(where: \.takesEverything) { return open }
    if scheme.coding != .none { throw Unfit("\(tool) has no entropy coding") }
    var format = scheme.format
    if case .uniform(let uniform) = format {
      guard scales.contains(uniform.scale) else { throw Unfit("\(tool) chooses the type of scales itself") }
      format = format.withScale(.fp16)
    }
    let fitting = offered.filter { $0.takes(format) || format == .keep }
    if let kind = Acceptance.SparsityKind(scheme.sparsity), !fitting.contains(where: { $0.takes(scheme.sparsity) }) {
      if format == .keep || !fitting.isEmpty {
        let known = Set((fitting.isEmpty ? offered : fitting).flatMap(\.sparsities)).map(\.text).sorted()
        throw Unfit(
          known.isEmpty
            ? "\(tool) takes no sparsity here"
            : "\(tool) prunes by \(known.joined(separator: " or ")), not by \(kind.text)")
      }
    }
    if format == .keep { return offered.first { $0.format == .keep } }
    guard let acceptance = fitting.first(where: { $0.takes(scheme.sparsity) }) else {
      throw Unfit(offered.isEmpty ? leavesAlone(kinds) : difference(of: format, from: offered))
    }
    return acceptance
  }

  private func leavesAlone(_ kinds: Set<String>) -> String {
    let known = Set(acceptances.flatMap(\.kinds)).sorted().joined(separator: ", ")
    return "\(tool) quantises \(known), and this is \(kinds.sorted().joined(separator: ", "))"
  }

  /// The first trait in which a scheme differs from all that are left of what is offered.
  private func difference(of format: Scheme.Format, from offered: [Acceptance]) -> String {
    var left = offered
    let traits = format.traits
    for (place, trait) in traits.enumerated() {
      let next = left.filter { acceptance in
        let theirs = acceptance.format.traits
        return place < theirs.count && (theirs[place] == trait || acceptance.hasAnyGroup && place == 2)
      }
      if next.isEmpty {
        let family = trait.prefix { $0.isLetter }
        var known = Array(Set(left.compactMap { place < $0.format.traits.count ? $0.format.traits[place] : nil }))
        let kin = known.filter { $0.hasPrefix(family) }
        if place == 0, !kin.isEmpty { known = kin }
        known = known.filter { !$0.isEmpty && $0 != "keep" }.sorted { a, b in
          a.count == b.count ? a < b : a.count < b.count
        }
        let shown = known.prefix(10).joined(separator: ", ") + (known.count > 10 ? ", …" : "")
        return shown.isEmpty ? "no \(Scheme(format)) for \(tool)" : "no \(trait) for \(tool): it takes \(shown)"
      }
      left = next
    }
    return "no \(Scheme(format)) for \(tool)"
  }

  /// Why a scheme does not fit, in a few words.
  struct Unfit: Error {
    let reason: String
    /// Whether it does not fit even where the recipe leaves the layer alone: the tool would not.
    let isCertain: Bool

    init(_ reason: String, whateverTheRecipe isCertain: Bool = false) {
      self.reason = reason
      self.isCertain = isCertain
    }
  }
}
