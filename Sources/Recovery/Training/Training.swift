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
/// Activations that are to be coded get their ranges anew each time that the loss on what is held out is found, as whoever
/// evaluates the result finds them.
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
    let samples = TrainingSamples(count: count, batch: batch, seed: options.seed)
    let loss = WholeLoss(
      model: model, data: data.keepingDecoded(bytes: Self.keptBytes), original: original, loss: options.loss,
      request: request,
      // To run the original on samples that few steps take is not worth it.
      teacher: options.steps >= count / max(1, 2 * batch) ? TeacherOutputs(bytes: Self.keptBytes) : nil,
      isCancelled: isCancelled)
    var turn = TrainingTurn(
      loss: loss, changed: changed, options: options, samples: samples, isCancelled: isCancelled,
      progress: TrainingProgress(trained))
    return try turn.finish(report)
  }

  /// Bytes of the original's outputs, and of decoded images, that are kept over steps.
  static let keptBytes = 512 << 20
}
