import Checkpoints
import Compression
import Inference

/// Choosing what moves between layers, and biases that make good what outputs' means lose.
extension Session {
  /// What was asked for, in words for a person.
  public struct BiasChoice: Sendable {
    /// Pairs of layers that are equalised; biases that are corrected.
    public var pairs = 0
    public var biases = 0
    /// Layers whose weights change and that have no bias of their own.
    public var withoutBias = 0
  }

  /// Has layers equalised that the scheme of their weights lets: those that take the nearest levels get `by=equalised`, and
  /// so do the biases that go along. The recipe is one step further.
  ///
  /// - Parameter isWhole: whether those with another `by=`, too; else those with `by=equalised` alone.
  /// - Throws: `WorkbenchError`: no model to run.
  public mutating func chooseEqualised(all isWhole: Bool) throws(WorkbenchError) -> BiasChoice {
    var found = BiasChoice()
    guard isWhole || items.contains(where: { $0.kind == .weight && self.recipe[$0].by == .equalised }) else {
      return found
    }
    let model = try runnable()
    let (weights, biases) = itemsByPlace
    var recipe = self.recipe
    for pair in model.neighbours {
      guard let first = weights[pair.first], let second = weights[pair.second],
        [first, second].allSatisfy({ canEqualise($0, all: isWhole) })
      else { continue }
      if let bias = pair.bias {
        guard let item = biases[bias], item.closed == nil else { continue }
        if self.recipe[item].isKeep { recipe.choices[item.name] = .init(Scheme(.keep, by: .equalised), by: .rule) }
        guard [.equalised, .corrected].contains(recipe[item].by) else { continue }
      }
      for item in [first, second] where recipe[item].by == .nearest {
        var scheme = recipe[item]
        scheme.by = .equalised
        recipe.choices[item.name] = .init(scheme, by: recipe.choices[item.name]?.by ?? .rule)
      }
      found.pairs += 1
    }
    if recipe != self.recipe { commit(recipe) }
    return found
  }

  /// Has the biases of all layers corrected whose weights change.
  ///
  /// - Throws: `WorkbenchError`: no model to run.
  public mutating func chooseCorrectedBiases() throws(WorkbenchError) -> BiasChoice {
    var found = BiasChoice()
    let model = try runnable()
    let (vectors, biases) = (itemsByPlace.biases, model.correctableBiases)
    var recipe = self.recipe
    for item in items where item.kind == .weight && item.isLayersWeight && !recipe[item].isKeep && !item.isShared {
      guard let bias = biases[item.layerIndex].flatMap({ vectors[$0] }), bias.closed == nil else {
        found.withoutBias += 1
        continue
      }
      // One that a person quantised stays so.
      let scheme = recipe[bias]
      guard scheme.isKeep || scheme.by == .equalised else { continue }
      recipe.choices[bias.name] = .init(Scheme(.keep, by: .corrected), by: .rule)
      found.biases += 1
    }
    if recipe != self.recipe { commit(recipe) }
    return found
  }

  /// Whether a weight's codes can be chosen for other numbers than its own.
  func canEqualise(_ item: Item, all isWhole: Bool) -> Bool {
    let scheme = recipe[item]
    guard item.kind == .weight, !item.isShared, !scheme.isKeep, scheme.hasGrid else { return false }
    return scheme.by == .equalised || isWhole
  }

  /// Layers' weights by the layer, and all else by the tensor.
  var itemsByPlace: (weights: [Int: Item], biases: [Int: Item]) {
    var (weights, biases): ([Int: Item], [Int: Item]) = ([:], [:])
    for item in items {
      if item.kind == .weight, item.isLayersWeight { weights[item.layerIndex] = item } else { biases[item.id] = item }
    }
    return (weights, biases)
  }

  private func runnable() throws(WorkbenchError) -> any Model {
    do throws(InferenceError) { return try checkpoint.model() } catch { throw WorkbenchError(error.description) }
  }
}

extension ChosenWeight {
  /// A bias that was moved or corrected: it does no damage of its own.
  init(bias: [Float], _ scheme: Scheme) {
    self.init(scheme: scheme, rows: 1, columns: bias.count, content: .numbers(bias), outputError: 0)
    nearestError = 0
  }
}
