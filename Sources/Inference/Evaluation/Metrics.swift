/// The metrics of what a network made of samples.
struct Metrics {
  let found: Evaluation
  /// The uncompressed model's.
  let plain: Evaluation
  /// How far the outputs lie from the uncompressed model's.
  let comparison: OutputComparison?
  let isCancelled: () -> Bool

  /// The most telling first.
  ///
  /// - Throws: `InferenceError.cancelled`.
  func all() throws(InferenceError) -> [Metric] { try labelled() + targeted + compared }

  private func labelled() throws(InferenceError) -> [Metric] {
    guard let classes = found.classification, let plainClasses = plain.classification else { return [] }
    var metrics = [
      Metric(share: found.isCorrect, name: "top-1", baseline: plain.isCorrect)
    ]
    if found.classes > 5 {
      metrics.append(.init(share: found.isAmongFive, name: "top-5", baseline: plain.isAmongFive))
    }
    let (macro, before) = (classes.macro, plainClasses.macro)
    let errors = try Bootstrap.standardErrors(samples: found.samples, count: 3, isCancelled: isCancelled) { drawn in
      let figures = Classification.macro(
        labels: found.labels, predictions: found.predictions, samples: drawn, classes: classes.classCount)
      return [figures.precision, figures.recall, figures.f1]
    }
    metrics += [
      .init(
        name: "precision", value: macro.precision, standardError: errors[0],
        baseline: before.precision, isShare: true),
      .init(
        name: "recall", value: macro.recall, standardError: errors[1], baseline: before.recall,
        isShare: true),
      .init(name: "F1", value: macro.f1, standardError: errors[2], baseline: before.f1, isShare: true),
      .init(mean: found.losses, name: "cross entropy", baseline: plain.losses),
    ]
    return metrics
  }

  private var targeted: [Metric] {
    guard !found.targetErrors.isEmpty else { return [] }
    return [.init(mean: found.targetErrors, name: "mean squared error", baseline: plain.targetErrors)]
  }

  private var compared: [Metric] {
    guard let comparison else { return [] }
    var metrics: [Metric] = []
    if !comparison.isSame.isEmpty { metrics.append(.init(share: comparison.isSame, name: "agreement")) }
    if !comparison.divergences.isEmpty { metrics.append(.init(mean: comparison.divergences, name: "KL divergence")) }
    metrics.append(.init(mean: comparison.cosines, name: "cosine"))
    metrics.append(.init(mean: comparison.squaredErrors, name: "output error"))
    return metrics
  }
}
