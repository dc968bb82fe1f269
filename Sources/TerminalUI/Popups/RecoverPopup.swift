import Compression
import Workbench

/// How codes are chosen: the methods with what each needs, and, while one is at work or has been, its loss as it falls.
struct RecoverPopup: Popup {
  private var picker: Picker
  /// Layers whose codes are chosen: those that are selected, or else all that have a grid.
  private let layers: [Int]

  let hints: [KeyHint] = [("Enter", "choose codes"), ("↑ ↓", "move"), ("Esc", "close")]

  init(_ state: State) {
    layers = state.recoverable
    let present = layers.first.flatMap(state.session.item(id:)).map { state.session.scheme(of: $0).by } ?? .nearest
    picker = Picker(at: CodeChoice.methods.firstIndex(of: present) ?? 0)
  }

  func draw(_ canvas: inout Canvas, over state: State) {
    let rows = rows(state)
    let hasPlot = state.losses.count > 1
    let inside = canvas.popup(
      width: min(state.size.width - 4, 100), height: min(state.size.height - 4, rows.count + 3 + (hasPlot ? 12 : 2)),
      title: "choose codes", note: "for \(layers.count) layer\(layers.count == 1 ? "" : "s")", in: state.belowHeader)
    let (list, below) = inside.splitTop(min(inside.height, rows.count + 3))
    picker.draw(&canvas, in: list, rows, title: "by", headings: [])
    guard below.height > 0 else { return }
    canvas.put(words(state), x: below.x, y: below.y, .dim, limit: below.width)
    guard hasPlot, below.height > 4 else { return }
    let points = state.losses.enumerated().map { (x: Double($0.offset + 1), y: $0.element) }
    let plot = PointPlot(
      [PointPlot.Series("loss", points: points, role: .accent, isJoined: true)],
      y: Axis(holding: points.map(\.y)), xTitle: "step", yTitle: "loss", hasLegend: false)
    canvas.draw(plot, in: below.splitTop(1).rest)
  }

  private func words(_ state: State) -> String {
    if let recovering = state.recovering {
      let loss = recovering.loss.map { ", loss \(Format.scientific($0))" } ?? ""
      return "\(recovering.what) \(recovering.done) of \(recovering.of)\(loss); Esc twice calls it off"
    }
    guard let path = state.calibrationPath else { return "data to calibrate on: :recover METHOD DATA" }
    return "calibrates on \(path)"
  }

  private func rows(_ state: State) -> [PickerRow] {
    // Of very many layers the first speak for all.
    let present = Set(layers.prefix(1000).compactMap(state.session.item(id:)).map { state.session.scheme(of: $0).by })
    let obstacle =
      state.recoverObstacle(among: layers) ?? (state.calibrationPath == nil ? "no data to calibrate on" : nil)
    return CodeChoice.methods.map { choice in
      var row = PickerRow(title: choice.rawValue, meaning: choice.meaning)
      row.isPresent = present == [choice]
      if choice != .nearest { row.obstacle = obstacle }
      return row
    }
  }

  mutating func press(_ key: Key, over state: State) -> PopupResponse {
    follow(picker.press(key, rows(state), page: state.page))
  }

  mutating func point(at index: Int, over state: State) -> PopupResponse {
    follow(picker.point(at: index, rows(state)))
  }

  private func follow(_ outcome: Picker.Outcome) -> PopupResponse {
    switch outcome {
    case .stays: return .stays
    case .closes: return .closes
    case .complains(let reason): return .complains(reason)
    case .picks(let index):
      let choice = CodeChoice.methods[index]
      return .changes { state in state.chooseCodes(by: choice) }
    }
  }
}

extension State {
  /// Layers whose codes may be chosen: those that are selected, or else all that are quantised or pruned.
  var recoverable: [Int] {
    func isOne(_ item: Item) -> Bool {
      let scheme = session.scheme(of: item)
      guard item.kind == .weight, !scheme.isKeep else { return false }
      return scheme.by != .nearest || scheme.hasGrid || scheme.sparsity != .none
    }
    let chosen = selection
    return session.items.filter { (chosen.isEmpty || chosen.contains($0.id)) && isOne($0) }.map(\.id)
  }

  /// Why nothing can be chosen among some layers; `nil` where something can.
  func recoverObstacle(among layers: [Int]) -> String? {
    if recovering != nil { return "codes are being chosen (Esc calls it off)" }
    return layers.isEmpty ? "choose bits first: no layer here is quantised or pruned" : nil
  }

  /// Sets how codes are chosen, as one step, and has them chosen.
  mutating func chooseCodes(by choice: CodeChoice) -> [Effect] {
    let ids = recoverable
    let change = session.change(ids) { _, scheme in
      var next = scheme
      next.by = choice
      return next
    }
    sessionChanged()
    if let first = change.refused.first { complain("\(first.name): \(first.note)") }
    guard choice != .nearest, !session.unrecovered.isEmpty else { return [] }
    guard let data = calibrationPath else {
      prompt = commandPrompt("recover \(choice.rawValue) ")
      return []
    }
    losses = []
    return [.recover(data: data)]
  }

  /// Puts chosen codes in the place of the nearest ones, and says what they are worth.
  mutating func take(_ recovered: Recovered) {
    session.takeUnsaved(recovered.chosen)
    sessionChanged()
    let shares = recovered.chosen.values.compactMap(\.outputError)
    let mean = shares.isEmpty ? nil : shares.reduce(0, +) / Double(shares.count)
    let share = mean.map { ", \(Format.percent($0)) of the error that the nearest levels make of their outputs" } ?? ""
    let notes = recovered.notes.isEmpty ? "" : "; \(recovered.notes.count) notes, the first: \(recovered.notes[0])"
    say(
      "codes of \(recovered.chosen.count) layers chosen in \(Format.fixed(recovered.seconds, 1)) s\(share)\(notes)")
  }
}
