import CKernels
import Compression
import Inference

/// One training on its way.
struct TrainingTurn<Loss: TrainedLoss> {
  var loss: Loss
  /// What the layers that are not trained are.
  let changed: Loss.Weights
  let options: TrainingOptions
  let samples: TrainingSamples
  let isCancelled: () -> Bool
  var progress: TrainingProgress

  /// Goes on from the state in the options' file, where there is one, and trains to the end.
  ///
  /// - Throws: as `Training.run`.
  mutating func finish(_ report: (TrainingEvent) -> Void) throws -> TrainingResult {
    let name = progress.name(options, samples)
    if let path = options.checkpoint, try progress.resume(from: path, of: name) {
      report(.note("goes on from step \(progress.step) of \(path)"))
      loss.code(in: progress.ranges)
    }
    guard !progress.weights.isEmpty else { return progress.result }
    do {
      try run(name, report)
    } catch {
      // What stopped it is what is said, whether or not this can be written.
      if let path = options.checkpoint, !(error is RecoveryError) { try? progress.save(to: path, of: name) }
      throw error
    }
    return progress.result
  }

  private mutating func run(_ name: String, _ report: (TrainingEvent) -> Void) throws {
    // What the last step began with.
    var before = progress.weights
    while true {
      let step = progress.step
      let isLast = step >= options.steps
      if isLast || step % max(1, options.steps / max(1, options.checks)) == 0, progress.heldOut.last?.step != step {
        try judge(report)
      }
      if isLast || step > 0 && step % max(1, options.checkpointEvery) == 0 {
        // Whoever goes on from here knows no state before it.
        before = progress.weights
        if let path = options.checkpoint { try progress.save(to: path, of: name) }
      }
      if isLast { return }
      if isCancelled() { throw InferenceError.cancelled }
      try make(&before, report)
    }
  }

  /// One step.
  private mutating func make(_ before: inout [Int: any TrainedWeight], _ report: (TrainingEvent) -> Void) throws {
    let found = try loss.found(
      samples.batch(progress.step), try replaced(progress.weights.mapValues { $0.values }),
      ofLayers: Set(progress.weights.keys))
    guard found.loss.isFinite, found.gradients.values.allSatisfy({ Self.isFinite($0) }) else {
      progress.losses.append(.nan)
      progress.step += 1
      return try undo(to: before, found.loss, report)
    }
    progress.losses.append(found.loss)
    progress.failures = 0
    before = progress.weights
    let rate =
      options.rate * TrainingMoment.cosine(progress.step, of: options.steps) / Float(1 << min(60, progress.halvings))
    let moment = TrainingMoment(step: progress.step, steps: options.steps, rate: rate)
    for layer in progress.weights.keys.sorted() {
      guard let gradient = found.gradients[layer] else { continue }
      progress.weights[layer]?.step(gradient, moment)
    }
    progress.step += 1
    report(.step(progress.step, of: options.steps, loss: found.loss))
  }

  private mutating func undo(
    to before: [Int: any TrainedWeight], _ loss: Double, _ report: (TrainingEvent) -> Void
  ) throws {
    progress.weights = before
    progress.halvings += 1
    progress.failures += 1
    let what = loss.isFinite ? "a gradient is no number" : "the loss is \(loss.isNaN ? "NaN" : "infinite")"
    report(
      .note("step \(progress.step): \(what): the step before it is undone, and the rate halved"))
    guard progress.failures >= Training.mostFailures else { return }
    throw TrainingFailure(
      description:
        "\(what) in \(progress.failures) steps one after another, the last of them step \(progress.step): the training ends; its best until then is kept",
      result: progress.result)
  }

  /// The loss on what is held out, of the weights as they would be finished now.
  private mutating func judge(_ report: (TrainingEvent) -> Void) throws {
    var (sum, units) = (0.0, 0)
    let finished = progress.weights.mapValues { $0.finished().values }
    let weights = try replaced(finished)
    progress.ranges = try loss.ranges(weights)
    loss.code(in: progress.ranges)
    for first in stride(from: 0, to: samples.heldOut.count, by: max(32, samples.batch)) {
      let part = Array(samples.heldOut[first..<min(samples.heldOut.count, first + max(32, samples.batch))])
      let found = try loss.found(part, weights, ofLayers: [])
      sum += found.loss * Double(found.units)
      units += found.units
    }
    let loss = sum / Double(max(1, units))
    progress.heldOut.append((progress.step, loss))
    if loss < progress.bestLoss { (progress.bestLoss, progress.best) = (loss, progress.weights) }
    report(.heldOut(progress.step, loss: loss))
  }

  private func replaced(_ values: [Int: [Float]]) throws -> Loss.Weights {
    var weights = changed
    for (layer, matrix) in values.sorted(by: { $0.key < $1.key }) {
      weights = try weights.replacing(layer: layer, withMatrix: matrix)
    }
    return weights
  }

  private static func isFinite(_ numbers: [Float]) -> Bool { lathe_sum(numbers, numbers.count).isFinite }
}
