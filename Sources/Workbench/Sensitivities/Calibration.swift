import Inference

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// From the sum over the layers to the metrics that a person asks for, each by its own fit to what was measured.
public struct Calibration: Sendable, Hashable {
  /// The metric that sensitivities are of.
  private let main: LogLinearFit
  private let difference: OutputDifference
  /// 1 − agreement: of small changes as the root of the divergence.
  private let disagreement: LogLinearFit?
  private let lossRise: LinearFit?
  private let topDrop: LinearFit?
  /// The uncompressed model's figures by the metric's name.
  private let baselines: [String: Double]
  private let method: Sensitivities.Method

  /// A metric as it is expected to be measured.
  public struct Prediction: Sendable, Hashable {
    /// `kl`, `cosine` (1 − cosine), `mse`, `agreement`, `perplexity` (ratio), `top-1`, `loss`.
    public var metric: String
    public var value: Double
    /// The 90 % interval.
    public var low: Double
    public var high: Double
    /// `anchors`, `gradients`, `fitted K=8`.
    public var method: String

    public init(metric: String, value: Double, low: Double, high: Double, method: String) {
      (self.metric, self.value, self.low, self.high, self.method) = (metric, value, low, high, method)
    }
  }

  /// How many measured recipes it rests on.
  public var measured: Int { main.count }

  public init(_ sensitivities: Sensitivities) {
    let trials = sensitivities.trials
    difference = sensitivities.difference
    method = sensitivities.method
    func figures(_ name: String) -> [(sum: Double, outputs: Double, figure: Trial.Figure)] {
      trials.compactMap { trial in
        trial.metrics.first { $0.name == name }.map { (trial.sum, Double(max(1, trial.outputs)), $0) }
      }
    }
    let own = figures(sensitivities.difference.metricName)
    let isCosine = sensitivities.difference == .cosine
    let shares = own.compactMap { one -> Double? in
      let value = isCosine ? 1 - one.figure.value : one.figure.value
      return value > 0 ? one.figure.standardError.map { $0 / value } : nil
    }.sorted()
    main = LogLinearFit(
      own.map { ($0.sum, isCosine ? 1 - $0.figure.value : $0.figure.value) },
      noise: min(1, shares.isEmpty ? sensitivities.scatter : shares[shares.count / 2]))
    var known: [String: Double] = [:]
    for trial in trials { for figure in trial.metrics { known[figure.name] = known[figure.name] ?? figure.baseline } }
    baselines = known
    let agreement = figures("agreement")
    let flips =
      agreement.isEmpty
      ? nil : LogLinearFit(agreement.map { ($0.sum, 1 - $0.figure.value) }, power: 0.5, level: 1)
    disagreement = flips
    let loss = figures("cross entropy").compactMap { one in one.figure.baseline.map { (one, $0) } }
    let main = main
    lossRise =
      loss.isEmpty
      ? nil
      : LinearFit(
        loss.map { one, baseline in
          // Both losses are of the same samples: that of their difference is √(2 · KL / n) to the first order.
          let divergence = main.value(at: one.sum).value
          return (divergence, one.figure.value - baseline, (2 * divergence / one.outputs).squareRoot())
        },
        prior: (1, 0.5))
    let top = figures("top-1").compactMap { one in one.figure.baseline.map { (one, $0) } }
    topDrop =
      top.isEmpty || flips == nil
      ? nil
      : LinearFit(
        top.map { one, baseline in
          (
            flips?.value(at: one.sum).value ?? 0, baseline - one.figure.value,
            // As McNemar: only samples whose class changes carry it.
            ((flips?.value(at: one.sum).value ?? 0) / one.outputs).squareRoot()
          )
        }, prior: (0.5, 0.5))
  }

  /// The uncompressed model's figure.
  func baseline(of metric: String) -> Double? { baselines[metric] }

  private var methodName: String { measured > 0 ? "fitted K=\(measured)" : method.rawValue }

  /// The metric that sensitivities are of, for a recipe whose layers' effects come to `sum`.
  public func prediction(of sum: Double) -> Prediction {
    make(difference.rawValue, main.value(at: sum))
  }

  /// All metrics that were measured on the way, the main one first.
  public func predictions(of sum: Double) -> [Prediction] {
    var all = [prediction(of: sum)]
    if let disagreement {
      let flips = disagreement.value(at: sum)
      all.append(
        make("agreement", (1 - min(1, flips.value), max(0, 1 - flips.high), 1 - min(1, flips.low))))
      if let topDrop, let baseline = baselines["top-1"] {
        let drop = topDrop.value(at: min(1, flips.value))
        all.append(
          make("top-1", (clipped(baseline - drop.value), clipped(baseline - drop.high), clipped(baseline - drop.low))))
      }
    }
    if let lossRise {
      let rise = lossRise.value(at: main.value(at: sum).value)
      if baselines["perplexity"] != nil {
        all.append(make("perplexity", (exp(rise.value), exp(rise.low), exp(rise.high))))
      } else if let baseline = baselines["cross entropy"] {
        all.append(make("loss", (baseline + rise.value, baseline + rise.low, baseline + rise.high)))
      }
    }
    return all
  }

  private func clipped(_ share: Double) -> Double { min(1, max(0, share)) }

  private func make(_ metric: String, _ found: (value: Double, low: Double, high: Double)) -> Prediction {
    Prediction(metric: metric, value: found.value, low: found.low, high: found.high, method: methodName)
  }
}

extension Sensitivities {
  /// The standard error of the layers' effects on the samples, as a share of them: they scatter together.
  fileprivate var scatter: Double {
    let points = layers.values.compactMap { layer in layer.points.first { $0.isMeasured } }
    let effects = points.reduce(0) { $0 + $1.effect }
    return effects > 0 ? points.reduce(0) { $0 + $1.standardError } / effects : 0
  }
}
