import Checkpoints
import Compression
import Foundation
import Inference
import Support
import Testing

@testable import Workbench

/// A session that is kept is the session that is opened again; what else stands in the file is an error that says where.
@Suite struct SessionRecordTests {
  private let folder: ScratchFolder
  private let session: Session

  init() throws {
    folder = try ScratchFolder()
    session = Session(try Checkpoint.open(Fixtures.sample("digits-cnn.onnx")))
  }

  /// Three steps, the last undone; a measurement of each of two recipes; one written.
  private func worked() throws -> Session {
    var session = session
    try session.apply([Rule("*=int4,channel")], by: .rule)
    session.markSaved()
    let id = try #require(session.item(named: "/fc1/Gemm")).id
    session.add(Self.measurement(of: session.recipe, top: 0.9722, data: "digits-test.npz"))
    session.change([id]) { _, _ in (try? Scheme(spec: "int8,channel,sparsity=0.3")) ?? .keep }
    session.add(Self.measurement(of: session.recipe, top: 0.9806, data: "digits-test.npz"))
    session.commit(
      session.recipe.with("/conv1/Conv", nil), notes: ["/conv1/Conv": "a \"note\"\nof two lines"],
      provenance: Provenance(budgets: ["size ≤ 2 MB"], method: "the front"))
    session.undo()
    return session
  }

  private static func measurement(of recipe: Recipe, top: Double, data: String) -> Workbench.Measurement {
    Workbench.Measurement(
      recipe: recipe,
      metrics: [
        Metric(name: "top-1", value: top, standardError: 0.0087, baseline: 0.9778, isShare: true),
        Metric(name: "loss", value: .nan, standardError: nil, baseline: nil),
      ], samples: 360, samplesPerSecond: 1234.5, peakBytes: 1 << 30, bytes: 100_000, damage: 0.5,
      classification: Classification(labels: [0, 1, 1], predictions: [0, 1, 0], classes: 2), data: data,
      notes: ["a note"], classNames: ["zero", "one"])
  }

  private func write(_ draft: SessionDraft, _ name: String = "a.session.json") throws -> String {
    let path = folder.path(name)
    try Data(SessionWriter.bytes(of: draft)).write(to: URL(fileURLWithPath: path))
    return path
  }

  @Test func whatIsKeptIsOpenedAgain() throws {
    let before = try worked()
    var view = SessionRecord.View()
    (view.filter, view.sort, view.isDescending, view.folded, view.pane) = ("conv !fc", "error", true, ["a"], "errors")
    let path = try write(
      before.draft { record in
        record.view = view
        (record.marked, record.data, record.calibration) = (Recipe(), "/data/test.npz", "/data/calibration.npz")
        record.recipes = [
          .init(name: "first", recipe: before.recipe, provenance: Provenance(method: "by hand")),
          .init(name: "plain", recipe: Recipe()),
        ]
      })
    let opened = try session.opened(path)
    #expect(opened.mismatches.isEmpty && opened.record.view == view)
    #expect(opened.record.marked == Recipe() && opened.record.data == "/data/test.npz")
    #expect(opened.record.calibration == "/data/calibration.npz")
    #expect(opened.record.recipes.map(\.name) == ["first", "plain"])
    #expect(opened.record.recipes.map(\.recipe) == [before.recipe, Recipe()])
    #expect(opened.record.recipes[0].provenance?.method == "by hand")

    var after = session
    after.restore(opened)
    #expect(after.recipe == before.recipe && after.version > session.version)
    #expect(after.estimate.bytes == before.estimate.bytes)
    #expect(after.history.saved == before.history.saved && !after.history.isSaved)
    #expect(after.history.steps.map(\.recipe) == before.history.steps.map(\.recipe))
    #expect(after.history.steps.map(\.provenance) == before.history.steps.map(\.provenance))
    #expect(after.measurements.map(\.recipe) == before.measurements.map(\.recipe))
    let (one, other) = (after.measurements[1], before.measurements[1])
    #expect(one.metrics[0].value == other.metrics[0].value && one.metrics[0].isShare && one.metrics[1].value.isNaN)
    #expect(one.metrics[0].standardError == 0.0087 && one.metrics[0].baseline == 0.9778)
    #expect(one.samples == 360 && one.samplesPerSecond == 1234.5 && one.peakBytes == 1 << 30 && one.bytes == 100_000)
    #expect(one.damage == 0.5 && one.classification == other.classification && one.data == "digits-test.npz")
    #expect(one.notes == ["a note"] && one.classNames == ["zero", "one"])

    after.redo()
    var again = before
    again.redo()
    #expect(after.recipe == again.recipe && after.history.provenance == again.history.provenance)
    #expect(after.history.notes.keys.sorted() == again.history.notes.keys.sorted())
    for _ in 0..<3 { after.undo() }
    #expect(after.recipe == Recipe() && !after.history.canUndo)
  }

