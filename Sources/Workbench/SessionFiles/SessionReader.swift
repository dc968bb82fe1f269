import Checkpoints
import Compression
import FileAccess
import Inference

/// Reads what `SessionWriter` writes, strictly: whatever the bytes are, a session that fits the model or an error that names
/// the file and the member.
struct SessionReader {
  private let path: String
  private let items: [String: Item]
  private var schemes = SchemeReader()
  /// What of the file does not fit the model, a line each.
  private(set) var mismatches: [String] = []
  private var told: Set<String> = []

  init(path: String, items: [Item]) {
    self.path = path
    self.items = Dictionary(items.map { ($0.name, $0) }) { first, _ in first }
  }

  /// The member `session` of a file.
  ///
  /// - Throws: `WorkbenchError`: no file, too large, no JSON, no session, another version, a member that is something else.
  static func object(at path: String) throws(WorkbenchError) -> ConfigObject {
    let json: JSONValue?
    do { json = try JSONValue(path: path) } catch { throw WorkbenchError("\(error)") }
    guard let json else { throw WorkbenchError("\(path): there is no such session, or it cannot be read") }
    let file = try ConfigObject(json, at: "", in: path)
    guard let session = try file.object("session") else {
      throw WorkbenchError(
        "\(path): not a session of Lathe's: \"session\" is missing"
          + (file["lathe"] == nil ? "" : "; a recipe alone is opened with --recipe, or :recipe"))
    }
    guard let version = try session.int("version") else { throw session.wrong("version", "is missing") }
    guard version == SessionWriter.version else {
      throw session.wrong("version", "\(version); this Lathe reads version \(SessionWriter.version)")
    }
    return session
  }

  static func model(of session: ConfigObject) throws(WorkbenchError) -> SessionRecord.Model {
    SessionRecord.Model(path: try session.string("path") ?? "", key: try session.string("key") ?? "")
  }

  mutating func record(_ session: ConfigObject) throws(WorkbenchError) -> SessionRecord {
    let history = try history(session)
    return SessionRecord(
      model: try Self.model(of: session), savedAt: max(0, try session.int("savedAt") ?? 0), history: history,
      measurements: try measurements(session), recipes: try recipes(session),
      marked: try session.object("marked").map { object throws(WorkbenchError) in
        try recipe(object, after: history.recipe)
      },
      sensitivities: try session.object("sensitivities").map { object throws(WorkbenchError) in
        try Sensitivities(object, path: path)
      }, data: try session.string("data"), calibration: try session.string("calibration"),
      importance: try session.string("importance"), target: try session.string("target"), view: try view(session))
  }

  private func elements(_ session: ConfigObject, _ key: String) throws(WorkbenchError) -> [ConfigObject] {
    let all = try session.elements(key)
    guard all.count <= SessionRecord.most else {
      throw session.wrong(key, "\(all.count) of them; at most \(SessionRecord.most) are read")
    }
    return all
  }

  /// The recipe that a change makes of another, without what this model cannot have.
  private mutating func recipe(_ object: ConfigObject, after before: Recipe) throws(WorkbenchError) -> Recipe {
    let change = try RecipeChange(object, &schemes)
    return change.applied(to: before) { refuse($0, $1) }
  }

  private mutating func refuse(_ name: String, _ scheme: Scheme) -> Bool {
    let reason: String
    if let item = items[name] {
      guard let obstacle = item.obstacle(to: scheme) else { return false }
      reason = "\(printable(name)): cannot take \(scheme): \(obstacle)"
    } else {
      reason = "\(printable(name)): this model has no such layer"
    }
    if told.count < SessionRecord.most, told.insert(reason).inserted { mismatches.append(reason) }
    return true
  }

