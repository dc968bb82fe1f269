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
}
