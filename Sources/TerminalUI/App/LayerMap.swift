import Checkpoints
import Workbench

/// A place on the map; −1 for a row's or a column's name.
struct MapPlace: Hashable, Sendable {
  var row: Int
  var column: Int
}

/// A model at once: blocks down, what layers do across, or layers in the order in which they run. The cursor is on a cell,
/// a row's name or a column's; edits apply to what it is on.
struct LayerMap: Sendable {
  let rows: [Line]
  let columns: [String]
  /// Whether columns are what layers do: sums down a column mean something then.
  let hasRoles: Bool
  var place = MapPlace(row: 0, column: 0)
  /// The other corner of a rectangle that is being marked.
  var anchor: MapPlace?
  var quantity = Quantity.bits
  var scroll = 0

  struct Line: Sendable {
    let name: String
    /// Of each column.
    let cells: [[Item.ID]]
  }

  /// What colours the cells.
  enum Quantity: String, CaseIterable, Sendable {
    case bits, error = "t²", damage = "Δ", outliers, zeros
  }

  /// What the cursor, or the rectangle, covers, in the model's order.
  var items: [Item.ID] {
    let (down, across) = covered
    return rows[down].flatMap { line in across.flatMap { line.cells[$0] } }
  }

  /// Rows and columns that the cursor, or the rectangle, covers.
  var covered: (rows: Range<Int>, columns: Range<Int>) {
    let other = anchor ?? place
    func span(_ a: Int, _ b: Int, _ count: Int) -> Range<Int> {
      min(a, b) < 0 ? 0..<count : min(a, b)..<max(a, b) + 1
    }
    return (span(place.row, other.row, rows.count), span(place.column, other.column, columns.count))
  }

  mutating func move(_ down: Int, _ across: Int) {
    place.row = max(-1, min(rows.count - 1, place.row + down))
    place.column = max(-1, min(columns.count - 1, place.column + across))
  }

  /// The place of an item; `nil` where it is not on the map.
  func place(of id: Item.ID) -> MapPlace? {
    for (row, line) in rows.enumerated() {
      if let column = line.cells.firstIndex(where: { $0.contains(id) }) { return MapPlace(row: row, column: column) }
    }
    return nil
  }
}

extension LayerMap {
  /// - Parameter order: the places of the items as they are shown; weights alone are on the map.
  init(_ session: Session, order: [Int]) {
    let weights = order.filter { session.items[$0].kind == .weight }
    let blocks = Set(weights.compactMap { session.block(of: $0) })
    hasRoles = blocks.count > 1
    if hasRoles {
      (rows, columns) = Self.byRole(session, weights)
    } else {
      (rows, columns) = Self.byOrder(session, weights)
    }
  }

  /// A row a block, and one for what stands between blocks; a column for each role that there is.
  private static func byRole(_ session: Session, _ weights: [Int]) -> ([Line], [String]) {
    let present = Set(weights.map { session.items[$0].role })
    let roles = roleOrder.filter { present.contains($0.role) }
    var lines: [(name: String, block: Int?, cells: [[Item.ID]])] = []
    var known: [Int: Int] = [:]
    for place in weights {
      let item = session.items[place]
      let block = session.block(of: place)
      let column = roles.firstIndex { $0.role == item.role } ?? 0
      var row = block.flatMap { known[$0] }
      // What stands in no block shares a row with its neighbours.
      if block == nil, let last = lines.last, last.block == nil { row = lines.count - 1 }
      if row == nil {
        let name = block.map { session.blockNames[$0] } ?? item.name
        lines.append((name, block, Array(repeating: [], count: roles.count)))
        row = lines.count - 1
        if let block { known[block] = lines.count - 1 }
      }
      if let row { lines[row].cells[column].append(item.id) }
    }
    return (lines.map { Line(name: $0.name, cells: $0.cells) }, roles.map(\.title))
  }

  /// Eight layers a row, as they run.
  private static func byOrder(_ session: Session, _ weights: [Int]) -> ([Line], [String]) {
    let width = min(8, max(1, weights.count))
    let lines = stride(from: 0, to: weights.count, by: width).map { start in
      let part = weights[start..<min(start + width, weights.count)]
      let cells = part.map { [session.items[$0].id] } + Array(repeating: [], count: width - part.count)
      return Line(name: session.items[weights[start]].name, cells: cells)
    }
    return (lines, (1...width).map { "+\($0 - 1)" })
  }

  private static let roleOrder: [(role: Layer.Role, title: String)] = [
    (.embedding, "embd"), (.positional, "pos"), (.attentionQKV, "qkv"), (.attentionQuery, "q"), (.attentionKey, "k"),
    (.attentionValue, "v"), (.attentionOutput, "o"), (.router, "rout"), (.feedForwardGate, "gate"),
    (.feedForwardUp, "up"), (.feedForwardDown, "down"), (.expert, "exps"), (.convolution, "conv"), (.linear, "lin"),
    (.norm, "norm"), (.other, "else"), (.head, "head"),
  ]
}

extension State {
  mutating func openMap() {
    keepRange()
    var map = LayerMap(session, order: shownOrder)
    guard !map.rows.isEmpty else { return }
    if let id = current?.id, let place = map.place(of: id) { map.place = place }
    isZoomed = false
    self.map = map
  }

  mutating func leaveMap() { map = nil }

  /// To the list, with the cursor on what it was on here.
  private mutating func openFromMap() {
    guard let id = map?.items.first else { return }
    map = nil
    if !filter.isEmpty, !rows.contains(where: { $0.identity == .item(id) }) { filter = Filter("") }
    if let block = session.item(id: id)?.blockName, folded.contains(block) {
      folded.remove(block)
      refreshRows()
    }
    if let index = rows.firstIndex(where: { $0.identity == .item(id) }) { go(to: index) }
  }

  /// Keys that the map takes; all others mean what they always do, on what the cursor covers.
  ///
  /// - Returns: whether it was one.
  mutating func walkMap(_ key: Key) -> Bool {
    guard var map else { return false }
    let page = max(1, size.height - 8)
    switch key {
    case .down, .character("j"): map.move(1, 0)
    case .up, .character("k"): map.move(-1, 0)
    case .left: map.move(0, -1)
    case .right, .character("l"): map.move(0, 1)
    case .pageDown: map.move(page, 0)
    case .pageUp: map.move(-page, 0)
    case .home: map.place.column = -1
    case .end: map.place.column = map.columns.count - 1
    case .character("G"): map.place.row = map.rows.count - 1
    case .character("h"), .tab:
      let all = LayerMap.Quantity.allCases
      map.quantity = all[((all.firstIndex(of: map.quantity) ?? 0) + 1) % all.count]
    case .character("v"): map.anchor = map.anchor == nil ? map.place : nil
    case .character(" "):
      let items = Set(map.items)
      if items.isSubset(of: marked) { marked.subtract(items) } else { marked.formUnion(items) }
      map.anchor = nil
    case .enter:
      openFromMap()
      return true
    default: return false
    }
    self.map = map
    return true
  }

  mutating func clickMap(_ place: MapPlace, _ event: MouseEvent) -> [Effect] {
    guard var map else { return [] }
    if event.shift { map.anchor = map.anchor ?? map.place } else { map.anchor = nil }
    map.place = place
    self.map = map
    if event.kind == .doublePress { openFromMap() }
    return []
  }
}