  @Test func aSessionIsARecipeToo() throws {
    let before = try worked()
    let path = try write(before.draft())
    let choice = try session.choice(from: path)
    #expect(choice.outcome.recipe == before.recipe && choice.mismatches.isEmpty)
  }

  @Test func aLongHistoryKeepsItsEndAndWritingAgainIsTheSame() throws {
    var (session, writer) = (session, SessionWriter())
    let id = try #require(session.item(named: "/fc1/Gemm")).id
    for step in 0..<500 {
      session.change([id]) { _, _ in (try? Scheme(spec: step % 2 == 0 ? "int8,channel" : "int4,channel")) ?? .keep }
      if step % 100 == 99 { _ = writer.bytes(of: session.draft()) }
    }
    let draft = session.draft()
    let bytes = writer.bytes(of: draft)
    #expect(bytes == SessionWriter.bytes(of: draft) && bytes.count < 50_000)
    var after = self.session
    after.restore(try after.opened(try write(draft)))
    #expect(after.recipe == session.recipe && after.history.steps.count == SessionRecord.mostWritten)
    // Far back, the steps around it.
    for _ in 0..<450 { session.undo() }
    after.restore(try after.opened(try write(session.draft())))
    #expect(after.recipe == session.recipe && after.history.canRedo)
  }

