import Workbench

/// The commands that change what is chosen: for the row under the cursor, for the selection, or, with a pattern as last
/// word, for all that match.
extension Command {
  static let edits: [Command] = [
    Command("fewer", [.character("-")], .layer, "one bit less (keep becomes int8)", unless: noTarget) {
      state, argument throws(WorkbenchError) in
      try state.edit(argument, steps: true) { $0.stepped(by: -1, for: $1) }
    },
    Command(
      "more", [.character("+"), .character("=")], .layer, "one bit more (int8 becomes keep)", unless: noTarget
    ) {
      state, argument throws(WorkbenchError) in
      try state.edit(argument, steps: true) { $0.stepped(by: 1, for: $1) }
    },
    Command("bits", [], "N [PATTERN]", .layer, "N bits: 1 to 8 or 16", unless: noTarget) {
      state, argument throws(WorkbenchError) in
      let (value, pattern) = argument.firstWord
      guard let bits = Int(value), UniformScheme.widths.contains(bits) else {
        throw WorkbenchError("bits \(value): expected a width from 1 to 8, or 16")
      }
      return try state.edit(pattern) { $0.withUniform(for: $1) { $0.bits = bits } }
    },
    Command(
      "group", [.character("g")], "[tensor|channel|N [PATTERN]]", .layer,
      "what shares a scale: tensor, channel, group", unless: noTarget
    ) {
      state, argument throws(WorkbenchError) in
      let (value, pattern) = argument.firstWord
      if value.isEmpty { return try state.edit("", steps: true) { $0.withNextGranularity(for: $1) } }
      let spec = Int(value) == nil ? value : "group=\(value)"
      let granularity = try uniform("int4,\(spec)").granularity
      return try state.edit(pattern) { $0.withUniform(for: $1) { $0.granularity = granularity } }
    },
    Command(
      "symmetry", [.character("y")], "[symmetric|symmetric-full|affine [PATTERN]]", .layer,
      "symmetric or affine codes", unless: noTarget
    ) {
      state, argument throws(WorkbenchError) in
      let (value, pattern) = argument.firstWord
      if value.isEmpty {
        return try state.edit("", steps: true) {
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
      state.popup = Popup(content: .prune(PruneChoice(present)))
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
      "coding", [.character("c")], "[none|huffman|rans [PATTERN]]", .layer, "how codes are packed",
      unless: noTarget
    ) {
      state, argument throws(WorkbenchError) in
      let (value, pattern) = argument.firstWord
      if value.isEmpty { return try state.edit("") { scheme, _ in scheme.withNextCoding } }
      let coding = try parse("int4,coding=\(value)").coding
      return try state.edit(pattern) { scheme, _ in
        var scheme = scheme
        scheme.coding = coding
        return scheme
      }
    },
    Command(
      "scheme", [.character("s")], "[SPEC [PATTERN]]", .layer, "pick a scheme by size and error",
      unless: noTarget
    ) {
      state, argument throws(WorkbenchError) in
      let (value, pattern) = argument.firstWord
      if value.isEmpty {
        state.popup = Popup(content: .schemes)
        return []
      }
      let scheme = try parse(value)
      return try state.edit(pattern) { _, _ in scheme }
    },
    Command("set", [], "PATTERN=SPEC", .layer, "a scheme for all that match, as --set") {
      state, argument throws(WorkbenchError) in
      let rule = try Rule(argument)
      let change = try state.session.apply([rule], by: .user)
      state.report(change, "\(rule.pattern)=\(rule.scheme)")
      return []
    },
    Command("lock", [.character("L")], .layer, "q/k/v, gate/up and tied layers change together, or apart again") {
      state, _ in
      state.session.setLocked(!state.session.isLocked)
      guard state.session.isLocked else {
        state.say("layers change apart")
        return []
      }
      let count = state.session.lockedGroups
      state.say(count == 0 ? "no layers here are run as one" : "\(count) groups of layers change together")
      return []
    },
    Command("keep", [.character("x"), .delete], "[PATTERN]", .layer, "leave as it is", unless: noTarget) {
      state, argument throws(WorkbenchError) in
      try state.edit(argument) { _, _ in .keep }
    },
    Command(
      "undo", [.character("u")], .layer, "take the last change back",
      unless: { $0.session.canUndo ? nil : "nothing to undo" }
    ) {
      state, _ in
      state.session.undo()
      state.say("undone")
      return []
    },
    Command(
      "redo", [.control("r")], .layer, "make it again",
      unless: { $0.session.canRedo ? nil : "nothing to redo" }
    ) {
      state, _ in
      state.session.redo()
      state.say("redone")
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
  /// - Parameter steps: the change is one step of many: what the chosen target cannot say is stepped over.
  fileprivate mutating func edit(
    _ pattern: String, steps: Bool = false, _ change: (Scheme, Item) -> Scheme
  ) throws(WorkbenchError) -> [Effect] {
    var ids = targets
    if !pattern.isEmpty {
      let wanted = Pattern(pattern)
      ids = session.items.filter {
        ($0.kind == .weight || wanted.isLiteral) && (wanted.matches($0.name) || wanted.matches($0.tensorName))
      }.map(\.id)
      guard !ids.isEmpty else {
        throw WorkbenchError("pattern \"\(printable(pattern))\" matches no layer of this model")
      }
    }
    guard !ids.isEmpty else { throw WorkbenchError("there is no weight in this row") }
    let session = session
    let result = self.session.change(ids) { item, scheme in
      steps ? session.stepping(scheme, of: item, by: change) : change(scheme, item)
    }
    let changed = self.session
    let what = ids.count == 1 ? changed.item(id: ids[0]).map { "\(changed.scheme(of: $0))" } ?? "" : ""
    report(result, what)
    return []
  }

  fileprivate mutating func report(_ change: Session.Change, _ what: String) {
    if let first = change.refused.first {
      let more = change.refused.count > 1 ? " and \(change.refused.count - 1) more" : ""
      complain("\(printable(first.name)): \(first.note)\(more)")
    } else if let first = session.lastChanged.lazy.compactMap(session.item(id:)).first(where: {
      session.targetNote(on: $0) != nil
    }),
      change.changed > 0, let reason = session.targetNote(on: first)
    {
      complain("\(printable(first.name)): \(reason)")
    } else {
      say(
        "\(change.changed) layer\(change.changed == 1 ? "" : "s") changed\(what.isEmpty ? "" : ": \(what)")")
    }
  }
}

extension Session {
  /// A step, and more of them while the target cannot say what comes out; the first where none does.
  fileprivate func stepping(_ scheme: Scheme, of item: Item, by change: (Scheme, Item) -> Scheme) -> Scheme {
    let first = change(scheme, item)
    guard target != nil else { return first }
    if scheme.format == .keep, first.format != .keep, targetObstacle(to: first, of: item) != nil,
      let start = startingFormat(for: item)
    {
      var begun = scheme
      begun.format = start
      return begun
    }
    var next = first
    for _ in 0..<12 where targetObstacle(to: next, of: item) != nil || item.obstacle(to: next) != nil {
      next = change(next, item)
    }
    return targetObstacle(to: next, of: item) == nil ? next : first
  }
}

extension Scheme {
  /// One bit more or less; between block types, the next size that can be exported.
  fileprivate func stepped(by step: Int, for item: Item) -> Scheme {
    var scheme = self
    switch format {
    case .keep:
      guard step < 0 else { return self }
      scheme.format = .uniform(.starting(for: item))
    case .uniform(var uniform):
      let widths = UniformScheme.widths
      let index = (widths.firstIndex(of: uniform.bits) ?? 0) + step
      if index >= widths.count || (uniform.bits == 8 && step > 0) {
        scheme.format = .keep
        scheme.coding = .none
      } else {
        uniform.bits = widths[max(0, index)]
        if uniform.bits == 1 { uniform.symmetry = .symmetric }
        scheme.format = .uniform(uniform)
      }
    case .block(let type):
      let sizes = BlockQuantizer.available.filter {
        // Q1_0 and Q2_0 take signs and thirds as they come: no steps, but for models that were trained for them.
        $0 == type
          || $0 != .q1_0 && $0 != .q2_0
            && (item.importances != nil || !BlockQuantizer.needsImportance.contains($0))
      }.sorted {
        ($0.bitsPerWeight, $0.name) < ($1.bitsPerWeight, $1.name)
      }
      guard let index = sizes.firstIndex(of: type) else { return self }
      scheme.format =
        sizes.indices.contains(index + step) ? .block(sizes[index + step]) : step > 0 ? .keep : format
    case .f16, .bf16:
      scheme.format = step > 0 ? .keep : .uniform(.starting(for: item))
    case .smallFloat(let small): scheme.format = small.stepped(by: step)
    case .codebook(let codebook): scheme.format = codebook.stepped(by: step)
    case .named: break
    }
    return scheme
  }

  /// The same with its integer format changed; one is started from where there is none.
  fileprivate func withUniform(for item: Item, _ change: (inout UniformScheme) -> Void) -> Scheme {
    var uniform = UniformScheme.starting(for: item)
    if case .uniform(let present) = format { uniform = present }
    change(&uniform)
    var scheme = self
    scheme.format = .uniform(uniform)
    return scheme
  }

  fileprivate func withNextGranularity(for item: Item) -> Scheme {
    var scheme = self
    switch format {
    case .smallFloat(var small) where small.granularity != nil:
      small.granularity = small.granularity?.next(for: item)
      scheme.format = .smallFloat(small)
    case .codebook(var codebook):
      codebook.granularity = codebook.granularity.next(for: item)
      scheme.format = .codebook(codebook)
    default: return withUniform(for: item) { $0.granularity = $0.granularity.next(for: item) }
    }
    return scheme
  }

  fileprivate func with(_ sparsity: Sparsity) -> Scheme {
    var scheme = self
    scheme.sparsity = sparsity
    return scheme
  }

  fileprivate func withRatio(by step: Double) -> Scheme {
    var ratio = step
    if case .ratio(let present) = sparsity { ratio += present }
    // Steps of 0.05 without the dust of binary fractions.
    ratio = (ratio * 100).rounded() / 100
    return with(ratio <= 0 ? .none : .ratio(min(0.95, ratio)))
  }

  fileprivate func withThreshold(by step: Double, deviation: Double?) -> Scheme {
    guard let deviation, deviation > 0 else { return self }
    var threshold = step * deviation
    if case .threshold(let present) = sparsity { threshold += present }
    let digits = Float(threshold * 1e6).rounded() / 1e6
    return with(threshold < deviation * 0.05 ? .none : .threshold(Double("\(digits)") ?? threshold))
  }

  fileprivate var withNextCoding: Scheme {
    var scheme = self
    let all = Coding.allCases
    scheme.coding = all[((all.firstIndex(of: coding) ?? 0) + 1) % all.count]
    return scheme
  }
}

extension Granularity {
  /// The next one that fits, round and round.
  fileprivate func next(for item: Item) -> Granularity {
    let order: [Granularity] = [.tensor, .channel, .group(128), .group(64), .group(32)]
      .filter { $0.fits(columns: item.matrix.columns) }
    let index = order.firstIndex(of: self).map { $0 + 1 } ?? 0
    return order[index % order.count]
  }
}

extension SmallFloatScheme {
  /// The next wider or narrower element; past the widest the weight is kept.
  fileprivate func stepped(by step: Int) -> Scheme.Format {
    let order: [Element] = scaling == .nvidia ? [.e2m1] : [.e2m1, .e2m3, .e4m3]
    let present = order.firstIndex { $0.bits == element.bits } ?? 0
    guard present + step < order.count else { return .keep }
    return .smallFloat(SmallFloatScheme(order[max(0, present + step)], scaling))
  }
}

extension CodebookScheme {
  /// Twice or half as many entries; past the most the weight is kept.
  fileprivate func stepped(by step: Int) -> Scheme.Format {
    guard case .kMeans = table else { return step > 0 ? .keep : .codebook(self) }
    let bits = self.bits + step
    return bits > 8 ? .keep : .codebook(.kMeans(bits: max(1, bits), granularity))
  }
}

extension UniformScheme {
  /// Eight bits in groups of 32, or a scale a channel where groups do not fit.
  fileprivate static func starting(for item: Item) -> UniformScheme {
    UniformScheme(bits: 8, granularity: item.matrix.columns % 32 == 0 ? .group(32) : .channel)
  }
}

extension String {
  /// The first word, and what comes after it.
  var firstWord: (word: String, rest: String) {
    let word = prefix { $0 != " " }
    return (String(word), String(dropFirst(word.count).drop { $0 == " " }))
  }
}
