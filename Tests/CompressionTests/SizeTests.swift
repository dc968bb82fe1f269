import Coding
import Support
import Testing

@testable import Compression

/// Sizes: what a packer writes, and what CODING's formulas say of random zeros.
@Suite struct SizeTests {
  static func weights(rows: Int = 48, columns: Int = 256, seed: UInt64 = 3) -> ArrayWeights {
    var generator = SeededGenerator(seed)
    return ArrayWeights(
      rows: rows, columns: columns, values: generator.gaussian(rows * columns, deviation: 0.02),
      importances: (0..<columns).map { Float($0 % 5 + 1) })
  }

  static let specs = [
    "int4", "int4,affine", "int8,channel,affine", "int3,channel,scale=fp32", "int5,group=64,scale=bf16",
    "int6,group=16,scale=pow2", "int2,tensor", "int16,channel", "int1", "int1,tensor", "binary", "ternary", "f16",
    "bf16", "int4,channel,axis=1", "int7,symmetric-full",
    "int4,sparsity=0.5", "int8,channel,affine,sparsity=0.9", "int4,sparsity=0.99", "int1,sparsity=0.5",
    "binary,sparsity=0.7", "ternary,sparsity=0.6", "keep,sparsity=0.8", "f16,sparsity=0.9", "int4,sparsity=2:4",
    "int8,sparsity=1:4", "int8,sparsity=4:8", "int1,sparsity=2:4", "int4,sparsity=channel:0.5",
    "int4,sparsity=block:4x4:0.75", "int4,sparsity=wanda:2:4", "int16,sparsity=0.9",
    "fp8-e4m3", "fp8-e5m2,tensor", "fp6-e3m2,group=64", "ocp-mxfp8", "ocp-mxfp8-e5m2", "ocp-mxfp6", "ocp-mxfp6-e3m2",
    "ocp-mxfp4", "nvidia-nvfp4", "nf4", "nf4,tensor", "nf4,channel", "kmeans1", "kmeans4", "kmeans8", "kmeans3,channel",
    "kmeans2,group=32", "kmeans,entries=48", "kmeans,entries=5,channel", "fp8-e4m3,sparsity=0.9",
    "ocp-mxfp4,sparsity=2:4", "nvidia-nvfp4,sparsity=0.6", "nf4,sparsity=0.7", "kmeans5,sparsity=0.8",
    "kmeans1,sparsity=0.9", "kmeans,entries=48,channel,sparsity=0.95", "kmeans4,sparsity=2:4",
  ]

  @Test(arguments: specs) func theSizeOfEveryFormIsWhatItsPackerWrites(_ spec: String) throws {
    let source = Self.weights()
    let scheme = try Scheme(spec: spec)
    #expect(scheme.obstacle(to: source.form) == nil)
    // With detail the coded streams are made too.
    let size = try Assessment.of(source, scheme: scheme, detail: -0.1...0.1).size
    for (form, bytes) in size.forms {
      // A kept weight is stored as it is: its dense form is the file's.
      if form == .dense, scheme.format == .keep { continue }
      let packed = try #require(try Packed(source, scheme: scheme, form: form), "\(spec) as \(form)")
      #expect(packed.bytes.count == bytes, "\(spec) as \(form)")
    }
    #expect(size.forms.contains { $0.form == size.form && $0.bytes == size.bytes })
    #expect(size.least.bytes == size.forms.map(\.bytes).min())
    if scheme.format != .keep { #expect(size.huffman != nil && size.rans != nil) }
  }

  /// Codes and zeros come back from the packed bytes.
  @Test(arguments: ["int4,sparsity=0.7", "int8,channel,sparsity=0.95", "ternary,sparsity=0.5"])
  func relativeIndicesComeBack(_ spec: String) throws {
    let content = try #require(try PackedContent(Self.weights(), Scheme(spec: spec)))
    for width in 1...8 {
      let bytes = RelativeIndex(content.codes, bits: content.bits, distanceBits: width).bytes
      let codes = try #require(RelativeIndex.codes(bytes, count: content.codes.count, bits: content.bits))
      let mask = (UInt32(1) << UInt32(content.bits)) - 1
      let same = codes == content.codes.map { UInt32(bitPattern: $0) & mask }
      #expect(same, "\(width) bits")
    }
  }

  /// bitmask 1 + d·b; CSR d(b + 16) + 32/columns; k-bit distances d(b + k)(1 + z/(1 − z)), z = s^(2^k); 2:4 b/2 + 1.
  @Test(arguments: [0.5, 0.8, 0.95]) func formulasHoldForRandomZeros(_ sparsity: Double) throws {
    let source = Self.weights(rows: 256, columns: 512, seed: 8)
    let n = Double(source.count)
    let b = 8.0
    let scheme = try Scheme(spec: "int8,tensor,symmetric,scale=fp32,sparsity=\(sparsity)")
    let found = try Assessment.of(source, scheme: scheme)
    let size = found.size
    // Rounding to eight bits makes zeros of its own.
    let d = 1 - Double(try #require(found.sparsity))
    let s = 1 - d
    func bits(_ bytes: Int?) -> Double { Double((bytes ?? 0) - size.scaleBytes) * 8 / n }
    #expect(abs(bits(size.bitmask) - (1 + d * b)) < 0.001)
    #expect(abs(bits(size.csr) - (d * (b + 16) + 32.0 / 512)) < 0.001)
    let formula = (1...16).map { k in
      let z = _pow(s, Double(1 << k))
      return d * (b + Double(k)) * (1 + z / (1 - z))
    }
    let least = formula.min()!
    #expect(abs(bits(size.index) - least) < 0.01 * least)
    let pattern = try Assessment.of(source, scheme: Scheme(spec: "int8,tensor,scale=fp32,sparsity=2:4")).size
    #expect(abs(bits(pattern.pattern) - (b / 2 + 1)) < 0.001)
  }

  /// Zero as one more symbol is never worse where zeros fall at random: H(d) + d·H(v | v ≠ 0).
  @Test(arguments: ["int4,tensor,sparsity=0.5", "int4,tensor,sparsity=0.9", "int8,tensor,sparsity=0.8"])
  func theCoderTakesNoMoreThanTheSparseForms(_ spec: String) throws {
    let source = Self.weights(rows: 256, columns: 512, seed: 8)
    let size = try Assessment.of(source, scheme: Scheme(spec: spec), detail: -0.1...0.1).size
    let sparse = [size.bitmask, size.index, size.csr].compactMap { $0 }.min()
    #expect(try #require(size.rans) <= #require(sparse))
    #expect([.rans, .huffman].contains(size.least.form))
    #expect(Double(try #require(size.rans) - size.scaleBytes) * 8 >= size.entropy! * Double(source.count))
  }

  @Test func zeroRunsAreThoseOfALoop() throws {
    var generator = SeededGenerator(31)
    for count in [1, 3, 17, 63, 64, 65, 1023, 5000] {
      for share in [0.0, 0.3, 0.97, 1.0] {
        let codes = (0..<count).map { _ in Double(generator.next() % 1000) / 1000 < share ? Int32(0) : -3 }
        var expected = [Int](repeating: 0, count: 16)
        var (run, nonzero) = (0, 0)
        for code in codes {
          if code == 0 {
            run += 1
          } else {
            for k in 1...16 { expected[k - 1] += run >> k }
            (run, nonzero) = (0, nonzero + 1)
          }
        }
        atEveryLevel { _ in
          var runs = CodeRuns()
          runs.add(codes, ~0)
          #expect(runs.fillers == expected && runs.nonzero == nonzero, "\(count) numbers, \(share) zeros")
        }
      }
    }
  }
}