  private mutating func history(_ session: ConfigObject) throws(WorkbenchError) -> RecipeHistory {
    var steps: [RecipeHistory.Step] = []
    for object in try elements(session, "steps") {
      var step = RecipeHistory.Step(
        recipe: try recipe(object, after: steps.last?.recipe ?? Recipe()), notes: steps.last?.notes ?? [:])
      for (name, value) in try object.object("notes")?.members ?? [] where items[name] != nil {
        guard value.isNull || value.string != nil else {
          throw object.wrong("notes", "a text or null for every layer expected")
        }
        step.notes[name] = value.string.map { printable($0) }
      }
      step.provenance = try object.object("provenance").map { story throws(WorkbenchError) in try Provenance(story) }
      steps.append(step)
    }
    guard !steps.isEmpty else { throw session.wrong("steps", "at least one step expected") }
    let position = try session.int("position") ?? steps.count - 1
    guard steps.indices.contains(position) else {
      throw session.wrong("position", "a step expected, 0 to \(steps.count - 1)")
    }
    let saved = try session.object("saved").map { object throws(WorkbenchError) in
      try recipe(object, after: steps[position].recipe)
    }
    return RecipeHistory(steps, at: position, saved: saved ?? Recipe())
  }

  private mutating func recipes(_ session: ConfigObject) throws(WorkbenchError) -> [SessionRecord.Named] {
    var named: [SessionRecord.Named] = []
    for object in try elements(session, "recipes") {
      guard let name = try object.string("name") else { throw object.wrong("name", "is missing") }
      let story = try object.object("provenance").map { story throws(WorkbenchError) in try Provenance(story) }
      named.append(
        .init(
          name: name, recipe: try recipe(object, after: named.last?.recipe ?? Recipe()), provenance: story))
    }
    return named
  }

  private func view(_ session: ConfigObject) throws(WorkbenchError) -> SessionRecord.View {
    var view = SessionRecord.View()
    guard let object = try session.object("view") else { return view }
    view.filter = try object.string("filter") ?? ""
    view.sort = try object.string("sort")
    view.isDescending = try object.bool("descending") ?? false
    view.folded = try object.strings("folded")
    view.pane = try object.string("pane")
    return view
  }

  // MARK: - Measurements

  private mutating func measurements(_ session: ConfigObject) throws(WorkbenchError) -> [Measurement] {
    var found: [Measurement] = []
    for object in try elements(session, "measurements") {
      let recipe = try recipe(object, after: found.last?.recipe ?? Recipe())
      found.append(try measurement(of: recipe, object))
    }
    return found
  }

  private func measurement(of recipe: Recipe, _ object: ConfigObject) throws(WorkbenchError) -> Measurement {
    var metrics: [Metric] = []
    for metric in try object.elements("metrics") {
      guard let name = try metric.string("name") else { throw metric.wrong("name", "is missing") }
      var found = Metric(
        name: name, value: try metric.double("value") ?? .nan, standardError: try metric.double("standardError"),
        baseline: try metric.double("baseline"), isShare: try metric.bool("share") ?? false)
      if let difference = try metric.double("difference"), let error = try metric.double("differenceError") {
        found.paired = Metric.Paired(difference: difference, standardError: error)
      }
      metrics.append(found)
    }
    guard !metrics.isEmpty else { throw object.wrong("metrics", "at least one metric expected") }
    return Measurement(
      recipe: recipe, metrics: metrics, samples: try count(object, "samples"),
      samplesPerSecond: max(0, try object.double("perSecond") ?? 0), peakBytes: try count(object, "peakBytes"),
      bytes: try count(object, "bytes"), damage: try object.double("damage"), classification: try classes(object),
      data: try object.string("data") ?? "", notes: try object.strings("notes"),
      classNames: try object.strings("classNames"))
  }

  private func count(_ object: ConfigObject, _ key: String) throws(WorkbenchError) -> Int {
    let value = try object.int(key) ?? 0
    guard (0...1 << 53).contains(value) else { throw object.wrong(key, "a number of 0 or more expected") }
    return value
  }

  private func classes(_ object: ConfigObject) throws(WorkbenchError) -> Classification? {
    guard let found = object["classes"] else { return nil }
    let counts = found.elements.compactMap { $0.int.flatMap { (0...1 << 40).contains($0) ? $0 : nil } }
    guard counts.count == found.elements.count, let classification = Classification(kept: counts) else {
      throw object.wrong("classes", "the counts of a classification expected")
    }
    return classification
  }
}
