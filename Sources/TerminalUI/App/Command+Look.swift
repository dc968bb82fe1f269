import Compression
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
    Command("map", [.character("M")], .look, "blocks down, roles across: a whole model at once", unless: noWeights) {
      state, _ in
      if state.map == nil { state.openMap() } else { state.leaveMap() }
      return []
    },
    Command(
      "table", [.character("T")], .look, "walk the table of errors: arrows, Enter takes a cell",
      unless: { $0.current?.kind == .weight ? nil : "there is no matrix of weights here" }
    ) { state, _ in
      state.popup = ErrorsPopup()
      return []
    },
    Command("decibels", [], .look, "errors as t² or in decibels") { state, _ in
      state.showsDecibels.toggle()
      return []
    },
    Command("ridge", [.character("r")], .look, "channels as thin densities, the widest first, or as ranges") {
      state, _ in
      if state.pane == .channels {
        state.showsRidge.toggle()
      } else {
        (state.pane, state.showsRidge) = (.channels, true)
      }
      return []
    },
    Command(
      "overlay", [.character("=")], "[none|FILE]", .look,
      "mark this layer, to draw it over others; with a file, its layers of the same names", unless: noLayer
    ) { state, argument in
      if argument == "none"
        || argument.isEmpty && state.overlay?.file == nil && state.overlay?.name == state.current?.name
      {
        (state.overlay, state.other) = (nil, nil)
        state.say("nothing is drawn over the histogram")
        return []
      }
      if !argument.isEmpty { return [.other(path: Paths.expanded(argument))] }
      guard let item = state.current, let survey = state.session.survey(of: item), survey.isWhole else {
        state.complain("overlay: the layer is not read yet")
        return []
      }
      state.other = nil
      state.overlay = Overlay(name: item.name, survey: survey)
      state.say("\(printable(item.name)) is drawn over the others; = on it again ends that")
      return []
    },
    Command("mouse", [], .look, "mouse on or off (off: the terminal selects text)") {
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
      state, argument throws(WorkbenchError) in
      guard !argument.isEmpty else { throw WorkbenchError("bins: expected a path, as in :bins bins.csv") }
      let path = Paths.expanded(argument)
      return [.save(path: path, what: .bins, replaces: state.ownPaths.contains(path))]
    },
  ]
}

extension Command {
  private static let noWeights: @Sendable (State) -> String? = { state in
    state.weightCount == 0 ? "this model has no weights" : nil
  }
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
