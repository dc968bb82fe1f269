import FileAccess
import Inference
import Workbench

/// The recipes that were measured or kept, a row each: size, estimate, what was measured, with its difference to the
/// uncompressed model's on the same samples, and how many layers differ from the recipe as it stands.
struct RecipesPopup: Popup {
  private var cursor = PopupCursor()
  private var rows: [Row]
  private let metrics: [String]

  private struct Row: Sendable {
    let snapshot: Snapshot
    let figures: [String]
    /// `nil` until a job has worked it out.
    var appraisal: Appraisal?

    var isHere: Bool { appraisal?.differing.isEmpty == true }
    var size: String { appraisal.map { Format.bytes($0.estimate.bytes) } ?? "…" }
    var estimate: String {
      guard let appraisal else { return "…" }
      return appraisal.prediction.map { "\($0.text) (\($0.rangeText))" }
        ?? appraisal.estimate.damage.map { Format.significant($0) } ?? "…"
    }
  }

  init(_ state: State) {
    let session = state.session
    var names: [String] = []
    for measurement in session.measurements {
      for metric in measurement.metrics where !names.contains(metric.name) { names.append(metric.name) }
    }
    metrics = names
    rows = session.snapshots.map { snapshot in
      let measurement = session.measurement(of: snapshot.recipe)
      return Row(
        snapshot: snapshot,
        figures: names.map { name in measurement?.metrics.first { $0.name == name }.map(Self.text) ?? "" })
    }
    cursor.row = max(0, rows.count - 1)
  }

  /// What a job worked out of the recipes, in their order; the one that stands has the cursor.
  mutating func take(_ appraisals: [Appraisal]) {
    guard appraisals.map(\.recipe) == rows.map(\.snapshot.recipe) else { return }
    for (index, appraisal) in appraisals.enumerated() { rows[index].appraisal = appraisal }
    cursor.row = rows.firstIndex(where: \.isHere) ?? max(0, rows.count - 1)
  }

  /// A figure with its difference to the original's on the same samples, and that one's standard error.
  private static func text(_ metric: Metric) -> String {
    let value = metric.format(metric.value)
    guard let paired = metric.paired else { return metric.text }
    let factor = metric.isShare ? 100.0 : 1
    let difference = paired.difference * factor
    let digits = metric.isShare ? Format.fixed(abs(difference), 2) : Format.significant(abs(difference))
    let error =
      metric.isShare ? Format.fixed(paired.standardError * factor, 2) : Format.significant(paired.standardError)
    return "\(value) (\(difference < 0 ? "−" : "+")\(digits) ± \(error))"
  }

  let hints: [KeyHint] = [
    ("Enter", "restore"), ("d", "differences"), ("e", "export"), ("x", "delete"), ("← →", "metric"), ("Esc", "close"),
  ]

  /// Which metric stands first.
  private var first = 0

  func draw(_ canvas: inout Canvas, over state: State) {
    let width = min(state.size.width - 6, 120)
    let inside = canvas.popup(
      width: width, height: min(state.size.height - 4, max(2, rows.count + 1)), title: "Recipes",
      note: "\(canvas.glyphs.approximately) estimated, the rest measured", in: state.belowHeader)
    guard !rows.isEmpty else {
      canvas.put(
        "none yet: m measures the recipe as it stands and keeps it, :keep-as NAME keeps it without", x: inside.x,
        y: inside.y, .dim, limit: inside.width)
      return
    }
    let columns = columns(inside.width, state)
    draw(&canvas, inside.row(0), columns.map(\.title), columns, isHead: true, isHere: false)
    let area = inside.splitTop(1).rest
    let start = cursor.first(of: rows.count, height: area.height)
    for line in 0..<area.height {
      guard rows.indices.contains(start + line) else { break }
      let row = rows[start + line]
      draw(
        &canvas, area.row(line), columns.map { $0.text(row) }, columns, isHead: false,
        isHere: start + line == cursor.row)
      canvas.mark(area.row(line), .choice(start + line))
    }
  }

  private struct Column {
    let title: String
    let width: Int
    let role: Role?
    let text: (Row) -> String
  }

