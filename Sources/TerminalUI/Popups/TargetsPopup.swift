import Checkpoints
import Workbench

/// Whom the recipe is for, or whom it is written for: every target with what it is, and why one has no use for this model.
struct TargetsPopup: Popup {
  enum Purpose: Sendable { case aim, export }

  private let purpose: Purpose
  private var picker = Picker()
  /// Of each target why it cannot be, or how many layers do not fit; `nil` until a job has found it out.
  var fits: [String: Session.TargetVerdict]?

  init(_ purpose: Purpose, _ state: State) {
    self.purpose = purpose
    let present = state.session.target.flatMap { target in entries(state).firstIndex { $0.target == target } }
    picker = Picker(at: present ?? 0)
  }

  var hints: [KeyHint] {
    [("Enter", purpose == .aim ? "choose" : "write"), ("↑ ↓", "move"), ("a-z", "search"), ("Esc", "close")]
  }

  private struct Entry {
    /// `nil` for none.
    let target: Target?
    let row: PickerRow
  }

  private func entries(_ state: State) -> [Entry] {
    let present = state.session.target
    let targets = Target.all.filter { purpose == .export || $0 != .lathe }
    let none = Entry(
      target: nil,
      row: PickerRow(title: "none", meaning: "any scheme goes", isPresent: present == nil))
    return (purpose == .aim ? [none] : [])
      + targets.map { target in
        let verdict = fits?[target.name]
        var misfits = fits == nil ? "…" : ""
        if case .takes(let count)? = verdict { misfits = count == 0 ? "all" : "\(count) do not" }
        var obstacle: String?
        if case .cannot(let reason)? = verdict { obstacle = reason }
        return Entry(
          target: target,
          row: PickerRow(
            title: target.name, cells: [target == .lathe ? "all" : misfits], meaning: target.summary,
            obstacle: obstacle, isPresent: target == present))
      }
  }

  func draw(_ canvas: inout Canvas, over state: State) {
    let rows = entries(state).map(\.row)
    let inside = canvas.popup(
      width: min(state.size.width - 6, 84), height: min(state.size.height - 4, rows.count + 4),
      title: purpose == .aim ? "Target: whom the recipe is for" : "Export: what is written", note: "Enter chooses",
      in: state.belowHeader)
    picker.draw(&canvas, in: inside, rows, title: "target", headings: [.init(text: "layers fit", width: 12)])
  }

  mutating func press(_ key: Key, over state: State) -> PopupResponse {
    let entries = entries(state)
    return follow(picker.press(key, entries.map(\.row), page: state.page), entries, state)
  }

  mutating func point(at index: Int, over state: State) -> PopupResponse {
    let entries = entries(state)
    return follow(picker.point(at: index, entries.map(\.row)), entries, state)
  }

  private func follow(_ outcome: Picker.Outcome, _ entries: [Entry], _ state: State) -> PopupResponse {
    switch outcome {
    case .stays: return .stays
    case .closes: return .closes
    case .complains(let reason): return .complains(reason)
    case .picks(let index):
      let name = entries[index].target?.name ?? "none"
      guard purpose == .export, let target = entries[index].target else {
        return .performs(.named("target"), argument: name)
      }
      return .types("export \(name) \(state.exportPath(for: target))")
    }
  }
}

extension State {
  /// Where a target's file goes when no other place is named: beside the working folder's others, under the model's name.
  func exportPath(for target: Target) -> String {
    guard target != .lathe else { return recipePath }
    let name = session.checkpoint.path.split(separator: "/").last.map(String.init) ?? "model"
    let stem = name.split(separator: ".").first.map(String.init) ?? name
    if target.isCheckpoint { return "\(stem)-lathe.\(target.name)" }
    return target.fileName.map { "\(stem)-\($0)" } ?? "\(stem)-\(target.name)"
  }
}
