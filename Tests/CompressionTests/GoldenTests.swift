import CKernels
import Checkpoints
import Compression
import Numerics
import Support
import Testing

/// ggml's bytes (Tests/Fixtures/ggml/README.md) and gguf-py's figures.
@Suite struct GoldenTests {
  /// Q1_0 and Q2_0 came after the goldens: their bytes are compared with llama-quantize's (GGUFExportTests).
  static let types: [BlockType] = BlockQuantizer.available.filter { $0 != .q1_0 && $0 != .q2_0 }
  static let inputs = ["gaussian", "student_t", "real", "edge", "ties"]

  /// Whether there are bytes to compare with: `ties` is not for the codebook types, and what needs an importance has
  /// none without it.
  static func isGolden(_ type: BlockType, _ input: String, weighted: Bool) -> Bool {
    if BlockQuantizer.searchesCodebook.contains(type), input == "ties" { return false }
    return weighted || !BlockQuantizer.needsImportance.contains(type)
  }

  struct Case: Sendable, CustomTestStringConvertible {
    let type: BlockType
    let input: String
    var testDescription: String { "\(type.name)/\(input)" }
  }

  static func cases(weighted: Bool) -> [Case] {
    types.flatMap { type in
      inputs.filter { isGolden(type, $0, weighted: weighted) }.map { Case(type: type, input: $0) }
    }
  }

  static func tensor(_ name: String, in file: String) throws -> (checkpoint: Checkpoint, index: Int) {
    let checkpoint = try Checkpoint.open(Fixtures.fixture(file))
    return (checkpoint, try #require(checkpoint.tensors.firstIndex { $0.name == name }))
  }

  static func bytes(_ name: String, in file: String) throws -> [UInt8] {
    let (checkpoint, index) = try tensor(name, in: file)
    var bytes = [UInt8](repeating: 0, count: checkpoint.tensors[index].byteCount)
    try bytes.withUnsafeMutableBytes {
      try checkpoint.readBytes(tensor: index, range: 0..<$0.count, into: $0)
    }
    return bytes
  }

  @Test func thereAreGoldensOfEveryType() {
    #expect(Self.types.count == 23)
    #expect(Set(Self.cases(weighted: true).map(\.type)) == Set(Self.types))
    #expect(Self.cases(weighted: false).count == 17 * 5 - 1)
  }

  @Test(arguments: cases(weighted: false)) func bytesAreGgmls(_ golden: Case) throws {
    let (type, input) = (golden.type, golden.input)
    let (checkpoint, index) = try Self.tensor(input, in: "ggml/inputs.safetensors")
    let weights = try checkpoint.floats(tensor: index)
    var bytes = [UInt8](repeating: 0, count: weights.count / type.blockWeights * type.blockBytes)
    try #require(BlockQuantizer(type)).encode(weights, count: weights.count, into: &bytes)
    let expected = try Self.bytes("\(type.name)/\(input)", in: "ggml/expected.safetensors")
    let different = zip(bytes, expected).count { $0 != $1 }
    #expect(bytes.count == expected.count && different == 0, "\(different) of \(expected.count) bytes differ")
  }

  @Test(arguments: types, [KernelLevel.baseline, .vector])
  func everyLevelGivesGgmlsBytes(_ type: BlockType, _ level: KernelLevel) throws {
    level.force()
    defer { KernelLevel.release() }
    for golden in Self.cases(weighted: false) where golden.type == type { try bytesAreGgmls(golden) }
    for golden in Self.cases(weighted: true) where golden.type == type {
      try bytesWithAnImportanceMatrixAreGgmls(golden)
    }
  }

  @Test(arguments: cases(weighted: true)) func bytesWithAnImportanceMatrixAreGgmls(_ golden: Case) throws {
    let (type, input) = (golden.type, golden.input)
    let (checkpoint, index) = try Self.tensor(input, in: "ggml/inputs.safetensors")
    let weights = try checkpoint.floats(tensor: index)
    let importance = try checkpoint.floats(try #require(checkpoint.tensor(named: "imatrix")))
    var bytes = [UInt8](repeating: 0, count: weights.count / type.blockWeights * type.blockBytes)
    let columns = importance.count
    try #require(BlockQuantizer(type)).encode(
      weights, rows: weights.count / columns, columns: columns, importance: importance, into: &bytes)
    let name = BlockQuantizer.withoutImportance.contains(type) ? type.name : "\(type.name)+imatrix"
    let expected = try Self.bytes("\(name)/\(input)", in: "ggml/expected.safetensors")
    let different = zip(bytes, expected).count { $0 != $1 }
    #expect(bytes.count == expected.count && different == 0, "\(different) of \(expected.count) bytes differ")
  }

  @Test(arguments: ["F16", "BF16"], inputs) func halvesAreGgmls(_ type: String, _ input: String) throws {
    let (checkpoint, index) = try Self.tensor(input, in: "ggml/inputs.safetensors")
    let weights = try checkpoint.floats(tensor: index)
    var bytes = [UInt8](repeating: 0, count: weights.count * 2)
    if type == "F16" {
      lathe_quantize_f16(weights, weights.count, &bytes)
    } else {
      lathe_quantize_bf16(weights, weights.count, &bytes)
    }
    #expect(bytes == (try Self.bytes("\(type)/\(input)", in: "ggml/expected.safetensors")))
  }

  struct Figures: Decodable {
    let figures: [Figure]

    struct Figure: Decodable {
      let tensor: String
      let rows: Int
      let columns: Int
      let type: String
      let sha256: String
      let t2: Double
    }
  }

  @Test func realWeightsGiveGgufPysBytesAndErrors() throws {
    let checkpoint = try Checkpoint.open(Fixtures.sample("shakespeare-llama-f16.gguf"))
    let figures = try Fixtures.decode(Figures.self, from: "ggml-figures.json").figures
    #expect(figures.count >= 15)
    for figure in figures {
      let type = try #require(BlockType.allCases.first { $0.name == figure.type })
      let index = try #require(checkpoint.tensors.firstIndex { $0.name == figure.tensor })
      let count = figure.rows * figure.columns
      let weights = Array(try checkpoint.floats(tensor: index).prefix(count))
      var bytes = [UInt8](repeating: 0, count: count / type.blockWeights * type.blockBytes)
      try #require(BlockQuantizer(type)).encode(weights, count: count, into: &bytes)
      #expect(SHA256.hex(bytes) == figure.sha256, "\(figure.tensor) \(figure.type)")
      let source = ArrayWeights(rows: figure.rows, columns: figure.columns, values: weights)
      let found = try #require(try Assessment.of(source, scheme: Scheme(.block(type))).relativeError)
      #expect(
        FigureTests.close(found, figure.t2), "\(figure.tensor) \(figure.type): \(found), gguf-py \(figure.t2)"
      )
    }
  }
}

/// ggml's scales are halves: what they cannot hold has no error to state, and neither NaN nor infinity gets out.
@Test func weightsBeyondAHalfsScaleHaveNoError() throws {
  let source = ArrayWeights(rows: 1, columns: 32, values: (0..<32).map { Float($0) * 1e37 })
  let assessed = try Assessment.of(source, scheme: Scheme(.block(.q8_0)), detail: 0...3.1e38)
  #expect(assessed.relativeError == nil)
  #expect(assessed.sqnr == nil)
}
