import Checkpoints
import Compression
import FileAccess
import Inference
import Numerics
import Recovery

extension Session {
  /// Lets layers learn from what the original makes of the data, from the codes that were chosen for them on.
  ///
  /// - Parameters:
  ///   - source: the weights that are aimed at.
  ///   - items: those that learn; their chosen codes are replaced.
  ///   - changed: all that was chosen.
  func learn<Runnable: Model>(
    _ source: RecoverySource, _ items: [Item], _ model: Runnable, _ data: Runnable.Data, original: Runnable.Weights,
    changed: Runnable.Weights,
    _ request: RecoveryRequest, _ found: inout Recovered, progress: (RecoveryProgress) -> Void,
    isCancelled: @escaping () -> Bool
  ) throws {
    var learning: [Item] = []
    for item in items {
      guard let chosen = found.chosen[item.name] else { continue }
      if case .numbers = chosen.content, chosen.scheme.by != .trained {
        found.notes.append("\(item.name): plain numbers have no scales and no rounding to learn")
      } else {
        learning.append(item)
      }
    }
    guard !learning.isEmpty else { return }
    let order = learningOrder(learning, request, &found)
    var turn = LearningTurn(
      session: self, source: source, items: learning, model: model, data: data, original: original, changed: changed,
      request: request, isCancelled: isCancelled, found: found)
    if let folder = request.folder {
      turn.state = "\(folder)/training-\(trainingKey(learning, found, order, request)).state"
    }
    if order != .whole { try turn.learnByBlocks(progress) }
    if order != .blocks { try turn.learnWhole(progress) }
    found = turn.found
  }

  /// The order that was asked for, or else the method's own, as far as there is room for it: of rounding block by block,
  /// which finds more in as many steps, of all others all at once.
  func learningOrder(
    _ items: [Item], _ request: RecoveryRequest, _ found: inout Recovered
  ) -> LearningOrder {
    if let order = request.order { return order }
    if items.allSatisfy({ recipe[$0].by == .rounding }) { return .blocks }
    let needed = items.reduce(0) { sum, item in
      sum + Training.expectedBytes(recipe[item].by, weights: item.count)
    }
    let room =
      (request.measurement.options.memory ?? TransformerWeights.standardMemory)
      - self.items.reduce(0) { $0 + 8 * $1.count }
    guard needed > room else { return .whole }
    found.notes.append(
      "learns block by block: all at once takes \(Format.bytes(needed)), where \(Format.bytes(max(0, room))) are left (--memory)"
    )
    return .blocks
  }

  /// What learns of an item by its scheme's method; `nil` of plain numbers that have nothing to learn.
  func trainedWeight(
    _ source: RecoverySource, _ item: Item, _ chosen: ChosenWeight, _ request: RecoveryRequest
  ) throws -> (any TrainedWeight)? {
    let own = CheckpointWeights(checkpoint: checkpoint, item: item)
    switch chosen.scheme.by {
    case .scales: return ScaleTraining(chosen, rate: ScaleTraining.standardRate * chosen.scaleStep)
    case .rounding: return RoundingTraining(chosen, original: try source.choice(chosen.scheme, item).weights)
    case .trained:
      var latent = request.latent
      latent.scaleRate *= chosen.scaleStep
      return LatentTraining(
        chosen, original: try source.choice(chosen.scheme, item).weights, shape: own.shape,
        importances: item.importances?.squares.flatMap { $0 }, halfType: own.halfType, latent)
    case .nearest, .ranges, .gptq, .equalised, .corrected: return nil
    }
  }

  /// What tells one training from another.
  private func trainingKey(
    _ items: [Item], _ found: Recovered, _ order: LearningOrder, _ request: RecoveryRequest
  ) -> String {
    var digester = Digester()
    digester.add(absolutePath(checkpoint.path))
    digester.add(absolutePath(request.measurement.data))
    digester.add("\(request.training) \(request.latent) \(order) \(request.measurement.activations as Any)")
    for item in items {
      digester.add(item.name)
      digester.add("\(recipe[item])")
      found.chosen[item.name]?.values.withUnsafeBytes { digester.add($0) }
    }
    return String(digester.finish().hexadecimal.prefix(16))
  }
}

extension ChosenWeight {
  /// What a step of a scale is multiplied by: with many levels the outermost moves by as much as with few.
  fileprivate var scaleStep: Float {
    switch content {
    case .codes(let grid, _): 4 / Float(max(4, grid.levels.count))
    case .blocks(let type, _): 4 / Float(max(4, 1 << min(8, Int(type.bitsPerWeight))))
    case .numbers: 1
    }
  }
}
