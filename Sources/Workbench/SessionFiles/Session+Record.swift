import Checkpoints
import Compression
import FileAccess

/// A session that was read, and what of it does not fit the model.
public struct OpenedSession: Sendable {
  public let path: String
  public let record: SessionRecord
  public let mismatches: [String]
  /// How much inputs matter, where the session knew it and the file is still there.
  public let importances: ImportanceFile?
  /// Codes that were chosen for the recipe as it stands, by the items' names.
  public let chosen: [String: ChosenWeight]
}

extension Session {
  /// The session as it is to be kept.
  ///
  /// - Parameter fill: adds what the front end knows.
  public func draft(_ fill: (inout SessionRecord) -> Void = { _ in }) -> SessionDraft {
    var record = SessionRecord(
      model: .init(path: absolutePath(checkpoint.path), key: ""), savedAt: nanosecondsNow() / 1_000_000_000,
      history: history, measurements: measurements,
      recipes: snapshots.map { .init(name: $0.name, recipe: $0.recipe, provenance: $0.provenance) },
      sensitivities: sensitivities?.values,
      importance: importancePath.map(absolutePath), target: target?.name, view: .init())
    fill(&record)
    return SessionDraft(
      version: version, record: record, items: items, checkpoint: checkpoint, story: history.provenance,
      isOnlyPlace: cache == nil, learnt: sensitivities.map { $0.version &+ 1 } ?? 0)
  }

  /// Reads a session of this model.
  ///
  /// - Throws: `WorkbenchError` that names the file and what is wrong with it: no session, another model's.
  /// - Complexity: reads some pages of the model's files; not for the thread that draws.
  public func opened(_ path: String) throws(WorkbenchError) -> OpenedSession {
    let object = try SessionReader.object(at: path)
    let model = try SessionReader.model(of: object)
    if !model.key.isEmpty, let own = try? ModelKey(checkpoint).content.hexadecimal, own != model.key {
      throw WorkbenchError(
        "\(path): the session is of another model (\(model.path)); its recipe alone is opened with --recipe, or :recipe"
      )
    }
    return try read(object, path)
  }

  private func read(_ object: ConfigObject, _ path: String) throws(WorkbenchError) -> OpenedSession {
    // What a layer can take may hang on its importances.
    var weighted = self
    var importances: ImportanceFile?
    var notes: [String] = []
    if let file = try object.string("importance") {
      do throws(WorkbenchError) {
        let read = try ImportanceFile(path: file)
        try weighted.weigh(by: read, path: file)
        importances = read
      } catch { notes.append("\(error)") }
    }
    var reader = SessionReader(path: path, items: weighted.items)
    let record = try reader.record(object)
    var chosen: [String: ChosenWeight] = [:]
    do throws(WorkbenchError) {
      let recipe = try RecipeFile(path: path)
      if let codes = recipe.recovered { chosen = try self.chosen(in: codes, of: recipe, beside: path) }
    } catch { notes.append("\(error)") }
    return OpenedSession(
      path: path, record: record, mismatches: notes + reader.mismatches, importances: importances, chosen: chosen)
  }

  /// The first of some files that is a session of this very model.
  ///
  /// - Throws: `WorkbenchError` where there is none, and one of them is damaged.
  public func rescued(among paths: [String]) throws(WorkbenchError) -> OpenedSession? {
    guard !paths.isEmpty, let own = try? ModelKey(checkpoint).content.hexadecimal else { return nil }
    var damage: WorkbenchError?
    for path in paths {
      do throws(WorkbenchError) {
        let object = try SessionReader.object(at: path)
        if try SessionReader.model(of: object).key == own { return try read(object, path) }
      } catch { damage = damage ?? error }
    }
    if let damage { throw damage }
    return nil
  }

  /// Takes a session over that was kept, its history and its measurements; what this one measured stays beside them.
  public mutating func restore(_ opened: OpenedSession) {
    let record = opened.record
    if let file = opened.importances, let path = record.importance { _ = try? weigh(by: file, path: path) }
    beforePreview = nil
    restore(record.history)
    if !opened.chosen.isEmpty { take(opened.chosen) }
    let known = measurements.filter { own in
      !record.measurements.contains { $0.recipe == own.recipe && $0.data == own.data }
    }
    measurements = known + record.measurements
    for kept in record.recipes { keepSnapshot(of: kept.recipe, name: kept.name, provenance: kept.provenance) }
    if let values = record.sensitivities, sensitivities == nil {
      // Of layers that are others here none is taken.
      _ = try? adopt(values)
    } else {
      for measurement in record.measurements { learn(from: measurement) }
    }
  }
}
