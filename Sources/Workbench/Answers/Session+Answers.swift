import Compression

/// What is known of the items. Of the numbers that the target's tool makes, where one is chosen.
extension Session {
  public mutating func receive(_ reports: [Report]) {
    for report in reports {
      answers.keep(report)
      guard let place = table.place(of: report.question.item) else { continue }
      if case .survey = report.answer { answer(items[place], recipe[items[place]]) }
      renewPart(at: place)
    }
  }

  public func survey(of item: Item) -> Survey? { answers.surveys[item.id] }

  /// The error table that belongs to a sparsity, once it is there.
  public func table(of item: Item, sparsity: Sparsity) -> ErrorTable? {
    sparsity == .none ? answers.surveys[item.id]?.errors : answers.tables[item.id]?[sparsity]
  }

  /// Of the numbers that the target's tool makes, where one is chosen; so are all other figures.
  public func assessment(of item: Item, in scheme: Scheme) -> Assessment? {
    answers.assessments[item.id, made(scheme, of: item)]
  }

  /// What was said at once.
  public func answer(of item: Item, in scheme: Scheme) -> SummaryAnswer? {
    answers.atOnce[item.id]?[made(scheme, of: item)]
  }

  /// t² of an item in a scheme: zero for what is kept, from the error table where it has it, or from an assessment;
  /// `nil` while it is not known, and where none of its numbers is finite.
  public func relativeError(of item: Item, in scheme: Scheme) -> Double? {
    relativeError(of: item, inExactly: made(scheme, of: item))
  }

  /// The same of the scheme's own numbers, whatever the target's tool makes.
  func relativeError(of item: Item, inExactly scheme: Scheme) -> Double? {
    if scheme.isKeep { return 0 }
    // Of NaN and infinities nothing is known: not even that zeros in their place do no harm.
    if hasNoFiniteNumber(item) { return nil }
    if scheme.by == .nearest, case .uniform(let uniform) = scheme.format, uniform.hasTable,
      let table = self.table(of: item, sparsity: scheme.sparsity),
      let error = table[uniform.bits, uniform.symmetry, uniform.granularity]
    {
      return error
    }
    return answers.assessments.relativeError(item.id, scheme) ?? answers.atOnce[item.id]?[scheme]?.estimate
  }

  /// Whether the error that is shown is a bounded estimate, until the exact one comes.
  public func isErrorEstimated(of item: Item, in scheme: Scheme) -> Bool {
    guard let answer = answer(of: item, in: scheme), !answer.isExact else { return false }
    if assessment(of: item, in: scheme) != nil { return false }
    if case .uniform(let uniform) = made(scheme, of: item).format, uniform.hasTable,
      let table = self.table(of: item, sparsity: scheme.sparsity)
    {
      return table[uniform.bits, uniform.symmetry, uniform.granularity] == nil
    }
    return true
  }

  /// Answers at once what the summaries of some items say about their schemes.
  ///
  /// - Complexity: a walk over at most 65,536 values an item.
  public mutating func answerAtOnce(_ ids: [Item.ID]) {
    for place in ids.compactMap(table.place(of:)) where !recipe[items[place]].isKeep {
      answer(items[place], recipe[items[place]])
      renewPart(at: place)
    }
  }

  /// The same about any scheme of one item.
  public mutating func answer(_ item: Item, _ scheme: Scheme) {
    let made = made(scheme, of: item)
    guard !scheme.isKeep, made.by == .nearest, answers.atOnce[item.id]?[made] == nil,
      assessment(of: item, in: scheme) == nil,
      let answer = answers.surveys[item.id]?.summary?.answer(made)
    else { return }
    answers.atOnce[item.id, default: [:]][made] = answer
  }

  /// The bytes of an item in a scheme, and whether they are exact: forms that depend on the numbers are known only
  /// once these were read.
  public func bytes(of item: Item, in scheme: Scheme) -> (bytes: Int, exact: Bool) {
    if scheme.isKeep || item.sharedWith != nil { return (item.bytes, true) }
    if let stored = aim.fit?.storedBytes(of: item, in: scheme) { return (stored, true) }
    if let assessment = assessment(of: item, in: scheme) { return (assessment.size.bytes, true) }
    return (item.denseBytes(in: made(scheme, of: item)), scheme.sparsity == .none && scheme.coding == .none)
  }
}

extension Session {
  /// Whether an item was read and not one of its numbers is finite.
  public func hasNoFiniteNumber(_ item: Item) -> Bool { item.count > 0 && nonFinite(in: item) == item.count }

  /// How many of an item's numbers are NaN or infinite, once it was read.
  public func nonFinite(in item: Item) -> Int? {
    survey(of: item).map { $0.statistics.nans + $0.statistics.infinities }
      ?? assessment(of: item, in: scheme(of: item))?.nonFinite
  }
}
