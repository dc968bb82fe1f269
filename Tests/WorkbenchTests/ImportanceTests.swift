import Checkpoints
import Compression
import FileAccess
import Foundation
import Inference
import Support
import Testing
import Workbench

/// How much inputs matter: files of three forms, and what follows from them (Tests/Peers/make_importances.py).
@Suite struct ImportanceTests {
  struct Figure: Decodable {
    let name: String
    let spec: String
    let weighted: Double
    let plain: Double
  }

  static func session() throws -> Session { Session(try Checkpoint.open(sample("shakespeare-llama-f16.gguf"))) }

  @Test(arguments: ["imatrix.gguf", "imatrix.dat", "norms.npz"])
  func weightedErrorsAreNumpys(_ name: String) throws {
    let path = fixture("importances/\(name)")
    var session = try Self.session()
    #expect(try session.weigh(by: ImportanceFile(path: path), path: path) == 2)
    for figure in try Fixtures.decode([Figure].self, from: "importances/figures.json") {
      let scheme = try Scheme(spec: figure.spec)
      let item = try #require(session.items.first { $0.tensorName == figure.name })
      #expect(item.obstacle(to: scheme) == nil)
      session.settle([.assessment(item.id, scheme)])
      let found = try #require(session.assessment(of: item, in: scheme))
      let (weighted, plain) = (try #require(found.weightedError), try #require(found.relativeError))
      #expect(abs(weighted - figure.weighted) <= 1e-5 * figure.weighted, "\(name) \(figure.name) \(figure.spec)")
      #expect(abs(plain - figure.plain) <= 1e-5 * figure.plain)
    }
  }

  @Test func aWeightWithoutImportancesCannotBePrunedByThem() throws {
    var session = try Self.session()
    let path = fixture("importances/norms.npz")
    try session.weigh(by: ImportanceFile(path: path), path: path)
    let scheme = try Scheme(spec: "int4,sparsity=wanda:0.5")
    let other = try #require(session.items.first { $0.tensorName == "blk.0.attn_q.weight" })
    #expect(other.obstacle(to: scheme)?.contains("importances") == true)
    session.settle([.assessment(other.id, try Scheme(spec: "int4"))])
    #expect(session.assessment(of: other, in: try Scheme(spec: "int4"))?.weightedError == nil)
  }

  @Test func filesThatAreNoneAreErrorsThatNameThem() throws {
    let folder = try ScratchFolder()
    let bytes = [UInt8](try Data(contentsOf: URL(fileURLWithPath: fixture("importances/imatrix.dat"))))
    for length in [0, 3, 4, 8, 20, 60, 900] {
      let path = try folder.write(bytes[..<length], to: "cut\(length).dat")
      let error = #expect(throws: WorkbenchError.self) { try ImportanceFile(path: path) }
      #expect(error?.description.contains(path) == true)
    }
    for (name, changed) in [("count", [UInt8](repeating: 0xff, count: 4) + bytes[4...]), ("empty", [0, 0, 0, 0])] {
      let path = try folder.write(changed, to: name)
      #expect(throws: WorkbenchError.self) { try ImportanceFile(path: path) }
    }
    #expect(throws: WorkbenchError.self) { try ImportanceFile(path: folder.path("missing")) }
    var digits = Session(try Checkpoint.open(sample("digits-cnn.onnx")))
    let path = fixture("importances/imatrix.dat")
    #expect(throws: WorkbenchError.self) { try digits.weigh(by: ImportanceFile(path: path), path: path) }
  }

  /// A ratio over the model goes by one threshold: the share is met over all weights together, not in each.
  @Test func aRatioOverTheModelIsOneThreshold() throws {
    var session = Session(try Checkpoint.open(sample("digits-cnn.onnx")))
    try session.apply([Rule("*=int8,channel,sparsity=model:0.3")])
    try session.resolveSharedRatios()
    #expect(session.sharedRatios.isEmpty)
    let weights = session.items.filter { $0.kind == .weight }
    let thresholds = Set(weights.map { session.scheme(of: $0).sparsity })
    #expect(thresholds.count == 1)
    guard case .threshold(let threshold)? = thresholds.first else {
      Issue.record("no threshold: \(thresholds)")
      return
    }
    // Against a sort of all magnitudes.
    var magnitudes: [Float] = []
    var below: [Double] = []
    for item in weights {
      let values = try session.checkpoint.floats(tensor: item.id).map(abs)
      magnitudes += values
      below.append(Double(values.count { Double($0) < threshold }) / Double(values.count))
    }
    let pruned = magnitudes.count { Double($0) < threshold }
    #expect(pruned == Int((0.3 * Double(magnitudes.count)).rounded()))
    #expect(below.max()! - below.min()! > 0.05)
    #expect(session.history.canUndo)
  }

  /// An importance matrix that Lathe writes is read back, under llama.cpp's names whichever form the model has, the head left
  /// out.
  @Test(arguments: ["shakespeare-llama", "shakespeare-llama-f16.gguf"])
  func aWrittenImportanceMatrixIsReadBack(_ name: String) throws {
    let model = try Transformer(try Checkpoint.open(sample(name)))
    let request = MeasurementRequest(data: sample("shakespeare-test.txt"), context: 32)
    let moments = try model.inputMoments(
      try model.data(request), samples: 3, weights: try model.loadWeights(), request, progress: { _, _ in },
      isCancelled: { false })
    let matrix = ImportanceMatrix(moments, of: model.checkpoint, dataset: "a play", chunkSize: 32)
    #expect(matrix.leftOut.count == 1 && matrix.entries.count == 3 * 7)
    let folder = try ScratchFolder()
    let path = folder.path("imatrix.gguf")
    try matrix.write(to: path)
    let read = try ImportanceFile(path: path)
    #expect(Set(read.entries.keys) == Set(matrix.entries.map(\.name)))
    for (entry, own) in matrix.entries {
      let means = try #require(read.entries[entry])
      #expect(own.rows == 96 && means.count == own.squares.count)
      #expect(zip(means, own.means).allSatisfy { abs($0 - $1) <= 1e-6 * $1 }, "\(entry)")
    }
    var session = try Self.session()
    #expect(try session.weigh(by: read, path: path) == 21)
    let fields = try Checkpoint.open(path).ggufFields()
    #expect(fields.map(\.key) == ["general.type", "imatrix.datasets", "imatrix.chunk_count", "imatrix.chunk_size"])
    #expect(fields[0].value.string == "imatrix" && fields[2].value.int == 3 && fields[3].value.int == 32)
    #expect(fields[1].value.strings == [Array("a play".utf8)])
  }
}
