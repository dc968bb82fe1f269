import Checkpoints
import Compression
import Foundation
import Support
import Testing

/// Real weights against what numpy answered (Tests/Peers/make_weight_figures.py).
@Suite struct FigureTests {
  static let tolerance = 1e-6

  struct Figures: Decodable {
    let tensors: [Tensor]

    struct Tensor: Decodable {
      let file: String
      let name: String
      let shape: [Int]
      let statistics: [String: Value]
      let coding: [Coding]
      let schemes: [Scheme]
    }

    struct Coding: Decodable {
      let bits: Int
      let entropyBitsPerWeight: Double
      let huffmanBits: Int
    }

    struct Scheme: Decodable {
      let bits: Int?
      let symmetric: Bool?
      let granularity: String?
      let sparsity: Double?
      let threshold: Double?
      let zeros: Int?
      let t2: Double?
      let bytes: Int?
    }

    enum Value: Decodable {
      case number(Double), text(String), counts([Int])

      init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        if let number = try? container.decode(Double.self) {
          self = .number(number)
        } else if let text = try? container.decode(String.self) {
          self = .text(text)
        } else {
          self = .counts(try container.decode([Int].self))
        }
      }
    }
  }

  static let figures = try! Fixtures.decode(Figures.self, from: "weight-figures.json").tensors

  static func weights(_ tensor: Figures.Tensor) throws -> ArrayWeights {
    let checkpoint = try Checkpoint.open(Fixtures.sample(tensor.file))
    let index = try #require(checkpoint.tensors.firstIndex { $0.name == tensor.name })
    return ArrayWeights(
      rows: tensor.shape[0], columns: tensor.shape[1], values: try checkpoint.floats(tensor: index))
  }

  static func close(_ a: Double, _ b: Double) -> Bool { abs(a - b) <= tolerance * max(abs(a), abs(b)) }

  @Test(arguments: figures.indices) func statisticsAgreeWithNumpy(_ index: Int) throws {
    let tensor = Self.figures[index]
    let s = try Survey.of(Self.weights(tensor), withErrors: false).statistics
    let ours: [String: Double] = [
      "count": Double(s.count), "min": Double(s.minimum), "max": Double(s.maximum), "mean": s.mean,
      "std": s.deviation,
      "kurtosis": s.kurtosis, "zeros": Double(s.zeros), "beyond4Std": Double(s.outliers),
    ]
    for (name, value) in ours {
      guard case .number(let expected)? = tensor.statistics[name] else {
        Issue.record("\(tensor.name) has no \(name)")
        continue
      }
      #expect(Self.close(value, expected), "\(tensor.name) \(name): \(value), numpy \(expected)")
    }
  }

  @Test(arguments: figures.indices) func histogramHasNumpysCounts(_ index: Int) throws {
    let tensor = Self.figures[index]
    let histogram = try Survey.of(Self.weights(tensor), withErrors: false).histogram
    let bytes = histogram.counts.flatMap { count in
      (0..<8).map { UInt8(truncatingIfNeeded: count >> (8 * $0)) }
    }
    guard case .text(let digest)? = tensor.statistics["histogramSHA256"] else {
      Issue.record("no digest")
      return
    }
    #expect(SHA256.hex(bytes) == digest, "\(tensor.name)")
    if case .counts(let counts)? = tensor.statistics["histogram"] {
      #expect(histogram.counts == counts.map(UInt64.init))
    }
  }

  @Test(arguments: figures.indices) func everyWidthsErrorAndSizeAgreeWithNumpy(_ index: Int) throws {
    let tensor = Self.figures[index]
    let source = try Self.weights(tensor)
    let plain = try #require(try Survey.of(source, withErrors: true).errors)
    var sparse: [Sparsity: ErrorTable] = [:]
    for row in tensor.schemes {
      guard let bits = row.bits, let name = row.granularity, let symmetric = row.symmetric else { continue }
      let granularity = try #require(ErrorTable.granularities.first { $0.description == name })
      let symmetry: Symmetry = symmetric ? .symmetric : .affine
      var table = plain
      if let sparsity = row.threshold.map(Sparsity.threshold) ?? row.sparsity.map(Sparsity.ratio) {
        if sparse[sparsity] == nil { sparse[sparsity] = try ErrorTable.of(source, sparsity: sparsity) }
        table = sparse[sparsity]!
      }
      let error = table[bits, symmetry, granularity]
      guard let expected = row.t2 else {
        #expect(error == nil, "\(tensor.name) int\(bits) \(name): no multiple of the group, yet an error")
        continue
      }
      let found = try #require(error)
      #expect(
        Self.close(found, expected),
        "\(tensor.name) int\(bits) \(name) \(symmetry): \(found), numpy \(expected)")
      let scheme = Scheme(.uniform(UniformScheme(bits: bits, granularity: granularity, symmetry: symmetry)))
      let bytes = scheme.denseBytes(
        rows: source.rows, columns: source.columns, storedBytes: 0, storedBits: 32)
      #expect(bytes == row.bytes, "\(tensor.name) \(scheme)")
    }
  }

  @Test(arguments: figures.indices) func assessmentEqualsTheTable(_ index: Int) throws {
    let source = try Self.weights(Self.figures[index])
    for sparsity in [Sparsity.none, .ratio(0.3)] {
      let table = try ErrorTable.of(source, sparsity: sparsity)
      for bits in [2, 4, 8] {
        for granularity in ErrorTable.granularities where granularity.fits(columns: source.columns) {
          for symmetry in [Symmetry.symmetric, .affine] {
            let uniform = UniformScheme(bits: bits, granularity: granularity, symmetry: symmetry)
            let scheme = Scheme(.uniform(uniform), sparsity: sparsity)
            let assessed = try #require(try Assessment.of(source, scheme: scheme).relativeError)
            let tabled = try #require(table[bits, symmetry, granularity])
            #expect(Self.close(assessed, tabled), "\(scheme): \(assessed), table \(tabled)")
          }
        }
      }
    }
  }

  @Test(arguments: figures.indices) func pruningAloneAgreesWithNumpy(_ index: Int) throws {
    let tensor = Self.figures[index]
    let source = try Self.weights(tensor)
    for row in tensor.schemes where row.bits == nil {
      let ratio = row.sparsity ?? 0
      let sparsity = row.threshold.map { Sparsity.threshold($0) } ?? .ratio(ratio)
      let found = try Assessment.of(source, scheme: Scheme(.keep, sparsity: sparsity))
      #expect(Self.close(try #require(found.relativeError), try #require(row.t2)))
      let zeros = try #require(row.zeros)
      #expect(found.sparsity == Double(zeros) / Double(source.count))
    }
  }

  @Test(arguments: figures.indices) func entropyAndHuffmanBitsAgreeWithPython(_ index: Int) throws {
    let tensor = Self.figures[index]
    let source = try Self.weights(tensor)
    for row in tensor.coding {
      let scheme = Scheme(.uniform(UniformScheme(bits: row.bits)), coding: .huffman)
      let size = try Assessment.of(source, scheme: scheme).size
      let entropy = try #require(size.entropy)
      #expect(Self.close(entropy, row.entropyBitsPerWeight))
      // Words of at most eleven bits, eight streams a block and a table are never better than Huffman's own bits, and
      // here hardly worse.
      let bits = ((size.huffman ?? 0) - size.scaleBytes) * 8
      #expect(bits >= row.huffmanBits)
      #expect(Double(bits) <= 1.002 * Double(row.huffmanBits) + 8 * 256, "\(tensor.name) int\(row.bits)")
    }
  }
}
