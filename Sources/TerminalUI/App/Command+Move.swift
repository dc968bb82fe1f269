import Compression
import FileAccess
import Workbench

/// The commands that move the cursor, fold, select, sort and filter.
extension Command {
  static let moves: [Command] = [
    Command("down", [.down, .character("j")], .move, "next row") { state, _ in state.move(1) },
    Command("up", [.up, .character("k")], .move, "row before") { state, _ in state.move(-1) },
    Command("page-down", [.pageDown, .control("d")], .move, "a page down") { state, _ in
      state.move(state.page)
    },
    Command("page-up", [.pageUp, .control("b")], .move, "a page up") { state, _ in state.move(-state.page) },
    Command("top", [.home], .move, "first row") { state, _ in state.move(-state.rows.count) },
    Command("bottom", [.end, .character("G")], .move, "last row") { state, _ in state.move(state.rows.count)
    },
    Command("mark", [.character(" ")], .move, "mark the row, or take the mark away") { state, _ in
      guard let row = state.row else { return [] }
      let items = Set(row.items)
      if items.isSubset(of: state.marked) {
        state.marked.subtract(items)
      } else {
        state.marked.formUnion(items)
      }
      return state.move(1)
    },
    Command("range", [.character("v")], .move, "begin a range, or keep it and end it") { state, _ in
      if state.range != nil { state.keepRange() } else { state.beginRange() }
      return []
    },
    Command("extend-down", [.shiftDown, .character("J")], .move, "extend the range down") { state, _ in
      state.beginRange()
      return state.move(1)
    },
    Command("extend-up", [.shiftUp, .character("K")], .move, "extend the range up") { state, _ in
      state.beginRange()
      return state.move(-1)
    },
    Command("select", [], "PATTERN", .move, "mark all that match") { state, argument throws(WorkbenchError) in
      let pattern = Pattern(argument)
      let found = state.session.items.filter(pattern.matches).map(\.id)
      guard !found.isEmpty else { throw WorkbenchError(printable(pattern.matchesNothing(among: state.session.items))) }
      state.marked.formUnion(found)
      let hidden = state.hidden(among: state.marked)
      state.say("\(state.marked.count) marked\(hidden > 0 ? ", \(hidden) of them hidden by the filter" : "")")
      return []
    },
    Command("role", [], "[@WORD]", .move, "mark the layers of a kind, and no others: @a attention, @f feed-forward …") {
      state, argument throws(WorkbenchError) in
      let present = state.current.flatMap { RoleWord.words(for: $0.role).last } ?? ""
      let text = argument.isEmpty ? present : argument
      guard let word = RoleWord(text) else {
        let words = RoleWord.all.map(\.text).joined(separator: ", ")
        throw WorkbenchError("role \(printable(text)): expected one of \(words)")
      }
      let found = state.session.items.filter { $0.kind == .weight && word.means($0.role) }.map(\.id)
      guard !found.isEmpty else { throw WorkbenchError(Pattern(text).matchesNothing(among: state.session.items)) }
      state.clearSelection()
      state.marked = Set(found)
      let hidden = state.hidden(among: found)
      let note = hidden > 0 ? ", \(hidden) of them hidden by the filter" : ""
      state.say("\(found.count) marked: \(word.meaning)\(note); 4b gives them 4 bits, Esc lets go")
      return []
    },
    Command("all", [.control("a")], .move, "mark all rows in the list") { state, _ in
      state.marked = Set(state.rows.flatMap(\.items))
      return []
    },
    Command("clear", [], .move, "forget marks, range and filter") { state, _ in
      state.clearSelection()
      state.filter = Filter("")
      return []
    },
    Command("fold", [.left], .move, "fold the block", unless: flat) { state, _ in state.fold(true) },
    Command("unfold", [.right], .move, "unfold the block", unless: flat) { state, _ in state.fold(false) },
    Command("fold-all", [.character("f")], .move, "fold or unfold all blocks", unless: flat) { state, _ in
      let blocks = Set(state.session.blockNames)
      state.folded = state.folded.isEmpty ? blocks : []
      state.refreshRows()
      return []
    },
    Command("filter", [.character("/")], "[TERMS]", .move, "show rows with these terms; !term those without") {
      state, argument in
      if argument.isEmpty {
        state.prompt = Prompt(
          purpose: .filter, editor: LineEditor(prompt: "/", text: state.filter.text, history: state.filterHistory))
      } else {
        state.filter = Filter(argument)
        state.lastFilter = state.filter
      }
      return []
    },
    Command("same-role", [.character("*")], .move, "show the layers that do what this one does", unless: noLayer) {
      state, _ in
      guard let item = state.current, let word = RoleWord.words(for: item.role).last else { return [] }
      state.filter = Filter(state.filter.text == word ? "" : word)
      state.lastFilter = state.filter
      return []
    },
    Command("next-match", [.character("n")], .move, "the next row that the last / finds", unless: noMatch) { state, _ in
      state.goToMatch(1)
    },
    Command("previous-match", [.character("N")], .move, "the row before that it finds", unless: noMatch) { state, _ in
      state.goToMatch(-1)
    },
    Command("show-all", [.character(".")], .move, "biases, norms and buffers too, or weights alone") { state, _ in
      state.showsAll.toggle()
      return []
    },
    Command("columns", [.character("|")], "[NAME,…|auto]", .move, "which columns the list has") {
      state, argument throws(WorkbenchError) in
      if argument.isEmpty {
        state.popup = ColumnsPopup(state)
        return []
      }
      if argument == "auto" {
        state.columns = nil
        return []
      }
      let (columns, unknown) = Column.list(argument)
      guard let columns else {
        let names = Column.allCases.map(\.rawValue)
        throw WorkbenchError(
          "no column \"\(printable(unknown))\"\(suggestion(for: unknown, among: names)): there is auto, \(names.joined(separator: ", "))"
        )
      }
      state.columns = columns
      return []
    },
    Command(
      "sort-from-top", [], "COLUMN", .move,
      "sort by a column, and go to the first row: od Δ, op the cheapest bit, ou outliers …"
    ) { state, argument throws(WorkbenchError) in
      let effects = try named("sort").run(&state, argument)
      state.go(to: 0)
      return effects
    },
    Command("sort", [], "[COLUMN]", .move, "sort by the next column (oo); O turns it round") {
      state, argument throws(WorkbenchError) in
      if argument.isEmpty {
        let columns: [Column?] = [nil] + Column.allCases.map { $0 }
        let index = (columns.firstIndex(of: state.ordering.column) ?? 0) + 1
        let column = columns[index % columns.count]
        state.ordering = Ordering(column: column, isDescending: column?.isNumber ?? false)
        return []
      }
      let (name, direction) = argument.firstWord
      if name == "file" || name == "none" {
        state.ordering = Ordering()
        return []
      }
      guard let column = Column.allCases.first(where: { $0.rawValue == name || $0.title == name }) else {
        let names = Column.allCases.map(\.rawValue).joined(separator: ", ")
        let hint = suggestion(for: name, among: Column.allCases.map(\.rawValue))
        throw WorkbenchError("no column \"\(printable(name))\"\(hint): there is file, \(names)")
      }
      let isDescending = direction == "desc" || (direction != "asc" && column.isNumber)
      state.ordering = Ordering(column: column, isDescending: isDescending)
      return []
    },
    Command(
      "reverse", [.character("O")], .move, "turn the order round",
      unless: { $0.ordering.column == nil ? "the list is in the file's order: o sorts it" : nil }
    ) {
      state, _ in
      state.ordering.isDescending.toggle()
      return []
    },
  ]

