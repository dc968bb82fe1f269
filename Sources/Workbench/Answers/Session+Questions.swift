import Checkpoints
import Compression

/// What there is to find out.
extension Session {
  /// How many items have numbers to read.
  public var surveyCount: Int { table.surveyCount }

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
  public var isSurveyed: Bool { answers.surveys.count + answers.failures.count >= surveyCount }

  /// What the recipe leaves open: errors and sizes that are not yet known. A scheme whose error this version does not
  /// compute asks nothing.
  public func questions(about items: [Item]) -> [Question] {
    // Where nothing is chosen, nothing is asked of hundreds of thousands.
    if recipe.choices.isEmpty { return [] }
    return items.compactMap { item in
      let scheme = self.scheme(of: item)
      guard !scheme.isKeep, scheme.isComputed, answers.failures[item.id] == nil else { return nil }
      return assessment(of: item, in: scheme) != nil ? nil : .assessment(item.id, made(scheme, of: item))
    }
  }
}
