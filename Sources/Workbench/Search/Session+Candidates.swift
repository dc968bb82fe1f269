import Checkpoints
import Compression
import Inference

/// What a search compares: its own choices and those that anyone would take.
extension Session {
  /// Candidates, measured where there is something to measure on, the best first.
  ///
  /// - Returns: `nil` where it was called off.
  mutating func weighed(
    _ problem: SearchProblem, _ found: Knapsack.Solution, _ request: TuningRequest, _ terms: SearchTerms,
    _ progress: (Int, Int) -> Bool, _ isCancelled: @escaping () -> Bool
  ) throws -> Tuning? {
    let mixes = request.candidates == 1 ? OwnMixes() : ownMixes(problem, request, terms)
    let drafts = drafts(problem, found, request, mixes, isCancelled)
    var candidates = drafts.map { candidate($0.name, $0.recipe, terms) }
    guard let measurement = request.measurement, request.candidates > 0 else {
      for place in candidates.indices {
        candidates[place].keepsBudgets = keeps(candidates[place], request.budgets, terms)
      }
      return Tuning(candidates: ranked(candidates, request.budgets), gap: found.gap)
    }
    guard
      try measure(&candidates, measurement, request, terms, progress: { progress($0, drafts.count) }, isCancelled)
    else { return nil }
    let (before, count) = (self, candidates.count)
    var learnt = before
    let more = try before.further(mixes, beside: candidates, request.budgets) { mix in
      var one = [learnt.candidate(mix.name, mix.recipe, terms)]
      let isDone = try learnt.measure(
        &one, measurement, request, terms, progress: { _ in progress(count, count + 1) }, isCancelled)
      return isDone ? one[0] : nil
    }
    guard let more else { return nil }
    self = learnt
    candidates += more
    return Tuning(candidates: ranked(candidates, request.budgets), gap: found.gap)
  }

  /// Measures candidates and learns from them.
  ///
  /// - Returns: `false` where it was called off.
  private mutating func measure(
    _ candidates: inout [Tuning.Candidate], _ measurement: MeasurementRequest, _ request: TuningRequest,
    _ terms: SearchTerms, progress: (Int) -> Bool, _ isCancelled: @escaping () -> Bool
  ) throws -> Bool {
    let metrics = try measure(
      candidates.map(\.recipe), on: measurement, samples: request.samples, progress: progress, isCancelled: isCancelled)
    guard let metrics else { return false }
    for (place, metrics) in metrics.enumerated() {
      candidates[place].metrics = metrics
      learn(from: candidates[place], on: measurement)
    }
    // What was learnt moves all estimates.
    for place in candidates.indices {
      let estimate = estimate { candidates[place].recipe[$0] }
      candidates[place].prediction = prediction(of: estimate)
      candidates[place].keepsBudgets = keeps(candidates[place], request.budgets, terms)
    }
    return true
  }

  struct Draft {
    var name: String
    var recipe: Recipe
  }

  /// The search's own first, then what it is held against; as many as are measured, or all but perturbed ones.
  private mutating func drafts(
    _ problem: SearchProblem, _ found: Knapsack.Solution, _ request: TuningRequest, _ mixes: OwnMixes,
    _ isCancelled: @escaping () -> Bool
  ) -> [Draft] {
    let menu = problem.menu
    var own = [Draft(name: "search", recipe: menu.recipe(found.picks))]
    var others: [Draft] = []
    if request.candidates != 1 {
      if let uniform = bestUniform(problem) { others.append(uniform) }
      if let mix = mixes.chosen { others.append(mix) }
    }
    let room = max(1, request.candidates - others.count)
    let moves = SearchMoves(problem)
    if let moves, room > 1 || request.measurement == nil {
      let moved = moves.improved(found.picks, isCancelled: isCancelled)
      if moved != found.picks { own.append(Draft(name: "search, cross terms", recipe: menu.recipe(moved))) }
    }
    var random = SplitMix64(state: 16)
    // Without either, the sum's best choice stands.
    let starts = request.measurement != nil || moves != nil ? 3 * room : 0
    for round in 0..<starts where own.count < room && !isCancelled() {
      // Effects scatter: where they decide little, others may be as good.
      let harms = menu.groups.map { group in
        let factor = power(2, 0.5 * random.normal())
        return group.options.map { $0.harm * factor }
      }
      guard var picks = problem.solve(harms)?.picks else { continue }
      if let moves { picks = moves.improved(picks, isCancelled: isCancelled) }
      // Of a budget of harm, the menu's own harms count.
      if let limit = problem.harm, problem.harm(picks) > limit { continue }
      let recipe = menu.recipe(picks)
      if !own.contains(where: { $0.recipe == recipe }) {
        own.append(Draft(name: "search, perturbed \(round + 1)", recipe: recipe))
      }
    }
    return own + others.filter { other in !own.contains { $0.recipe == other.recipe } }
  }

