import Checkpoints
import Compression
import Inference

/// Budgets as limits of a search, and what a recipe comes to in a budget's own terms.
extension Session {
  /// What a search needs besides the menu.
  struct SearchTerms: Sendable {
    let budgets: [Budget]
    /// By layer, of a graph's sample; for speeds.
    var multiplications: [Int: Int]?
    /// Bytes that the file has beyond the packed ones; 0 without a target that is a file.
    var overhead = 0
    /// What a file has to have room for beside the weights.
    var story: Provenance?
  }

  /// - Throws: `WorkbenchError` for a budget that cannot be told of this model.
  func searchProblem(_ menu: SearchMenu, _ terms: SearchTerms) throws(WorkbenchError) -> SearchProblem {
    var problem = SearchProblem(menu)
    for budget in terms.budgets {
      switch budget.limit {
      case .bitsPerWeight(let bits):
        problem.limit(bytes: bits * Double(menu.parameters) / 8 - Double(menu.restParameterBytes))
      case .bytes(let bytes): problem.limit(bytes: Double(bytes - terms.overhead - menu.restBytes))
      case .ratio(let ratio):
        problem.limit(bytes: Double(menu.originalBytes) / ratio - Double(terms.overhead + menu.restBytes))
      case .memory(let bytes, let context):
        let cache = (checkpoint.graph == nil ? try? Transformer(checkpoint) : nil)?.cacheBytes(context: context) ?? 0
        problem.limit(bytes: Double(bytes) - cache - Double(menu.restBytes))
      case .speed(let rate, let device):
        let use = DeviceUse(self, on: device, context: 0, multiplications: terms.multiplications)
        guard use.isKnown else {
          throw WorkbenchError("budget \(budget): what a step computes is not known of this model")
        }
        let chosen = Set(menu.groups.flatMap(\.items))
        let rest = items.reduce(0.0) { sum, item in
          guard item.kind == .weight, !chosen.contains(item.id) else { return sum }
          return sum + use.seconds(of: item, bytes: Double(bytes(of: item, in: menu.base[item]).bytes))
        }
        let times = menu.groups.map { group in
          group.options.map { option in
            group.items.compactMap(item(id:)).reduce(0.0) {
              $0 + use.seconds(of: $1, bytes: Double(bytes(of: $1, in: option.scheme).bytes))
            }
          }
        }
        problem.limit(seconds: 1 / rate - use.cacheSeconds - rest, of: times)
      case .atMost, .agreement, .accuracyLoss:
        problem.limit(harm: try largestSum(within: budget) - menu.restHarm)
      }
    }
    return problem
  }

  /// The largest sum of effects whose prediction keeps a budget of harm.
  private func largestSum(within budget: Budget) throws(WorkbenchError) -> Double {
    guard let calibration = sensitivities?.calibration else {
      throw WorkbenchError(
        "budget \(budget): nothing says what layers do to the outputs: --data D or --sensitivity F does")
    }
    func keeps(_ sum: Double) -> Bool? { budget.isKept(by: calibration.predictions(of: sum), calibration) }
    guard keeps(1e-9) != nil else {
      throw WorkbenchError(
        "budget \(budget): there is no estimate of that; there is \(calibration.predictions(of: 1e-3).map(\.metric).joined(separator: ", "))"
      )
    }
    // Of logarithms: predictions grow with the sum.
    var (low, high) = (-60.0, 12.0)
    for _ in 0..<80 {
      let middle = (low + high) / 2
      if keeps(power(2, middle)) == true { low = middle } else { high = middle }
    }
    return power(2, low)
  }
}

extension SearchProblem {
  mutating func limit(bytes limit: Double) { bytes = min(bytes ?? limit, limit) }
  mutating func limit(harm limit: Double) { harm = min(harm ?? limit, limit) }

  /// The tighter of two speeds counts, each as a share of its own limit.
  mutating func limit(seconds limit: Double, of times: [[Double]]) {
    guard let present = seconds, present.limit > 0, limit > 0 else {
      seconds = seconds.map { $0.limit <= 0 ? $0 : (limit, times) } ?? (limit, times)
      return
    }
    // Both are kept where the larger of the two shares is.
    seconds = (
      1, zip(present.of, times).map { zip($0, $1).map { max($0 / present.limit, $1 / limit) } }
    )
  }
}

extension Budget {
  /// Whether predictions keep it; `nil` where its metric is not among them.
  func isKept(by predictions: [Calibration.Prediction], _ calibration: Calibration) -> Bool? {
    func value(_ metric: String) -> Double? { predictions.first { $0.metric == metric }?.value }
    switch limit {
    case .atMost(let metric, let most): return value(metric).map { $0 <= most }
    case .agreement(let least): return value("agreement").map { $0 >= least }
    case .accuracyLoss(let points):
      guard let top = value("top-1"), let baseline = calibration.baseline(of: "top-1") else { return nil }
      return baseline - top <= points / 100
    case .bitsPerWeight, .bytes, .ratio, .memory, .speed: return nil
    }
  }
}
