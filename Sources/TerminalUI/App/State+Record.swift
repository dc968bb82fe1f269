import FileAccess
import Workbench

/// A session as a file, with what the screen adds to it.
extension State {
  /// Where a session is written when no other place is named: the model's name in the working folder.
  var sessionPath: String { String(recipePath.dropLast(".recipe.json".count)) + ".session.json" }

  /// All that there is to keep.
  var draft: SessionDraft {
    session.draft { record in
      (record.marked, record.data, record.calibration) = (
        markedRecipe, dataPath.map(absolutePath), calibrationPath.map(absolutePath)
      )
      record.recovered = keptCodes
      record.view.filter = filter.text
      (record.view.sort, record.view.isDescending) = (ordering.column?.rawValue, ordering.isDescending)
      (record.view.folded, record.view.pane) = (folded.sorted(), pane.rawValue)
    }
  }

  /// Goes on with a session that was kept. What names nothing here is passed over.
  mutating func restore(_ opened: OpenedSession) {
    session.restore(opened)
    let record = opened.record
    markedRecipe = record.marked
    dataPath = record.data ?? dataPath
    calibrationPath = record.calibration ?? calibrationPath
    let view = record.view
    folded = Set(session.blockNames).intersection(view.folded)
    pane = view.pane.flatMap(Pane.init) ?? pane
    ordering = Ordering(column: view.sort.flatMap(Column.init), isDescending: view.isDescending)
    filter = Filter(printable(view.filter))
    clearSelection()
    sessionChanged()
  }

  /// Says what was opened.
  mutating func sayOpened(_ opened: OpenedSession) {
    let (steps, count) = (opened.record.steps, opened.record.measurements.count)
    say(
      "opened \(printable(opened.path)): \(steps) step\(steps == 1 ? "" : "s") of history, "
        + "\(count) measurement\(count == 1 ? "" : "s")")
    if let first = opened.mismatches.first { complain("\(opened.mismatches.count) of it do not fit; \(first)") }
  }
}
