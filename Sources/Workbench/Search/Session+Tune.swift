import Checkpoints
import Compression
import FileAccess
import Inference

extension Session {
  /// The best recipe within budgets: the knapsack over layers and schemes, moves on what layers do to each other, and what
  /// measuring says of the best few. `searchQuestions` are to be answered before.
  ///
  /// The uniform recipe within the same size is always among what is compared, and what a tool takes by itself where it is known:
  /// by measurement the answer is never worse.
  ///
  /// - Parameter progress: hears which candidate of how many is being measured; `false` calls it off.
  /// - Returns: `nil` where it was called off.
  /// - Throws: `WorkbenchError`: nothing to choose, or a budget that nothing keeps, with the least that can be reached.
  public mutating func tune(
    _ request: TuningRequest, progress: (Int, Int) -> Bool = { _, _ in true },
    isCancelled: @escaping () -> Bool = { false }
  ) throws -> Tuning? {
    let menu = searchMenu(request.schemes)
    guard !menu.groups.isEmpty else {
      throw WorkbenchError(
        recipe.choices.isEmpty
          ? "no layer can take any of the schemes" : "every layer that could be searched was chosen before")
    }
    var terms = SearchTerms(budgets: request.budgets)
    terms.story = .longest(request, target: target)
    if request.budgets.contains(where: { if case .speed = $0.limit { true } else { false } }), checkpoint.graph != nil {
      terms.multiplications = try Network(checkpoint).multiplications(isCancelled: isCancelled)
    }
    var (problem, found) = try solved(menu, &terms)
    if isCancelled() { return nil }
    var tuning = try weighed(problem, found, request, terms, progress, isCancelled)
    // What was measured may say that a budget of harm is not kept: less is then allowed to the sum.
    for _ in 0..<4 {
      guard let present = tuning, !present.answer.metrics.isEmpty, !present.answer.keepsBudgets, let harm = problem.harm
      else { break }
      problem.harm = harm * tightening(present, request.budgets)
      guard let next = problem.solve(), next.picks != found.picks else { break }
      found = next
      var more = request
      more.candidates = 1
      guard let again = try weighed(problem, found, more, terms, progress, isCancelled) else { return nil }
      tuning?.gap = again.gap
      tuning?.candidates = ranked(again.candidates + present.candidates, request.budgets)
    }
    guard var tuning else { return nil }
    if let target, target.isCheckpoint {
      // With what the file tells of it.
      var other = self
      other.commit(tuning.answer.recipe, provenance: Provenance(tuning, request, target: target))
      tuning.candidates[0].bytes = try other.size(checkpoint: target)
    }
    tuning.notes = doubts(about: tuning.answer.recipe, in: menu, greedy: found.picks)
    if !menu.isCalibrated {
      tuning.notes.append(
        "nothing was calibrated: layers count by n·t² alone, which is hardly better than one width everywhere")
    }
    if !tuning.answer.keepsBudgets {
      throw WorkbenchError(unreached(request.budgets.filter(\.isHarm), by: tuning.answer))
    }
    return tuning
  }

  /// How much less than what was allowed the sum of effects may come to, by what was measured.
  private func tightening(_ tuning: Tuning, _ budgets: [Budget]) -> Double {
    let ratios = budgets.compactMap { budget -> Double? in
      guard let most = budget.most, let value = budget.value(of: tuning.answer.metrics),
        value > 0
      else { return nil }
      return most / value
    }
    return min(0.9, max(0.2, (ratios.min() ?? 0.8) * 0.95))
  }

  /// The relaxation's and the dynamic programming's answer, within the file's bytes.
  private func solved(
    _ menu: SearchMenu, _ terms: inout SearchTerms
  ) throws(WorkbenchError) -> (SearchProblem, Knapsack.Solution) {
    let isFile = target?.isCheckpoint == true && terms.budgets.contains(where: \.isOfFile)
    var best: (SearchProblem, Knapsack.Solution)?
    for round in 0..<(isFile ? 8 : 1) {
      let problem = try searchProblem(menu, terms)
      guard let found = problem.solve() else {
        if let best { return best }
        throw WorkbenchError(try unreached(problem, terms))
      }
      guard isFile else { return (problem, found) }
      let overhead = try overhead(of: menu.recipe(found.picks), terms)
      // Padding goes with the choice: what is too much is taken off what may be chosen.
      if overhead <= terms.overhead {
        best = (problem, found)
        if overhead == terms.overhead || round > 3 { break }
      }
      terms.overhead = overhead
    }
    guard let best else { throw WorkbenchError("no choice was found whose file keeps the budget") }
    return best
  }

  /// Bytes of the target's file beyond the packed ones.
  func overhead(of recipe: Recipe, _ terms: SearchTerms) throws(WorkbenchError) -> Int {
    guard let target, target.isCheckpoint else { return 0 }
    var other = self
    other.commit(recipe, provenance: terms.story)
    return try other.size(checkpoint: target) - other.estimate.bytes
  }

