import Checkpoints
import Compression
import Numerics

/// What became of a choice, item by item.
public struct Outcome: Sendable {
  public var recipe: Recipe
  /// By item name: why it stays as it is, or what stands in.
  public var notes: [String: String]
  /// Names of items that were kept where llama.cpp has a substitute for their scheme.
  public var fallbacks: Set<String> = []
  /// How the recipe came about, where a file tells it.
  public var provenance: Provenance?
  /// Codes that were chosen, by the items' names, where the choice comes with some.
  var chosen: [String: ChosenWeight] = [:]
  public var hasChosenCodes: Bool { !chosen.isEmpty }

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
      for item in items where rule.pattern.matches(item) {
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
            : rule.pattern.matchesNothing(among: items))
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
    let next: Scheme.Format = type.substitute.map { .block($0) } ?? .f16
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