  /// Of the recipes with one scheme everywhere that keep the limits the least harmful, or within a harm the smallest.
  private func bestUniform(_ problem: SearchProblem) -> Draft? {
    let wantsSize = problem.bytes == nil && problem.seconds == nil
    var best: (picks: [Int], scheme: Scheme, figure: Double)?
    for scheme in problem.menu.commonSchemes {
      guard let picks = problem.menu.uniform(scheme), problem.isWithin(picks) else { continue }
      let figure = wantsSize ? problem.bytes(picks) : problem.harm(picks)
      if best.map({ figure < $0.figure }) ?? true { best = (picks, scheme, figure) }
    }
    return best.map { Draft(name: "\($0.scheme) everywhere", recipe: problem.menu.recipe($0.picks)) }
  }

  func candidate(_ name: String, _ recipe: Recipe, _ terms: SearchTerms) -> Tuning.Candidate {
    let estimate = estimate { recipe[$0] }
    var bytes = estimate.bytes
    if let target, target.isCheckpoint {
      var other = self
      other.commit(recipe)
      bytes = (try? other.size(checkpoint: target)) ?? bytes
    }
    let damage = items.reduce(0.0) { $0 + (relativeError(of: $1, in: recipe[$1]) ?? 0) * Double($1.count) }
    return Tuning.Candidate(
      name: name, recipe: recipe, bytes: bytes, bitsPerWeight: estimate.bitsPerWeight,
      harm: estimate.effect ?? damage, prediction: prediction(of: estimate))
  }

  /// Whether a candidate keeps the budgets of harm, and those of the file: its padding goes with the choice. The other sizes
  /// are kept by how it was made.
  private func keeps(_ candidate: Tuning.Candidate, _ budgets: [Budget], _ terms: SearchTerms) -> Bool {
    guard let most = budgets.compactMap({ $0.fileBytes(of: checkpointBytes) }).min() else {
      return keepsHarm(candidate, budgets)
    }
    let overhead = (try? overhead(of: candidate.recipe, terms)) ?? 0
    let bytes = estimate { candidate.recipe[$0] }.bytes
    return bytes + overhead <= most && keepsHarm(candidate, budgets)
  }

  /// Bytes of all items as stored.
  private var checkpointBytes: Int { items.reduce(0) { $0 + $1.bytes } }

  func keepsHarm(_ candidate: Tuning.Candidate, _ budgets: [Budget]) -> Bool {
    budgets.allSatisfy { budget in
      guard budget.isHarm else { return true }
      if let measured = budget.isKept(by: candidate.metrics) { return measured }
      guard let calibration = sensitivities?.calibration else { return true }
      let estimate = estimate { candidate.recipe[$0] }
      return budget.isKept(by: predictions(of: estimate), calibration) ?? true
    }
  }

  /// The best first: what keeps the budgets, then the smallest within harm or the least harmful within size.
  func ranked(_ candidates: [Tuning.Candidate], _ budgets: [Budget]) -> [Tuning.Candidate] {
    let wantsSize = !budgets.isEmpty && budgets.allSatisfy(\.isHarm)
    let difference = sensitivities?.values.difference
    func key(_ candidate: Tuning.Candidate) -> (Int, Double, Double) {
      let harm = difference.flatMap { candidate.measured($0) } ?? candidate.harm
      let first = candidate.keepsBudgets ? 0 : 1
      return wantsSize && candidate.keepsBudgets
        ? (first, Double(candidate.bytes), harm) : (first, harm, Double(candidate.bytes))
    }
    return candidates.enumerated().sorted {
      let (a, b) = (key($0.element), key($1.element))
      return a != b ? a < b : $0.offset < $1.offset
    }.map(\.element)
  }
}

/// SplitMix64 (G. Steele et al. 2014).
struct SplitMix64 {
  var state: UInt64

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ z >> 30) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ z >> 27) &* 0x94D0_49BB_1331_11EB
    return z ^ z >> 31
  }

  /// From 0 up to 1.
  mutating func uniform() -> Double { Double(next() >> 11) / Double(1 << 53) }

  /// About normal: the sum of twelve uniform numbers less six.
  mutating func normal() -> Double { (0..<12).reduce(-6.0) { sum, _ in sum + uniform() } }
}
