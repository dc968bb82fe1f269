import Inference

extension Provenance {
  /// The story of a search's answer: its budgets, how it was found and how good it can be at most, and what was measured of
  /// it.
  public init(_ tuning: Tuning, _ request: TuningRequest, target: Target? = nil) {
    let answer = tuning.answer
    let isFound = answer.name.hasPrefix("search")
    let gap = isFound ? ", gap \(Format.percent(tuning.gap))" : ", which no search bettered"
    let budgets = request.budgets.map { budget in
      budget.description.split(separator: "@").map { Self.withoutFolders(String($0)) }.joined(separator: "@")
    }
    let data = request.measurement?.data
    let measured = answer.metrics.filter(\.isFinite).map { metric in
      Measured(
        metric: metric.name, value: metric.value, standardError: metric.standardError, baseline: metric.baseline,
        data: data.map(Self.withoutFolders) ?? "", samples: request.samples ?? 0)
    }
    self.init(
      budgets: budgets, method: "tune: \(answer.name)\(gap)", data: data, measured: measured, target: target?.name)
  }

  /// A story of a search as long as its answer's can be: what a file has to have room for.
  static func longest(_ request: TuningRequest, target: Target?) -> Provenance {
    let number = -1.234567e-99
    let data = request.measurement.map { withoutFolders($0.data) }
    let measured = (0..<(data == nil ? 0 : 14)).map { _ in
      Measured(
        metric: "cross entropy", value: number, standardError: number, baseline: number, data: data ?? "",
        samples: 1 << 40)
    }
    let budgets = request.budgets.map(\.description)
    return Provenance(
      budgets: budgets, method: "tune: search, perturbed 100, which no search bettered", data: data,
      estimate: Expected(metric: "perplexity", value: number, low: number, high: number, method: "fitted K=1000"),
      measured: measured, target: target?.name)
  }
}
