import Checkpoints
import Compression

extension Session {
  /// A ratio over the whole model, and the weights that share it.
  public struct SharedRatio: Sendable {
    public let ratio: Double
    let items: [Item]
    let checkpoint: Checkpoint

    /// The threshold below which the share of all these weights lies; equal magnitudes go all or not at all, whichever
    /// is nearer. Every weight is read twice.
    ///
    /// - Throws: `Cancelled`, or what reading throws.
    public func threshold(control: PassControl = .silent) throws -> Double {
      let sources: [any WeightSource] = items.map { CheckpointWeights(checkpoint: checkpoint, item: $0) }
      let count = sources.reduce(0) { $0 + $1.count }
      let goal = Int((ratio * Double(count)).rounded())
      guard goal > 0 else { return 0 }
      let (limit, below, equal) = try MagnitudeRank.find(goal, among: sources, control: control)
      if goal - below <= below + equal - goal { return Double(limit) }
      // Above the greatest Float there is a Double, and no Float.
      return limit.nextUp.isFinite ? Double(limit.nextUp) : Double(limit).nextUp
    }
  }

  /// Ratios over the model that have no threshold yet.
  public var sharedRatios: [SharedRatio] {
    var members: [Double: [Item]] = [:]
    // Where nothing is chosen, nothing is asked of hundreds of thousands.
    if recipe.choices.isEmpty { return [] }
    for item in items {
      if case .model(let ratio) = recipe[item].sparsity { members[ratio, default: []].append(item) }
    }
    return members.sorted { $0.key < $1.key }.map {
      SharedRatio(ratio: $0.key, items: $0.value, checkpoint: checkpoint)
    }
  }

  /// Puts the threshold in the place of a ratio over the model: the same choice, now of each weight for itself.
  public mutating func resolve(_ ratio: Double, as threshold: Double) {
    var recipe = recipe
    for (name, choice) in recipe.choices where choice.scheme.sparsity == .model(ratio) {
      recipe.choices[name]?.scheme.sparsity = threshold > 0 ? .threshold(threshold) : .none
    }
    replaceTop(with: recipe)
  }

  /// Finds all thresholds on the calling thread.
  public mutating func resolveSharedRatios() throws(WorkbenchError) {
    for shared in sharedRatios {
      do {
        resolve(shared.ratio, as: try shared.threshold())
      } catch {
        throw WorkbenchError("\(error)")
      }
    }
  }
}
