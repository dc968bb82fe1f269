internal import Checkpoints

extension Network: Model {
  public static var codesActivations: Bool { true }

  public func data(_ request: MeasurementRequest) throws -> Dataset {
    try Dataset(request.data, for: self, images: request.images)
  }

  public func loadWeights(for data: Dataset, beside: Int, memory: Int?) throws(InferenceError) -> Weights {
    try loadWeights(memory: memory)
  }

  public func fewSamples(of data: Dataset) -> Int { min(data.count, 256) }

  public func walk(
    _ data: Dataset, samples: Int, weights: Weights, _ request: MeasurementRequest, isCancelled: @escaping () -> Bool
  ) throws(InferenceError) -> NetworkWalk {
    try NetworkWalk(self, data, samples: samples, weights: weights, request.options, isCancelled: isCancelled)
  }

  /// With labels: `top-1`, `top-5`, macro `precision`, `recall` and `F1`, `cross entropy`. With targets: `mean squared
  /// error`. With changed weights how far the outputs lie from the original's: `agreement` of the highest score, `KL
  /// divergence`, `cosine`, and `output error`, the mean squared difference.
  public func score(
    _ data: Dataset, original: Weights, changed: Weights?, _ request: MeasurementRequest, progress: (Int, Int) -> Void,
    isCancelled: @escaping () -> Bool
  ) throws -> Score {
    guard data.selfMadeTitle == nil else {
      throw InferenceError(data.path, "is for calibration: what was drawn by statistics scores nothing")
    }
    var candidates = [Candidate(weights: original)]
    if changed != nil || request.activations != nil {
      var other = Candidate(weights: changed ?? original)
      other.activations = try askedRanges(request, weights: other.weights, isCancelled: isCancelled)
      candidates.append(other)
    }
    let compared = try compare(
      data, candidates, request.options, progress: progress,
      running: { found in found.runningFigure.map { request.running?($0) } }, isCancelled: isCancelled)
    let found = compared.evaluations
    let metrics = Metrics(
      found: found[found.count - 1], plain: found[0], comparison: compared.comparisons.first, isCancelled: isCancelled)
    let all = try metrics.all()
    guard !all.isEmpty || request.options.keepsOutputs else {
      let note = metrics.found.notes.first ?? "it has no labels and no targets"
      throw InferenceError(
        request.data, "there is nothing to measure: \(note), and no choice was made whose outputs could be compared")
    }
    return Score(
      metrics: all, samples: metrics.found.samples, seconds: metrics.found.seconds,
      classification: metrics.found.classification, notes: metrics.found.notes, outputs: compared.outputs,
      classNames: metrics.found.labels.isEmpty ? [] : data.classNames)
  }
}

extension Network {
  public func askedRanges(
    _ request: MeasurementRequest, weights: Weights, isCancelled: @escaping () -> Bool
  ) throws -> ActivationRanges? {
    guard let wanted = request.activations else { return nil }
    let calibration = try Dataset(wanted.calibration, for: self, images: request.images)
    return try activationRanges(
      calibration, weights: weights, bits: wanted.bits, percentile: wanted.percentile, isCancelled: isCancelled)
  }
}

extension Dataset: ScoredData {
  public var windowLength: Int { 1 }
  public var stepSamples: Int { 32 }
}

extension Weights: ModelWeights {}

extension Network.Compared {
  /// The most telling figure so far: of labels, else of how far the outputs lie from the original's.
  fileprivate var runningFigure: Metric? {
    guard let found = evaluations.last, let plain = evaluations.first else { return nil }
    if !found.labels.isEmpty, found.samples > 0 {
      return Metric(share: found.isCorrect, name: "top-1", baseline: plain.isCorrect)
    }
    guard let comparison = comparisons.first, !comparison.cosines.isEmpty else { return nil }
    return Metric(mean: comparison.cosines, name: "cosine")
  }
}
