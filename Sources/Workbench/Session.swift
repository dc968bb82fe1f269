import Checkpoints
import Compression

/// A model on the bench: its items, the recipe as it stands with its history, and all that was found out so far.
///
/// A value; both front ends own one and change it. It starts no work: `questions` says what to ask an `Analyst`.
public struct Session: Sendable {
  public let checkpoint: Checkpoint
  public private(set) var items: [Item]
  private let positions: ItemPlaces
  /// How many items have numbers to read.
  public let surveyCount: Int
  /// `checkpoint.parameterCount`, counted once.
  public let parameterCount: Int

  /// The stack of recipes: undo and redo walk it.
  public private(set) var history: [Recipe]
  public private(set) var position = 0
  /// The recipe that was last written or opened; `nil` for none.
  private var saved: Recipe?
  /// The notes that belong to each recipe of the history.
  private var noteHistory: [[String: String]] = [[:]]
  public internal(set) var findings: Findings
  /// Each item's part in the estimate of the recipe, in the items' order.
  private(set) var parts: [Part] = []
  /// Counts the changes of the recipe: a number to compare where comparing recipes would take long.
  public private(set) var version = 0
  /// The items whose choice the last change of the recipe changed.
  public private(set) var lastChanged: [Item.ID] = []
  public internal(set) var measurements: [Measurement] = []
  public internal(set) var baseline: Measurement?
  /// Whom the recipe is meant for (`aim(at:)`), and what that tool says of it.
  public internal(set) var target: Target?
  var fit: TargetFit?
  /// By item: those that change with it (`lock`); `nil` where nothing is locked.
  var locks: [Item.ID: [Item.ID]]?
  /// The file that said how much inputs matter.
  public internal(set) var importancePath: String?

  public init(_ checkpoint: Checkpoint) {
    self.checkpoint = checkpoint
    parameterCount = checkpoint.parameterCount
    items = Item.all(of: checkpoint)
    positions = ItemPlaces(items)
    findings = Findings(tensors: checkpoint.tensors.count)
    surveyCount = items.count(where: \.isSurveyed)
    history = [Recipe()]
    parts = Part.unread(items)
  }

  public var recipe: Recipe { history[position] }

  /// By item name: why it was kept, or what stands in. They come and go with the recipe that they were made for.
  public var notes: [String: String] { noteHistory[position] }

  public func item(id: Int) -> Item? { positions[id].map { items[$0] } }
  /// The item's index in `items`.
  func place(of id: Item.ID) -> Int? { positions[id] }
  /// - Complexity: O(items).
  public func item(named name: String) -> Item? { items.first { $0.name == name } }
  public func scheme(of item: Item) -> Scheme { recipe[item] }
}

// MARK: - The recipe and its history

extension Session {
  /// Whether undo, redo, or leaving would change or lose something.
  public var canUndo: Bool { position > 0 }
  public var canRedo: Bool { position + 1 < history.count }
  public var isSaved: Bool { recipe == savedRecipe }
  /// The recipe that was last written or opened; an empty one before that.
  var savedRecipe: Recipe { saved ?? Recipe() }

  /// Items whose choice is another than in the recipe that was last written or opened.
  public var unsavedChanges: Int {
    let written = savedRecipe.choices
    return Set(written.keys).union(recipe.choices.keys).count { written[$0] != recipe.choices[$0] }
  }

  /// Puts a recipe on top of the history; what was undone is forgotten. The same recipe again changes nothing.
  ///
  /// - Parameter notes: what is to be said about this choice; the notes of items whose choice it changes go.
  public mutating func commit(_ recipe: Recipe, notes: [String: String] = [:]) {
    push(recipe, notes: notes, among: items.indices)
  }

  /// - Parameters:
  ///   - places: items outside of them have the same choice as before.
  /// - Returns: how many items changed.
  @discardableResult
  private mutating func push(_ recipe: Recipe, notes: [String: String], among places: some Sequence<Int>) -> Int {
    let changed = places.filter { recipe.choices[items[$0].name] != self.recipe.choices[items[$0].name] }
    let kept = self.notes.filter { self.recipe.choices[$0.key] == recipe.choices[$0.key] }
    let merged = kept.merging(notes) { _, new in new }
    guard !changed.isEmpty else {
      noteHistory[position] = merged
      return 0
    }
    let before = self.recipe
    history.removeSubrange((position + 1)...)
    noteHistory.removeSubrange((position + 1)...)
    history.append(recipe)
    noteHistory.append(merged)
    position += 1
    recipeChanged(at: changed)
    return changed.count { before[items[$0]] != recipe[items[$0]] }
  }

  /// Brings what depends on the recipe up to date.
  mutating func recipeChanged(at places: [Int]) {
    version += 1
    lastChanged = places.map { items[$0].id }
    for place in places { parts[place] = part(of: items[place], in: recipe[items[place]]) }
  }

  private mutating func step(by step: Int) {
    let before = recipe
    position += step
    recipeChanged(at: items.indices.filter { before.choices[items[$0].name] != recipe.choices[items[$0].name] })
  }

