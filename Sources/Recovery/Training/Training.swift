import CKernels
import Checkpoints
import Compression
import Inference

/// Weights that learn from what the original makes of the data.
///
/// Step after step a batch runs, forward and back, and every trained weight moves against its gradient, by a rate that falls
/// from 1 to 0 along a cosine. A tenth of the samples is held out; what has the least loss on them is the result, so that
/// it is never worse there than what the training began with. A loss that is no number undoes the step before it and
/// halves the rate; three in a row end the training.
///
/// Cost a step: about four forward runs of the batch. Memory beside the run: three copies of each trained weight's own
/// state, and two of its matrix.
public enum Training {
  /// Losses in a row that are no numbers before the training ends.
  static let mostFailures = 3

  /// Trains some layers.
  ///
  /// - Parameters:
  ///   - original: the teacher.
  ///   - changed: what the layers that are not trained are.
  ///   - trained: by the checkpoint's layer; each has the size of its matrix.
  ///   - report: hears of each step.
  ///   - isCancelled: asked many times a step.
  /// - Throws: `TrainingFailure` where losses stay no numbers; `RecoveryError` for a state that cannot be gone on from, and
  ///   one that cannot be written; `InferenceError.cancelled`, and what a run throws: data that do not fit the model, an
  ///   operator without gradient. Before it throws, the state is written where there is a place for it.
  public static func run<Runnable: Model>(
    _ model: Runnable, _ data: Runnable.Data, original: Runnable.Weights, changed: Runnable.Weights,
    _ trained: [Int: any TrainedWeight], _ options: TrainingOptions = TrainingOptions(),
    _ request: MeasurementRequest, report: (TrainingEvent) -> Void = { _ in },
    isCancelled: @escaping () -> Bool = { false }
  ) throws -> TrainingResult {
    let count = try model.trainingSamples(data)
    guard count > 0 else { throw RecoveryError("there are no samples to train on") }
    for (layer, weight) in trained {
      guard let matrix = model.checkpoint.layers[layer].matrix, matrix.rows == weight.rows,
        matrix.columns == weight.columns
      else { throw RecoveryError("the layer \(layer) is no matrix of \(weight.rows) by \(weight.columns)") }
    }
    let batch = options.batch ?? data.stepSamples
    var turn = TrainingTurn(
      model: model, data: data, original: original, changed: changed, options: options, request: request,
      samples: TrainingSamples(count: count, batch: batch, seed: options.seed), isCancelled: isCancelled,
      progress: TrainingProgress(trained))
    let name = turn.progress.name(options, turn.samples)
    if let path = options.checkpoint, try turn.progress.resume(from: path, of: name) {
      report(.note("goes on from step \(turn.progress.step) of \(path)"))
    }
    guard !trained.isEmpty else { return turn.progress.result }
    do {
      try turn.run(name, report)
    } catch {
      // What stopped it is what is said, whether or not this can be written.
      if let path = options.checkpoint, !(error is RecoveryError) { try? turn.progress.save(to: path, of: name) }
      throw error
    }
    return turn.progress.result
  }
}

/// One training on its way.
private struct TrainingTurn<Runnable: Model> {
  let model: Runnable
  let data: Runnable.Data
  let original: Runnable.Weights
  let changed: Runnable.Weights
  let options: TrainingOptions
  let request: MeasurementRequest
  let samples: TrainingSamples
  let isCancelled: () -> Bool
  var progress: TrainingProgress

  mutating func run(_ name: String, _ report: (TrainingEvent) -> Void) throws {
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
    let found = try model.lossGradients(
      data, samples: samples.batch(progress.step), original: original,
      changed: try replaced(progress.weights.mapValues { $0.values }), options.loss,
      ofLayers: Set(progress.weights.keys), request, isCancelled: isCancelled)
    guard found.loss.isFinite, found.gradients.values.allSatisfy({ Self.isFinite($0) }) else {
      progress.losses.append(.nan)
      progress.step += 1
      return try undo(to: before, found.loss, report)
    }
    progress.losses.append(found.loss)
    progress.failures = 0
    before = progress.weights
    let rate = TrainingMoment.cosine(progress.step, of: options.steps) / Float(1 << min(60, progress.halvings))
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
    for first in stride(from: 0, to: samples.heldOut.count, by: max(32, samples.batch)) {
      let part = Array(samples.heldOut[first..<min(samples.heldOut.count, first + max(32, samples.batch))])
      let found = try model.lossGradients(
        data, samples: part, original: original, changed: weights, options.loss, ofLayers: [], request,
        isCancelled: isCancelled)
      sum += found.loss * Double(found.units)
      units += found.units
    }
    let loss = sum / Double(max(1, units))
    progress.heldOut.append((progress.step, loss))
    if loss < progress.bestLoss { (progress.bestLoss, progress.best) = (loss, progress.weights) }
    report(.heldOut(progress.step, loss: loss))
  }

  private func replaced(_ values: [Int: [Float]]) throws -> Runnable.Weights {
    var weights = changed
    for (layer, matrix) in values.sorted(by: { $0.key < $1.key }) {
      weights = try weights.replacing(layer: layer, withMatrix: matrix)
    }
    return weights
  }

  private static func isFinite(_ numbers: [Float]) -> Bool { lathe_sum(numbers, numbers.count).isFinite }
}
