@testable import Compression
import Numerics
import Testing

/// What numbers no network should have do to everything that is made of them: no index is out of bounds, no figure is no
/// number, and every level of the kernels says the same.
struct HostileNumberTests {
  private static let most = Float.greatestFiniteMagnitude

  /// Patterns, repeated over a weight.
  static let patterns: [[Float]] = [
    [.nan], [.infinity], [-.infinity], [.nan, .infinity, -.infinity, 1], [most], [most, -most], [most, -most, 0, 1],
    [-most, 0], [.leastNonzeroMagnitude], [.leastNonzeroMagnitude, -.leastNonzeroMagnitude, 0], [-0.0], [-0.0, 0],
    [0.5],
    [-1], [.nan, 0.5, -0.25, 0.125, 3e38, -3e38, 1e-45], [65_504, -65_520, 65_536], [1e-8, 1, -1e30],
    [.leastNormalMagnitude, 0, 0, 1e-30], Array(repeating: 0.01, count: 31) + [1e38], [3e38, 2.9e38, 3.1e38],
    [0x1.fffffep-1, 0x1.000002p0, 1],
  ]

  static func weight(_ pattern: [Float], rows: Int, columns: Int) -> ArrayWeights {
    ArrayWeights(
      rows: rows, columns: columns, values: (0..<rows * columns).map { pattern[$0 % pattern.count] },
      importances: (0..<columns).map { $0 % 3 == 0 ? 0 : Float($0) })
  }

  static let specs: [String] = {
    var specs =
      Scheme.words + [
        "ocp-mxfp4,exponent=above", "ocp-mxfp8,exponent=rounded", "ocp-mxfp6,exponent=above",
        "nvidia-nvfp4,tensor-scale=none",
      ]
    for symmetry in Symmetry.allCases.map(\.rawValue) {
      for run in ["tensor", "channel", "group=8", "axis=1"] {
        for range in ["minmax", "mse", "percentile=99", "entropy"] {
          for scale in ["fp16", "bf16", "fp32", "pow2"] {
            specs.append("int4,\(run),\(symmetry),range=\(range),scale=\(scale)")
          }
        }
      }
    }
    let sparsities = [
      "sparsity=0.3", "sparsity=1", "threshold=0.01", "threshold=1e300", "sparsity=2:4", "sparsity=channel:0.5",
      "sparsity=input:0.5:l1", "sparsity=head:2:0.5", "sparsity=block:2x4:0.5", "sparsity=wanda:0.5",
      "sparsity=wanda:2:4",
    ]
    for word in ["keep", "int4", "int16,tensor", "q4_0", "bf16", "nf4", "kmeans3", "fp8-e4m3", "ternary"] {
      specs += sparsities.map { "\(word),\($0)" }
    }
    return specs + ["int8,coding=rans", "f16,coding=huffman", "kmeans4,coding=huffman", "int16,tensor,coding=rans"]
  }()

