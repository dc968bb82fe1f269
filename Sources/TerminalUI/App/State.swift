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
  /// Where a range began; it reaches to the cursor.
  var anchor: Int?
  var folded: Set<String> = []
  var filter = Filter("") { didSet { refreshRows() } }
  var ordering = Ordering() { didSet { refreshRows() } }

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
  var popup: Popup?
  var message: Message?
  var progress: Analyst.Progress?
  var measuring: Measuring?
  /// A checkpoint that is being written.
  var exporting: ExportProgress?
  var spinner = 0
  var isMouseOn = true
  var dataPath: String?
  var isDone = false
  /// The estimate and the uniform points are worked out when something changed, not with every frame.
  private(set) var estimate: Estimate
  private(set) var uniformPoints: [TradeOffPoint] = []
  /// Layers whose schemes the chosen target cannot say, and why.
  private(set) var misfits: [Int: String] = [:]
  private var misfitTarget: Target?
  private var hasUniformPoints = false

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
    estimate = session.estimate
    misfits = session.misfits
    misfitTarget = session.target
    rows = makeRows()
  }

  // MARK: Derived

  /// After the session changed: figures anew, rows where they depend on figures. Each is a walk over all items, so the
  /// curve, which no recipe changes, is drawn once; and long lists keep their order until the analysis ends.
  mutating func sessionChanged(recipe: Bool) {
    estimate = session.estimate
    if session.target != misfitTarget {
      misfits = session.misfits
      misfitTarget = session.target
    } else if recipe {
      for (id, reason) in session.changedMisfits { misfits[id] = reason }
    }
    if !hasUniformPoints, session.isSurveyed {
      uniformPoints = session.uniformPoints
      hasUniformPoints = true
    }
    let isShort = session.items.count < 5000
    if ordering.column != nil || !filter.isEmpty, recipe || isShort || session.isSurveyed { refreshRows() }
  }

  /// Rows anew; the cursor stays with its row, or where it was.
  mutating func refreshRows() {
    let identity = row?.identity
    rows = makeRows()
    if let identity, let index = rows.firstIndex(where: { $0.identity == identity }) { cursor = index }
    cursor = max(0, min(cursor, rows.count - 1))
    anchor = anchor.map { max(0, min($0, rows.count - 1)) }
  }

  var row: Row? { rows.indices.contains(cursor) ? rows[cursor] : nil }

  /// The item under the cursor, or the first of the block under it.
  var current: Item? { row?.items.first.flatMap(session.item(id:)) }

  /// Rows of the range that is being selected.
  var range: ClosedRange<Int>? {
    anchor.map { min($0, cursor)...max($0, cursor) }
  }

  /// Marked items and those of the range.
  var selection: Set<Int> {
    guard let range else { return marked }
    return marked.union(rows[range].flatMap(\.items))
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

  mutating func say(_ text: String) { message = Message(kind: .note, text: text) }
  mutating func complain(_ text: String) { message = Message(kind: .error, text: text) }
}

/// A line that is being typed.
struct Prompt: Sendable {
  enum Purpose: Sendable { case command, filter, confirmQuit }

  var purpose: Purpose
  var editor: LineEditor
}

/// A list over the screen: help, or the schemes to pick from.
struct Popup: Sendable {
  enum Content: Sendable { case help, schemes, prune(PruneChoice), text(title: String, lines: [String]) }

  var content: Content
  var cursor = 0
  var filter = ""
}