  /// What the budgets ask for and the least that can be had.
  private func unreached(_ problem: SearchProblem, _ terms: SearchTerms) throws(WorkbenchError) -> String {
    let least = problem.menu.recipe(problem.least)
    let overhead = try overhead(of: least, terms)
    let (bytes, bits) = (estimate { least[$0] }.bytes + overhead, estimate { least[$0] }.bitsPerWeight)
    var lines: [String] = []
    for budget in terms.budgets {
      switch budget.limit {
      case .bitsPerWeight(let most) where bits > most:
        lines.append("\(budget): the least is \(Format.fixed(bits, 3)) bits per weight")
      case .bytes(let most) where bytes > most:
        lines.append("\(budget): the least is \(bytes) bytes (\(Format.bytes(bytes)))")
      case .ratio(let ratio) where Double(problem.menu.originalBytes) < ratio * Double(bytes):
        lines.append(
          "\(budget): the most is \(Format.fixed(Double(problem.menu.originalBytes) / Double(bytes), 2))x, \(bytes) bytes"
        )
      case .memory(let most, let context):
        let cache = (checkpoint.graph == nil ? try? Transformer(checkpoint) : nil)?.cacheBytes(context: context) ?? 0
        let whole = Double(bytes - overhead) + cache
        if whole > Double(most) {
          lines.append("\(budget): the least is \(Format.bytes(Int(saturating: whole))) in memory")
        }
      case .speed(let rate, let device):
        let times = problem.seconds?.of ?? []
        let use = DeviceUse(self, on: device, context: 0, multiplications: terms.multiplications)
        let chosen = Set(problem.menu.groups.flatMap(\.items))
        let rest = items.reduce(0.0) { sum, item in
          item.kind == .weight && !chosen.contains(item.id)
            ? sum + use.seconds(of: item, bytes: Double(self.bytes(of: item, in: problem.menu.base[item]).bytes)) : sum
        }
        let fastest = times.reduce(rest) { $0 + ($1.min() ?? 0) }
        if fastest * rate > 1 { lines.append("\(budget): the most is \(Format.significant(1 / fastest)) a second") }
      default: break
      }
    }
    if lines.isEmpty, let harm = problem.harm {
      let gentlest = problem.menu.recipe(problem.gentlest)
      let estimate = estimate { gentlest[$0] }
      let best = predictions(of: estimate).map { "\($0.metric) ≈ \($0.text)" }.joined(separator: ", ")
      lines.append(
        problem.harm(problem.gentlest) > harm
          ? "\(terms.budgets.filter(\.isHarm).map(\.description).joined(separator: ", ")): the least that these schemes do is \(best)"
          : "the budgets together: no choice keeps all of them")
    }
    return lines.isEmpty
      ? "the budgets together: no choice keeps all of them" : lines.joined(separator: "\nlathe: ")
  }

  private func unreached(_ budgets: [Budget], by best: Tuning.Candidate) -> String {
    let measured = best.metrics.map { "\($0.name) \(Format.significant($0.value))" }.joined(separator: ", ")
    let known = measured.isEmpty ? best.prediction.map { "\($0.metric) ≈ \($0.text)" } ?? "" : "measured \(measured)"
    return
      "\(budgets.map(\.description).joined(separator: ", ")): no choice was found that keeps it; the nearest has \(known) at \(Format.bytes(best.bytes))"
  }
}

extension Budget {
  /// The bytes that a file may have, of a model that takes so many; `nil` of a budget that counts something else.
  func fileBytes(of original: Int) -> Int? {
    switch limit {
    case .bytes(let most): most
    case .ratio(let ratio): Int(saturating: (Double(original) / ratio).rounded(.down))
    default: nil
    }
  }

  /// Whether it counts the bytes of a file.
  var isOfFile: Bool {
    switch limit {
    case .bytes, .ratio: true
    default: false
    }
  }

  /// The most that a metric, counted so that less is better, may come to.
  var most: Double? {
    switch limit {
    case .atMost("perplexity", let ratio): ratio - 1
    case .atMost(_, let most): most
    case .agreement(let least): 1 - least
    case .accuracyLoss(let points): points / 100
    case .bitsPerWeight, .bytes, .ratio, .memory, .speed: nil
    }
  }

  /// What was measured of it, in the same terms.
  func value(of metrics: [Measurement.Metric]) -> Double? {
    func metric(_ name: String) -> Measurement.Metric? { metrics.first { $0.name == name } }
    switch limit {
    case .atMost("perplexity", _):
      return metric("perplexity").flatMap { one in one.baseline.map { one.value / $0 - 1 } }
    case .atMost("cosine", _): return metric("cosine").map { 1 - $0.value }
    case .atMost("loss", _): return metric("cross entropy").map(\.value)
    case .atMost("kl", _): return metric(OutputDifference.kl.metricName).map(\.value)
    case .atMost("mse", _): return metric(OutputDifference.squaredError.metricName).map(\.value)
    case .agreement: return metric("agreement").map { 1 - $0.value }
    case .accuracyLoss: return metric("top-1").flatMap { one in one.baseline.map { $0 - one.value } }
    case .atMost, .bitsPerWeight, .bytes, .ratio, .memory, .speed: return nil
    }
  }

  /// Whether measured figures keep it; `nil` where they do not say.
  func isKept(by metrics: [Measurement.Metric]) -> Bool? {
    guard let most, let value = value(of: metrics) else { return nil }
    return value <= most + 1e-12
  }
}
