import Checkpoints
import Compression
import FileAccess
import Foundation
import Inference
import Support
import Testing

@testable import Workbench

/// A recipe's story: where it comes from, and which files tell it.
@Suite struct ProvenanceTests {
  private let folder: ScratchFolder

  init() throws { folder = try ScratchFolder() }

  private let story = Provenance(
    budgets: ["1MB", "kl=0.02"], method: "search: knapsack, gap 0.3 %", data: "/home/somebody/texts/calibration.txt")

  /// The sample as GGUF with a recipe that a search found.
  private func searched(_ provenance: Provenance? = nil) throws -> Session {
    var session = try Models.llamaGGUF()
    let recipe = try session.outcome("*=q4_k", "output=q6_k").recipe
    session.commit(recipe, provenance: provenance ?? story)
    return session
  }

  private func byHand() throws -> Session {
    var session = try Models.llamaGGUF()
    try session.set("*=q4_k", "output=q6_k")
    return session
  }

  private func measurement(_ session: Session, value: Double = 1.25, data: String = "/tmp/a/test.txt")
    -> Workbench.Measurement
  {
    Workbench.Measurement(
      recipe: session.recipe,
      metrics: [
        .init(name: "kl", value: value, standardError: 0.5, baseline: 0),
        .init(name: "perplexity", value: .nan, standardError: nil, baseline: nil),
      ], samples: 40, samplesPerSecond: 1, peakBytes: 1, bytes: 1, damage: nil, data: data)
  }

  private func fields(_ session: Session) throws -> [String: String] {
    let fields = try session.ggufPlan().header.fields.filter { $0.key.hasPrefix("lathe.") }
    return Dictionary(uniqueKeysWithValues: fields.map { ($0.key, $0.value.string ?? "") })
  }

  // MARK: - What there is to tell

  @Test func aRecipeChosenByHandHasNoStory() throws {
    let session = try byHand()
    #expect(session.provenance == nil)
    #expect(try fields(session).isEmpty)
    #expect(try !session.export(to: .lathe, path: "r.json").text.contains("provenance"))
  }

  @Test func aStoryComesAndGoesWithItsRecipe() throws {
    var session = try searched()
    #expect(session.provenance?.budgets == ["1MB", "kl=0.02"])
    session.undo()
    #expect(session.provenance == nil)
    session.redo()
    #expect(session.provenance?.method == story.method)
    // Another choice is no longer what the search found.
    try session.set("output=q8_0")
    #expect(session.provenance == nil)
    session.undo()
    #expect(session.provenance?.method == story.method)
    #expect(session.provenance?.data == "calibration.txt")
  }

  @Test func theSameRecipeAgainTakesTheStoryThatItIsGiven() throws {
    var session = try byHand()
    session.commit(session.recipe, provenance: story)
    #expect(session.provenance?.method == story.method)
    session.commit(session.recipe)
    #expect(session.provenance?.method == story.method)
  }

  @Test func whatWasMeasuredIsToldOfExactlyThisRecipe() throws {
    var session = try byHand()
    session.add(measurement(session))
    var found = try #require(session.provenance)
    #expect(found.method == "by hand" && found.measured.count == 1)
    #expect(found.measured[0].value == 1.25 && found.measured[0].data == "test.txt" && found.measured[0].samples == 40)
    // The newer figure of the same data stands in the place of the older.
    session.add(measurement(session, value: 1.5))
    session.add(measurement(session, value: 2, data: "python /opt/mine/score.py"))
    found = try #require(session.provenance)
    #expect(found.measured.map(\.value) == [1.5, 2])
    #expect(found.measured[1].data == "python score.py")
    try session.set("output=q8_0")
    #expect(session.provenance == nil)
  }

  @Test func twoRecipesAreTheSameWhateverTheirStories() throws {
    #expect(try searched().recipe == byHand().recipe)
  }

  // MARK: - Recipe files

  @Test func aRecipeFileGivesTheStoryBack() throws {
    var session = try searched()
    session.add(measurement(session))
    let told = try #require(session.provenance)
    let path = folder.path("r.json")
    _ = try session.write(.lathe, to: path)
    try session.verify(.lathe, at: path)
    var other = try Models.llamaGGUF()
    let choice = try other.choice(from: path)
    other.start(from: choice.outcome)
    #expect(other.recipe == session.recipe && other.provenance == told)
    #expect(try other.export(to: .lathe, path: path).bytes == session.export(to: .lathe, path: path).bytes)
    session.tellsProvenance = false
    #expect(try session.export(to: .lathe, path: path).bytes == byHand().export(to: .lathe, path: path).bytes)
  }