  /// One scheme of eight each time, another one for every pattern and shape: all meet hostile numbers, few take long.
  @Test(arguments: patterns.indices) func everySchemeIsBoundedAndTheSameAtEveryLevel(_ number: Int) throws {
    let pattern = Self.patterns[number]
    for (shape, (rows, columns)) in [(2, 256), (4, 256), (3, 32), (1, 7)].enumerated() {
      let source = Self.weight(pattern, rows: rows, columns: columns)
      let finite = source.values.map { $0.isFinite ? Double($0) : 0 }
      let range = (finite.min() ?? 0)...(finite.max() ?? 0)
      for (place, spec) in Self.specs.enumerated() where (place + number + 3 * shape) % 8 == 0 {
        let scheme = try Scheme(spec: spec)
        guard scheme.obstacle(to: source.form) == nil else { continue }
        let found = try KernelLevel.allCases.map { level in
          level.force()
          defer { KernelLevel.release() }
          return try Assessment.of(source, scheme: scheme, detail: range)
        }
        #expect(found[0].relativeError == found[1].relativeError, "\(spec) of \(pattern)")
        #expect(found[0].size == found[1].size, "\(spec) of \(pattern)")
        for error in [found[0].relativeError, found[0].weightedError].compactMap({ $0 }) {
          #expect(error.isFinite && error >= 0, "\(spec) of \(pattern)")
        }
        for histogram in [found[0].reconstruction, found[0].error].compactMap({ $0 }) {
          #expect(histogram.total <= UInt64(source.count))
          #expect(
            histogram.rebinned(from: range.lowerBound, to: range.upperBound, columns: 40).bars.allSatisfy {
              $0.isFinite
            })
        }
      }
    }
  }

  @Test(arguments: patterns) func everyFirstLookIsBoundedAndTheSameAtEveryLevel(_ pattern: [Float]) throws {
    for (rows, columns) in [(8, 512), (3, 31), (1, 1)] {
      let source = Self.weight(pattern, rows: rows, columns: columns)
      let found = try KernelLevel.allCases.map { level in
        level.force()
        defer { KernelLevel.release() }
        return try Survey.of(source, withErrors: true)
      }
      #expect(found[0] == found[1], "\(pattern)")
      let s = found[0].statistics
      #expect(Int(found[0].histogram.total) + s.nans + s.infinities == source.count, "\(pattern)")
      #expect([s.mean, s.deviation, s.skewness, s.kurtosis, s.squaredNorm].allSatisfy { $0.isFinite }, "\(pattern)")
      for error in found[0].errors?.rows.compactMap({ $0 }).joined() ?? [].joined() {
        #expect(error.isFinite && error >= 0, "\(pattern)")
      }
      for spec in Self.specs where found[0].summary != nil && spec.contains("tensor") {
        let answer = found[0].summary?.answer(try Scheme(spec: spec))
        #expect(answer.map { $0.relativeError.lowerBound >= 0 } ?? true, "\(spec) of \(pattern)")
      }
    }
  }

  @Test func countsOfHalvesOfEveryBitPatternAreBounded() throws {
    for type in [HalfType.f16, .bf16] {
      // Every number of 16 bits once; then all that are NaN or infinite; then the greatest alone.
      let all = (0..<65_536).map { UInt16($0) }
      for halves in [all, Array(repeating: 0x7fff, count: 32_768), Array(repeating: 0x7bff, count: 32_768)] {
        let source = ArrayWeights(rows: halves.count / 256, columns: 256, halves: halves, type: type)
        let survey = try Survey.of(source, withErrors: true)
        for spec in Self.specs where spec.contains("tensor") { _ = survey.summary?.answer(try Scheme(spec: spec)) }
        #expect(survey.statistics.squaredNorm.isFinite)
      }
    }
  }

  @Test func aHistogramOfNumbersThatAreNoneCountsNothing() {
    var histogram = Histogram(minimum: -1, maximum: 1, counts: [UInt64](repeating: 0, count: 2048))
    let weights: [Float] = [.nan, .infinity, -.infinity, 3e38, -3e38, .nan, 2, -2, 0, 1, -1]
    for level in KernelLevel.allCases {
      level.force()
      defer { KernelLevel.release() }
      histogram.counts = histogram.counts.map { _ in 0 }
      histogram.add(weights, weights.count)
      #expect(histogram.total == 3)
    }
  }

  @Test func aRangeOfAllFloatsHasTheRightBins() throws {
    // numpy.histogram of [-max, 0, max] in four bins: 1, 0, 1, 1.
    let source = ArrayWeights(rows: 1, columns: 3, values: [-Self.most, 0, Self.most])
    for level in KernelLevel.allCases {
      level.force()
      defer { KernelLevel.release() }
      let counts = try Survey.of(source, withErrors: false).histogram.counts
      #expect((counts.first, counts[1024], counts.last) == (1, 1, 1))
    }
  }

  /// What pruning takes away may be beyond all that the grids are for: its square has room in double precision alone.
  @Test func aPrunedGiantHasAnError() throws {
    let source = ArrayWeights(
      rows: 1, columns: 3, values: [-0.076171875, 1.2089258e24, 3.5527137e-15],
      importances: [5.192297e33, 0, 0.0703125])
    let sparsity = try Scheme(spec: "int4,sparsity=wanda:0.5").sparsity
    let table = try ErrorTable.of(source, sparsity: sparsity)
    for error in table.rows.compactMap({ $0 }).joined() { #expect(abs(error - 1) < 1e-6) }
  }
}
