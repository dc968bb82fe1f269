import FileAccess
import Workbench

/// The commands about sessions as files.
extension Command {
  static let records: [Command] = [
    Command(
      "session", [], "save [PATH]|open PATH", .session,
      "keep all of this in a file: recipe, history, measurements, view; or go on with one"
    ) {
      state, argument throws(WorkbenchError) in
      let (verb, path) = argument.firstWord
      switch verb {
      case "save":
        let path = Paths.expanded(path.isEmpty ? state.sessionPath : path)
        return [.saveSession(path: path, replaces: state.ownPaths.contains(path))]
      case "open" where !path.isEmpty: return [.openSession(path: Paths.expanded(path))]
      case "open": throw WorkbenchError("session open: expected a path, as in :session open \(state.sessionPath)")
      default: throw WorkbenchError("session \(printable(verb)): expected save [PATH] or open PATH")
      }
    },
    Command(
      "rescued", [], "restore|discard", .session, "the unsaved work of a session that was ended: take it up, or not",
      unless: { $0.rescued == nil ? "no work of an ended session waits for this model" : nil }
    ) {
      state, argument throws(WorkbenchError) in
      guard let choice = Rescued(rawValue: argument.isEmpty ? "restore" : argument) else {
        throw WorkbenchError("rescued \(printable(argument)): expected restore or discard")
      }
      return [.rescued(choice)]
    },
  ]
}

/// What becomes of the work of a session that ended without being asked to.
enum Rescued: String, CaseIterable, Sendable, Hashable {
  case restore, discard
}
