import Compression

/// Changing the recipe, and walking its history.
extension Session {
  /// Puts a recipe on top of the history; what was undone is forgotten. The same recipe again changes nothing.
  ///
  /// - Parameters:
  ///   - notes: what is to be said about this choice; the notes of items whose choice it changes go.
  ///   - provenance: how it came about; `nil` where a person chose it.
  public mutating func commit(_ recipe: Recipe, notes: [String: String] = [:], provenance: Provenance? = nil) {
    push(recipe, notes: notes, provenance: provenance, among: items.indices)
  }

  /// The same of a choice that was read, with the codes that came with it.
  public mutating func commit(_ outcome: Outcome) {
    if outcome.hasChosenCodes { take(outcome.chosen) }
    commit(outcome.recipe, notes: outcome.notes, provenance: outcome.provenance)
  }

  /// - Parameters:
  ///   - places: items outside of them have the same choice as before.
  /// - Returns: how many items changed.
  @discardableResult
  private mutating func push(
    _ recipe: Recipe, notes: [String: String], provenance: Provenance? = nil, among places: some Sequence<Int>
  ) -> Int {
    let before = self.recipe
    let changed = places.filter { recipe.choices[items[$0].name] != before.choices[items[$0].name] }
    guard !changed.isEmpty else {
      history.note(notes, on: recipe, provenance: provenance)
      return 0
    }
    history.push(recipe, notes: notes, provenance: provenance)
    recipeChanged(at: changed)
    return changed.count { before[items[$0]] != recipe[items[$0]] }
  }

  /// Walks the history, or puts another recipe in its place, and brings up to date what depends on it.
  private mutating func turn(_ edit: (inout RecipeHistory) -> Void) {
    let before = recipe
    edit(&history)
    let after = recipe
    recipeChanged(at: items.indices.filter { before.choices[items[$0].name] != after.choices[items[$0].name] })
  }

  public mutating func undo() { if history.canUndo { turn { $0.undo() } } }
  public mutating func redo() { if history.canRedo { turn { $0.redo() } } }

  /// Puts another history in the place of this one.
  mutating func restore(_ other: RecipeHistory) { turn { $0 = other } }

  /// Puts a recipe in the place of the one on top: another form of the same choice, no step of its own.
  mutating func replaceTop(with recipe: Recipe) { turn { $0.replaceTop(with: recipe) } }

  /// The recipe as it stands has been written.
  public mutating func markSaved() { history.markSaved() }

  /// Codes were chosen that no file has yet.
  public mutating func takeUnsaved(_ chosen: [String: ChosenWeight]) {
    take(chosen)
    history.markUnsaved(chosen.keys)
  }

  /// Starts from a recipe that was chosen before: opened, not yet changed.
  public mutating func start(from outcome: Outcome) {
    let isPlain = recipe.choices.isEmpty && outcome.recipe.choices.isEmpty
    history.start(from: outcome)
    if !outcome.chosen.isEmpty { take(outcome.chosen) }
    if !isPlain { recipeChanged(at: Array(items.indices)) }
  }

  /// Applies rules in order; see `Outcome.applying`.
  ///
  /// - Returns: how many items changed, and how many stayed as they were with a note.
  @discardableResult
  public mutating func apply(_ rules: [Rule], by origin: Recipe.Origin = .rule) throws(WorkbenchError)
    -> Change
  {
    var outcome = try Outcome.applying(rules, to: items, over: recipe, by: origin)
    spreadLocks(&outcome)
    return adopt(outcome, at: items.indices)
  }

  /// Changes the scheme of some items by hand.
  @discardableResult
  public mutating func change(_ ids: [Int], _ edit: (Item, Scheme) -> Scheme) -> Change {
    var outcome = Outcome(recipe: recipe)
    let places = (locks?.including(ids) ?? ids).compactMap(table.place(of:))
    let own = Set(ids)
    var chosen: [Item.ID: Scheme] = [:]
    for item in places.map({ items[$0] }) where own.contains(item.id) {
      chosen[item.id] = edit(item, scheme(of: item))
    }
    for item in places.map({ items[$0] }) {
      // Layers that are locked together take the scheme of the first of them that was edited.
      let leader = locks?.group(of: item.id).lazy.compactMap { chosen[$0] }.first ?? chosen[item.id]
      guard let scheme = leader else { continue }
      if let obstacle = item.obstacle(to: scheme) {
        outcome.notes[item.name] = "cannot take \(scheme): \(obstacle)"
      } else if scheme != self.scheme(of: item) || outcome.recipe.choices[item.name]?.by != .user {
        outcome.recipe.choices[item.name] = Recipe.Choice(scheme, by: .user)
      }
    }
    return adopt(outcome, at: places)
  }

  public struct Change: Sendable {
    public var changed: Int
    public var refused: [(name: String, note: String)]
  }

  private mutating func adopt(_ outcome: Outcome, at places: some Sequence<Int>) -> Change {
    let changed = push(outcome.recipe, notes: outcome.notes, among: places)
    let refused =
      outcome.notes.isEmpty
      ? [] : items.compactMap { item in outcome.notes[item.name].map { (item.name, $0) } }
    return Change(changed: changed, refused: refused)
  }
}
