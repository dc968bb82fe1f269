import Checkpoints
import Coding
import Foundation
import Support
import Testing

@testable import Compression

/// Schemes on real weights against numpy, torch and onnxruntime (Tests/Peers/make_scheme_figures.py).
@Suite struct SchemeFigureTests {
  struct Figures: Decodable {
    let tensors: [Tensor]
    let huffman: [Huffman]

    struct Tensor: Decodable {
      let file: String
      let name: String
      let shape: [Int]
      let schemes: [Row]
      let torch: [Digest]
      let onnxruntime: Dynamic
      let entropy: [Clip]
    }
    struct Row: Decodable {
      let spec: String
      let t2: Double
    }
    struct Digest: Decodable {
      let spec: String
      let sha256: String
    }
    struct Dynamic: Decodable {
      let spec: String
      let scale: Float
      let zeroPoint: Int
      let sha256: String
    }
    struct Clip: Decodable {
      let levels: Int
      let counts: [Int]
      let clip: Double
      let most: Double
    }
    struct Huffman: Decodable {
      let counts: [Int]
      let bits: Int
    }
  }

  static let figures = try! Fixtures.decode(Figures.self, from: "scheme-figures.json")

  /// The weight with inputs that matter as (column mod 7 + 1)².
  static func weights(_ tensor: Figures.Tensor) throws -> ArrayWeights {
    let checkpoint = try Checkpoint.open(Fixtures.sample(tensor.file))
    let index = try #require(checkpoint.tensors.firstIndex { $0.name == tensor.name })
    let columns = tensor.shape.dropFirst().reduce(1, *)
    return ArrayWeights(
      rows: tensor.shape[0], columns: columns, values: try checkpoint.floats(tensor: index), shape: tensor.shape,
      importances: (0..<columns).map { (column: Int) -> Float in
        let norm = Float(column % 7 + 1)
        return norm * norm
      })
  }

  static func reconstruct(_ source: ArrayWeights, _ spec: String) throws -> [Float] {
    var values = [Float](repeating: .nan, count: source.count)
    let isDone = try values.withUnsafeMutableBufferPointer {
      try Assessment.reconstruct(source, scheme: try Scheme(spec: spec), into: $0)
    }
    #expect(isDone)
    return values
  }

  static func digest(_ values: [Float]) -> String {
    var bytes: [UInt8] = []
    for value in values {
      let bits: UInt32 = value == 0 ? 0 : value.bitPattern
      for shift: UInt32 in [0, 8, 16, 24] { bytes.append(UInt8(truncatingIfNeeded: bits >> shift)) }
    }
    return SHA256.hex(bytes)
  }

  @Test(arguments: figures.tensors.indices) func errorsAreThoseOfNumpysEquations(_ index: Int) throws {
    let tensor = Self.figures.tensors[index]
    let source = try Self.weights(tensor)
    for row in tensor.schemes {
      let found = try #require(try Assessment.of(source, scheme: Scheme(spec: row.spec)).relativeError)
      #expect(abs(found - row.t2) <= 1e-6 * row.t2, "\(tensor.name) \(row.spec): \(found), numpy \(row.t2)")
    }
  }

  @Test(arguments: figures.tensors.indices) func reconstructionIsTorchsFakeQuantisation(_ index: Int) throws {
    let tensor = Self.figures.tensors[index]
    let source = try Self.weights(tensor)
    for row in tensor.torch {
      #expect(
        Self.digest(try Self.reconstruct(source, row.spec)) == row.sha256, "\(tensor.name) \(row.spec)")
    }
  }

  @Test(arguments: figures.tensors.indices) func affineBytesAreDynamicQuantizeLinears(_ index: Int) throws {
    let tensor = Self.figures.tensors[index]
    let source = try Self.weights(tensor)
    let expected = tensor.onnxruntime
    let levels = try #require(try Assessment.of(source, scheme: Scheme(spec: expected.spec)).levels)
    #expect(Float(levels.step) == expected.scale)
    #expect(levels.lowest == -expected.zeroPoint)
    // There w/s is a quotient, here a product with 1/s: codes may differ where w/s is halfway between two.
    let (scale, zero) = (expected.scale, Float(expected.zeroPoint))
    let quotients = source.values.map { ($0 / scale).rounded(.toNearestOrEven) }
    let theirs = quotients.map { scale * min(255 - zero, max(-zero, $0)) }
    #expect(Self.digest(theirs) == expected.sha256)
    for (index, value) in try Self.reconstruct(source, expected.spec).enumerated() where value != theirs[index] {
      let place = abs(source.values[index] / scale)
      #expect(abs(place - place.rounded(.down) - 0.5) < 1e-5)
    }
  }

  @Test func entropyChoosesOnnxruntimesClip() {
    for clip in Self.figures.tensors.flatMap(\.entropy) {
      let kept = EntropyRange.kept(clip.counts, levels: clip.levels)
      let found = Double(kept.upperBound) * 2 * clip.most / Double(clip.counts.count) - clip.most
      #expect(abs(found - clip.clip) <= 1e-5 * clip.most, "\(clip.levels) levels: \(found), there \(clip.clip)")
    }
  }

  @Test func huffmanWordsOfElevenBitsAreTheBestThereAre() {
    for row in Self.figures.huffman {
      let counts = row.counts + [Int](repeating: 0, count: 256 - row.counts.count)
      let code = HuffmanCode(counts: counts)
      #expect(code.bitCount(of: counts) == row.bits)
      #expect(code.lengths.allSatisfy { $0 <= 11 })
      let kraft = code.lengths.reduce(0) { $1 == 0 ? $0 : $0 + 1 << (11 - Int($1)) }
      #expect(kraft == 1 << 11)
    }
  }
}