  static let noLayer: @Sendable (State) -> String? = { $0.current == nil ? "there is no layer here" : nil }

  private static let noMatch: @Sendable (State) -> String? = {
    $0.lastFilter.isEmpty ? "nothing was looked for yet: / looks" : nil
  }

  private static let flat: @Sendable (State) -> String? = { state in
    state.ordering.column == nil ? nil : "a sorted list is flat; :sort file brings the tree back"
  }
}

extension State {
  /// Rows that the list shows.
  var page: Int { max(1, size.height - 6) }

  mutating func move(_ step: Int) -> [Effect] {
    guard !rows.isEmpty else { return [] }
    go(to: cursor + step)
    return []
  }

  /// To the next row, round the end, that the last filter admits.
  mutating func goToMatch(_ step: Int) -> [Effect] {
    prepareSearch(for: lastFilter)
    guard let searchIndex, !rows.isEmpty else { return [] }
    var known: [Scheme: [UInt8]] = [:]
    let columns = searchedFigures(lastFilter)
    let places = searchIndex.places(lastFilter.terms) { changingText(of: session.items[$0], &known, columns) }
    let found = Set(places.map { session.items[$0].id })
    for distance in 1...max(1, rows.count) {
      let index = ((cursor + step * distance) % rows.count + rows.count) % rows.count
      if case .item(let id, _) = rows[index], found.contains(id) {
        go(to: index)
        return []
      }
    }
    complain("no row that is shown has \"\(lastFilter.text)\"")
    return []
  }

  mutating func clearSelection() {
    marked = []
    range = nil
  }

  /// Folds or unfolds the block under the cursor, or the one that the item under it is in.
  mutating func fold(_ folds: Bool) -> [Effect] {
    let name: String? =
      switch row {
      case .block(let name, _, _): name
      case .item(let id, _): session.item(id: id)?.blockName
      case nil: nil
      }
    guard let name else { return [] }
    if folds { folded.insert(name) } else { folded.remove(name) }
    if folds, let index = rows.firstIndex(where: { $0.identity == .block(name) }) { cursor = index }
    refreshRows()
    return []
  }
}
