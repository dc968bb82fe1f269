import Checkpoints
import Compression
import FileAccess
import Numerics

extension Session {
  /// The recipe that llama-quantize's mix of a name (`LlamaMix.names`) makes of this model; what it leaves as it is is not
  /// in it.
  ///
  /// For GGUF files, and for the models that `export --to gguf` gives llama.cpp's names. A Hugging Face folder's vocabulary
  /// is read for it.
  ///
  /// - Returns: `nil` for a name that there is not, a model that llama.cpp does not run, and a mix that it makes with an
  ///   importance matrix alone where the session has none.
  public func mix(named name: String) -> Recipe? {
    LlamaMix.named(name).flatMap { LlamaWeights(self)?.recipe($0) }
  }

  /// All of llama-quantize's mixes that can be made of the model, in the order of its list.
  public var mixes: [(name: String, recipe: Recipe)] {
    guard let weights = LlamaWeights(self) else { return [] }
    return LlamaMix.all.compactMap { mix in weights.recipe(mix).map { (mix.name, $0) } }
  }
}

/// The weights that llama-quantize would quantise, under llama.cpp's names.
struct LlamaWeights {
  private let weights: [(weight: LlamaMix.Weight, item: Item)]
  private let shape: LlamaShape

  /// - Returns: `nil` for a model that llama.cpp does not run.
  init?(_ session: Session) {
    // The file as it would be without any choice: names, shapes and metadata are llama.cpp's.
    var plain = session
    plain.history = RecipeHistory()
    guard let plan = try? plain.ggufPlan(), plan.architecture != nil,
      let shape = LlamaShape(plan.header.fields, hasImportances: session.importancePath != nil)
    else { return nil }
    self.shape = shape
    let exceptions = ConfigTarget.all.first { $0.name == "llama.cpp" }?.exceptions ?? []
    let byName = Dictionary(session.items.map { ($0.name, $0) }) { first, _ in first }
    weights = zip(plan.header.tensors, plan.parts).compactMap { entry, part in
      // A matrix of one row is a vector there.
      guard let item = byName[part.source], entry.name.hasSuffix("weight"),
        entry.shape.drop(while: { $0 == 1 }).count > 1, !exceptions.contains(where: { $0.matches(entry.name) })
      else { return nil }
      return (LlamaMix.Weight(name: entry.name, shape: entry.shape), item)
    }
  }

  /// - Returns: `nil` where llama-quantize stops.
  func recipe(_ mix: LlamaMix) -> Recipe? {
    guard let types = mix.types(of: weights.map(\.weight), in: shape) else { return nil }
    var recipe = Recipe()
    for (weight, item) in weights {
      guard let type = types[weight.name] else { continue }
      if let type, item.importances == nil, mix.needsImportance(type, weight.name) { return nil }
      let scheme = type.map { Scheme(.block($0)) } ?? Scheme(.f16)
      let isSame = item.packing == nil && item.type == (type.map { .ggml($0) } ?? .f16)
      if !isSame, item.obstacle(to: scheme) == nil { recipe.choices[item.name] = Recipe.Choice(scheme, by: .rule) }
    }
    return recipe
  }
}

extension LlamaMix {
  /// Whether llama-quantize stops at a weight that has no importances (its `tensor_requires_imatrix`).
  fileprivate func needsImportance(_ type: BlockType, _ weight: String) -> Bool {
    switch Self.kind(of: weight, isTied: false) {
    case .head, .embedding: false
    default: GGUFPlan.needsImportance(type, weight) || type == .q2_k && name == "Q2_K_S"
    }
  }
}
