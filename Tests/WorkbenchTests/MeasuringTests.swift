import Checkpoints
import Compression
import Foundation
import Inference
import Support
import Testing

@testable import Workbench

@Suite struct MeasuringTests {
  private let folder: ScratchFolder

  init() throws { folder = try ScratchFolder() }

  private let data = Fixtures.sample("digits-test.npz")

  @Test func everyMetricHasItsErrorAndItsBaseline() throws {
    var session = try Models.digits()
    try session.set("*=int4,channel")
    let measured = try #require(try session.measure(data: data))
    #expect(
      measured.metrics.map(\.name) == [
        "top-1", "top-5", "precision", "recall", "F1", "cross entropy", "agreement", "KL divergence", "cosine",
        "output error",
      ])
    for metric in measured.metrics {
      #expect(metric.standardError.map { $0 >= 0 && $0.isFinite } == true && metric.value.isFinite)
    }
    #expect(measured.metrics[0].baseline == 357.0 / 360)
    #expect(measured.classification?.confusion?.joined().reduce(0, +) == 360)
  }

  /// A copy with changed numbers gives the evaluator what the session itself measures.
  @Test func anEvaluatorOfOnesOwnSeesTheCandidate() throws {
    var session = try Models.digits()
    try session.set("*=int2,channel")
    let lathe = Bundle.main.executableURL?.deletingLastPathComponent().appending(path: "lathe").path ?? "lathe"
    let evaluator = try Evaluator(
      command: "\(lathe) evaluate {model} --data \(data)", pattern: "top-1 +([0-9.]+)")
    let found = try #require(try session.measure(by: evaluator)?.metrics.first)
    let own = try #require(try session.measure(data: data)?.metrics.first)
    #expect(abs(found.value / 100 - own.value) < 1e-4 && own.value < 0.98)
  }

  @Test func candidatesOfEveryFormatOpenWithTheReconstructedNumbers() throws {
    for var session in [
      try Models.digits(), try Models.digitsAsSafetensors(), try Models.llama(), try Models.llamaGGUF(),
    ] {
      let item = try #require(session.items.first { $0.kind == .weight && $0.matrix.columns % 32 == 0 })
      session.change([item.id]) { _, _ in Scheme(.uniform(UniformScheme(bits: 3))) }
      let place = folder.path("\(session.checkpoint.format)-\(item.id)-\(session.items.count)")
      try FileManager.default.createDirectory(atPath: place, withIntermediateDirectories: true)
      let copy = try Checkpoint.open(try session.writeCandidate(in: place) { true })
      #expect(copy.tensors.map(\.name) == session.checkpoint.tensors.map(\.name))
      let (wanted, found) = (try session.reconstruction(of: item), try copy.matrix(layer: item.layerIndex))
      #expect(zip(wanted, found).allSatisfy { abs($0 - $1) <= abs($0) * 0x1p-11 + 1e-7 })
      let other = try #require(session.items.first { $0.id != item.id })
      #expect(try copy.storedChecksum(tensor: other.id) == session.checkpoint.storedChecksum(tensor: other.id))
    }
  }

  @Test func anEvaluatorThatFailsKeepsItsOutput() throws {
    let session = try Models.digits()
    for (command, named) in [
      ("echo trouble; test -f {model}; exit 3", "status 3"), ("echo none {model}", "finds a number"),
    ] {
      let evaluator = try Evaluator(command: command, pattern: "accuracy ([0-9.]+)")
      #expect {
        try session.measure(by: evaluator)
      } throws: { error in
        let text = "\(error)"
        guard let path = text.split(separator: " ").first(where: { $0.hasPrefix("/") && $0.contains(".output") }) else {
          return false
        }
        let file = String(path.prefix { $0 != ":" })
        defer { try? FileManager.default.removeItem(atPath: file) }
        return text.contains(named) && FileManager.default.contents(atPath: file)?.isEmpty == false
      }
    }
  }

  @Test(.timeLimit(.minutes(2))) func anEvaluatorIsStoppedWithAllThatItStarted() throws {
    let session = try Models.digits()
    let marker = folder.path("marker")
    let evaluator = try Evaluator(
      command: "(sleep 2; touch \(marker)) & : {model}; sleep 600", pattern: "([0-9]+)")
    let start = ContinuousClock.now
    #expect(try session.measure(by: evaluator, proceed: { ContinuousClock.now - start < .seconds(0.5) }) == nil)
    Thread.sleep(forTimeInterval: 2.5)
    #expect(!FileManager.default.fileExists(atPath: marker))
  }

  @Test func evaluatorsThatAreNoneAreRefused() throws {
    #expect(throws: WorkbenchError.self) { try Evaluator(command: "true", pattern: "x") }
    #expect(throws: WorkbenchError.self) { try Evaluator(command: "{model}", pattern: "(") }
    #expect(try Evaluator(command: "{model}", pattern: "ppl = ([0-9.]+)").figure(in: "ppl = 1\nppl = 2.5\n") == 2.5)
    for spec in ["int1", "float8", "int8,percentile=40", "int8,x=1"] {
      #expect(throws: WorkbenchError.self) { try ActivationOptions(spec: spec, calibration: "d") }
    }
  }

  /// Models that onnxruntime quantised, in each of its forms: the reconstruction of a weight stands for numbers, not for
  /// codes, whether DequantizeLinear or a product of integers reads them.
  @Test(arguments: ["digits-qdq", "quantised/digits", "quantised/digits-dynamic"])
  func weightsThatAreCodesAreReplacedByNumbers(name: String) throws {
    var session = Session(try Checkpoint.open(fixture("\(name).onnx")))
    let packed = session.items.filter { $0.packing != nil && $0.kind == .weight }
    #expect(packed.count == 5)
    session.change(packed.map(\.id)) { _, _ in Scheme(.uniform(UniformScheme(bits: 8, granularity: .channel))) }
    let measured = try #require(try session.measure(data: data))
    let (top, cosine) = (measured.metrics[0], try #require(measured.metrics.first { $0.name == "cosine" }))
    let plain = try #require(top.baseline)
    #expect(plain > 0.98 && abs(top.value - plain) < 0.01 && cosine.value > 0.999)
    session.change(packed.map(\.id)) { _, _ in Scheme(.uniform(UniformScheme(bits: 2, granularity: .channel))) }
    let coarse = try #require(try session.measure(data: data))
    let error = try #require(coarse.metrics.first { $0.name == "cosine" })
    #expect(coarse.metrics[0].baseline == plain && coarse.metrics[0].value < plain - 0.02 && error.value < 0.99)
    session.change(packed.map(\.id)) { _, _ in .keep }
    #expect(try session.measure(data: data)?.metrics[0].value == plain)
  }

  // MARK: - Texts

  /// llama-perplexity's own figure on the same file and text, in windows of 256: 33.8437 ± 0.54465.
  @Test func perplexityIsLlamaPerplexitys() throws {
    let session = try Models.llamaGGUF()
    let request = MeasurementRequest(data: Fixtures.sample("shakespeare-test.txt"), context: 256)
    let found = try #require(try session.measure(request)?.metrics.first)
    #expect(found.name == "perplexity" && abs(found.value - 33.8437) < 0.002)
    #expect(abs((found.standardError ?? 0) - 0.54465) < 0.0005 && found.baseline == found.value)
  }

  @Test func fewerBitsCostMore() throws {
    var divergences: [Double] = []
    let text = try folder.write(
      String(
        decoding: try Data(contentsOf: URL(fileURLWithPath: Fixtures.sample("shakespeare-test.txt"))).prefix(4000),
        as: UTF8.self), to: "text.txt")
    for bits in [6, 4, 3] {
      var session = try Models.llama()
      try session.set("*=int\(bits)")
      let measured = try #require(
        try session.measure(MeasurementRequest(data: text, context: 128)))
      #expect(measured.metrics.map(\.name) == ["perplexity", "KL divergence", "agreement", "cross entropy"])
      divergences.append(measured.metrics[1].value)
    }
    #expect(divergences[0] > 0 && divergences[0] < divergences[1] && divergences[1] < divergences[2])
  }

  @Test func tokenIdsAreScoredAsTheyAre() throws {
    let header = "{'descr': '<i8', 'fortran_order': False, 'shape': (600,), }"
    let padded = header + String(repeating: " ", count: 117 - header.utf8.count) + "\n"
    var bytes: [UInt8] = [0x93] + Array("NUMPY".utf8) + [1, 0, 118, 0] + Array(padded.utf8)
    for index in 0..<600 { bytes += littleEndianBytes(Int64(index * 37 % 1000 + 1)) }
    let session = try Models.llama()
    let measured = try session.measure(
      MeasurementRequest(data: try folder.write(bytes, to: "ids.npy"), context: 100))
    #expect(measured?.samples == 6 * 49)
  }

  @Test func anEncodersLinesAreComparedByTheirEmbeddings() throws {
    var session = Session(try Checkpoint.open(fixture("huggingface/bert")))
    try session.set("*=int4")
    let text = try folder.write("the thing\n\nabc def\n", to: "lines.txt")
    let measured = try #require(try session.measure(MeasurementRequest(data: text)))
    #expect(measured.samples == 2 && measured.metrics[0].name == "cosine")
    #expect(measured.metrics[0].value > 0.8 && measured.metrics[0].value < 1)
  }

  @Test func textsThatAreNoneAreNamed() throws {
    let session = try Models.llama()
    let cases: [(name: String, bytes: [UInt8], expected: String)] = [
      ("latin.txt", [0x66, 0xFC, 0x72], "UTF-8"), ("empty.txt", [], "holds no text"), ("short.txt", [0x61], "token"),
    ]
    for (name, bytes, expected) in cases {
      let path = try folder.write(bytes, to: name)
      #expect {
        try session.measure(MeasurementRequest(data: path))
      } throws: {
        "\($0)".contains(expected)
      }
    }
    #expect(throws: WorkbenchError.self) { try session.measure(data: folder.path("none.txt")) }
  }

  /// Weights that hold NaN, or a model that makes it, are named with the token.
  @Test func aTokenThatMakesNoNumberIsNamed() throws {
    var bytes = [UInt8](try Data(contentsOf: URL(fileURLWithPath: Fixtures.sample("shakespeare-llama-f16.gguf"))))
    let sound = try Models.llamaGGUF()
    guard let tensor = sound.checkpoint.tensor(named: "output_norm.weight"), case .file(_, let offset) = tensor.location
    else { throw WorkbenchError("the sample has no output norm") }
    (bytes[offset + 2], bytes[offset + 3]) = (0xC0, 0x7F)
    let session = Session(try Checkpoint.open(try folder.write(bytes, to: "nan.gguf")))
    let request = MeasurementRequest(data: Fixtures.sample("shakespeare-test.txt"), context: 64)
    #expect { try session.measure(request) } throws: { "\($0)".contains("makes NaN") }
  }
}
