import FileAccess
import Workbench

/// The commands that change what the panes show.
extension Command {
  static let looks: [Command] = [
    Command("next-pane", [.tab], .look, "next pane: histogram, errors, channels, trade-off") { state, _ in
      state.turnPane(1)
    },
    Command("previous-pane", [.backTab], .look, "pane before") { state, _ in state.turnPane(-1) },
    Command(
      "zoom", [.enter, .character("z")], .look, "the pane over the whole screen, and back; folds a block"
    ) {
      state, _ in
      if case .block(_, let isFolded, _)? = state.row, !state.isZoomed { return state.fold(!isFolded) }
      state.isZoomed.toggle()
      state.paneScroll = 0
      return []
    },
    Command("view", [], "histogram|errors|channels|tradeoff", .look, "show a pane") {
      state, argument throws(WorkbenchError) in
      guard let pane = State.Pane(rawValue: argument) else {
        throw WorkbenchError("view \(printable(argument)): expected histogram, errors, channels or tradeoff")
      }
      state.pane = pane
      return []
    },
    Command("series", [.character("h")], .look, "histogram of the weights, of what they become, of the error") {
      state, _ in
      let all = State.Series.allCases
      state.series = all[((all.firstIndex(of: state.series) ?? 0) + 1) % all.count]
      if !state.isWide { state.pane = .histogram }
      return []
    },
    Command("log", [.character("l")], .look, "logarithmic or linear counts") { state, _ in
      state.isLogarithmic.toggle()
      return []
    },
    Command("mouse", [.character("M")], .look, "mouse on or off (off: the terminal selects text)") {
      state, _ in
      state.isMouseOn.toggle()
      state.say("mouse \(state.isMouseOn ? "on" : "off")")
      return [.mouse(state.isMouseOn)]
    },
    Command("ascii", [], .look, "draw with ASCII alone, and back") { state, _ in
      state.glyphs = state.glyphs.isASCII ? .unicode : .ascii
      return []
    },
    Command("braille", [], .look, "draw curves with braille dots, and back") { state, _ in
      state.glyphs.dots = state.glyphs.dots == .braille ? .quadrants : .braille
      return []
    },
    Command("repaint", [.control("l")], .look, "paint the screen anew") { _, _ in [.repaint] },
    Command(
      "copy", [.character("Y")], .look, "copy the layer's name to the clipboard",
      unless: { $0.current == nil ? "there is no layer here" : nil }
    ) {
      state, _ in
      guard let item = state.current else { return [] }
      state.say("copied \(printable(item.name))")
      return [.copy(item.name)]
    },
    Command(
      "bins", [], "PATH", .look, "write the layer's histogram as CSV",
      unless: { $0.current == nil ? "there is no layer here" : nil }
    ) {
      _, argument throws(WorkbenchError) in
      guard !argument.isEmpty else { throw WorkbenchError("bins: expected a path, as in :bins bins.csv") }
      return [.writeBins(path: argument)]
    },
  ]
}

extension State {
  /// Whether there is room for more than one pane beside the list.
  var isWide: Bool { size.width >= 100 && size.height >= 26 }

  mutating func turnPane(_ step: Int) -> [Effect] {
    let all = Pane.allCases
    let index = (all.firstIndex(of: pane) ?? 0) + step
    pane = all[(index + all.count) % all.count]
    paneScroll = 0
    return []
  }
}
