import ArgumentParser
import Checkpoints
import FileAccess
import Workbench

/// The choice of schemes that several commands take: a recipe and rules on top of it.
struct ChoiceOptions: ParsableArguments {
  @Option(
    name: .long,
    help: ArgumentHelp(
      "A recipe of Lathe's, another tool's config (llama.cpp's type file; MLX, compressed-tensors or GPTQ), or a quantised checkpoint whose types to take.",
      valueName: "R"),
    completion: .file(extensions: ValueCompletion.recipes))
  var recipe: String?

  @Option(
    name: .customLong("set"), parsing: .singleValue,
    help: ArgumentHelp(
      "PATTERN=SPEC, as in '*=int4,group=32' or 'conv1=int8,channel,affine'; may repeat, the last match wins.",
      valueName: "PATTERN=SPEC"),
    completion: .custom { words, _, text in ValueCompletion.rules(text, in: words) })
  var rules: [String] = []

  @Option(
    help: ArgumentHelp(
      "How much inputs matter: llama.cpp's imatrix (.gguf or .dat), or norms of activations (.npz).",
      valueName: "FILE"), completion: .file(extensions: ValueCompletion.importances))
  var importance: String?

  @Option(
    help: ArgumentHelp(
      "Where rows are no multiple of a ggml block, take that tool's substitutes: llama.cpp.",
      valueName: "TOOL"), completion: .list(["llama.cpp"]))
  var fallback: String?

  @Flag(help: "List every layer that a note is about.") var verbose = false
  @Flag(help: "End with status 1 where a layer was kept because it could not take what was chosen.") var strict = false

  func validate() throws {
    for rule in rules {
      do { _ = try Rule(rule) } catch { throw ValidationError("--set \(rule): \(error)") }
    }
    if let fallback, fallback != "llama.cpp" {
      throw ValidationError("--fallback \(fallback): there is only llama.cpp")
    }
  }

  /// The session of a model with the choice made; what did not fit is listed on standard error.
  func session(model: [String], cache: CacheFolder? = nil) throws -> Session {
    var session = Session(try Checkpoint.open(model), cache: cache)
    if let importance {
      let count = try session.weigh(by: ImportanceFile(path: importance), path: importance)
      note("lathe: \(importance): importances of \(count) weight\(count == 1 ? "" : "s")")
    }
    var outcome = Outcome(recipe: Recipe())
    if let recipe {
      let choice = try session.choice(from: recipe, fallback: fallback != nil)
      outcome = choice.outcome
      for line in [choice.summary].compactMap({ $0 }) + choice.remarks { note("lathe: \(recipe): \(line)") }
      noteAll(choice.mismatches, verbose: verbose)
    }
    let fromRules = try Outcome.applying(
      try rules.map { try Rule($0) }, to: session.items, over: outcome.recipe, fallback: fallback != nil)
    if fromRules.recipe != outcome.recipe { outcome.provenance = nil }
    outcome.recipe = fromRules.recipe
    outcome.notes.merge(fromRules.notes) { _, new in new }
    outcome.fallbacks.formUnion(fromRules.fallbacks)
    try tell(outcome, of: session.items)
    session.start(from: outcome)
    try session.resolveSharedRatios()
    return session
  }
}

extension ChoiceOptions {
  /// Says what was kept and why, and what would help.
  ///
  /// - Throws: `Failure` with --strict where anything was kept.
  private func tell(_ outcome: Outcome, of items: [Item]) throws {
    if outcome.notes.isEmpty { return }
    let told = items.filter { outcome.notes[$0.name] != nil }
    noteAll(told.map { "\(printable($0.name)): \(outcome.notes[$0.name] ?? "")" }, verbose: verbose)
    let kept = told.filter { outcome.recipe.choices[$0.name] == nil }
    if fallback == nil, kept.contains(where: { outcome.fallbacks.contains($0.name) }) {
      note("lathe: --fallback llama.cpp takes that tool's substitutes where rows do not fit")
    }
    if importance == nil, kept.contains(where: { outcome.notes[$0.name]?.contains("importances") == true }) {
      note("lathe: --importance FILE says how much inputs matter")
    }
    if strict, !kept.isEmpty {
      throw Failure("\(kept.count) layer\(kept.count == 1 ? " was" : "s were") kept, and --strict wants none")
    }
  }
}

extension Session {
  /// `settle` with a line of progress on a terminal's standard error.
  ///
  /// - Returns: what could not be read; said once the rest was shown, with `Failure.init(reading:)`.
  mutating func settleWithProgress(_ questions: [Question], room: Int? = nil, needsBins: Bool = false) -> [String] {
    let line = ProgressLine()
    defer { line.clear() }
    return settle(questions, room: room, needsBins: needsBins) { line.show(reading: $0) }
  }

  /// `settleEstimate` with the same.
  mutating func settleEstimateWithProgress() -> [String] {
    let line = ProgressLine()
    defer { line.clear() }
    return settleEstimate { line.show(reading: $0) }
  }

  /// `survey` with the same.
  mutating func surveyWithProgress(room: Int? = nil) -> [String] {
    let line = ProgressLine()
    defer { line.clear() }
    return survey(room: room) { line.show(reading: $0) }
  }
}

extension ProgressLine {
  fileprivate func show(reading state: Analyst.Progress) {
    let percent = Int(state.fraction * 100)
    show("reading weights: \(percent) %, \(Int(state.weightsPerSecond / 1e6)) M weights/s")
  }
}

extension Failure {
  /// The first of what could not be read, and how much more there is; `nil` for nothing.
  init?(reading failures: [String]) {
    guard !failures.isEmpty else { return nil }
    let more = failures.count > 2 ? ["and \(failures.count - 2) more tensors that cannot be read"] : []
    self.init((failures.prefix(2) + more).joined(separator: "\nlathe: "))
  }
}
