import Checkpoints
import FileAccess
import Inference

/// Writes a session as a file: Lathe's recipe (`RecipeFile`) with one member more, so that whatever reads recipes reads it.
///
///     {
///       "lathe": 1, "model": "digits-cnn.onnx", "format": "onnx",
///       "layers": {…}, "recovered": {…}, "provenance": {…},     the recipe as it stands
///       "session": {
///         "version": 1,
///         "savedAt": 1764547200,                                seconds since 1970
///         "path": "/models/digits-cnn.onnx", "key": "9f…",      which model: its place, and a digest of its header, sizes and pages
///         "steps": [{}, {"set": […], "keep": […], "notes": {"fc1": "…", "fc2": null}, "provenance": {}}],
///                                                               each as what makes it of the one before (`RecipeChange`)
///         "position": 1,                                        the step that stands
///         "saved": {"set": […], "keep": […]},                   of the step that stands, the recipe that was last written
///         "measurements": [{"set": […], "metrics": […]}],       each recipe by what makes it of the one before
///         "recipes": [{"name": "a", "set": […], "provenance": {}}],   the same
///         "marked": {"set": […]},                               of the step that stands, the recipe to hold others against
///         "data": "…", "calibration": "…", "importance": "…", "target": "gguf",
///         "view": {"filter": "attn", "sort": "error", "descending": true, "folded": [], "pane": "histogram"},
///         "sensitivities": {"latheSensitivities": 1, …}         as `Sensitivities` writes them
///       }
///     }
///
/// Steps of a history do not change: their text is kept from one writing to the next, so that each costs the last step and
/// the recipe as it stands.
public struct SessionWriter {
  static let version = 1
  private var key: String?
  private var steps: [Pair: String] = [:]
  private var measurements: (figures: [[Double]], text: [String]) = ([], [])
  private var sensitivities: (learnt: Int, text: String)?

  private struct Pair: Hashable {
    var before: Int
    var step: Int
  }

  public init() {}

  /// A session's bytes, once.
  public static func bytes(of draft: SessionDraft) -> [UInt8] {
    var writer = SessionWriter()
    return writer.bytes(of: draft)
  }

  /// The file's bytes.
  ///
  /// - Complexity: reads some pages of the model's files once; not for the thread that draws.
  public mutating func bytes(of draft: SessionDraft) -> [UInt8] {
    let record = draft.record
    let history = record.history
    let recipe = history.recipe
    var session: [JSONForm.Member] = [
      ("version", "\(Self.version)"), ("savedAt", "\(record.savedAt)"), ("path", JSONText.quoted(record.model.path)),
      ("key", JSONText.quoted(key(of: draft))),
    ]
    let first = max(0, min(history.position, history.steps.count - SessionRecord.mostWritten))
    let written = first..<min(history.steps.count, first + SessionRecord.mostWritten)
    session.append(("steps", JSONForm.lines(text(of: Array(history.steps[written])))))
    session.append(("position", "\(history.position - first)"))
    session.append(("saved", JSONForm.object(RecipeChange(from: recipe, to: history.saved).members)))
    // Numbers to compare: the recipes are long.
    let figures = record.measurements.map { one in
      [Double(one.bytes), Double(one.samples), one.samplesPerSecond] + one.metrics.map(\.value)
    }
    if measurements.figures != figures { measurements = (figures, Self.text(of: record.measurements)) }
    if !measurements.text.isEmpty { session.append(("measurements", JSONForm.lines(measurements.text))) }
    if !record.recipes.isEmpty { session.append(("recipes", JSONForm.lines(Self.text(of: record.recipes)))) }
    if let marked = record.marked {
      session.append(("marked", JSONForm.object(RecipeChange(from: recipe, to: marked).members)))
    }
    let names: [(String, String?)] = [
      ("data", record.data), ("calibration", record.calibration), ("importance", record.importance),
      ("target", record.target),
    ]
    session += names.compactMap { name, text in text.map { (name, JSONText.quoted($0)) } }
    session.append(("view", record.view.json))
    if let values = record.sensitivities {
      if sensitivities?.learnt != draft.learnt, let bytes = try? values.encoded() {
        sensitivities = (draft.learnt, String(decoding: bytes.dropLast(), as: UTF8.self))
      }
      if let text = sensitivities?.text { session.append(("sensitivities", text)) }
    }
    return Array(Self.file(draft, session).utf8)
  }

