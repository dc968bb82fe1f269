import Compression

/// A recipe that was kept under a name, to come back to.
public struct Snapshot: Sendable, Identifiable {
  public let id: Int
  public var name: String
  public let recipe: Recipe
  public let provenance: Provenance?

  public init(id: Int, name: String, recipe: Recipe, provenance: Provenance? = nil) {
    (self.id, self.name, self.recipe, self.provenance) = (id, name, recipe, provenance)
  }
}

extension Session {
  /// Keeps a recipe under a name, one that tells it from the others where none is given; the same recipe again takes the
  /// new name, if there is one.
  ///
  /// - Returns: its name.
  @discardableResult
  public mutating func keepSnapshot(of recipe: Recipe, name: String? = nil, provenance: Provenance? = nil) -> String {
    if let place = snapshots.firstIndex(where: { $0.recipe.isSame(as: recipe) }) {
      if let name { snapshots[place].name = name }
      return snapshots[place].name
    }
    let own = name ?? unused(description(of: recipe))
    let story = provenance ?? (recipe == self.recipe ? history.provenance : nil)
    snapshots.append(
      Snapshot(id: (snapshots.map(\.id).max() ?? 0) + 1, name: own, recipe: recipe, provenance: story))
    return own
  }

  public mutating func removeSnapshot(_ id: Snapshot.ID) { snapshots.removeAll { $0.id == id } }

  /// A name with a number after it, where others have it.
  private func unused(_ name: String) -> String {
    let taken = Set(snapshots.map(\.name))
    guard taken.contains(name) else { return name }
    return (2...snapshots.count + 2).lazy.map { "\(name) #\($0)" }.first { !taken.contains($0) } ?? name
  }

  /// `int4 g32`, `3.9 bpw of 3 schemes`, `as it is`.
  private func description(of recipe: Recipe) -> String {
    let chosen = items.filter { $0.kind == .weight && !recipe[$0].isKeep }
    guard let first = chosen.first else { return "as it is" }
    let schemes = Set(chosen.map { recipe[$0] })
    let weights = items.count { $0.kind == .weight && $0.closed == nil }
    if schemes.count == 1 {
      let text = recipe[first].format.short
      return chosen.count >= weights ? text : "\(text), \(chosen.count) of \(weights)"
    }
    let estimate = recipe.isSame(as: self.recipe) ? self.estimate : self.estimate { recipe[$0] }
    let bits = Format.fixed(estimate.bitsPerWeight, 2)
    return "\(bits) bpw, \(schemes.count) schemes"
  }
}

extension Recipe {
  /// Whether the same schemes are chosen, whoever chose them.
  func isSame(as other: Recipe) -> Bool {
    let own = choices.filter { !$0.value.scheme.isKeep }
    let others = other.choices.filter { !$0.value.scheme.isKeep }
    return own.count == others.count && own.allSatisfy { others[$0.key]?.scheme == $0.value.scheme }
  }
}
