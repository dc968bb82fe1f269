import Compression

/// A menu within the limits of some budgets: the least harm within size and speed, or the least size within harm.
struct SearchProblem: Sendable {
  let menu: SearchMenu
  /// Bytes that the groups' options may take together; `nil` for any number.
  var bytes: Double?
  /// Seconds that a step may take in the groups' layers, and what each option takes.
  var seconds: (limit: Double, of: [[Double]])?
  /// The most that the options' harms may come to.
  var harm: Double?
  private let knapsack: Knapsack

  init(_ menu: SearchMenu) {
    self.menu = menu
    knapsack = menu.knapsack
  }

  /// - Parameter harms: by group and option, in place of the menu's.
  private func problem(_ harms: [[Double]]?) -> Knapsack {
    guard let harms else { return knapsack }
    return Knapsack(
      zip(menu.groups, harms).map { group, harms in
        zip(group.options, harms).map { .init(cost: Double($0.bytes), harm: $1) }
      })
  }

  /// The best choice; `nil` where none meets the limits.
  ///
  /// - Parameter harms: by group and option, in place of the menu's.
  func solve(_ harms: [[Double]]? = nil) -> Knapsack.Solution? {
    let problem = problem(harms)
    if bytes == nil, seconds == nil, let harm {
      return problem.dual.solve(limit: harm).map { dual in
        Knapsack.Solution(picks: dual.picks, cost: dual.harm, harm: dual.cost, bound: dual.cost)
      }
    }
    guard let seconds else { return problem.solve(limit: bytes ?? .infinity) }
    return both(problem, seconds)
  }

  /// Within bytes and seconds: one limit of a mixture of both, which every choice within both keeps (F. Glover's surrogate,
  /// 1968), with the mixture at which the best choice keeps both.
  private func both(_ problem: Knapsack, _ seconds: (limit: Double, of: [[Double]])) -> Knapsack.Solution? {
    guard seconds.limit > 0 else { return nil }
    let byteLimit = bytes ?? .infinity
    func taken(_ picks: [Int]) -> (bytes: Double, seconds: Double) {
      var (bytes, time) = (0.0, 0.0)
      for (group, pick) in picks.enumerated() {
        bytes += problem.groups[group][pick].cost
        time += seconds.of[group][pick]
      }
      return (bytes, time)
    }
    var best: Knapsack.Solution?
    var bound = 0.0
    var (low, high) = (0.0, 1.0)
    for round in 0..<16 {
      // The seconds' share of the limit: first none, then all, then between.
      let share = byteLimit.isInfinite ? 1 : round == 0 ? 0 : round == 1 ? 1 : (low + high) / 2
      let mixed = Knapsack(
        problem.groups.indices.map { group in
          problem.groups[group].indices.map { pick in
            let option = problem.groups[group][pick]
            let cost =
              (byteLimit.isInfinite ? 0 : (1 - share) * option.cost / byteLimit)
              + share * seconds.of[group][pick] / seconds.limit
            return .init(cost: cost, harm: option.harm)
          }
        })
      guard let found = mixed.solve(limit: 1, work: 200_000) else { return nil }
      bound = max(bound, found.bound)
      let (bytes, time) = taken(found.picks)
      let (keepsBytes, keepsSeconds) = (bytes <= byteLimit, time <= seconds.limit)
      if keepsBytes, keepsSeconds, best.map({ found.harm < $0.harm }) ?? true {
        best = Knapsack.Solution(picks: found.picks, cost: bytes, harm: found.harm, bound: 0)
      }
      if keepsBytes, keepsSeconds, share == 0 || share == 1 { break }
      if byteLimit.isInfinite { break }
      if round > 1 { if keepsSeconds { high = share } else { low = share } }
    }
    guard var found = best else { return nil }
    found.bound = min(found.harm, bound)
    return found
  }

  /// Whether a choice keeps all limits.
  func isWithin(_ picks: [Int]) -> Bool {
    let total = knapsack.total(picks)
    if let bytes, total.cost > bytes { return false }
    if let harm, bytes == nil, seconds == nil, total.harm > harm { return false }
    if let seconds {
      let time = picks.enumerated().reduce(0) { $0 + seconds.of[$1.offset][$1.element] }
      if time > seconds.limit { return false }
    }
    return true
  }

  /// The choice that takes least.
  var least: [Int] { knapsack.hulls.map { $0[0] } }
  /// The choice that harms least.
  var gentlest: [Int] { knapsack.hulls.map { $0[$0.count - 1] } }
  func harm(_ picks: [Int]) -> Double { knapsack.total(picks).harm }
  func bytes(_ picks: [Int]) -> Double { knapsack.total(picks).cost }
}
