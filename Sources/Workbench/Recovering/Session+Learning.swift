import Checkpoints
import Compression
import FileAccess
import Inference
import Numerics
import Recovery

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

extension Session {
  /// Lets layers learn from what the original makes of the data, from the codes that were chosen for them on.
  ///
  /// - Parameters:
  ///   - items: those that learn; their chosen codes are replaced.
  ///   - changed: all that was chosen.
  func learn<Runnable: Model>(
    _ items: [Item], _ model: Runnable, _ data: Runnable.Data, original: Runnable.Weights, changed: Runnable.Weights,
    _ request: RecoveryRequest, _ found: inout Recovered, progress: (RecoveryProgress) -> Void,
    isCancelled: @escaping () -> Bool
  ) throws {
    var trained: [Int: any TrainedWeight] = [:]
    var changed = changed
    for item in items {
      guard let chosen = found.chosen[item.name] else { continue }
      guard let weight = try trainedWeight(item, chosen, request) else {
        found.notes.append("\(item.name): plain numbers have no scales and no rounding to learn")
        continue
      }
      trained[item.layerIndex] = weight
      changed = try changed.replacing(layer: item.layerIndex, withMatrix: weight.values)
    }
    guard !trained.isEmpty else { return }
    var options = request.training
    if options.checkpoint == nil, let folder = request.folder {
      options.checkpoint = "\(folder)/training-\(trainingKey(trained, request)).state"
    }
    let result: TrainingResult
    var notes: [String] = []
    var losses: [Double] = []
    do {
      result = try Training.run(
        model, data, original: original, changed: changed, trained, options, request.measurement,
        report: { event in
          switch event {
          case .step(let step, let steps, let loss):
            losses.append(loss)
            progress(RecoveryProgress(what: "steps", done: step, of: steps, loss: loss))
          case .heldOut: break
          case .note(let text): notes.append(text)
          }
        }, isCancelled: isCancelled)
    } catch let failure as TrainingFailure {
      notes.append(failure.description)
      result = failure.result
    }
    if let path = options.checkpoint, request.folder != nil { unlink(path) }
    found.losses = result.losses.isEmpty ? losses : result.losses
    found.notes += notes
    // The loss of all layers together: of each its part is taken to have fallen alike.
    let first = result.heldOut.first?.loss ?? 0
    let share = first > 0 && result.best.isFinite ? min(1, result.best / first) : 1
    if first > 0 {
      found.notes.append(
        "learnt in \(result.losses.count) steps: the loss on what was held out of the data fell from \(Format.scientific(first)) to \(Format.scientific(result.best))"
      )
    }
    for item in items {
      guard var weight = result.chosen[item.layerIndex], let before = found.chosen[item.name] else { continue }
      weight.nearestError = before.nearestError
      weight.outputError = before.outputError.map { $0 * share }
      found.chosen[item.name] = weight
    }
  }

  private func trainedWeight(
    _ item: Item, _ chosen: ChosenWeight, _ request: RecoveryRequest
  ) throws -> (any TrainedWeight)? {
    let source = CheckpointWeights(checkpoint: checkpoint, item: item)
    switch chosen.scheme.by {
    case .scales: return ScaleTraining(chosen, rate: ScaleTraining.standardRate * chosen.scaleStep)
    case .rounding: return RoundingTraining(chosen, original: try LayerChoice(chosen.scheme, of: source).weights)
    case .trained:
      var latent = request.latent
      latent.scaleRate *= chosen.scaleStep
      return LatentTraining(
        chosen, original: try LayerChoice(chosen.scheme, of: source).weights, shape: source.shape,
        importances: item.importances?.squares.flatMap { $0 }, halfType: source.halfType, latent)
    case .nearest, .ranges, .gptq: return nil
    }
  }

  /// What tells one training from another.
  private func trainingKey(_ trained: [Int: any TrainedWeight], _ request: RecoveryRequest) -> String {
    var digester = Digester()
    digester.add(absolutePath(checkpoint.path))
    digester.add(absolutePath(request.measurement.data))
    digester.add("\(request.training) \(request.latent)")
    for (layer, weight) in trained.sorted(by: { $0.key < $1.key }) {
      digester.add(layer)
      weight.values.withUnsafeBytes { digester.add($0) }
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
