import Testing

@testable import Workbench

/// The knapsack against every choice that there is.
struct KnapsackTests {
  /// Options with integer costs, so that sums are exact.
  private func random(_ groups: Int, _ options: Int, _ seed: UInt64) -> Knapsack {
    var random = SplitMix64(state: seed)
    return Knapsack(
      (0..<groups).map { _ in
        (0..<options).map { _ in
          .init(cost: (random.uniform() * 40).rounded(), harm: (random.uniform() * 1000).rounded() / 8)
        }
      })
  }

  private func bruteForce(_ problem: Knapsack, _ limit: Double) -> Double? {
    var best: Double?
    var picks = problem.groups.map { _ in 0 }
    while true {
      let total = problem.total(picks)
      if total.cost <= limit, best.map({ total.harm < $0 }) ?? true { best = total.harm }
      var place = 0
      while place < picks.count {
        picks[place] += 1
        if picks[place] < problem.groups[place].count { break }
        picks[place] = 0
        place += 1
      }
      if place == picks.count { return best }
    }
  }

  @Test("The choice is the best of all, and is proven to be", arguments: 0..<60)
  func isOptimal(seed: Int) throws {
    let problem = random(2 + seed % 5, 1 + seed % 6, UInt64(seed))
    for share in [0.05, 0.2, 0.37, 0.5, 0.71, 0.95] {
      let limit = (problem.leastCost + share * 40 * Double(problem.groups.count)).rounded()
      let best = bruteForce(problem, limit)
      let found = problem.solve(limit: limit)
      #expect((found == nil) == (best == nil))
      guard let found, let best else { continue }
      #expect(found.harm == best)
      #expect(found.cost <= limit)
      #expect(abs(found.gap) < 1e-12)
      #expect(problem.total(found.picks) == .init(cost: found.cost, harm: found.harm))
    }
  }

  @Test("Below the cheapest choice there is none")
  func cheapest() {
    let problem = random(4, 3, 7)
    #expect(problem.solve(limit: problem.leastCost - 1) == nil)
    #expect(problem.solve(limit: problem.leastCost)?.cost == problem.leastCost)
  }

  @Test("The least cost within a harm is the same problem the other way round", arguments: 0..<10)
  func dual(seed: Int) throws {
    let problem = random(4, 4, UInt64(100 + seed))
    let least = try #require(problem.solve(limit: problem.leastCost + 30))
    let back = try #require(problem.dual.solve(limit: least.harm))
    // As good or better in cost, and no more harmful.
    #expect(back.harm <= least.cost)
    #expect(back.cost <= least.harm)
  }

  @Test(
    "The front's steps are convex, lead from the cheapest to the gentlest choice, and no choice of a front is beaten")
  func steps() throws {
    let problem = random(5, 6, 3)
    let steps = problem.steps
    #expect(zip(steps, steps.dropFirst()).allSatisfy { $0.price >= $1.price })
    var picks = problem.hulls.map { $0[0] }
    for step in steps {
      #expect(picks[step.group] == step.from)
      picks[step.group] = step.to
      let total = problem.total(picks)
      #expect(try #require(bruteForce(problem, total.cost)) == total.harm)
    }
    #expect(picks == problem.hulls.map { $0[$0.count - 1] })
  }

  @Test(
    "Of a thousand layers with fifty options the gap that is told is small, and holds against the relaxation's bound")
  func large() throws {
    let problem = random(1000, 50, 11)
    let least = problem.leastCost
    let found = try #require(problem.solve(limit: (least + 6000).rounded()))
    #expect(found.cost <= least + 6000)
    #expect(found.gap < 1e-3)
    #expect(found.bound <= found.harm)
  }

  @Test("With hardly any work allowed, the gap is told and is no lie")
  func gap() throws {
    for seed in 0..<20 {
      let problem = random(7, 5, UInt64(500 + seed))
      let limit = problem.leastCost + 61
      let exact = try #require(problem.solve(limit: limit))
      let quick = try #require(problem.solve(limit: limit, work: 1))
      #expect(quick.harm >= exact.harm)
      #expect(quick.bound <= exact.harm + 1e-9)
    }
  }
}
