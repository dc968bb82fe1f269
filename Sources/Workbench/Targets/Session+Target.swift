import Compression

extension Session {
  /// Makes a target the one that the recipe is meant for.
  ///
  /// - Parameter target: `nil` for none.
  /// - Throws: `WorkbenchError` for a model whose layers the tool has no names for.
  public mutating func aim(at target: Target?) throws(WorkbenchError) { take(try aim(for: target)) }

  /// What a target says of every layer, to be taken later: its rules ask the model's folder.
  ///
  /// - Throws: `WorkbenchError` for a model whose layers the tool has no names for.
  public func aim(for target: Target?) throws(WorkbenchError) -> Aim {
    let accepted: ConfigTarget? =
      switch target?.kind {
      case .config(let config): config
      case .checkpoint(let writer): writer.accepted
      case .recipe, nil: nil
      }
    guard let accepted else { return Aim(target: target, fit: nil) }
    return Aim(target: target, fit: try TargetFit(accepted, self))
  }

  /// Makes a target the one that the recipe is meant for.
  public mutating func take(_ aim: Aim) {
    if aim.target == nil, target == nil { return }
    self.aim = aim
    // Its numbers are others: sizes and errors follow.
    recipeChanged(at: Array(items.indices))
  }

  /// Why the chosen target cannot say an item's scheme; `nil` where it can, or where there is no target.
  public func targetObstacle(to scheme: Scheme, of item: Item) -> String? {
    item.kind == .weight || !scheme.isKeep ? aim.fit?.obstacle(to: scheme, of: item) : nil
  }

  /// The same of the scheme that is chosen, and why those that must agree do not.
  public func targetNote(on item: Item) -> String? {
    targetObstacle(to: scheme(of: item), of: item) ?? aim.fit?.disagreement(of: item, in: self)
  }

  /// What the target takes for an item, the most bits first; empty without a target.
  public func targetFormats(for item: Item) -> [Scheme.Format] { aim.fit?.formats(for: item) ?? [] }

  /// Whether the errors and sizes of all that was chosen are known: a table of them has no gaps.
  public var hasFigures: Bool { isSurveyed && questions(about: items).isEmpty }

  /// Items whose scheme the target cannot say, and why.
  public var misfits: [Item.ID: String] { aim.fit == nil ? [:] : misfits(among: items.map(\.id)) }

  /// The same of what the last change of the recipe touched: the changed items and those that must agree with them.
  ///
  /// - Returns: by item, `nil` for what fits.
  public var changedMisfits: [Item.ID: String?] {
    guard let fit = aim.fit else { return [:] }
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
    guard let fit = aim.fit, item.kind == .weight, fit.offers[item.id] != nil else { return [] }
    let sparsity = recipe[item].sparsity
    return fit.formats(for: item).compactMap { format in
      guard case .uniform(let uniform) = format, ErrorTable.widths.contains(uniform.bits) else { return nil }
      let scheme = Scheme(format, sparsity: sparsity)
      let made = made(scheme, of: item)
      return made == scheme || item.obstacle(to: made) != nil || answers.assessments[item.id, made] != nil
        ? nil : .assessment(item.id, made)
    }
  }
}

extension ConfigTarget {
  /// What any runtime fuses.
  static let fusedWords: [[String]] = Array(Set(all.flatMap(\.fused))).sorted { $0.joined() < $1.joined() }
}