  @Test func membersThatAreNotKnownArePassedOverAndWrongOnesNamed() throws {
    func read(_ story: String) throws -> Provenance? {
      let text = #"{"lathe": 1, "model": "", "format": "", "layers": {}, "provenance": \#(story)}"#
      return try RecipeFile(path: try folder.write(text, to: "r.json")).provenance
    }
    #expect(try read(#"{"method": "m", "moon": [1]}"#)?.method == "m")
    #expect(try read("null") == nil)
    for (story, place) in [
      ("[]", "provenance"), (#"{"method": 1}"#, "provenance.method"), (#"{"budgets": "x"}"#, "provenance.budgets"),
      (#"{"measured": {}}"#, "provenance.measured"), (#"{"measured": [1]}"#, "provenance.measured[0]"),
      (#"{"measured": [{"metric": "kl", "value": "a"}]}"#, "provenance.measured[0].value"),
      (#"{"estimate": {"metric": "kl"}}"#, "provenance.estimate.value"),
      (#"{"estimate": {"metric": "kl", "value": 1e999, "low": 0, "high": 1}}"#, "provenance.estimate.value"),
    ] {
      let error = #expect(throws: WorkbenchError.self) { try read(story) }
      #expect("\(try #require(error))".contains("\(place): "), "\(story)")
    }
  }

  @Test func aRecipeThatFitsInPartIsAnother() throws {
    let session = try searched()
    let path = folder.path("r.json")
    _ = try session.write(.lathe, to: path)
    let text = try String(contentsOfFile: path, encoding: .utf8)
    try folder.write(text.replacing("\"output\"", with: "\"elsewhere\""), to: "r.json")
    let choice = try Models.llamaGGUF().choice(from: path)
    #expect(!choice.mismatches.isEmpty && choice.outcome.provenance == nil)
  }

  // MARK: - GGUF

  @Test func aGGUFFileTellsItAndItsSizeCountsIt() throws {
    var session = try searched()
    session.add(measurement(session))
    let told = try fields(session)
    #expect(told["lathe.recipe.budget"] == "1MB, kl=0.02" && told["lathe.recipe.method"] == story.method)
    #expect(told["lathe.recipe.data"] == "calibration.txt" && told["lathe.recipe.version"] == Version.number)
    #expect(told["lathe.recipe.measured"]?.contains("on test.txt, 40 samples") == true)
    let path = folder.path("m.gguf")
    let export = try session.write(checkpoint: .gguf, to: path)
    let bytes = try #require(folder.bytes(of: "m.gguf"))
    #expect(try bytes.count == export.bytes && session.size(checkpoint: .gguf) == export.bytes)
    try session.verify(checkpoint: .gguf, at: path)
    _ = try session.write(checkpoint: .gguf, to: folder.path("again.gguf"))
    #expect(folder.bytes(of: "again.gguf") == bytes)
    session.tellsProvenance = false
    _ = try session.write(checkpoint: .gguf, to: folder.path("plain.gguf"))
    _ = try byHand().write(checkpoint: .gguf, to: folder.path("hand.gguf"))
    #expect(folder.bytes(of: "plain.gguf") == folder.bytes(of: "hand.gguf"))
  }

  @Test func whatAFileTellsStaysWithItsTensorsAlone() throws {
    _ = try searched().write(checkpoint: .gguf, to: folder.path("m.gguf"))
    var session = Session(try Checkpoint.open(folder.path("m.gguf")))
    #expect(try fields(session)["lathe.recipe.method"] == story.method)
    session.tellsProvenance = false
    #expect(try fields(session).isEmpty)
    session.tellsProvenance = true
    try session.set("output=q8_0")
    #expect(try fields(session).isEmpty)
  }

  // MARK: - Configs

  /// A story of a stranger's file cannot leave the comment that it stands in.
  private let hostile = Provenance(method: "one\nimport os\r\u{85}two\u{2028}\"three\": `|`, \u{C}four")

  private func config(_ target: String, _ specs: [String], _ tells: Bool = true) throws -> [Export.File] {
    var session = target == "onnxruntime" || target == "coremltools" ? try Models.digits() : try Models.llama()
    let recipe = try Outcome.applying(try specs.map { try Rule($0) }, to: session.items).recipe
    session.commit(recipe, provenance: hostile)
    session.tellsProvenance = tells
    return try session.export(to: .named(target), path: folder.path).files
  }

  private static let specs = [
    "onnxruntime": "*=int8,channel", "mlx-config": "*_proj=int4,group=64,affine",
    "llm-compressor": "*_proj=int4,group=32",
    "exllamav3": "*_proj=int4,group=32", "compressed-tensors-config": "*_proj=int4,group=32", "json": "*_proj=int4",
    "markdown": "*_proj=int4", "csv": "*_proj=int4", "torchao": "*_proj=int4,group=32",
    "gptqmodel": "*_proj=int4,group=32", "auto-round": "*_proj=int4,group=32",
  ]

  @Test(arguments: ["onnxruntime", "mlx-config", "llm-compressor", "exllamav3"])
  func pythonAndYAMLHaveItInCommentsOnly(target: String) throws {
    let spec = try #require(Self.specs[target])
    let (told, plain) = (try config(target, [spec]), try config(target, [spec], false))
    var comments: [String] = []
    for (one, other) in zip(told, plain) {
      // PyYAML ends lines at these too.
      let ends: Set<Unicode.Scalar> = ["\n", "\r", "\u{85}", "\u{2028}", "\u{2029}", "\u{B}", "\u{C}"]
      func lines(_ file: Export.File) -> [String] {
        String(decoding: file.bytes, as: UTF8.self).unicodeScalars.split(omittingEmptySubsequences: false) {
          ends.contains($0)
        }.map { String($0) }
      }
      var rest = lines(other)[...]
      for line in lines(one) {
        if line == rest.first { rest.removeFirst() } else { comments.append(line) }
      }
      #expect(rest.isEmpty)
    }
    #expect(comments.count >= 3 && comments.allSatisfy { $0.hasPrefix("# ") })
    #expect(comments.contains { $0.hasPrefix("# method: one") })
  }

  @Test(arguments: ["json", "compressed-tensors-config"])
  func jsonHasItAsAMemberOfItsOwn(target: String) throws {
    let spec = try #require(Self.specs[target])
    let told = try JSONValue(text: String(decoding: config(target, [spec])[0].bytes, as: UTF8.self), path: "")
    let plain = try JSONValue(text: String(decoding: config(target, [spec], false)[0].bytes, as: UTF8.self), path: "")
    let new = told.members.filter { member in !plain.members.contains { $0.key == member.key } }
    #expect(new.map(\.key) == [target == "json" ? "provenance" : "lathe_provenance"])
    #expect(told.members.count == plain.members.count + 1)
    if target == "json" { #expect(told["provenance"]?["method"]?.string == hostile.method) }
  }

  @Test func tablesHaveIt() throws {
    let markdown = String(decoding: try config("markdown", ["*_proj=int4"])[0].bytes, as: UTF8.self)
    #expect(markdown.contains("\n\n- Lathe's recipe\n- version: ") && markdown.contains("\n\n| layer |"))
    let rows = String(decoding: try config("csv", ["*_proj=int4"])[0].bytes, as: UTF8.self).split(separator: "\n")
    #expect(rows.last?.hasPrefix("\"method: one") == true)
  }

  /// Tools that refuse what they do not know, or have no comments, are told nothing.
  @Test(arguments: ["torchao", "gptqmodel", "auto-round"])
  func theOthersStayAsTheyWere(target: String) throws {
    let spec = try #require(Self.specs[target])
    #expect(try config(target, [spec]).map(\.bytes) == config(target, [spec], false).map(\.bytes))
  }

  @Test func llamaCppsTypeFileStaysAsItWas() throws {
    #expect(try searched().export(to: .llama, path: "t").bytes == byHand().export(to: .llama, path: "t").bytes)
  }

  // MARK: - Estimates

  @Test func anEstimateOfWhatWasMeasuredIsToldWithItsInterval() throws {
    var session = try Models.digits()
    try session.set("*=int4,channel")
    _ = session.settleEstimate()
    let weights = session.items.filter { $0.kind == .weight }
    let layers = Dictionary(
      uniqueKeysWithValues: weights.map { item in
        let scheme = session.recipe[item]
        let point = LayerSensitivity.Point(scheme: scheme, error: 0.01, effect: 0.001, standardError: 0.0001)
        return (item.name, LayerSensitivity(shape: item.shape, points: [point]))
      })
    _ = try session.adopt(
      Sensitivities(
        model: "digits-cnn.onnx", fingerprint: "",
        data: .init(name: "digits-calibration.npz", count: 256, outputs: 256),
        difference: .kl, method: .anchors, layers: layers))
    let told = try #require(session.provenance)
    let expected = try #require(session.prediction(of: session.estimate))
    // Before a recipe was measured as a whole the layers' effects are added up.
    #expect(abs(expected.value - 0.001 * Double(weights.count)) < 1e-9)
    #expect(told.estimate?.value == expected.value && told.estimate?.metric == "kl" && told.method == "by hand")
    #expect(told.estimate.map { $0.low < $0.value && $0.value < $0.high && $0.method == "anchors" } == true)
    #expect(told.lines.contains("estimate: kl \(expected.text), 90 % interval \(expected.rangeText) (anchors)"))
  }
}
