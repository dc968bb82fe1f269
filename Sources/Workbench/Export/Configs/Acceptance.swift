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
  /// What the tool makes of it: the grid of its codes and the type of its scales.
  var numbers = ToolNumbers()

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
    let numbers = try ToolNumbers(fields)
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
              fields: fields, numbers: numbers))
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

  /// The scheme as it stands, or with the tool's own grid.
  func takes(_ format: Scheme.Format) -> Bool {
    let format = hasAnyGroup && format.groupSize != nil ? format.withGroup(32) : format
    return self.format == format || numbers.grid(of: self.format) == format
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
