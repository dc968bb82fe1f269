import Compression

extension Session {
  /// The tool that the recipe is meant for: `fit` says what it cannot be told.
  ///
  /// - Parameter target: `nil` for none.
  /// - Throws: `WorkbenchError` for a model whose layers the tool has no names for.
  public mutating func aim(at target: Target?) throws(WorkbenchError) { take(target, try aim(for: target)) }

  /// What a target says of every layer, found out beforehand: its rules ask the model's folder.
  public struct Aim: Sendable {
    fileprivate let fit: TargetFit?
  }

  /// - Throws: `WorkbenchError` for a model whose layers the tool has no names for.
  public func aim(for target: Target?) throws(WorkbenchError) -> Aim {
    switch target?.kind {
    case .config(let config): Aim(fit: try targetFit(config))
    case .checkpoint(let writer): Aim(fit: try targetFit(writer.accepted))
    case .recipe, nil: Aim(fit: nil)
    }
  }

  private func targetFit(_ config: ConfigTarget?) throws(WorkbenchError) -> TargetFit? {
    guard let config else { return nil }
    return try TargetFit(config, self)
  }

  /// Makes a target the one that the recipe is meant for.
  public mutating func take(_ target: Target?, _ aim: Aim) {
    if target == nil, self.target == nil { return }
    (self.target, fit) = (target, aim.fit)
    // Its numbers are others: sizes and errors follow.
    recipeChanged(at: Array(items.indices))
  }

  /// Why the chosen target cannot say an item's scheme; `nil` where it can, or where there is no target.
  public func targetObstacle(to scheme: Scheme, of item: Item) -> String? {
    item.kind == .weight || !scheme.isKeep ? fit?.obstacle(to: scheme, of: item) : nil
  }

  /// The same of the scheme that is chosen, and why those that must agree do not.
  public func targetNote(on item: Item) -> String? {
    targetObstacle(to: scheme(of: item), of: item) ?? fit?.disagreement(of: item, in: self)
  }

  /// What the target takes for an item, the most bits first; empty without a target.
  public func targetFormats(for item: Item) -> [Scheme.Format] { fit?.formats(for: item) ?? [] }

  /// Whether the errors and sizes of all that was chosen are known: a table of them has no gaps.
  public var hasFigures: Bool { isSurveyed && questions(about: items).isEmpty }

  /// Items whose scheme the target cannot say, and why.
  public var misfits: [Item.ID: String] { fit == nil ? [:] : misfits(among: items.map(\.id)) }

  /// The same of what the last change of the recipe touched: the changed items and those that must agree with them.
  ///
  /// - Returns: by item, `nil` for what fits.
  public var changedMisfits: [Item.ID: String?] {
    guard let fit else { return [:] }
    let touched = Set(lastChanged.flatMap(fit.partners))
    let found = misfits(among: touched)
    return Dictionary(uniqueKeysWithValues: touched.map { ($0, found[$0]) })
  }

  private func misfits(among ids: some Sequence<Item.ID>) -> [Item.ID: String] {
    ids.reduce(into: [:]) { found, id in found[id] = item(id: id).flatMap(targetNote(on:)) }
  }

  /// The scheme of about eight bits that the target takes for an item that is kept, or the most bits that are fewer than it
  /// has now: where an edit by keys begins.
  public func startingFormat(for item: Item) -> Scheme.Format? {
    let formats = targetFormats(for: item)
    let smaller = formats.filter { item.denseBytes(in: Scheme($0)) < item.bytes }
    return smaller.first { ($0.codeBits ?? 0) <= 8.5 } ?? smaller.last ?? formats.last
  }
}

extension Session {
  /// What the table of errors lacks: schemes that the chosen target takes and whose numbers are its tool's own.
  public func toolQuestions(about item: Item) -> [Question] {
    guard let fit, item.kind == .weight, fit.offers[item.id] != nil else { return [] }
    let sparsity = recipe[item].sparsity
    return fit.formats(for: item).compactMap { format in
      guard case .uniform(let uniform) = format, ErrorTable.widths.contains(uniform.bits) else { return nil }
      let scheme = Scheme(format, sparsity: sparsity)
      let made = made(scheme, of: item)
      return made == scheme || item.obstacle(to: made) != nil || findings.assessments[item.id, made] != nil
        ? nil : .assessment(item.id, made)
    }
  }
}

// MARK: - Locks

extension Session {
  /// Whether an edit of one layer changes those that runtimes run with it as one: q, k and v; gate and up; a head and an
  /// embedding that are one matrix.
  public var isLocked: Bool { locks != nil }

  /// How many groups of layers a lock holds together.
  public var lockedGroups: Int { Set((locks ?? [:]).values).count }

  /// By item: those that change with it.
  public typealias Locks = [Item.ID: [Item.ID]]

  /// What runtimes run as one, by the names that the model's folder explains.
  public var lockable: Locks {
    var groups = ConfigTarget.fusedWords.flatMap(siblings)
    if let tied = tiedEmbedding { groups.append(tied) }
    var locks: Locks = [:]
    for group in groups { for id in group { locks[id] = group } }
    return locks
  }

  /// Locks layers to each other, or with `nil` none.
  public mutating func lock(_ locks: Locks?) { self.locks = locks }

  /// Items with those that are locked to them, each once, in order.
  func withLocked(_ ids: [Item.ID]) -> [Item.ID] {
    guard let locks else { return ids }
    var seen: Set<Item.ID> = []
    return ids.flatMap { locks[$0] ?? [$0] }.filter { seen.insert($0).inserted }
  }
}

extension Session {
  /// Gives what is locked to a layer whose choice a rule changed the same choice, where it can take it.
  func spreadLocks(_ outcome: inout Outcome) {
    guard let locks else { return }
    for item in items where outcome.recipe.choices[item.name] != recipe.choices[item.name] {
      guard let choice = outcome.recipe.choices[item.name] else { continue }
      for other in (locks[item.id] ?? []).compactMap(item(id:))
      where outcome.recipe.choices[other.name] == recipe.choices[other.name] {
        if other.obstacle(to: choice.scheme) == nil { outcome.recipe.choices[other.name] = choice }
      }
    }
  }
}

extension ConfigTarget {
  /// What any runtime fuses.
  static let fusedWords: [[String]] = Array(Set(all.flatMap(\.fused))).sorted { $0.joined() < $1.joined() }
}