  /// The recipe's own form with the session as its last member.
  private static func file(_ draft: SessionDraft, _ session: [JSONForm.Member]) -> String {
    let recipe = draft.record.history.recipe
    let layers = draft.items.compactMap { item -> String? in
      guard let choice = recipe.choices[item.name] else { return nil }
      let members: [JSONForm.Member] = [
        ("scheme", JSONText.quoted("\(choice.scheme)")), ("by", JSONText.quoted(choice.by.rawValue)),
        ("shape", "\(item.shape)"),
      ]
      return "\(JSONText.quoted(item.name)): \(JSONForm.object(members))"
    }
    let name = draft.checkpoint.path.split(separator: "/").last.map(String.init) ?? draft.checkpoint.path
    var members: [JSONForm.Member] = [
      ("lathe", "\(RecipeFile.version)"), ("model", JSONText.quoted(name)),
      ("format", JSONText.quoted(draft.checkpoint.format.rawValue)),
      ("layers", layers.isEmpty ? "{}" : "{\n    " + layers.joined(separator: ",\n    ") + "\n  }"),
    ]
    if let codes = draft.record.recovered {
      let parts: [JSONForm.Member] = [
        ("file", JSONText.quoted(codes.file)), ("digest", JSONText.quoted(codes.digest)),
      ]
      members.append(("recovered", JSONForm.object(parts)))
    }
    if let story = draft.story { members.append(("provenance", story.json)) }
    let inside = session.map { "\(JSONText.quoted($0.name)): \($0.value)" }
    members.append(("session", "{\n  " + inside.joined(separator: ",\n  ") + "\n}"))
    return "{\n" + members.map { "\(JSONText.quoted($0.name)): \($0.value)" }.joined(separator: ",\n") + "\n}\n"
  }

  private mutating func key(of draft: SessionDraft) -> String {
    if let key { return key }
    let found = (try? ModelKey(draft.checkpoint))?.content.hexadecimal ?? ""
    key = found
    return found
  }

  private mutating func text(of all: [RecipeHistory.Step]) -> [String] {
    var kept: [Pair: String] = [:]
    var before = RecipeHistory.Step()
    let text = all.enumerated().map { place, step in
      // What the first is made of is an empty one, whichever it was.
      let pair = Pair(before: place == 0 ? -1 : before.number, step: step.number)
      let text = steps[pair] ?? JSONForm.object(Self.members(of: step, after: before))
      kept[pair] = text
      before = step
      return text
    }
    steps = kept
    return text
  }

  private static func members(
    of step: RecipeHistory.Step, after before: RecipeHistory.Step
  ) -> [JSONForm.Member] {
    var members = RecipeChange(from: before.recipe, to: step.recipe).members
    var notes = step.notes.filter { before.notes[$0.key] != $0.value }.mapValues(JSONText.quoted)
    for name in before.notes.keys where step.notes[name] == nil { notes[name] = "null" }
    if !notes.isEmpty { members.append(("notes", JSONForm.object(notes.sorted { $0.key < $1.key }.map { ($0, $1) }))) }
    if let story = step.provenance { members.append(("provenance", story.json)) }
    return members
  }

  private static func text(of all: [SessionRecord.Named]) -> [String] {
    var before = Recipe()
    return all.map { one in
      var members: [JSONForm.Member] = [("name", JSONText.quoted(one.name))]
      members += RecipeChange(from: before, to: one.recipe).members
      if let story = one.provenance { members.append(("provenance", story.json)) }
      before = one.recipe
      return JSONForm.object(members)
    }
  }

  private static func text(of all: [Measurement]) -> [String] {
    var before = Recipe()
    return all.suffix(SessionRecord.mostWritten).map { one in
      defer { before = one.recipe }
      return JSONForm.object(RecipeChange(from: before, to: one.recipe).members + one.members)
    }
  }
}

extension Measurement {
  /// All but its recipe and the model's outputs.
  fileprivate var members: [JSONForm.Member] {
    let metrics = metrics.map { metric in
      var members: [JSONForm.Member] = [
        ("name", JSONText.quoted(metric.name)), ("value", JSONForm.number(metric.value)),
      ]
      if let error = metric.standardError { members.append(("standardError", JSONForm.number(error))) }
      if let baseline = metric.baseline { members.append(("baseline", JSONForm.number(baseline))) }
      if metric.isShare { members.append(("share", "true")) }
      if let paired = metric.paired {
        members.append(("difference", JSONForm.number(paired.difference)))
        members.append(("differenceError", JSONForm.number(paired.standardError)))
      }
      return JSONForm.object(members)
    }
    var members: [JSONForm.Member] = [
      ("metrics", JSONForm.list(metrics)), ("samples", "\(samples)"), ("perSecond", JSONForm.number(samplesPerSecond)),
      ("peakBytes", "\(peakBytes)"), ("bytes", "\(bytes)"), ("data", JSONText.quoted(data)),
    ]
    if let damage { members.append(("damage", JSONForm.number(damage))) }
    if let classification { members.append(("classes", "\(classification.kept)")) }
    if !notes.isEmpty { members.append(("notes", JSONForm.list(notes.map(JSONText.quoted)))) }
    if !classNames.isEmpty { members.append(("classNames", JSONForm.list(classNames.map(JSONText.quoted)))) }
    return members
  }
}

extension SessionRecord.View {
  fileprivate var json: String {
    var members: [JSONForm.Member] = []
    if !filter.isEmpty { members.append(("filter", JSONText.quoted(filter))) }
    if let sort { members.append(("sort", JSONText.quoted(sort))) }
    if isDescending { members.append(("descending", "true")) }
    if !folded.isEmpty { members.append(("folded", JSONForm.list(folded.map(JSONText.quoted)))) }
    if let pane { members.append(("pane", JSONText.quoted(pane))) }
    return JSONForm.object(members)
  }
}
