/// Time from a key to the repaint that shows what it did, while the analysis keeps all cores busy.
struct KeyLatency {
  let lathe: String
  let scratch: Scratch
  static let presses = 300
  static let target = 0.016

  func run() throws {
    Table.title(
      "key to repaint: \(Self.presses) keys each, analysis running; target: p99 at most \(milliseconds(Self.target))")
    try measure(
      GeneratedModel.llama(layers: 22, width: 4096, hidden: 30_720, vocabulary: 128_000), before: [],
      "20 GB, 200 tensors")
    let many = GeneratedModel.llama(layers: 2222, width: 1024, hidden: 2816, vocabulary: 32_000)
    try measure(many, before: [], "20,001 tensors")
    try measure(many, before: [":set *=int4,group=64\r"], "20,001 tensors, all chosen")
    try measure(many, before: [":sort error\r"], "20,001 tensors, sorted by error")
  }

  /// - Parameter before: what is typed before the measurement.
  private func measure(_ model: GeneratedModel, before: [String], _ name: String) throws {
    try model.write(to: scratch.model, .hole)
    defer { scratch.removeModel() }
    let terminal = try PseudoTerminal([lathe, scratch.model])
    defer { terminal.end() }
    var typist = Typist(terminal)
    try typist.wait(seconds: 20, "the list") { $0.place != nil && $0.isAnalysing }
    for text in before { try terminal.send(text) }
    try typist.idle(seconds: 1)
    let began = (time: ContinuousClock.now, used: terminal.processorSeconds)
    let watch = Stalls()
    let presses: [Pressed]
    do {
      presses = try pressKeys(&typist)
    } catch {
      _ = watch?.end()
      throw error
    }
    let wall = (ContinuousClock.now - began.time).seconds
    let used = terminal.processorSeconds.flatMap { after in began.used.map { after - $0 } }
    report(name, presses, stalls: watch?.end(), cores: used.map { $0 / wall })
  }

  /// A key, and how long its repaint took.
  private struct Pressed {
    var key: Press
    var start: ContinuousClock.Instant
    var time: Double

    func meets(_ stall: ClosedRange<ContinuousClock.Instant>) -> Bool {
      stall.overlaps(start...start + .seconds(time))
    }
  }

  private func pressKeys(_ typist: inout Typist) throws -> [Pressed] {
    var presses: [Pressed] = []
    var random = SplitMix(state: 7)
    while presses.count < Self.presses {
      let next = Press.cycle[presses.count % Press.cycle.count]
      let key = next.isPossible(typist.screen) ? next : .down
      let start = ContinuousClock.now
      presses.append(Pressed(key: key, start: start, time: try typist.press(key)))
      guard typist.screen.isAnalysing else {
        throw Failure("the analysis ended after \(presses.count) keys: the figures would not count")
      }
      // At no fixed distance from the frames that the analysis draws.
      try typist.idle(seconds: 0.01 + Double(random.next() >> 11) * 0x1p-53 * 0.02)
    }
    return presses
  }

  private func report(
    _ name: String, _ presses: [Pressed], stalls: [ClosedRange<ContinuousClock.Instant>]?, cores: Double?
  ) {
    func figures(_ times: [Double]) -> String {
      "p50 \(milliseconds(times.median)), max \(milliseconds(times.quantile(1)))"
    }
    func verdict(_ times: [Double]) -> String { times.quantile(0.99) <= Self.target ? "met" : "missed" }
    let times = presses.map(\.time)
    let busy = cores.map { ", \(fixed($0, 1)) cores busy" } ?? ""
    Table.row(name, "p99 \(milliseconds(times.quantile(0.99)))", "\(figures(times))\(busy); \(verdict(times))")
    if let stalls, !stalls.isEmpty {
      let longest = stalls.map { ($0.upperBound - $0.lowerBound).seconds }.quantile(1)
      let free = presses.filter { press in !stalls.contains(where: press.meets) }.map(\.time)
      Table.note(
        "  a processor stood still for 2 ms or more \(stalls.count) times, at most \(milliseconds(longest))")
      Table.row(
        "  the \(free.count) keys outside of these", "p99 \(milliseconds(free.quantile(0.99)))",
        "\(figures(free)); \(verdict(free))")
    }
    guard times.quantile(0.99) > Self.target else { return }
    for (key, presses) in Dictionary(grouping: presses, by: \.key).sorted(by: { $0.key.name < $1.key.name }) {
      Table.note("    \(key.name): \(figures(presses.map(\.time)))")
    }
  }
}

/// Presses keys and watches the screen.
private struct Typist {
  let terminal: PseudoTerminal
  private(set) var screen = TerminalScreen(width: PseudoTerminal.width, height: PseudoTerminal.height)

  init(_ terminal: PseudoTerminal) { self.terminal = terminal }

