import Checkpoints
import Compression
import Numerics

/// What was chosen for a model: item name → scheme, and who chose it. What is not in it stays as it is.
public struct Recipe: Sendable, Hashable {
  public var choices: [String: Choice]

  public struct Choice: Sendable, Hashable, Codable {
    public var scheme: Scheme
    public var by: Origin

    public init(_ scheme: Scheme, by: Origin) {
      self.scheme = scheme
      self.by = by
    }
  }

  /// Who chose. A person's own choice is drawn differently, and no search replaces it.
  public enum Origin: String, Sendable, Codable {
    case user, rule, search
  }

  public init(choices: [String: Choice] = [:]) {
    self.choices = choices
  }

  public subscript(item: Item) -> Scheme {
    choices.isEmpty ? .keep : choices[item.sharedWith ?? item.name]?.scheme ?? .keep
  }
}

/// `PATTERN=SPEC`: one scheme for all that the pattern matches.
public struct Rule: Sendable, Hashable {
  public let pattern: Pattern
  public let scheme: Scheme

  public init(pattern: Pattern, scheme: Scheme) {
    self.pattern = pattern
    self.scheme = scheme
  }

  /// Splits at the last `=` that is followed by a scheme word. `scale=bf16` is an option of the SPEC before it, though
  /// `bf16` is a scheme word too: where a SPEC that begins earlier takes the rest in, it has it.
  ///
  /// - Throws: `WorkbenchError` where there is none, or where the SPEC is wrong.
  public init(_ text: String) throws(WorkbenchError) {
    let candidates = text.indices.filter { index in
      guard text[index] == "=" else { return false }
      let word = text[text.index(after: index)...].prefix { $0 != "," }
      return Scheme.words.contains(word.lowercased())
    }
    let whole = candidates.first { (try? Scheme(spec: String(text[text.index(after: $0)...]))) != nil }
    guard let split = whole ?? candidates.first ?? text.firstIndex(of: "=") else {
      throw WorkbenchError("\"\(text)\": expected PATTERN=SPEC, as in '*=int4,group=32'")
    }
    let pattern = String(text[..<split])
    guard !pattern.isEmpty else { throw WorkbenchError("\"\(text)\": there is no pattern before the =") }
    do {
      self.init(
        pattern: Pattern(pattern), scheme: try Scheme(spec: String(text[text.index(after: split)...])))
    } catch {
      throw WorkbenchError(error.description)
    }
  }
}

/// What became of a choice, item by item.
public struct Outcome: Sendable {
  public var recipe: Recipe
  /// By item name: why it stays as it is, or what stands in.
  public var notes: [String: String]
  /// Names of items that were kept where llama.cpp has a substitute for their scheme.
  public var fallbacks: Set<String> = []

  public init(recipe: Recipe, notes: [String: String] = [:]) {
    self.recipe = recipe
    self.notes = notes
  }
}

extension Outcome {
  /// Applies rules in their order, the last match winning, on top of a recipe.
  ///
  /// - Parameters:
  ///   - fallback: for rows that are no multiple of a ggml type's block, take llama.cpp's substitutes.
  /// - Throws: `WorkbenchError` where a pattern matches nothing that it applies to, or where an item named without
  ///   wildcards cannot take its scheme.
  public static func applying(
    _ rules: [Rule], to items: [Item], over recipe: Recipe = Recipe(), by origin: Recipe.Origin = .rule,
    fallback: Bool = false
  ) throws(WorkbenchError) -> Outcome {
    var outcome = Outcome(recipe: recipe)
    for rule in rules {
      var applied = false
      var passedOver = false
      for item in items where rule.pattern.matches(item.name) || rule.pattern.matches(item.tensorName) {
        // Routers choose experts: a small error in them is another expert. They are named or stay.
        guard item.isPatternTarget || rule.pattern.isLiteral else {
          passedOver = true
          continue
        }
        applied = true
        try outcome.choose(
          rule.scheme, for: item, named: rule.pattern.isLiteral, by: origin, fallback: fallback)
      }
      if !applied {
        throw WorkbenchError(
          passedOver
            ? "pattern \"\(rule.pattern)\" matches only biases, norms, routers and buffers: name one without wildcards to change it"
            : "pattern \"\(rule.pattern)\" matches no layer of this model")
      }
    }
    return outcome
  }

  mutating func choose(
    _ scheme: Scheme, for item: Item, named: Bool, by origin: Recipe.Origin, fallback: Bool
  ) throws(WorkbenchError) {
    notes[item.name] = nil
    fallbacks.remove(item.name)
    guard let obstacle = item.obstacle(to: scheme) else {
      recipe.choices[item.name] = Recipe.Choice(scheme, by: origin)
      return
    }
    if fallback, let substitute = scheme.llamaSubstitute(columns: item.matrix.columns), item.closed == nil {
      recipe.choices[item.name] = Recipe.Choice(substitute, by: origin)
      notes[item.name] = "\(substitute) in place of \(scheme): \(obstacle)"
      return
    }
    if named { throw WorkbenchError("\(item.name) cannot take \(scheme): \(obstacle)") }
    recipe.choices[item.name] = nil
    if item.closed == nil, scheme.llamaSubstitute(columns: item.matrix.columns) != nil { fallbacks.insert(item.name) }
    notes[item.name] = "kept, not \(scheme): \(obstacle)"
  }
}

extension Scheme {
  /// What llama-quantize takes where a row is no multiple of the block (its `tensor_type_fallback`), then F16.
  func llamaSubstitute(columns: Int) -> Scheme? {
    guard case .block(let type) = format else { return nil }
    let next: Scheme.Format =
      switch type {
      case .iq1_s, .iq1_m, .iq2_xxs, .iq2_xs, .iq2_s, .iq3_xxs, .iq3_s, .iq4_xs: .block(.iq4_nl)
      case .q2_k, .q3_k, .tq1_0, .tq2_0: .block(.q4_0)
      case .q4_k: .block(.q5_0)
      case .q5_k: .block(.q5_1)
      case .q6_k: .block(.q8_0)
      default: .f16
      }
    var scheme = self
    scheme.format = next
    if case .block(let type) = next, columns % type.blockWeights != 0 { scheme.format = .f16 }
    return scheme
  }
}

extension Item {
  /// Whether patterns mean it: a weight of its own that is no router.
  var isPatternTarget: Bool { kind == .weight && layer.role != .router && sharedWith == nil }
}
