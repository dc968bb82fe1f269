import Checkpoints
import Compression

/// What llama.cpp would take by itself, as candidates of a search.
extension Session {
  /// llama.cpp's own mixes of the model.
  struct OwnMixes {
    /// The smallest first.
    var drafts: [(draft: Draft, bytes: Int)] = []
    /// The one that is compared: within a size or a speed the largest, within a harm alone the smallest that keeps it by the
    /// estimate.
    var place: Int?

    var chosen: Draft? { place.map { drafts[$0].draft } }
  }

  /// The mixes that keep the limits of size and speed, where the model or the target is llama.cpp's; what was chosen before
  /// stays.
  mutating func ownMixes(_ problem: SearchProblem, _ request: TuningRequest, _ terms: SearchTerms) -> OwnMixes {
    let isOwn = checkpoint.format == .gguf && target == nil || ["gguf", "llama.cpp"].contains(target?.name)
    guard isOwn, !terms.budgets.isEmpty else { return OwnMixes() }
    let chosen = Set(problem.menu.groups.flatMap(\.names))
    var found = OwnMixes()
    for (name, mix) in mixes {
      var recipe = mix
      recipe.choices = recipe.choices.filter { chosen.contains($0.key) }
      // Only what was asked for may appear.
      if let asked = request.schemes, !recipe.choices.values.allSatisfy({ asked.contains($0.scheme) }) { continue }
      recipe.choices.merge(problem.menu.base.choices) { _, own in own }
      let size = items.reduce(0) { chosen.contains($1.name) ? $0 + bytes(of: $1, in: recipe[$1]).bytes : $0 }
      guard problem.bytes.map({ Double(size) <= $0 }) ?? true, keepsSpeed(recipe, terms) else { continue }
      // Of equal ones the first of llama.cpp's list counts as the largest.
      let place = found.drafts.firstIndex { $0.bytes >= size } ?? found.drafts.count
      found.drafts.insert((Draft(name: name, recipe: recipe), size), at: place)
    }
    guard problem.bytes == nil, problem.seconds == nil else {
      found.place = found.drafts.indices.last
      if let mix = found.chosen { settle(mix.recipe) }
      return found
    }
    // Harm grows as size falls, nearly: two in a row that do too much, and smaller ones do.
    var misses = 0
    for place in found.drafts.indices.reversed() where misses < 2 {
      let draft = found.drafts[place].draft
      settle(draft.recipe)
      if keepsHarm(candidate(draft.name, draft.recipe, terms), request.budgets) {
        (found.place, misses) = (place, 0)
      } else {
        misses += 1
      }
    }
    return found
  }

  /// Measures further mixes where that decides: the next larger ones while the one that was compared does too much after all, and
  /// the next smaller ones while it is the best.
  ///
  /// - Parameter measured: a mix as a candidate, measured; `nil` where it was called off.
  /// - Returns: what was measured; `nil` where it was called off.
  func further(
    _ mixes: OwnMixes, beside candidates: [Tuning.Candidate], _ budgets: [Budget],
    _ measured: (Draft) throws -> Tuning.Candidate?
  ) rethrows -> [Tuning.Candidate]? {
    // Within a size the largest was taken.
    guard budgets.allSatisfy(\.isHarm), var place = mixes.place,
      let first = candidates.first(where: { $0.name == mixes.drafts[place].draft.name })
    else { return [] }
    var (last, all, more) = (first, candidates, [Tuning.Candidate]())
    let isUpwards = !first.keepsBudgets
    for _ in 0..<Self.mostFurther {
      let best = ranked(all, budgets)[0]
      place += isUpwards ? 1 : -1
      // What is no smaller than the best cannot take its place.
      guard isUpwards == !last.keepsBudgets, isUpwards || best.name == last.name, mixes.drafts.indices.contains(place),
        !best.keepsBudgets || mixes.drafts[place].bytes < estimate({ best.recipe[$0] }).bytes
      else { break }
      guard let next = try measured(mixes.drafts[place].draft) else { return nil }
      last = next
      all.append(next)
      more.append(next)
    }
    return more
  }

  /// Mixes that are measured beyond the candidates.
  private static let mostFurther = 3

  /// Whether a recipe keeps the budgets of speed.
  private func keepsSpeed(_ recipe: Recipe, _ terms: SearchTerms) -> Bool {
    terms.budgets.allSatisfy { budget in
      guard case .speed(let rate, let device) = budget.limit else { return true }
      var other = self
      other.commit(recipe)
      let found = other.estimate(on: device, context: 0, multiplications: terms.multiplications).perSecond
      return found.map { $0 >= rate } ?? false
    }
  }

  /// Finds out what an estimate of a recipe lacks.
  private mutating func settle(_ recipe: Recipe) {
    let open = items.compactMap { item -> Question? in
      let scheme = recipe[item]
      return scheme.isKeep || assessment(of: item, in: scheme) != nil
        ? nil : .assessment(item.id, made(scheme, of: item))
    }
    settle(open)
  }
}
