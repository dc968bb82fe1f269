/// A recipe with those before it and those that were undone: undo and redo walk the stack. Each has the notes that belong to
/// it and its story, which come and go with it.
public struct RecipeHistory: Sendable {
  struct Step: Sendable {
    var recipe = Recipe()
    var notes: [String: String] = [:]
    var provenance: Provenance?
    /// Another with every change of the step: a number to compare.
    fileprivate(set) var number = 0
  }

  private(set) var steps = [Step()]
  private(set) var position = 0
  /// How many steps were made or changed.
  private var changes = 0
  /// The recipe that was last written or opened; an empty one before that.
  private(set) var saved = Recipe()

  init() {}

  /// A history that was kept.
  ///
  /// - Precondition: there is a step at the position.
  init(_ steps: [Step], at position: Int, saved: Recipe) {
    precondition(steps.indices.contains(position))
    (self.steps, self.position, self.saved, changes) = (steps, position, saved, steps.count)
    for place in steps.indices { self.steps[place].number = place + 1 }
  }

  private mutating func number(_ place: Int) {
    changes += 1
    steps[place].number = changes
  }

  /// The recipe as it stands.
  public var recipe: Recipe { steps[position].recipe }
  /// By item name: why it was kept, or what stands in.
  public var notes: [String: String] { steps[position].notes }

  /// How the recipe came about, where more is known than that a person chose it.
  public var provenance: Provenance? { steps[position].provenance }

  /// How many steps lead to the recipe as it stands.
  var depth: Int { position }

  public var canUndo: Bool { position > 0 }
  public var canRedo: Bool { position + 1 < steps.count }
  /// Whether leaving would lose nothing.
  public var isSaved: Bool { recipe == saved }

  /// Items whose choice is another than in the recipe that was last written or opened.
  public var unsavedChanges: Int {
    Set(saved.choices.keys).union(recipe.choices.keys).count { saved.choices[$0] != recipe.choices[$0] }
  }

  mutating func undo() { if canUndo { position -= 1 } }
  mutating func redo() { if canRedo { position += 1 } }
  mutating func markSaved() { saved = recipe }
  /// What was written of some items is not what they are now.
  mutating func markUnsaved(_ names: some Sequence<String>) { for name in names { saved.choices[name] = nil } }

  /// Puts a recipe on top; what was undone is forgotten.
  ///
  /// - Parameters:
  ///   - notes: what is to be said about this choice; the notes of items whose choice it changes go.
  ///   - provenance: its story; another choice has none of the one before.
  mutating func push(_ recipe: Recipe, notes: [String: String], provenance: Provenance? = nil) {
    let step = Step(recipe: recipe, notes: merged(notes, over: recipe), provenance: provenance)
    steps.removeSubrange((position + 1)...)
    steps.append(step)
    position += 1
    number(position)
  }

  /// Says more of the recipe as it stands.
  ///
  /// - Parameters:
  ///   - recipe: the same choice for all items; notes about others go.
  ///   - provenance: in the place of its story, where there is one.
  mutating func note(_ notes: [String: String], on recipe: Recipe, provenance: Provenance? = nil) {
    steps[position].notes = merged(notes, over: recipe)
    if let provenance { steps[position].provenance = provenance }
    number(position)
  }

  private func merged(_ new: [String: String], over recipe: Recipe) -> [String: String] {
    notes.filter { self.recipe.choices[$0.key] == recipe.choices[$0.key] }.merging(new) { _, new in new }
  }

  /// Puts a recipe in the place of the one on top: another form of the same choice, no step of its own.
  mutating func replaceTop(with recipe: Recipe) {
    steps[position].recipe = recipe
    number(position)
  }

  /// Begins anew with a recipe that was chosen before: opened, not yet changed.
  mutating func start(from outcome: Outcome) {
    steps = [Step(recipe: outcome.recipe, notes: outcome.notes, provenance: outcome.provenance)]
    position = 0
    number(0)
    saved = outcome.recipe
  }
}
