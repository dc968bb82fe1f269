import Compression
import FileAccess
import Workbench

/// The commands that change what is chosen: for the row under the cursor, for the selection, or, with a pattern as last
/// word, for all that match.
extension Command {
  static let edits: [Command] = [
    Command(
      "fewer", [.character("-")], .layer, "one bit less (keep becomes what is smaller: int8, or what the target has)",
      unless: noTarget
    ) {
      state, argument throws(WorkbenchError) in
      let session = state.session
      return try state.edit(argument, else: "nothing smaller to step to") { session.step($0, by: -1, for: $1) }
    },
    Command(
      "more", [.character("+")], .layer, "one bit more (int8 becomes keep)", unless: noTarget
    ) {
      state, argument throws(WorkbenchError) in
      let session = state.session
      return try state.edit(argument) { session.step($0, by: 1, for: $1) }
    },
    Command("bits", [.character("b")], "N [PATTERN]", .layer, "N bits, 1 to 8 or 16: 4b", unless: noTarget) {
      state, argument throws(WorkbenchError) in
      guard !argument.isEmpty else {
        state.prompt = state.commandPrompt("bits ")
        return []
      }
      let (value, pattern) = argument.firstWord
      guard let bits = Int(value), UniformScheme.widths.contains(bits) else {
        throw WorkbenchError("bits \(value): expected a width from 1 to 8, or 16")
      }
      return try state.edit(pattern) { $0.withUniform(for: $1) { $0.bits = bits } }
    },
    Command(
      "group", [], "[tensor|channel|N [PATTERN]]", .layer, "what shares a scale: gn next, gt tensor, gc channel, g3 32",
      unless: noTarget
    ) {
      state, argument throws(WorkbenchError) in
      let (value, pattern) = argument.firstWord
      if value.isEmpty {
        return try state.turn("groups") { $0.withNextGranularity(for: $1) }
      }
      let spec = Int(value) == nil ? value : "group=\(value)"
      let granularity = try uniform("int4,\(spec)").granularity
      return try state.edit(pattern) { $0.withUniform(for: $1) { $0.granularity = granularity } }
    },
    Command(
      "symmetry", [.character("y")], "[symmetric|symmetric-full|symmetric-signed|affine|edge [PATTERN]]", .layer,
      "symmetric or affine codes", unless: noTarget
    ) {
      state, argument throws(WorkbenchError) in
      let (value, pattern) = argument.firstWord
      if value.isEmpty {
        return try state.turn("symmetry") {
          $0.withUniform(for: $1) { $0.symmetry = $0.symmetry == .affine ? .symmetric : .affine }
        }
      }
      let symmetry = try uniform("int4,\(value)").symmetry
      return try state.edit(pattern) { $0.withUniform(for: $1) { $0.symmetry = symmetry } }
    },
    Command("sparser", [.character("]")], .layer, "set 5 % more of the weights to zero", unless: noTarget) {
      state, argument throws(WorkbenchError) in
      try state.edit(argument) { scheme, _ in scheme.withRatio(by: 0.05) }
    },
    Command("denser", [.character("[")], .layer, "set 5 % fewer to zero", unless: noTarget) {
      state, argument throws(WorkbenchError) in
      try state.edit(argument) { scheme, _ in scheme.withRatio(by: -0.05) }
    },
    Command(
      "raise", [.character("}")], .layer, "raise the threshold by a tenth of the layer's σ", unless: noTarget
    ) {
      state, argument throws(WorkbenchError) in
      let session = state.session
      return try state.edit(argument) {
        $0.withThreshold(by: 0.1, deviation: session.survey(of: $1)?.statistics.deviation)
      }
    },
    Command(
      "lower", [.character("{")], .layer, "lower the threshold by a tenth of the layer's σ", unless: noTarget
    ) {
      state, argument throws(WorkbenchError) in
      let session = state.session
      return try state.edit(argument) {
        $0.withThreshold(by: -0.1, deviation: session.survey(of: $1)?.statistics.deviation)
      }
    },
    Command(
      "sparsity", [], "RATIO|N:M|channel:RATIO|… [PATTERN]", .layer,
      "zeros: 0.3, 2:4, channel:0.25, input:, head:64:, block:4x4:, model:, wanda:", unless: noTarget
    ) {
      state, argument throws(WorkbenchError) in
      let (value, pattern) = argument.firstWord
      let sparsity = try parse("keep,sparsity=\(value)").sparsity
      let effects = try state.edit(pattern) { scheme, _ in scheme.with(sparsity) }
      if case .model = sparsity { return effects + [.resolveShared] }
      return effects
    },
    Command("prune", [.character("p")], .layer, "a slider for sparsity, and views of what would go", unless: noTarget) {
      state, _ in
      let present = state.subject.map { state.session.scheme(of: $0).sparsity } ?? .none
      state.popup = PrunePopup(present)
      return []
    },
    Command(
      "threshold", [], "MAGNITUDE [PATTERN]", .layer, "set weights below a magnitude to zero",
      unless: noTarget
    ) {
      state, argument throws(WorkbenchError) in
      let (value, pattern) = argument.firstWord
      let sparsity = try parse("keep,threshold=\(value)").sparsity
      return try state.edit(pattern) { scheme, _ in scheme.with(sparsity) }
    },
    Command(
      "coding", [.character("H")], "[none|huffman|rans [PATTERN]]", .layer, "how codes are packed",
      unless: noTarget
    ) {
      state, argument throws(WorkbenchError) in
      let (value, pattern) = argument.firstWord
      if value.isEmpty { return try state.turn("coding") { scheme, _ in scheme.withNextCoding } }
      let coding = try parse("int4,coding=\(value)").coding
      return try state.edit(pattern) { scheme, _ in
        var scheme = scheme
        scheme.coding = coding
        return scheme
      }
    },
    Command(
      "scheme", [.character("s")], "[SPEC [PATTERN]]", .layer, "quantise: pick a scheme by size and error",
      unless: noTarget
    ) {
      state, argument throws(WorkbenchError) in
      let (value, pattern) = argument.firstWord
      if value.isEmpty {
        state.popup = SchemesPopup(state)
        return []
      }
      let scheme = try parse(value)
      return try state.edit(pattern) { _, _ in scheme }
    },
    Command("set", [], "PATTERN=SPEC", .layer, "a scheme for all that match, as --set") {
      state, argument throws(WorkbenchError) in
      let rule = try Rule(argument)
      let story = EditStory(state)
      let change = try state.session.apply([rule], by: .user)
      state.report(change, story)
      return []
    },
    Command("lock", [.character("L")], .layer, "q/k/v, gate/up and tied layers change together, or apart again") {
      state, _ in
      [.lock(!state.session.isLocked)]
    },
    Command("keep", [.character("x"), .delete], "[PATTERN]", .layer, "leave as it is", unless: noTarget) {
      state, argument throws(WorkbenchError) in
      try state.edit(argument) { _, _ in .keep }
    },
    Command(
      "undo", [.character("u")], .layer, "take the last change back",
      unless: { $0.session.history.canUndo ? nil : "nothing to undo" }
    ) {
      state, _ in
      let story = EditStory(state)
      state.session.undo()
      state.tell(story, word: "undone")
      return []
    },
    Command(
      "redo", [.control("r")], .layer, "make it again",
      unless: { $0.session.history.canRedo ? nil : "nothing to redo" }
    ) {
      state, _ in
      let story = EditStory(state)
      state.session.redo()
      state.tell(story, word: "redone")
      return []
    },
  ]

