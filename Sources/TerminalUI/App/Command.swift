import Compression
import FileAccess
import Workbench

/// Something that a person can do: by a key, by name after `:`, or from the help list. One table (`Command.all`)
/// serves all three.
struct Command: Sendable {
  /// The name after `:`; a second name after a comma is a short form.
  let name: String
  let keys: [Key]
  /// How its arguments read, `[…]` where they may be left out; empty for none.
  let arguments: String
  let summary: String
  let section: Section
  /// Why it does nothing here and now; `nil` where it works.
  let obstacle: @Sendable (State) -> String?
  /// Does it. `argument` is empty when a key was pressed.
  let run: @Sendable (inout State, _ argument: String) throws(WorkbenchError) -> [Effect]

  enum Section: String, CaseIterable, Sendable {
    case layer = "Change the selected layers"
    case move = "Move and select"
    case look = "Look"
    case session = "Session"
  }

  init(
    _ name: String, _ keys: [Key], _ section: Section, _ summary: String,
    unless obstacle: @escaping @Sendable (State) -> String? = { _ in nil },
    run: @escaping @Sendable (inout State, String) throws(WorkbenchError) -> [Effect]
  ) {
    self.init(name, keys, "", section, summary, unless: obstacle, run: run)
  }

  init(
    _ name: String, _ keys: [Key], _ arguments: String, _ section: Section, _ summary: String,
    unless obstacle: @escaping @Sendable (State) -> String? = { _ in nil },
    run: @escaping @Sendable (inout State, String) throws(WorkbenchError) -> [Effect]
  ) {
    self.name = name
    self.keys = keys
    self.arguments = arguments
    self.summary = summary
    self.section = section
    self.obstacle = obstacle
    self.run = run
  }
}

/// Figures that are written into a file.
enum Saved: Hashable, Sendable {
  /// The bins of the current layer's histogram.
  case bins
  case sensitivities
}

/// What a command wants done outside the state: the program does it.
enum Effect: Sendable, Hashable {
  /// - Parameter replaces: whether a file that is there may go.
  case write(Target, path: String, replaces: Bool)
  case save(path: String, what: Saved, replaces: Bool)
  case importRecipe(path: String)
  case importances(path: String)
  case aim(Target?)
  case lock(Bool)
  /// Works out what the recipe would take and give on devices.
  case devices([DeviceProfile])
  /// Works out what the popup on top has to say of recipes beside the one that stands.
  case appraise([Recipe])
  /// What every target has to say of the model.
  case targets
  /// Opens another file whose layers are drawn over this one's.
  case other(path: String)
  /// Works out the front of size and harm.
  case front
  /// Works out why a layer has its bits.
  case why(Item.ID)
  case measure(data: String)
  case calibrate(data: String)
  /// Chooses the codes that the recipe asks for.
  case recover(data: String)
  case sensitivities(path: String)
  case cancel
  case analyse
  case mouse(Bool)
  case saveSession(path: String, replaces: Bool)
  case openSession(path: String)
  /// Takes up the work of a session that ended without being asked to, or throws it away.
  case rescued(Rescued)
  case suspend
  case repaint
  case copy(String)
  /// Finds the thresholds of ratios over the model.
  case resolveShared
}

extension Command {
  /// Every command, in the order of the help list.
  static let all: [Command] = edits + moves + looks + sessions + records

  /// A command of the table by its whole name, for those that run another.
  ///
  /// - Precondition: there is one; the name is written in the code, never typed or read.
  static func named(_ name: StaticString) -> Command {
    guard let command = all.first(where: { $0.name == "\(name)" }) else { preconditionFailure("no command \(name)") }
    return command
  }

  static func forKey(_ key: Key) -> Command? { byKey[key] }

  private static let byKey: [Key: Command] = Dictionary(
    all.flatMap { command in command.keys.map { ($0, command) } }, uniquingKeysWith: { first, _ in first })

  /// Runs a line typed after `:`; a name may be shortened as long as it is one command's beginning.
  static func run(line: String, in state: inout State) throws(WorkbenchError) -> [Effect] {
    let line = line.drop { $0 == " " }
    let name = line.prefix { $0 != " " }
    guard !name.isEmpty else { return [] }
    let argument = String(line.dropFirst(name.count).drop { $0 == " " })
    let command = try find(String(name))
    if let obstacle = command.obstacle(state) { throw WorkbenchError("\(command.name): \(obstacle)") }
    return try command.run(&state, argument)
  }

  static func find(_ name: String) throws(WorkbenchError) -> Command {
    let whole = aliases[name] ?? name
    if let exact = all.first(where: { $0.name == whole }) { return exact }
    let candidates = all.filter { $0.name.hasPrefix(name) }
    if candidates.count == 1 { return candidates[0] }
    throw WorkbenchError(
      candidates.isEmpty
        ? "no command \"\(printable(name))\"\(suggestion(for: name, among: all.map(\.name))): ? lists them"
        : "\"\(name)\" may be \(candidates.map(\.name).joined(separator: ", "))")
  }

  /// Commands that a search finds, the likeliest first: of that name, with a name that begins so, with a name that has
  /// it, all others that mention it.
  ///
  /// - Parameter text: terms that must all occur, as in the list's filter; empty for all.
  static func found(by text: String) -> [Command] {
    let terms = Filter(text)
    guard !terms.isEmpty else { return all }
    let word = text.lowercased().drop { $0 == " " || $0 == ":" }
    func rank(_ command: Command) -> Int {
      if command.name == word { return 0 }
      if command.name.hasPrefix(word) { return 1 }
      return command.name.contains(word) ? 2 : 3
    }
    let found = all.filter {
      terms.admits("\($0.name) \($0.keyLabel) \($0.summary) \($0.section.rawValue)") || $0.name.hasPrefix(word)
    }
    let ranks = found.map(rank)
    return found.indices.sorted { (ranks[$0], $0) < (ranks[$1], $1) }.map { found[$0] }
  }

  /// The keys as help shows them.
  var keyLabel: String { (Chord.labels(of: name) + keys.map(\.label)).prefix(3).joined(separator: " ") }

  /// Whether a count before its key repeats it.
  var repeats: Bool { Self.repeated.contains(name) }

  private static let repeated: Set<String> = [
    "down", "up", "page-down", "page-up", "fewer", "more", "sparser", "denser", "raise", "lower", "undo", "redo",
    "mark",
    "extend-down", "extend-up", "next-match", "previous-match", "sort",
  ]

  /// What people type who know other programs.
  static let aliases: [String: String] = [
    "q": "quit", "q!": "quit!", "w": "write", "wq": "write-quit", "x": "write-quit", "h": "help", "noh": "clear",
  ]
}