  @Test func sensitivitiesComeAlong() throws {
    var before = session
    let point = LayerSensitivity.Point(
      scheme: try Scheme(spec: "int3,channel"), error: 0.03, effect: 0.012, standardError: 0.001)
    let layer = LayerSensitivity(shape: try #require(session.item(named: "/fc1/Gemm")).shape, points: [point])
    try before.adopt(
      Sensitivities(
        model: "digits-cnn.onnx", fingerprint: "x", data: .init(name: "d", count: 1, outputs: 1), difference: .kl,
        method: .anchors, layers: ["/fc1/Gemm": layer]))
    var after = session
    after.restore(try session.opened(try write(before.draft())))
    #expect(after.sensitivities?.values == before.sensitivities?.values)
  }

  @Test func anotherModelsSessionIsRefused() throws {
    let path = try write(try worked().draft())
    let other = Session(try Checkpoint.open(Fixtures.sample("digits-cnn.safetensors")))
    #expect(throws: WorkbenchError.self) { try other.opened(path) }
    #expect(try other.rescued(among: [path]) == nil)
    #expect(try session.rescued(among: [folder.path("none"), path])?.path == path)
    #expect(throws: WorkbenchError.self) { try session.rescued(among: [folder.path("none")]) }
  }

  @Test func whatIsUnsavedIsTold() throws {
    var session = try worked()
    #expect(session.draft().isUnsaved)
    session.markSaved()
    // Without a cache, what was measured is kept nowhere else.
    #expect(session.draft().isUnsaved)
    var cached = Session(session.checkpoint, cache: CacheFolder(folder.path("cache")))
    #expect(!cached.draft().isUnsaved)
    try cached.apply([Rule("*=int4,channel")])
    #expect(cached.draft().isUnsaved)
    cached.undo()
    #expect(!cached.draft().isUnsaved)
  }

  // MARK: - Hostile files

  /// What replaces what, and the words that the error must have.
  @Test(arguments: [
    (#""version": 1"#, #""version": 2"#, "session.version"), (#""version": 1"#, #""version": []"#, "session.version"),
    (#""steps": ["#, #""steps": [7,"#, "session.steps[0]"), (#""steps""#, #""stops""#, "session.steps"),
    (#""position": 2"#, #""position": 99"#, "session.position"),
    (#""position": 2"#, #""position": -1"#, "session.position"),
    (#""position": 2"#, #""position": 1e99"#, "session.position"),
    (#""scheme": "int8"#, #""scheme": "int99"#, "session.steps[2].set[0].scheme"),
    (#""by": "user""#, #""by": "cat""#, ".by"), (#""metrics": [{"#, #""metrics": [[],{"#, ".metrics[0]"),
    (#""samples": 360"#, #""samples": -360"#, "session.measurements[0].samples"),
    (#""samples": 360"#, #""samples": 99999999999999999999"#, "session.measurements[0].samples"),
    (#""classes": [2"#, #""classes": [200"#, "session.measurements[0].classes"),
    (#""session""#, #""sessions""#, "\"session\" is missing"), (#""view": {"#, #""view": [{"#, "JSON"),
  ])
  func anErrorNamesTheFileAndTheMember(old: String, new: String, words: String) throws {
    let text = String(decoding: SessionWriter.bytes(of: try worked().draft()), as: UTF8.self)
    // The recipe's own members come first.
    let start = words.contains("is missing") ? text.startIndex : text.firstRange(of: "\"session\"")!.lowerBound
    let place = try #require(text[start...].firstRange(of: old), "\(old)")
    let path = try folder.write(text.replacingCharacters(in: place, with: new), to: "b.json")
    let error = #expect(throws: WorkbenchError.self) { _ = try session.opened(path) }
    let message = try #require(error).description
    #expect(message.hasPrefix(path) && message.contains(words) && !message.contains("\n"), "\(message)")
  }

  @Test func whatDoesNotFitIsLeftOutAndListed() throws {
    var text = String(decoding: SessionWriter.bytes(of: try worked().draft()), as: UTF8.self)
    text = text.replacing("int8,channel,sparsity=0.3", with: "int8,group=7").replacing("/fc2/Gemm", with: "/fc9/Gemm")
    let opened = try session.opened(try folder.write(text, to: "c.json"))
    #expect(opened.mismatches.count == 2 && opened.mismatches.contains { $0.contains("no such layer") })
    var after = session
    after.restore(opened)
    #expect(after.recipe.choices["/fc9/Gemm"] == nil && !after.recipe.choices.isEmpty)
    #expect(after.estimate.bytes > 0)
  }

  @Test func anyBytesAreAnErrorOrASession() throws {
    let bytes = SessionWriter.bytes(of: try worked().draft())
    var generator = SeededGenerator(17)
    for _ in 0..<300 {
      var other = bytes
      for _ in 0..<Int.random(in: 1...4, using: &generator) {
        let place = Int.random(in: 0..<other.count, using: &generator)
        switch Int.random(in: 0..<3, using: &generator) {
        case 0: other[place] = UInt8.random(in: 0...255, using: &generator)
        case 1: other.removeSubrange(place..<min(other.count, place + Int.random(in: 1...40, using: &generator)))
        default: other.insert(contentsOf: bytes[place % bytes.count..<min(bytes.count, place + 30)], at: place)
        }
      }
      let path = folder.path("d.json")
      try Data(other).write(to: URL(fileURLWithPath: path))
      guard let opened = try? session.opened(path) else { continue }
      var after = session
      after.restore(opened)
      _ = after.estimate
      while after.history.canUndo { after.undo() }
    }
  }
}

extension Recipe {
  fileprivate func with(_ name: String, _ choice: Choice?) -> Recipe {
    var recipe = self
    recipe.choices[name] = choice
    return recipe
  }
}