  /// Takes in output until `condition` holds.
  mutating func wait(seconds: Double, _ what: String, until condition: (TerminalScreen) -> Bool) throws {
    let deadline = ContinuousClock.now + .seconds(seconds)
    while !condition(screen) {
      guard ContinuousClock.now < deadline else { throw Failure("\(what) did not come; the screen:\n\(screen.text)") }
      if let (bytes, _) = terminal.receive(upTo: 100) { screen.feed(bytes) }
    }
  }

  /// Takes in output for a while.
  mutating func idle(seconds: Double) throws {
    let deadline = ContinuousClock.now + .seconds(seconds)
    while ContinuousClock.now < deadline {
      if let (bytes, _) = terminal.receive(upTo: 1) { screen.feed(bytes) }
    }
  }

  /// Seconds from the key to the last byte of the repaint that shows its effect.
  mutating func press(_ key: Press) throws -> Double {
    let before = screen
    let start = ContinuousClock.now
    try terminal.send(key.rawValue)
    var shown: ContinuousClock.Instant?
    while (ContinuousClock.now - start).seconds < 5 {
      guard let (bytes, time) = terminal.receive(upTo: shown == nil ? 100 : 1) else {
        if let shown { return (shown - start).seconds }
        continue
      }
      screen.feed(bytes)
      if shown != nil || key.isDone(before, screen) { shown = time }
    }
    throw Failure("nothing on the screen showed the key \(key) within 5 s:\n\(screen.text)")
  }
}

/// A key whose effect can be read from the screen.
private enum Press: String {
  case down = "j"
  case up = "k"
  case fewer = "-"
  case more = "+"
  case undo = "u"
  case series = "h"
  case pane = "\t"
  case fold = "\u{1B}[D"
  case unfold = "\u{1B}[C"

  static let cycle: [Press] = [
    .down, .down, .fewer, .down, .series, .pane, .down, .fewer, .fewer, .more, .up, .series, .down, .undo, .down, .pane,
    .down, .down, .fewer, .series, .down, .fold, .unfold, .down, .down, .down, .down, .down, .down, .down,
  ]

  var name: String {
    switch self {
    case .pane: "Tab"
    case .fold: "Left"
    case .unfold: "Right"
    default: rawValue
    }
  }

  func isPossible(_ screen: TerminalScreen) -> Bool {
    switch self {
    case .series: screen.series != nil
    // Folding moves the cursor to the block's row; a row of a block that is folded already shows nothing.
    case .fold, .unfold: !screen.isFlat
    default: true
    }
  }

  func isDone(_ before: TerminalScreen, _ after: TerminalScreen) -> Bool {
    guard let place = after.place, let past = before.place else { return false }
    return switch self {
    case .down: place.row == min(past.of, past.row + 1)
    case .up: place.row == max(1, past.row - 1)
    case .fewer, .more: after.chosen != before.chosen || after.message.contains("nothing")
    case .undo: after.message.contains("undone")
    case .series: after.series != nil && after.series != before.series
    case .pane: after.paneEdges != before.paneEdges
    case .fold: place.of < past.of
    case .unfold: place.of > past.of
    }
  }
}

extension TerminalScreen {
  /// `12/147` at the end of the list's upper edge.
  fileprivate var place: (row: Int, of: Int)? {
    for word in text(1).split(separator: " ") {
      let parts = word.split(separator: "/")
      if parts.count == 2, let row = Int(parts[0]), let of = Int(parts[1]) { return (row, of) }
    }
    return nil
  }

  private var status: String { text(PseudoTerminal.height - 2) }
  fileprivate var isAnalysing: Bool { status.contains("analysing") }

  /// What the status line says after the progress.
  fileprivate var message: Substring {
    let status = status
    guard let found = status.firstRange(of: "weights/s") else { return status[...] }
    return status[found.upperBound...]
  }

  /// Name, shape and scheme of the row under the cursor.
  fileprivate var chosen: String? {
    (2..<PseudoTerminal.height).map(text).first { $0.contains("▌") }.map { String($0.prefix(48)) }
  }

  /// Whether the list is sorted and so has no blocks.
  fileprivate var isFlat: Bool { text(2).contains("▾") || text(2).contains("▴") }

  fileprivate var series: String? {
    let right = (2..<PseudoTerminal.height - 2).map { String(text($0).dropFirst(74)) }
    if right.contains(where: { $0.contains("reading") }) { return nil }
    return ["what they become", "error w", "no error", "error …", "weights"].first { name in
      right.contains { $0.contains(name) }
    }
  }

  /// The panes' upper edges: their colours and titles show where Tab stands.
  fileprivate var paneEdges: [[Cell]] {
    cells.dropFirst().map { $0.dropFirst(2).drop { $0.scalar != "┌" } }.filter { !$0.isEmpty }.map(Array.init)
  }
}
