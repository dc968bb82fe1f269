/// One option of each group, so that the harm is least and the cost stays within a limit: the multiple-choice knapsack.
///
///     minimise Σ harm[g][pick g]   subject to   Σ cost[g][pick g] ≤ limit
///
/// Solved by its Lagrangian relaxation (H. Everett 1963), which gives a bound and a first answer, and by dynamic programming
/// over the groups that the bound leaves open, those that matter most first (D. Pisinger, "A minimal algorithm for the
/// multiple-choice knapsack problem", 1995). What it finds is the optimum, or the gap to the bound is told.
struct Knapsack: Sendable {
  struct Option: Sendable, Hashable {
    var cost: Double
    var harm: Double
  }

  /// At least one option each, none with a number that is not finite.
  let groups: [[Option]]
  /// By group: the options on the lower convex hull of cost and harm, the cheapest first.
  let hulls: [[Int]]

  struct Solution: Sendable, Hashable {
    /// By group, the option's index.
    var picks: [Int]
    var cost: Double
    var harm: Double
    /// No choice within the limit does less harm than this.
    var bound: Double

    /// How much better another could be, as a share of the harm; 0 for the proven optimum.
    var gap: Double { harm > 0 ? max(0, (harm - bound) / harm) : 0 }
  }

  /// - Complexity: O(options · log options).
  init(_ groups: [[Option]]) {
    self.groups = groups
    hulls = groups.map(Self.hull)
  }

  /// The cost of the cheapest choice.
  var leastCost: Double { total(hulls.map { $0[0] }).cost }

  /// The problem the other way round: the least cost within a limit of harm.
  var dual: Knapsack { Knapsack(groups.map { $0.map { Option(cost: $0.harm, harm: $0.cost) } }) }

  private static func hull(_ options: [Option]) -> [Int] {
    let order = options.indices.sorted { (options[$0].cost, options[$0].harm) < (options[$1].cost, options[$1].harm) }
    var hull: [Int] = []
    for place in order {
      if let last = hull.last, options[place].harm >= options[last].harm { continue }
      while hull.count > 1, !isBelow(options[hull[hull.count - 1]], options[hull[hull.count - 2]], options[place]) {
        hull.removeLast()
      }
      hull.append(place)
    }
    return hull
  }

  /// Whether an option lies below the straight line between a cheaper and a dearer one.
  private static func isBelow(_ middle: Option, _ cheap: Option, _ dear: Option) -> Bool {
    (cheap.harm - middle.harm) * (dear.cost - cheap.cost) > (cheap.harm - dear.harm) * (middle.cost - cheap.cost)
  }
}

extension Knapsack {
  /// A group's step from one option of its hull to the next dearer one.
  struct Step: Sendable, Hashable {
    let group: Int
    let from: Int
    let to: Int
    /// What it costs more.
    let cost: Double
    /// What it harms less.
    let gain: Double
    /// The harm that a unit of cost saves.
    var price: Double { gain / cost }
  }

  /// The steps from the cheapest choice to the least harmful one, the best for its cost first: the front of choices that no
  /// mixture of others beats. A group's own come in their order, as its hull is convex.
  ///
  /// - Complexity: O(options · log options).
  var steps: [Step] {
    var steps: [Step] = []
    for (group, hull) in hulls.enumerated() {
      for (from, to) in zip(hull, hull.dropFirst()) {
        let (a, b) = (groups[group][from], groups[group][to])
        steps.append(Step(group: group, from: from, to: to, cost: b.cost - a.cost, gain: a.harm - b.harm))
      }
    }
    return steps.sorted { ($0.price, -$0.cost, Double(-$0.group)) > ($1.price, -$1.cost, Double(-$1.group)) }
  }

  func total(_ picks: [Int]) -> Option {
    var (cost, harm) = (0.0, 0.0)
    for (group, pick) in picks.enumerated() {
      cost += groups[group][pick].cost
      harm += groups[group][pick].harm
    }
    return Option(cost: cost, harm: harm)
  }
}

extension Knapsack {
  /// The best choice within a limit; `nil` where the cheapest is beyond it.
  ///
  /// - Parameter work: how many states the dynamic programming may look at before it settles for a gap.
  func solve(limit: Double, work: Int = 2_000_000) -> Solution? {
    guard leastCost <= limit else { return nil }
    var picks = hulls.map { $0[0] }
    var (price, rest) = (0.0, limit - leastCost)
    var isWhole = true
    var filled = picks
    // The steps in their order up to the first that is too dear; behind it, those that still fit.
    for step in steps {
      if isWhole, step.cost <= rest {
        picks[step.group] = step.to
        rest -= step.cost
        filled[step.group] = step.to
      } else {
        if isWhole { (isWhole, price) = (false, step.price) }
        if filled[step.group] == step.from, step.cost <= rest {
          filled[step.group] = step.to
          rest -= step.cost
        }
      }
    }
    let base = total(picks)
    if isWhole { return Solution(picks: picks, cost: base.cost, harm: base.harm, bound: base.harm) }
    let best = total(filled)
    var search = Core(self, base: picks, price: price, limit: limit, best: filled, harm: best.harm)
    return search.run(work: work)
  }
}
