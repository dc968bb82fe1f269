import FileAccess
import Workbench

/// All that the screen shows: a value. `update` changes it, views draw it.
struct State: Sendable {
  var session: Session
  var size: Size
  var glyphs = GlyphSet.unicode

  // The list.
  private(set) var rows: [Row] = [] { didSet { longestName = longestNameAmongRows } }
  /// Cells that the longest of the names takes.
  private(set) var longestName = 0
  /// The places of all items in the order in which they are shown.
  private(set) var shownOrder: [Int]
  /// How many items are weights.
  let weightCount: Int
  /// Whether biases, norms and buffers are shown among the weights.
  var showsAll = false { didSet { rowsChanged() } }
  /// The columns that were asked for; `nil` for those that fit.
  var columns: [Column]?
  /// Those that the person's configuration names.
  var preferredColumns: [Column]?
  var cursor = 0
  var scroll = 0
  var marked: Set<Int> = []
  var range: SelectedRange?
  var folded: Set<String> = []
  var filter = Filter("") { didSet { rowsChanged() } }
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
  /// Whether errors are shown in decibels, and channels as densities.
  var showsDecibels = false
  var showsRidge = false
  /// A layer that is drawn over the others, and the file that it comes from layer by layer.
  var overlay: Overlay?
  var other: OtherModel?
  /// Zoomed, the tables are scrolled by this.
  var paneScroll = 0

  // What is going on.
  var commandHistory: [String] = []
  var filterHistory: [String] = []
  /// The last filter that was typed to its end: `n` and `N` go on looking for it.
  var lastFilter = Filter("")
  var prompt: Prompt?
  /// What was typed towards a command.
  var pending = PendingKeys()
  /// What stands over the screen, one over the other.
  var popups: [any Popup] = []
  /// The map in the place of list and panes.
  var map: LayerMap?
  /// Whether a slider is held by the mouse.
  var isDragging = false
  /// Files that were written here: writing them again is no surprise.
  var ownPaths: Set<String> = []
  /// Leave once the recipe is written.
  var quitsWhenWritten = false
  /// The last message, until the next key; all of them are in `messages`.
  private(set) var message: Message?
  private(set) var messages: [Message] = []
  var progress: Analyst.Progress?
  var measuring: MeasuringProgress?
  /// Sensitivities that are being measured.
  var calibrating: SensitivityProgress?
  /// Codes that are being chosen, and the losses of what learns or has learnt.
  var recovering: RecoveryProgress?
  var losses: [Double] = []
  /// A checkpoint that is being written.
  var exporting: ExportProgress?
  var spinner = 0
  /// Whether no key was pressed yet: a line says what there is to press.
  var isNew = true
  /// The last edit, while it is told.
  var editStory: EditStory?
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
  /// The file with the codes that were chosen, beside the one that a rescue would write.
  var keptCodes: RecipeFile.Recovered?
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

  init(session: Session, size: Size) {
    self.session = session
    self.size = size
    figures = Figures(session)
    // Of very many names the order is found beside the first screen.
    shownOrder =
      session.items.count > SearchJob.veryLongModel ? Array(session.items.indices) : session.shownOrder
    weightCount = session.items.count { $0.kind == .weight }
    showsAll = weightCount == 0
    rows = makeRows()
    longestName = longestNameAmongRows
    // A block is no layer.
    cursor = rows.firstIndex { if case .item = $0 { true } else { false } } ?? 0
  }

  /// Takes the order of a model of very many items.
  mutating func take(order: [Int]) {
    guard order != shownOrder, order.count == session.items.count else { return }
    shownOrder = order
    refreshRows()
  }

  /// The popup that has the keys; one that is put here stands alone.
  var popup: (any Popup)? {
    get { popups.last }
    set { popups = newValue.map { [$0] } ?? [] }
  }

  /// Changes a popup of a kind, wherever it stands.
  mutating func update<Kind: Popup>(_ kind: Kind.Type, _ change: (inout Kind) -> Void) {
    guard let place = popups.lastIndex(where: { $0 is Kind }), var popup = popups[place] as? Kind else { return }
    change(&popup)
    popups[place] = popup
  }

  // MARK: Derived

  /// After the session changed: figures anew, and rows where they depend on figures; long lists keep their order until the
  /// analysis ends.
  mutating func sessionChanged() {
    defer { renewStory() }
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

  /// What of the current layer is drawn: another look asks other questions.
  var look: Look { Look(series: series, isRidge: showsRidge, name: other == nil ? nil : current?.name) }

  struct Look: Equatable {
    let series: Series
    let isRidge: Bool
    let name: String?
  }

  /// The item under the cursor, or the first of the block under it; on the map, the cell's first.
  var current: Item? {
    if let map { return map.items.first.flatMap(session.item(id:)) }
    return row?.items.first.flatMap(session.item(id:))
  }

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

  /// What an edit changes: the selection, or else the row under the cursor; on the map, its cell, row or column.
  var targets: [Int] {
    var chosen = selection
    if let map, map.anchor != nil || chosen.isEmpty { chosen.formUnion(map.items) }
    if chosen.isEmpty { return editable(map == nil ? row?.items ?? [] : []) }
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

  /// The last message in other words.
  mutating func replaceMessage(_ text: String) {
    guard message?.kind == .note, !messages.isEmpty else { return }
    let renewed = Message(kind: .note, text: printable(text))
    message = renewed
    messages[messages.count - 1] = renewed
  }

  private mutating func tell(_ message: Message) {
    editStory = nil
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
  enum Purpose: Sendable {
    case command, filter, confirmQuit
    /// Whether something is to be done all the same.
    case confirm(Effect)
  }

  var purpose: Purpose
  var editor: LineEditor

  var isCommand: Bool { if case .command = purpose { true } else { false } }
}
