extension Knapsack {
  /// What the relaxation leaves open: the options of each group that could still be part of a better choice, tried group by
  /// group from the relaxation's choice on. A state is a set of departures from that choice; of two, one that is neither
  /// cheaper nor less harmful goes, and so does one whose bound is no better than the best choice so far.
  struct Core {
    private let problem: Knapsack
    /// The relaxation's choice at `price`, within the limit.
    private let base: [Int]
    private let price: Double
    private let limit: Double
    private let baseTotal: Option
    /// No choice within the limit is better than this.
    private let bound: Double
    private var best: [Int]
    private var bestHarm: Double
    /// The least bound of a state that was dropped for want of room.
    private var dropped = Double.infinity

    /// A state, and how it was come to.
    private struct State {
      var cost: Double
      var harm: Double
      var parent: Int32
      var pick: Int32
    }

    init(_ problem: Knapsack, base: [Int], price: Double, limit: Double, best: [Int], harm: Double) {
      self.problem = problem
      (self.base, self.price, self.limit) = (base, price, limit)
      baseTotal = problem.total(base)
      bound = baseTotal.harm + price * (baseTotal.cost - limit)
      (self.best, bestHarm) = (best, harm)
    }

    /// A departure's price beyond that of the relaxation, which no departure is below.
    private func excess(_ cost: Double, _ harm: Double) -> Double { max(0, harm + price * cost) }

    mutating func run(work: Int) -> Solution {
      let open = openGroups()
      var levels: [[State]] = [[State(cost: 0, harm: 0, parent: -1, pick: -1)]]
      var looked = 0
      for (level, (group, options)) in open.enumerated() {
        let fresh = expand(levels[level], options, of: group)
        looked += fresh.count
        // What is left is shared out among the groups to come.
        let room = max(64, (work - looked) / max(1, (open.count - level) * (options.count + 1)))
        levels.append(pruned(fresh, room: room))
        improve(levels, among: open)
      }
      let harm = problem.total(best)
      return Solution(picks: best, cost: harm.cost, harm: harm.harm, bound: min(harm.harm, max(bound, dropped)))
    }

    /// Groups with options besides the relaxation's that could be better, those that cost least beyond it first.
    private func openGroups() -> [(group: Int, options: [(pick: Int, cost: Double, harm: Double)])] {
      var open: [(group: Int, options: [(pick: Int, cost: Double, harm: Double)], least: Double)] = []
      for (group, all) in problem.groups.enumerated() {
        let own = all[base[group]]
        var (options, least): ([(pick: Int, cost: Double, harm: Double)], Double) = ([], .infinity)
        for (pick, option) in all.enumerated() where pick != base[group] {
          let (cost, harm) = (option.cost - own.cost, option.harm - own.harm)
          let excess = excess(cost, harm)
          guard bound + excess < bestHarm else { continue }
          options.append((pick, cost, harm))
          least = min(least, excess)
        }
        if !options.isEmpty { open.append((group, options, least)) }
      }
      return open.sorted { ($0.least, $0.group) < ($1.least, $1.group) }.map { ($0.group, $0.options) }
    }

    private func expand(
      _ states: [State], _ options: [(pick: Int, cost: Double, harm: Double)], of group: Int
    ) -> [State] {
      var fresh: [State] = []
      fresh.reserveCapacity(states.count * (options.count + 1))
      for (place, state) in states.enumerated() {
        fresh.append(State(cost: state.cost, harm: state.harm, parent: Int32(place), pick: Int32(base[group])))
        for option in options {
          let (cost, harm) = (state.cost + option.cost, state.harm + option.harm)
          guard bound + excess(cost, harm) < bestHarm else { continue }
          fresh.append(State(cost: cost, harm: harm, parent: Int32(place), pick: Int32(option.pick)))
        }
      }
      return fresh
    }

    /// States that no other beats, the cheapest first; where there are too many, those with the best bounds.
    private mutating func pruned(_ states: [State], room: Int) -> [State] {
      var kept: [State] = []
      for state in states.sorted(by: { ($0.cost, $0.harm) < ($1.cost, $1.harm) }) {
        if let last = kept.last, last.harm <= state.harm { continue }
        kept.append(state)
      }
      guard kept.count > room else { return kept }
      let order = kept.indices.sorted { excess(kept[$0].cost, kept[$0].harm) < excess(kept[$1].cost, kept[$1].harm) }
      let last = kept[order[room]]
      dropped = min(dropped, bound + excess(last.cost, last.harm))
      return order[..<room].sorted().map { kept[$0] }
    }

    /// Takes the best state that is within the limit, if it is better than what there was.
    private mutating func improve(
      _ levels: [[State]], among open: [(group: Int, options: [(pick: Int, cost: Double, harm: Double)])]
    ) {
      guard let states = levels.last else { return }
      // Harm falls as cost rises: the last that fits is the best.
      guard let place = states.lastIndex(where: { baseTotal.cost + $0.cost <= limit }) else { return }
      guard baseTotal.harm + states[place].harm < bestHarm else { return }
      var picks = base
      var at = place
      for level in stride(from: levels.count - 1, to: 0, by: -1) {
        let state = levels[level][at]
        picks[open[level - 1].group] = Int(state.pick)
        at = Int(state.parent)
      }
      // Summed anew: the states' sums have their own rounding.
      let total = problem.total(picks)
      guard total.cost <= limit, total.harm < bestHarm else { return }
      (best, bestHarm) = (picks, total.harm)
    }
  }
}
