/// Layers that change together: q, k and v; gate and up; a head and an embedding that are one matrix.
public struct Locks: Sendable {
  /// By item: those that change with it, itself among them.
  private var groups: [Item.ID: [Item.ID]] = [:]

  init(_ groups: [[Item.ID]]) {
    for group in groups { for id in group { self.groups[id] = group } }
  }

  /// How many groups there are.
  public var count: Int { Set(groups.values).count }

  /// Those that change with an item; none where it is for itself.
  func group(of id: Item.ID) -> [Item.ID] { groups[id] ?? [] }

  /// Items with those that are locked to them, each once, in order.
  func including(_ ids: [Item.ID]) -> [Item.ID] {
    var seen: Set<Item.ID> = []
    return ids.flatMap { groups[$0] ?? [$0] }.filter { seen.insert($0).inserted }
  }
}

extension Session {
  /// Whether an edit of one layer changes those that runtimes run with it as one.
  public var isLocked: Bool { locks != nil }

  /// What runtimes run as one, by the names that the model's folder explains.
  public var lockable: Locks {
    Locks(ConfigTarget.fusedWords.flatMap(siblings) + (tiedEmbedding.map { [$0] } ?? []))
  }

  /// Locks layers to each other, or with `nil` none.
  public mutating func lock(_ locks: Locks?) { self.locks = locks }

  /// Gives what is locked to a layer whose choice a rule changed the same choice, where it can take it.
  func spreadLocks(_ outcome: inout Outcome) {
    guard let locks else { return }
    for item in items where outcome.recipe.choices[item.name] != recipe.choices[item.name] {
      guard let choice = outcome.recipe.choices[item.name] else { continue }
      for other in locks.group(of: item.id).compactMap(item(id:))
      where outcome.recipe.choices[other.name] == recipe.choices[other.name] {
        if other.obstacle(to: choice.scheme) == nil { outcome.recipe.choices[other.name] = choice }
      }
    }
  }
}
