import Inference

extension Measurement.Metric {
  /// The mean of a figure a sample, with its standard error s/√n.
  init(mean figures: [Double], name: String, baseline: [Double]? = nil, isShare: Bool = false) {
    let n = Double(figures.count)
    let mean = n > 0 ? figures.reduce(0, +) / n : 0
    let squares = figures.reduce(0) { $0 + ($1 - mean) * ($1 - mean) }
    self.init(
      name: name, value: mean, standardError: n > 1 ? (squares / (n - 1) / n).squareRoot() : 0,
      baseline: baseline.map { $0.isEmpty ? 0 : $0.reduce(0, +) / Double($0.count) }, isShare: isShare)
  }

  /// A share of samples, with its standard error √(p (1 − p) / n).
  init(share hits: [Bool], name: String, baseline: [Bool]? = nil) {
    func share(_ hits: [Bool]) -> Double { hits.isEmpty ? 0 : Double(hits.count { $0 }) / Double(hits.count) }
    let p = share(hits)
    self.init(
      name: name, value: p, standardError: hits.isEmpty ? 0 : (p * (1 - p) / Double(hits.count)).squareRoot(),
      baseline: baseline.map(share), isShare: true)
  }
}

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
  func all() throws(InferenceError) -> [Measurement.Metric] { try labelled() + targeted + compared }

  private func labelled() throws(InferenceError) -> [Measurement.Metric] {
    guard let classes = found.classification, let plainClasses = plain.classification else { return [] }
    var metrics = [
      Measurement.Metric(share: found.isCorrect, name: "top-1", baseline: plain.isCorrect)
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

  private var targeted: [Measurement.Metric] {
    guard !found.targetErrors.isEmpty else { return [] }
    return [.init(mean: found.targetErrors, name: "mean squared error", baseline: plain.targetErrors)]
  }

  private var compared: [Measurement.Metric] {
    guard let comparison else { return [] }
    var metrics: [Measurement.Metric] = []
    if !comparison.isSame.isEmpty { metrics.append(.init(share: comparison.isSame, name: "agreement")) }
    if !comparison.divergences.isEmpty { metrics.append(.init(mean: comparison.divergences, name: "KL divergence")) }
    metrics.append(.init(mean: comparison.cosines, name: "cosine"))
    metrics.append(.init(mean: comparison.squaredErrors, name: "output error"))
    return metrics
  }
}
