import FileAccess
import Workbench

/// All that the screen shows: a value. `update` changes it, views draw it.
struct State: Sendable {
  var session: Session
  var size: Size
  var glyphs = GlyphSet.unicode

  // The list.
  private(set) var rows: [Row] = []
  var cursor = 0
  var scroll = 0
  var marked: Set<Int> = []
  var range: SelectedRange?
  var folded: Set<String> = []
  var filter = Filter("") { didSet { rowsChanged() } }
  /// The list's columns, as a person prefers them; `nil` for what fits.
  var preferredColumns: [Column]?
  var ordering = Ordering() { didSet { rowsChanged() } }
  /// The row that the cursor comes back to when a filter that hid it is taken away.
  private var home: Row.Identity?
  /// What the filter searches, once it was asked for.
  var searchIndex: SearchIndex?

  // The panes.
  var pane = Pane.histogram
  var isZoomed = false
  var series = Series.original
  var isLogarithmic = false
  /// Zoomed, the tables are scrolled by this.
  var paneScroll = 0

  // What is going on.
  var commandHistory: [String] = []
  var prompt: Prompt?
  /// What stands over the screen.
  var popup: (any Popup)?
  /// The last message, until the next key; all of them are in `messages`.
  private(set) var message: Message?
  private(set) var messages: [Message] = []
  var progress: Analyst.Progress?
  var measuring: Measuring?
  /// Sensitivities that are being measured.
  var calibrating: SensitivityProgress?
  /// A checkpoint that is being written.
  var exporting: ExportProgress?
  var spinner = 0
  /// A recipe to hold others against (`C`).
  var markedRecipe: Recipe?
  var isMouseOn = true
  var dataPath: String?
  /// What sensitivities are measured on: other data than those that score.
  var calibrationPath: String?
  /// The work of a session that ended without being asked to, until it is taken up or thrown away.
  var rescued: OpenedSession?
  /// The file that this session's work was taken up from: it goes once the work is written.
  var rescuePath: String?
  var isDone = false
  /// What is worked out when the session changed, not with every frame.
  var figures: Figures

  enum Pane: String, CaseIterable, Sendable {
    case histogram, errors, channels, tradeoff
  }

  enum Series: String, CaseIterable, Sendable {
    case original, reconstruction, error
  }

  struct Message: Sendable, Equatable {
    enum Kind: Sendable { case note, error }
    var kind: Kind
    var text: String
  }

  struct Measuring: Sendable, Equatable {
    var done: Int
    var of: Int
  }

  init(session: Session, size: Size) {
    self.session = session
    self.size = size
    figures = Figures(session)
    rows = makeRows()
    // Buffers and constants that stand first in the file are no beginning.
    cursor =
      rows.firstIndex { row in
        if case .item(let id, _) = row { session.item(id: id)?.kind == .weight } else { false }
      } ?? 0
  }

  // MARK: Derived

  /// After the session changed: figures anew, and rows where they depend on figures; long lists keep their order until the
  /// analysis ends.
  mutating func sessionChanged() {
    let isOtherRecipe = figures.renew(from: session)
    let isShort = session.items.count < 5000
    if ordering.column != nil || !filter.isEmpty, isOtherRecipe || isShort || session.isSurveyed { refreshRows() }
  }

  /// Rows anew; the cursor stays with its row, or goes back to the one that a filter hid, or stays where it was.
  ///
  /// - Returns: whether its row is still there.
  @discardableResult
  mutating func refreshRows() -> Bool {
    let identity = row?.identity
    if home == nil { home = identity }
    prepareSearch()
    rows = makeRows()
    let place = home.flatMap(place(of:)) ?? identity.flatMap(place(of:))
    cursor = max(0, min(place ?? cursor, rows.count - 1))
    if filter.isEmpty || row?.identity == home { home = nil }
    return place != nil
  }

  /// After the filter or the order changed: a range holds what it held, as marks.
  private mutating func rowsChanged() {
    keepRange()
    if !refreshRows() { cursor = 0 }
  }

  private func place(of identity: Row.Identity) -> Int? { rows.firstIndex { $0.identity == identity } }

  var row: Row? { rows.indices.contains(cursor) ? rows[cursor] : nil }

  /// The item under the cursor, or the first of the block under it.
  var current: Item? { row?.items.first.flatMap(session.item(id:)) }

  /// Moves the cursor to a row; a range that is being selected reaches to it.
  mutating func go(to index: Int) {
    cursor = max(0, min(rows.count - 1, index))
    home = nil
    guard let range, let anchor = place(of: range.anchor) else { return }
    self.range?.items = Set(rows[min(anchor, cursor)...max(anchor, cursor)].flatMap(\.items))
  }

  /// Begins a range at the row under the cursor, where none has begun.
  mutating func beginRange() {
    guard range == nil, let row else { return }
    range = SelectedRange(anchor: row.identity, items: Set(row.items))
  }

  /// Ends the range; what it holds stays marked.
  mutating func keepRange() {
    marked = selection
    range = nil
  }

  /// Marked items and those of the range.
  var selection: Set<Int> { range.map { marked.union($0.items) } ?? marked }

  /// How many of some items the filter hides.
  func hidden(among ids: some Collection<Int>) -> Int {
    guard !filter.isEmpty, !ids.isEmpty else { return 0 }
    let seen = Set(rows.flatMap(\.items))
    return ids.count { !seen.contains($0) }
  }

  /// What an edit changes: the selection, or else the row under the cursor.
  var targets: [Int] {
    let chosen = selection
    if chosen.isEmpty { return editable(row?.items ?? []) }
    return editable(session.items.map(\.id).filter(chosen.contains))
  }

  /// The item that a popup about the targets speaks of: the first of them.
  var subject: Item? { targets.first.flatMap(session.item(id:)) ?? current }

  /// An edit of several items leaves vectors and buffers alone, as patterns do.
  private func editable(_ ids: [Int]) -> [Int] {
    ids.count == 1 ? ids : ids.filter { session.item(id: $0)?.kind == .weight }
  }

  /// A command line with its beginning written.
  func commandPrompt(_ text: String) -> Prompt {
    Prompt(purpose: .command, editor: LineEditor(prompt: ":", text: text, history: commandHistory))
  }

  mutating func say(_ text: String) { tell(Message(kind: .note, text: printable(text))) }
  mutating func complain(_ text: String) { tell(Message(kind: .error, text: printable(text))) }
  mutating func clearMessage() { message = nil }

  private mutating func tell(_ message: Message) {
    self.message = message
    messages.append(message)
    if messages.count > Self.mostMessages { messages.removeFirst() }
  }

  private static let mostMessages = 200
}

/// Rows that are being selected: from one row to the cursor. A set of items, so that rows which come, go or change places
/// under it change nothing of what it holds.
struct SelectedRange: Sendable {
  /// The row where it began.
  let anchor: Row.Identity
  var items: Set<Int>
}

/// A line that is being typed.
struct Prompt: Sendable {
  enum Purpose: Sendable { case command, filter, confirmQuit }

  var purpose: Purpose
  var editor: LineEditor
}