  private func columns(_ width: Int, _ state: State) -> [Column] {
    let about = state.glyphs.approximately
    let here = state.glyphs.pointMark
    let name = max(12, min(26, width / 4))
    var columns = [
      Column(title: "name", width: name, role: nil) { ($0.isHere ? "\(here) " : "  ") + $0.snapshot.name },
      Column(title: "size", width: 9, role: nil) { $0.size },
      Column(title: "bpw", width: 6, role: nil) { row in
        row.appraisal.map { Format.fixed($0.estimate.bitsPerWeight, 2) } ?? "…"
      },
    ]
    let isMeasured = state.session.sensitivities != nil
    let estimate = Column(
      title: "\(isMeasured ? state.metricTitle : "damage") \(about)", width: isMeasured ? 24 : 9, role: .estimate
    ) { $0.estimate }
    var left = width - columns.reduce(0) { $0 + $1.width + 1 } - 8
    func add(_ column: Column) {
      guard column.width + 1 <= left else { return }
      columns.append(column)
      left -= column.width + 1
    }
    // Where there is room for little, what was measured comes first.
    let isEarly = left > 60 || metrics.isEmpty
    if isEarly { add(estimate) }
    for index in Array(metrics.indices.dropFirst(first)) + Array(metrics.indices.prefix(first)) {
      add(Column(title: metrics[index], width: 24, role: .measured) { $0.figures[index] })
    }
    if !isEarly { add(estimate) }
    columns.append(
      Column(title: "differ", width: 7, role: .dim) { row in
        let count = row.appraisal?.differing.count ?? 0
        return count == 0 ? "" : "\(count)"
      })
    return columns
  }

  private func draw(
    _ canvas: inout Canvas, _ line: Rect, _ cells: [String], _ columns: [Column], isHead: Bool, isHere: Bool
  ) {
    let surface: Role? = isHere ? .cursorRow : nil
    canvas.fill(line, " ", surface.map { Style($0) } ?? .normal)
    var x = line.x
    for (index, column) in columns.enumerated() {
      let style =
        isHead ? Style.dim : column.role.map { Style($0, on: surface) } ?? surface.map { Style($0) } ?? .normal
      canvas.put(
        cells[index], x: x, y: line.y, width: min(column.width, max(0, line.maxX - x)), style,
        alignment: index == 0 ? .left : .right)
      x += column.width + 1
    }
  }

  mutating func press(_ key: Key, over state: State) -> PopupResponse {
    switch key {
    case .left: first = metrics.isEmpty ? 0 : (first + metrics.count - 1) % metrics.count
    case .right, .tab: first = metrics.isEmpty ? 0 : (first + 1) % metrics.count
    case .enter: return restore
    case .character("d"):
      guard rows.indices.contains(cursor.row) else { return .stays }
      let popup = ComparePopup(rows[cursor.row].snapshot.recipe, over: state)
      return .changes { state in
        state.popups.append(popup)
        return [.appraise(popup.recipes)]
      }
    case .character("x"), .delete:
      guard rows.indices.contains(cursor.row) else { return .stays }
      let id = rows.remove(at: cursor.row).snapshot.id
      cursor.row = max(0, min(cursor.row, rows.count - 1))
      return .changes { state in
        state.session.removeSnapshot(id)
        return []
      }
    case .character("e"):
      guard rows.indices.contains(cursor.row) else { return .stays }
      let recipe = rows[cursor.row].snapshot.recipe
      return .changes { state in
        state.session.commit(recipe)
        state.sessionChanged()
        state.popups = []
        return state.perform(.named("export"), "")
      }
    default:
      if key.closesPopup() || key == .character("R") { return .closes }
      cursor.take(key, among: rows.count, page: state.page)
    }
    return .stays
  }

  mutating func point(at index: Int, over state: State) -> PopupResponse {
    guard rows.indices.contains(index) else { return .stays }
    if cursor.row == index { return restore }
    cursor.row = index
    return .stays
  }

  private var restore: PopupResponse {
    guard rows.indices.contains(cursor.row) else { return .closes }
    let row = rows[cursor.row]
    return .commits(row.snapshot.recipe, "\(row.snapshot.name): \(row.size); u brings back what stood")
  }
}