  public mutating func undo() { if canUndo { step(by: -1) } }
  public mutating func redo() { if canRedo { step(by: 1) } }

  /// The recipe as it stands has been written.
  public mutating func markSaved() { saved = recipe }

  /// Starts from a recipe that was chosen before: opened, not yet changed.
  public mutating func start(from outcome: Outcome) {
    let isPlain = recipe.choices.isEmpty && outcome.recipe.choices.isEmpty
    history = [outcome.recipe]
    position = 0
    saved = outcome.recipe
    noteHistory = [outcome.notes]
    if !isPlain { recipeChanged(at: Array(items.indices)) }
  }

  /// Puts a recipe in the place of the one on top: another form of the same choice, no step of its own.
  mutating func replaceTop(with recipe: Recipe) {
    let before = self.recipe
    history[position] = recipe
    recipeChanged(at: items.indices.filter { before.choices[items[$0].name] != recipe.choices[items[$0].name] })
  }

  /// Sets how much an item's inputs matter; what was found before without it is forgotten.
  mutating func weigh(_ place: Int, _ importances: Importances) {
    items[place].importances = importances
    findings.assessments.remove(items[place].id)
    parts[place] = part(of: items[place], in: recipe[items[place]])
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
    let places = withLocked(ids).compactMap(place(of:))
    let own = Set(ids)
    var chosen: [Item.ID: Scheme] = [:]
    for item in places.map({ items[$0] }) where own.contains(item.id) {
      chosen[item.id] = edit(item, scheme(of: item))
    }
    for item in places.map({ items[$0] }) {
      // Layers that are locked together take the scheme of the first of them that was edited.
      let leader = locks?[item.id]?.lazy.compactMap { chosen[$0] }.first ?? chosen[item.id]
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

// MARK: - What is found out

extension Session {
  public mutating func receive(_ reports: [Report]) {
    for report in reports {
      let item = report.question.item
      switch (report.question, report.answer) {
      case (_, .failure(let message)): findings.failures[item] = message
      case (_, .survey(let survey)):
        findings.surveys.keep(survey, for: item)
        if let found = self.item(id: item) { answer(found, recipe[found]) }
      case (.tiles(_, let structure), .tiles(let norms)): findings.tiles[item, default: [:]][structure] = norms
      case (_, .corner(let corner)): findings.corners[item] = corner
      case (.table(_, let sparsity), .table(let table)): findings.tables[item, default: [:]][sparsity] = table
      case (.detail(_, let scheme), .assessment(let assessment)),
        (.assessment(_, let scheme), .assessment(let assessment)):
        // A detailed answer stays when the plain one comes after it.
        if findings.assessments[item, scheme]?.reconstruction == nil {
          findings.assessments.keep(assessment, for: item, in: scheme)
        }
      default: break
      }
      if let place = positions[item] { parts[place] = part(of: items[place], in: recipe[items[place]]) }
    }
  }

  public func survey(of item: Item) -> Survey? { findings.surveys[item.id] }

  /// The error table that belongs to a sparsity, once it is there.
  public func table(of item: Item, sparsity: Sparsity) -> ErrorTable? {
    sparsity == .none ? findings.surveys[item.id]?.errors : findings.tables[item.id]?[sparsity]
  }

  /// Of the numbers that the target's tool makes, where one is chosen; so are all other figures.
  public func assessment(of item: Item, in scheme: Scheme) -> Assessment? {
    findings.assessments[item.id, made(scheme, of: item)]
  }

  /// What was said at once.
  public func answer(of item: Item, in scheme: Scheme) -> SummaryAnswer? {
    findings.answers[item.id]?[made(scheme, of: item)]
  }

  /// t² of an item in a scheme: zero for what is kept, from the error table where it has it, or from an assessment;
  /// `nil` while it is not known, and where none of its numbers is finite.
  public func relativeError(of item: Item, in scheme: Scheme) -> Double? {
    relativeError(of: item, inExactly: made(scheme, of: item))
  }

  /// The same of the scheme's own numbers, whatever the target's tool makes.
  func relativeError(of item: Item, inExactly scheme: Scheme) -> Double? {
    if scheme.isKeep { return 0 }
    // Of numbers that are none nothing is known: not even that zeros in their place do no harm.
    if hasNoNumbers(item) { return nil }
    if case .uniform(let uniform) = scheme.format, uniform.hasTable,
      let table = table(of: item, sparsity: scheme.sparsity),
      let error = table[uniform.bits, uniform.symmetry, uniform.granularity]
    {
      return error
    }
    return findings.assessments.relativeError(item.id, scheme) ?? findings.answers[item.id]?[scheme]?.estimate
  }

  /// Whether the error that is shown is a bounded estimate, until the exact one comes.
  public func isErrorEstimated(of item: Item, in scheme: Scheme) -> Bool {
    guard let answer = answer(of: item, in: scheme), !answer.isExact else { return false }
    if assessment(of: item, in: scheme) != nil { return false }
    if case .uniform(let uniform) = made(scheme, of: item).format, uniform.hasTable,
      let table = table(of: item, sparsity: scheme.sparsity)
    {
      return table[uniform.bits, uniform.symmetry, uniform.granularity] == nil
    }
    return true
  }

  /// Answers at once what the summaries of some items say about their schemes.
  ///
  /// - Complexity: a walk over at most 65,536 values an item.
  public mutating func answerAtOnce(_ ids: [Item.ID]) {
    for place in ids.compactMap(place(of:)) where !recipe[items[place]].isKeep {
      answer(items[place], recipe[items[place]])
      parts[place] = part(of: items[place], in: recipe[items[place]])
    }
  }

  /// The same about any scheme of one item.
  public mutating func answer(_ item: Item, _ scheme: Scheme) {
    let made = made(scheme, of: item)
    guard !scheme.isKeep, findings.answers[item.id]?[made] == nil, assessment(of: item, in: scheme) == nil,
      let answer = findings.surveys[item.id]?.summary?.answer(made)
    else { return }
    findings.answers[item.id, default: [:]][made] = answer
  }

  /// The bytes of an item in a scheme, and whether they are exact: forms that depend on the numbers are known only
  /// once these were read.
  public func bytes(of item: Item, in scheme: Scheme) -> (bytes: Int, exact: Bool) {
    if scheme.isKeep || item.sharedWith != nil { return (item.bytes, true) }
    if let stored = fit?.storedBytes(of: item, in: scheme) { return (stored, true) }
    if let assessment = assessment(of: item, in: scheme) { return (assessment.size.bytes, true) }
    return (item.denseBytes(in: made(scheme, of: item)), scheme.sparsity == .none && scheme.coding == .none)
  }

  /// The first questions, for every item whose numbers can be read.
  public var opening: [Question] {
    items.lazy.filter(\.isSurveyed).map { .survey($0.id) }
  }

  /// Items from a place on whose whole surveys there is room for together.
  public func itemsToSurvey(from first: Int) -> ArraySlice<Item> {
    var (end, room) = (first, Self.room(tensors: checkpoint.tensors.count))
    while end < items.count, room > 0 || end == first {
      room -= Survey.mostBytes(rows: items[end].matrix.rows, count: items[end].count)
      end += 1
    }
    return items[first..<end]
  }

  /// Whether every item whose numbers can be read was read, or failed to be.
  public var isSurveyed: Bool { findings.surveys.count + findings.failures.count >= surveyCount }

  /// What the recipe leaves open: errors and sizes that are not yet known. A scheme whose error this version does not
  /// compute asks nothing.
  public func questions(about items: [Item]) -> [Question] {
    items.compactMap { item in
      let scheme = self.scheme(of: item)
      guard !scheme.isKeep, scheme.isComputed, findings.failures[item.id] == nil else { return nil }
      return assessment(of: item, in: scheme) != nil ? nil : .assessment(item.id, made(scheme, of: item))
    }
  }
}

// MARK: - What a row says

extension Session {
  /// Why an item is as it is, where that needs words: a scheme it could not take, an error that is not computed,
  /// numbers that could not be read.
  public func note(on item: Item) -> String? {
    if let failure = findings.failures[item.id] { return failure }
    if !notes.isEmpty, let note = notes[item.name] { return note }
    return targetNote(on: item) ?? ownNote(on: item)
  }

  /// The same without what the chosen target has to say, which takes longer to find out.
  public func ownNote(on item: Item) -> String? {
    if let failure = findings.failures[item.id] { return failure }
    if !notes.isEmpty, let note = notes[item.name] { return note }
    let scheme = scheme(of: item)
    if findings.isBlank, scheme.isKeep { return item.ownNote }
    if !scheme.isComputed { return "\(scheme): its error is not yet computed" }
    if hasNoNumbers(item) {
      return "all of its \(item.count) numbers are NaN or infinite and count as zero"
        + (scheme.isKeep ? "" : ": there is no error to state")
    }
    if let assessment = assessment(of: item, in: scheme), assessment.relativeError == nil {
      return "\(scheme) makes numbers that are not finite: the weights are too large for its scales"
    }
    if let count = nonFinite(in: item), count > 0 {
      let what = item.type == .f64 ? "NaN, infinite or too large for F32" : "NaN or infinite"
      return "\(count) number\(count == 1 ? " is" : "s are") \(what) and count\(count == 1 ? "s" : "") as zero"
    }
    return item.ownNote
  }
}

extension Session {
  /// Whether an item was read and not one of its numbers is finite.
  public func hasNoNumbers(_ item: Item) -> Bool { item.count > 0 && nonFinite(in: item) == item.count }

  /// Numbers of an item that are none, once it was read.
  public func nonFinite(in item: Item) -> Int? {
    survey(of: item).map { $0.statistics.nans + $0.statistics.infinities }
      ?? assessment(of: item, in: scheme(of: item))?.nonFinite
  }
}
