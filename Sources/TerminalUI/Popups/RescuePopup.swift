import FileAccess
import Workbench

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// The offer to take up the work of a session that ended without being asked to.
struct RescuePopup: Popup {
  private let lines: [String]
  /// Whether `d` was pressed once.
  private var isSure = false

  init(_ found: OpenedSession) {
    let (steps, count) = (found.record.steps, found.record.measurements.count)
    let changes = found.record.unsavedChanges
    lines = [
      "Unsaved work on this model, of \(Self.date(found.record.savedAt)):",
      "\(changes) change\(changes == 1 ? "" : "s") not written, \(steps) step\(steps == 1 ? "" : "s") of history, "
        + "\(count) measurement\(count == 1 ? "" : "s")",
      printable(found.path),
    ]
  }

  var hints: [KeyHint] {
    isSure
      ? [("d", "discard for good"), ("Esc", "later")] : [("Enter", "restore"), ("d", "discard"), ("Esc", "later")]
  }

  func draw(_ canvas: inout Canvas, over state: State) {
    let question = isSure ? "d once more discards it for good · Esc later" : "Enter restores · d discards · Esc later"
    let all = lines.flatMap(state.wrapped) + ["", question]
    let inside = canvas.popup(
      width: all.map(TextWidth.columns(of:)).max() ?? 0, height: all.count, title: "Unsaved work", in: state.belowHeader
    )
    // The question is seen on the smallest screen.
    for (row, line) in all.suffix(inside.height).enumerated() {
      let isLast = line == question
      canvas.put(line, x: inside.x, y: inside.y + row, isLast ? Style(.key) : .normal, limit: inside.width)
    }
  }

  mutating func press(_ key: Key, over state: State) -> PopupResponse {
    switch key {
    case .enter where !isSure: return .performs(.named("rescued"), argument: "restore")
    case .character("d") where isSure: return .performs(.named("rescued"), argument: "discard")
    case .character("d"):
      isSure = true
      return .stays
    default: return key.closesPopup() ? .closes : .stays
    }
  }

  /// `2026-12-01 03:15`, in the machine's own time.
  private static func date(_ seconds: Int) -> String {
    var time = time_t(clamping: seconds)
    var local = tm()
    guard localtime_r(&time, &local) != nil else { return "some day" }
    func two(_ value: Int32) -> String { value < 10 ? "0\(value)" : "\(value)" }
    return "\(Int(local.tm_year) + 1900)-\(two(local.tm_mon + 1))-\(two(local.tm_mday)) "
      + "\(two(local.tm_hour)):\(two(local.tm_min))"
  }
}