  private static let noTarget: @Sendable (State) -> String? = { state in
    state.rows.isEmpty ? "there is no layer here" : nil
  }

  private static func parse(_ spec: String) throws(WorkbenchError) -> Scheme {
    do { return try Scheme(spec: spec) } catch { throw WorkbenchError(error.description) }
  }

  private static func uniform(_ spec: String) throws(WorkbenchError) -> UniformScheme {
    guard case .uniform(let uniform) = try parse(spec).format else {
      throw WorkbenchError("\(spec): no integer scheme")
    }
    return uniform
  }
}

extension State {
  /// Changes the targets, or what a pattern matches, and says what happened.
  ///
  /// - Parameter nothing: what to say where no scheme became another.
  fileprivate mutating func edit(
    _ pattern: String, else nothing: String? = nil, _ change: (Scheme, Item) -> Scheme
  ) throws(WorkbenchError) -> [Effect] {
    var ids = targets
    if !pattern.isEmpty {
      let wanted = Pattern(pattern)
      ids = session.items.filter { ($0.kind == .weight || wanted.isLiteral) && wanted.matches($0) }.map(\.id)
      guard !ids.isEmpty else { throw WorkbenchError(printable(wanted.matchesNothing(among: session.items))) }
    }
    guard !ids.isEmpty else { throw WorkbenchError("there is no weight in this row") }
    self.change(ids, else: nothing, change)
    return []
  }

  /// Turns to the next of some settings, which weights that are kept do not have: they stay as they are. What the chosen
  /// target cannot say is stepped over.
  fileprivate mutating func turn(
    _ what: String, _ change: (Scheme, Item) -> Scheme
  ) throws(WorkbenchError) -> [Effect] {
    guard !targets.isEmpty else { throw WorkbenchError("there is no weight in this row") }
    let session = session
    let ids = targets.filter { id in session.item(id: id).map { session.scheme(of: $0).format != .keep } ?? false }
    guard !ids.isEmpty else {
      throw WorkbenchError("\(what): what is kept has none; - gives it fewer bits, s picks a scheme")
    }
    self.change(ids, else: nil) { session.stepping($0, of: $1, by: change) }
    return []
  }

  private mutating func change(_ ids: [Int], else nothing: String?, _ change: (Scheme, Item) -> Scheme) {
    let story = EditStory(self)
    let result = session.change(ids) { item, scheme in change(scheme, item) }
    if let nothing, result.changed == 0, result.refused.isEmpty { return complain(nothing) }
    report(result, story)
  }

  /// Says what an edit did, or why something could not be done.
  fileprivate mutating func report(_ change: Session.Change, _ story: EditStory) {
    if let first = change.refused.first {
      let more = change.refused.count > 1 ? " and \(change.refused.count - 1) more" : ""
      complain("\(printable(first.name)): \(first.note)\(more)")
    } else if let first = session.lastChanged.lazy.compactMap(session.item(id:)).first(where: {
      session.targetNote(on: $0) != nil
    }),
      change.changed > 0, let reason = session.targetNote(on: first)
    {
      complain("\(printable(first.name)): \(reason)")
    } else if change.changed == 0 {
      say("nothing changed: it was so already")
    } else {
      tell(story, word: "")
    }
  }
}

extension String {
  /// The first word, and what comes after it.
  var firstWord: (word: String, rest: String) {
    let word = prefix { $0 != " " }
    return (String(word), String(dropFirst(word.count).drop { $0 == " " }))
  }
}
