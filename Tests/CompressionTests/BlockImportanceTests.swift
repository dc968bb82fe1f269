import Checkpoints
import Numerics
import Support
import Testing

@testable import Compression

/// ggml's types with an importance of each input, as llama-quantize writes them with an imatrix.
@Suite struct BlockImportanceTests {
  private func decoded(_ bytes: [UInt8], _ type: BlockType, count: Int) -> [Float] {
    var values = [Float](repeating: .nan, count: count)
    bytes.withUnsafeBytes { bytes in
      values.withUnsafeMutableBufferPointer { ElementType.ggml(type).decode(bytes, into: $0) }
    }
    return values
  }

  @Test(arguments: GoldenTests.types) func assessedIsWhatGgmlWritesWithAnImatrix(_ type: BlockType) throws {
    let (checkpoint, index) = try GoldenTests.tensor("gaussian", in: "ggml/inputs.safetensors")
    let weights = try checkpoint.floats(tensor: index)
    let place = try #require(checkpoint.tensors.firstIndex { $0.name == "imatrix" })
    let importance = try checkpoint.floats(tensor: place)
    let columns = importance.count
    let name = BlockQuantizer.withoutImportance.contains(type) ? type.name : "\(type.name)+imatrix"
    let bytes = try GoldenTests.bytes("\(name)/gaussian", in: "ggml/expected.safetensors")
    let expected = decoded(bytes, type, count: weights.count)
    let source = ArrayWeights(
      rows: weights.count / columns, columns: columns, values: weights, importances: importance)
    let found = try SchemeFigureTests.reconstruct(source, type.name.lowercased())
    let isSame = found == expected
    #expect(isSame)
  }

  @Test func anExpertsRowsHaveTheExpertsImportances() throws {
    var generator = SeededGenerator(14)
    let (rows, columns) = (6, 64)
    let values = generator.gaussian(rows * columns)
    let importances = (0..<3 * columns).map { Float(($0 * 7) % 23) }
    let whole = ArrayWeights(rows: rows, columns: columns, values: values, importances: importances)
    let found = try SchemeFigureTests.reconstruct(whole, "q4_0")
    var parts: [Float] = []
    for expert in 0..<3 {
      let range = 2 * expert * columns..<2 * (expert + 1) * columns
      let own = Array(importances[expert * columns..<(expert + 1) * columns])
      let part = ArrayWeights(rows: 2, columns: columns, values: Array(values[range]), importances: own)
      parts += try SchemeFigureTests.reconstruct(part, "q4_0")
    }
    #expect(found == parts)
  }

  /// What the importances are for: the error that they weigh falls.
  @Test(arguments: ["q4_0", "q2_k", "q3_k", "iq4_nl"]) func theWeightedErrorFalls(_ spec: String) throws {
    var generator = SeededGenerator(15)
    let values = generator.gaussian(16 * 512)
    let importances = (0..<512).map { $0 % 16 == 0 ? Float(100) : 1 }
    let scheme = try Scheme(spec: spec)
    let with = try Assessment.of(
      ArrayWeights(rows: 16, columns: 512, values: values, importances: importances), scheme: scheme)
    let plain = try SchemeFigureTests.reconstruct(ArrayWeights(rows: 16, columns: 512, values: values), spec)
    var (error, norm) = (0.0, 0.0)
    for (index, value) in values.enumerated() {
      let factor = Double(importances[index % 512])
      let difference = Double(plain[index] - value)
      error += factor * difference * difference
      norm += factor * Double(value) * Double(value)
    }
    #expect(try #require(with.weightedError) < error / norm)
  }

  /// Where all runs are alike, every number of the reconstruction is a level; a negative scale turns them round.
  @Test(arguments: BlockQuantizer.available.filter { $0 != .tq1_0 && $0 != .tq2_0 && $0 != .nvfp4 })
  func levelsOfEqualRunsAreTheirValues(_ type: BlockType) throws {
    var generator = SeededGenerator(11)
    let run = generator.gaussian(16)
    let weights = (0..<256).map { run[$0 % 16] }
    let scheme = Scheme(.block(type))
    let source = ArrayWeights(rows: 1, columns: 256, values: weights)
    let levels = try #require(try Assessment.of(source, scheme: scheme).levels)
    let positions = levels.positions(in: -100...100, spacing: 0)
    var values = [Float](repeating: 0, count: 256)
    _ = try values.withUnsafeMutableBufferPointer { try Assessment.reconstruct(source, scheme: scheme, into: $0) }
    let off = Set(values).filter { value in
      !positions.contains { abs(abs($0) - abs(Double(value))) <= 1e-4 * max(0.05, abs(Double(value))) }
    }
    #expect(off.isEmpty, "\(off) of \(positions)")
  }

  /// Levels of a block type stand where its values are.
  @Test(arguments: ["iq4_nl", "mxfp4", "nvfp4", "q8_0", "q4_0", "tq2_0"]) func levelsAreWhereValuesAre(
    _ spec: String
  ) throws {
    var generator = SeededGenerator(16)
    // Every run has the same weights, so the same scale.
    let run = generator.gaussian(16)
    let source = ArrayWeights(rows: 2, columns: 256, values: (0..<512).map { run[$0 % 16] })
    let levels = try #require(try Assessment.of(source, scheme: Scheme(spec: spec)).levels)
    let positions = levels.positions(in: -9...9, spacing: 0)
    for value in try SchemeFigureTests.reconstruct(source, spec) {
      let isLevel = positions.contains { abs($0 - Double(value)) < 1e-4 || abs($0 + Double(value)) < 1e-4 }
      #expect(isLevel, "\(spec): \(value)")
    }
  }
}
