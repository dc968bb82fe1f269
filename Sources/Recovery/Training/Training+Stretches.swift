import Compression
import Inference

/// What a training stretch by stretch came to.
public struct StretchTraining: Sendable {
  /// By the checkpoint's layer: the best of its stretch on the samples that are held out.
  public var chosen: [Int: ChosenWeight] = [:]
  /// Of each stretch in the order of the model.
  public var stretches: [Part] = []
  /// Each step's loss, of one stretch after another; NaN where it was none.
  public var losses: [Double] = []
  /// The most bytes that the states of the weights that learn took at a time, with the best and those of the step before.
  public var peakBytes = 0

  /// One stretch.
  public struct Part: Sendable {
    public var stretch: Stretch
    /// The loss on what is held out, before and at its best.
    public var first: Double
    public var best: Double
  }
}

extension Training {
  /// Trains stretch after stretch (`StretchWalk`): each learns, with what the learnt ones before it make of the samples, to
  /// make what the original makes; each goes through all steps. Layers of no stretch, tables that are looked up, do not
  /// learn.
  ///
  /// Cost a step: about four forward runs of one stretch. Memory beside both models' weights: three cuts through the model
  /// for all samples, and three copies of the state of one stretch's weights, whatever the model's size. So of a
  /// language model of SmolLM2's 135 million weights, whose blocks have 3.5 million, learnt rounding takes at most 0.3 GB at a
  /// time, where all at once it takes up to 9.
  ///
  /// - Parameters:
  ///   - layers: those that learn.
  ///   - begin: what learns of a layer, asked for when it is its stretch's turn; `nil` where nothing does.
  ///   - report: hears of steps counted over all stretches.
  /// - Throws: as `run`, but that losses of a stretch that stay no numbers end that stretch alone. A state is written for
  ///   each stretch, as `FILE.0` on: one that is done is not done again.
  public static func runByStretches<Runnable: Model>(
    _ model: Runnable, _ data: Runnable.Data, original: Runnable.Weights, changed: Runnable.Weights, layers: Set<Int>,
    _ options: TrainingOptions = TrainingOptions(), _ request: MeasurementRequest,
    begin: (Int) throws -> (any TrainedWeight)?, report: (TrainingEvent) -> Void = { _ in },
    isCancelled: @escaping () -> Bool = { false }
  ) throws -> StretchTraining {
    guard try model.trainingSamples(data) > 0 else { throw RecoveryError("there are no samples to train on") }
    let batch = options.batch ?? data.stepSamples
    var changed = changed
    var walk = try model.stretches(
      data, batch: batch, original: original, changed: changed, layers: layers, options.loss,
      activations: try model.askedRanges(request, weights: changed, isCancelled: isCancelled), request,
      isCancelled: isCancelled)
    var found = StretchTraining()
    let all = options.steps * walk.stretches.count
    for (number, stretch) in walk.stretches.enumerated() {
      var trained: [Int: any TrainedWeight] = [:]
      for layer in stretch.layers { trained[layer] = try begin(layer) }
      guard !trained.isEmpty else { continue }
      found.peakBytes = max(found.peakBytes, bytes(of: trained))
      if number > 0 { walk.code(in: try model.askedRanges(request, weights: changed, isCancelled: isCancelled)) }
      try walk.advance(to: number, changed: changed, isCancelled: isCancelled)
      var own = options
      own.checkpoint = options.checkpoint.map { "\($0).\(number)" }
      var turn = TrainingTurn(
        loss: StretchLoss(model: model, walk: walk, request: request, isCancelled: isCancelled), changed: changed,
        options: own,
        samples: TrainingSamples(count: walk.count, batch: walk.batch, seed: options.seed), isCancelled: isCancelled,
        progress: TrainingProgress(trained))
      trained = [:]
      let result: TrainingResult
      do {
        result = try turn.finish { event in
          switch event {
          case .step(let step, _, let loss): report(.step(number * options.steps + step, of: all, loss: loss))
          case .heldOut(let step, let loss): report(.heldOut(number * options.steps + step, loss: loss))
          case .note(let note): report(.note("\(stretch.name): \(note)"))
          }
        }
      } catch let failure as TrainingFailure {
        report(.note("\(stretch.name): \(failure)"))
        result = failure.result
      }
      for (layer, weight) in result.chosen.sorted(by: { $0.key < $1.key }) {
        changed = try changed.replacing(layer: layer, withMatrix: weight.values)
        found.chosen[layer] = weight
      }
      found.losses += result.losses
      found.stretches.append(
        .init(stretch: stretch, first: result.heldOut.first?.loss ?? .nan, best: result.best))
    }
    return found
  }

  /// Bytes that weights take while they learn: their states, the best ones and those of the step before, their matrices and
  /// the gradients of these.
  public static func bytes(of trained: [Int: any TrainedWeight]) -> Int {
    trained.values.reduce(0) { $0 + bytes(state: $1.byteCount, weights: $1.rows * $1.columns) }
  }

  /// The same before any learns, of so many weights by a method; 0 where nothing learns.
  public static func expectedBytes(_ choice: CodeChoice, weights: Int) -> Int {
    switch choice {
    case .scales: bytes(state: 12 * weights, weights: weights)
    case .rounding: bytes(state: 25 * weights, weights: weights)
    case .trained: bytes(state: 17 * weights, weights: weights)
    case .nearest, .ranges, .gptq, .equalised, .corrected: 0
    }
  }

  /// The same of so many weights whose state takes so many bytes.
  static func bytes(state: Int, weights: Int) -> Int { 3 * state + 8 * weights }
}
