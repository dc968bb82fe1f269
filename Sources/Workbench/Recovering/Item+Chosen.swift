import Checkpoints
import Compression

extension Item {
  /// The codes that were chosen for it in a scheme, in whatever way they are coded; `nil` where nobody chose any.
  func chosen(as scheme: Scheme) -> ChosenWeight? {
    guard scheme.by != .nearest, let chosen, chosen.scheme.hasNumbers(of: scheme) else { return nil }
    return chosen
  }

  /// Whether codes were chosen for it in a scheme.
  package func hasChosen(_ scheme: Scheme) -> Bool { chosen(as: scheme) != nil }
}

extension Session {
  /// Weights whose scheme asks for codes that nobody has chosen yet.
  package var unrecovered: [Item] {
    items.filter { recipe[$0].by != .nearest && !$0.isShared && !$0.hasChosen(recipe[$0]) }
  }

  /// - Throws: `WorkbenchError` where something is to be measured or written whose codes nobody has chosen yet.
  func requireRecovered() throws(WorkbenchError) {
    try requireMoved()
    let missing = unrecovered
    guard let first = missing.first else { return }
    let more = missing.count > 1 ? " and \(missing.count - 1) more" : ""
    throw WorkbenchError(
      "\(first.name)\(more): by=\(recipe[first].by.rawValue) asks for codes that are not chosen yet (:recover, lathe recover)"
    )
  }

  /// - Throws: where something moved together with another that is not as it was chosen any more: apart they compute
  ///   something else.
  private func requireMoved() throws(WorkbenchError) {
    var groups: [ChosenWeight.Moved: [Item]] = [:]
    for item in items {
      if let moved = item.chosen(as: recipe[item])?.moved { groups[moved, default: []].append(item) }
    }
    for (moved, members) in groups.sorted(by: { $0.key.group < $1.key.group }) where members.count != Int(moved.count) {
      let lost = items.first { $0.chosen?.moved == moved && $0.chosen(as: recipe[$0]) == nil }
      throw WorkbenchError(
        "\(lost?.name ?? members[0].name): was equalised together with \(lost == nil ? "others that are not here" : members[0].name), and has another scheme now: recover anew"
      )
    }
  }

  /// Puts codes that were chosen in the place of the nearest ones; those of no layer here, or of another shape, are listed.
  @discardableResult
  public mutating func take(_ chosen: [String: ChosenWeight]) -> [String] {
    var mismatches: [String] = []
    var found = Set<String>()
    for place in items.indices {
      guard let weight = chosen[items[place].name] else { continue }
      found.insert(items[place].name)
      guard weight.fits(rows: items[place].matrix.rows, columns: items[place].matrix.columns) else {
        mismatches.append(
          "\(items[place].name): \(weight.rows) by \(weight.columns) chosen codes, where it is \(items[place].matrix.rows) by \(items[place].matrix.columns)"
        )
        continue
      }
      table.setChosen(weight, at: place)
      answers.assessments.remove(items[place].id)
      renewPart(at: place)
    }
    mismatches += chosen.keys.filter { !found.contains($0) }.sorted().map { "\($0): this model has no such layer" }
    version += 1
    return mismatches
  }
}
