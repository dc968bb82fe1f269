import Compression

/// Betters a choice by what layers do to each other: single layers' and pairs' moves while one helps, within the limits.
///
/// A move's harm is the sum's change with the cross terms' (`Interactions`), in O(samples).
struct SearchMoves {
  private let problem: SearchProblem
  private let menu: SearchMenu
  /// By group and option: the projections that cross terms are made of, with their weight; empty where none are known.
  private let vectors: [[[Double]]]
  private let weight: Double
  private let count: Int

  /// `nil` where nothing is known of what layers do to each other, and where nothing limits what is taken.
  init?(_ problem: SearchProblem) {
    guard problem.bytes != nil || problem.seconds != nil, let interactions = problem.menu.interactions,
      interactions.strength > 0
    else { return nil }
    (self.problem, menu) = (problem, problem.menu)
    vectors = menu.groups.map { group in
      group.options.map { option in
        var sum = [Double](repeating: 0, count: interactions.count)
        for id in group.items {
          guard let own = interactions.projection(of: id, in: option.scheme, effect: option.harm) else { continue }
          for index in own.indices { sum[index] += own[index] }
        }
        return sum
      }
    }
    weight = interactions.strength / Double(2 * interactions.count)
    count = interactions.count
  }

  /// The harm of a choice, cross terms included.
  func harm(_ picks: [Int]) -> Double { State(self, picks).harm }

  private struct State {
    var picks: [Int]
    var sums: [Double]
    var squares = 0.0
    var sum = 0.0
    let weight: Double

    init(_ moves: SearchMoves, _ picks: [Int]) {
      self.picks = picks
      weight = moves.weight
      sums = [Double](repeating: 0, count: moves.count)
      for (group, pick) in picks.enumerated() {
        sum += moves.menu.groups[group].options[pick].harm
        for (index, value) in moves.vectors[group][pick].enumerated() {
          sums[index] += value
          squares += value * value
        }
      }
    }

    var harm: Double { Self.harm(sum, sums.reduce(0) { $0 + $1 * $1 }, squares, weight) }

    static func harm(_ sum: Double, _ together: Double, _ squares: Double, _ weight: Double) -> Double {
      sum + max(-0.9 * sum, weight * (together - squares))
    }
  }

  /// - Returns: the best choice that moves of one or two layers come to from `start`.
  func improved(_ start: [Int], rounds: Int = 200, isCancelled: () -> Bool = { false }) -> [Int] {
    var state = State(self, start)
    var present = state.harm
    for _ in 0..<rounds {
      if isCancelled() { break }
      guard let next = bestMove(from: state, present) else { break }
      for (group, pick) in next.moves { state.picks[group] = pick }
      state = State(self, state.picks)
      present = state.harm
    }
    return state.picks
  }

  /// The single change, or the pair of one layer up and another down, that helps most and stays within the limits.
  private func bestMove(from state: State, _ present: Double) -> (moves: [(Int, Int)], harm: Double)? {
    var best: (moves: [(Int, Int)], harm: Double)?
    func consider(_ moves: [(Int, Int)]) {
      var (sum, squares, sums) = (state.sum, state.squares, state.sums)
      for (group, pick) in moves {
        let (old, new) = (vectors[group][state.picks[group]], vectors[group][pick])
        sum += menu.groups[group].options[pick].harm - menu.groups[group].options[state.picks[group]].harm
        for index in sums.indices {
          sums[index] += new[index] - old[index]
          squares += new[index] * new[index] - old[index] * old[index]
        }
      }
      let harm = State.harm(sum, sums.reduce(0) { $0 + $1 * $1 }, squares, state.weight)
      guard harm < (best?.harm ?? present) * (1 - 1e-9) else { return }
      var picks = state.picks
      for (group, pick) in moves { picks[group] = pick }
      if problem.isWithin(picks) { best = (moves, harm) }
    }
    // The options of the front alone: others are beaten at their size.
    let steps = menu.groups.map { group in Self.undominated(group.options) }
    for group in menu.groups.indices {
      for pick in steps[group] where pick != state.picks[group] { consider([(group, pick)]) }
    }
    // Pairs of neighbours on the front: many layers have many pairs.
    guard menu.groups.count <= 96 else { return best }
    for up in menu.groups.indices {
      for pick in Self.neighbours(steps[up], of: state.picks[up], menu.groups[up].options, isDearer: true) {
        for down in menu.groups.indices where down != up {
          for other in Self.neighbours(
            steps[down], of: state.picks[down], menu.groups[down].options, isDearer: false)
          { consider([(up, pick), (down, other)]) }
        }
      }
    }
    return best
  }

  private static func undominated(_ options: [SearchMenu.Option]) -> [Int] {
    var (kept, least): ([Int], Double) = ([], .infinity)
    for (place, option) in options.enumerated() where option.harm < least {
      kept.append(place)
      least = option.harm
    }
    return kept
  }

  /// The nearest two that are dearer, or cheaper.
  private static func neighbours(
    _ steps: [Int], of pick: Int, _ options: [SearchMenu.Option], isDearer: Bool
  ) -> [Int] {
    let bytes = options[pick].bytes
    return isDearer
      ? Array(steps.filter { options[$0].bytes > bytes }.prefix(2))
      : Array(steps.filter { options[$0].bytes < bytes }.suffix(2))
  }
}
