import Checkpoints
import Compression
import FileAccess
import Inference
import Numerics
import Recovery

/// Layers that learn, block by block or all at once, and what they come to.
struct LearningTurn<Runnable: Model> {
  let session: Session
  /// The weights that are aimed at.
  let source: RecoverySource
  let items: [Item]
  let model: Runnable
  let data: Runnable.Data
  let original: Runnable.Weights
  /// With what was chosen so far.
  var changed: Runnable.Weights
  let request: RecoveryRequest
  let isCancelled: () -> Bool
  var found: Recovered
  /// A file for the training's state that is taken away when it is done.
  var state: String?

  private var options: TrainingOptions {
    var options = request.training
    options.checkpoint = options.checkpoint ?? state
    return options
  }

  /// Each block by what the original makes there.
  mutating func learnByBlocks(_ progress: (RecoveryProgress) -> Void) throws {
    let byLayer = Dictionary(items.map { ($0.layerIndex, $0) }) { first, _ in first }
    let before = found.chosen
    var notes: [String] = []
    let result = try Training.runByStretches(
      model, data, original: original, changed: changed, layers: Set(byLayer.keys), options, request.measurement,
      begin: { layer in
        guard let item = byLayer[layer], let chosen = before[item.name] else { return nil }
        return try session.trainedWeight(source, item, chosen, request)
      }, report: { Self.tell($0, &notes, progress) }, isCancelled: isCancelled)
    if let state { for number in result.stretches.indices { removeEntry("\(state).\(number)") } }
    found.losses += result.losses
    found.notes += notes
    var shares: [Double] = []
    for part in result.stretches {
      let share = part.first > 0 && part.best.isFinite ? min(1, part.best / part.first) : 1
      shares.append(share)
      for layer in part.stretch.layers {
        if let weight = result.chosen[layer] { try take(weight, byLayer[layer], share) }
      }
    }
    if !shares.isEmpty {
      let mean = shares.reduce(0, +) / Double(shares.count)
      found.notes.append(
        "learnt block by block in \(result.losses.count) steps: the errors of what \(shares.count) blocks make, on what was held out of the data, fell to \(Format.percent(mean)) on the mean"
      )
    }
    let left = items.filter { result.chosen[$0.layerIndex] == nil }
    if let first = left.first {
      let more = left.count > 1 ? " and \(left.count - 1) more" : ""
      found.notes.append("\(first.name)\(more): in no block of its own, so that its codes stay as they were chosen")
    }
  }

  /// All at once, by the model's outputs.
  mutating func learnWhole(_ progress: (RecoveryProgress) -> Void) throws {
    var trained: [Int: any TrainedWeight] = [:]
    for item in items {
      guard let chosen = found.chosen[item.name] else { continue }
      trained[item.layerIndex] = try session.trainedWeight(source, item, chosen, request)
    }
    guard !trained.isEmpty else { return }
    let result: TrainingResult
    var notes: [String] = []
    do {
      result = try Training.run(
        model, data, original: original, changed: changed, trained, options, request.measurement,
        report: { Self.tell($0, &notes, progress) }, isCancelled: isCancelled)
    } catch let failure as TrainingFailure {
      notes.append(failure.description)
      result = failure.result
    }
    if let state { removeEntry(state) }
    found.losses += result.losses
    found.notes += notes
    // The loss of all layers together: of each its part is taken to have fallen alike.
    let first = result.heldOut.first?.loss ?? 0
    let share = first > 0 && result.best.isFinite ? min(1, result.best / first) : 1
    if first > 0 {
      found.notes.append(
        "learnt in \(result.losses.count) steps: the loss on what was held out of the data fell from \(Format.scientific(first)) to \(Format.scientific(result.best))"
      )
    }
    for item in items { if let weight = result.chosen[item.layerIndex] { try take(weight, item, share) } }
  }

  /// A layer's weight that learnt, with the share of its outputs' error that is left.
  private mutating func take(_ weight: ChosenWeight, _ item: Item?, _ share: Double) throws {
    guard let item, let before = found.chosen[item.name] else { return }
    var weight = weight
    (weight.nearestError, weight.moved) = (before.nearestError, before.moved)
    weight.outputError = before.outputError.map { $0 * share }
    found.chosen[item.name] = weight
    changed = try changed.replacing(layer: item.layerIndex, withMatrix: weight.values)
  }

  private static func tell(
    _ event: TrainingEvent, _ notes: inout [String], _ progress: (RecoveryProgress) -> Void
  ) {
    switch event {
    case .step(let step, let steps, let loss):
      progress(RecoveryProgress(what: "steps", done: step, of: steps, loss: loss))
    case .heldOut: break
    case .note(let text): notes.append(text)
    }
  }
}
