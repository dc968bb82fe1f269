import CKernels
import Support
import Testing

@testable import Compression

/// Answers without reading again: exact from the counts of 16-bit numbers, bounded from a histogram's moments.
@Suite(.serialized) struct SummaryTests {
  static let specs = [
    "int8,tensor", "int4,tensor", "int2,tensor,affine", "int3,tensor,symmetric-full", "int16,tensor", "int1,tensor",
    "int4,tensor,range=mse", "int4,tensor,range=percentile=99", "int8,tensor,range=entropy",
    "int5,tensor,affine,scale=fp32",
    "int4,tensor,scale=pow2", "f16", "bf16", "keep,threshold=0.01", "int4,tensor,threshold=0.03",
    "int1,tensor,threshold=0.02",
    "keep,sparsity=0.3", "int4,tensor,sparsity=0.5", "int8,tensor,sparsity=0.9", "int4,tensor,range=mse,threshold=0.02",
  ]

  static func halves(_ type: HalfType, seed: UInt64 = 4) -> ArrayWeights {
    var generator = SeededGenerator(seed)
    let weights = generator.gaussian(128 * 300, deviation: 0.03)
    return ArrayWeights(rows: 300, columns: 128, halves: weights.map { type.bits($0) }, type: type)
  }

  @Test(arguments: [HalfType.f16, .bf16], specs)
  func sixteenBitNumbersAnswerExactly(_ type: HalfType, _ spec: String) throws {
    let source = Self.halves(type)
    let scheme = try Scheme(spec: spec)
    let summary = try #require(try Survey.of(source, withErrors: true).summary)
    let answer = try #require(summary.answer(scheme))
    let read = try Assessment.of(source, scheme: scheme)
    let expected = try #require(read.relativeError)
    let sparsity = try #require(read.sparsity)
    let slack = 1e-12 + 1e-9 * expected
    #expect(answer.relativeError.lowerBound <= expected + slack && expected <= answer.relativeError.upperBound + slack)
    // A ratio's ties may go either way; by threshold, and without sparsity, there is one answer.
    if case .ratio = scheme.sparsity {
      #expect(answer.relativeError.upperBound - answer.relativeError.lowerBound < 1e-4)
    } else {
      #expect(answer.isExact)
    }
    #expect(answer.sparsity.lowerBound <= sparsity && sparsity <= answer.sparsity.upperBound)
    if let levels = read.levels { #expect(answer.levels == levels) }
  }

  @Test(arguments: [HalfType.f16, .bf16]) func aSurveyOfHalvesIsThatOfTheirFloats(_ type: HalfType) throws {
    let source = Self.halves(type)
    let floats = ArrayWeights(rows: source.rows, columns: source.columns, values: source.values)
    let (a, b) = (try Survey.of(source, withErrors: true), try Survey.of(floats, withErrors: true))
    #expect(a.histogram == b.histogram)
    #expect(a.channelMinima == b.channelMinima && a.channelMaxima == b.channelMaxima)
    #expect(a.statistics.zeros == b.statistics.zeros && a.statistics.outliers == b.statistics.outliers)
    #expect(abs(a.statistics.deviation - b.statistics.deviation) < 1e-12)
    #expect(abs(a.statistics.kurtosis - b.statistics.kurtosis) < 1e-9)
    for (x, y) in zip(a.errors!.rows, b.errors!.rows) {
      for (p, q) in zip(x ?? [], y ?? []) { #expect(abs(p - q) <= 1e-6 * q) }
    }
  }

  @Test func halvesThatAreNotFiniteAreCountedAndSpreadNowhere() throws {
    var halves = Self.halves(.f16).values.map { HalfType.f16.bits($0) }
    (halves[3], halves[200], halves[5000]) = (0x7e01, 0xfc00, 0x7c00)
    let source = ArrayWeights(rows: 300, columns: 128, halves: halves, type: .f16)
    let survey = try Survey.of(source, withErrors: true)
    #expect(survey.statistics.nans == 1 && survey.statistics.infinities == 2)
    #expect(survey.statistics.maximum < 1 && survey.channelMaxima.allSatisfy(\.isFinite))
    #expect(survey.histogram.total == UInt64(source.count - 3))
    let answer = try #require(survey.summary?.answer(Scheme(spec: "int4,tensor")))
    let expected = try #require(try Assessment.of(source, scheme: Scheme(spec: "int4,tensor")).relativeError)
    #expect(abs(answer.estimate - expected) <= 1e-9 * expected)
    for row in survey.errors?.rows ?? [] { #expect(row?.allSatisfy(\.isFinite) == true) }
  }

  static let boundedSpecs = [
    "int8,tensor", "int7,tensor,affine", "int6,tensor,symmetric-full", "int5,tensor,scale=fp32", "int4,tensor",
    "int3,tensor,affine", "int2,tensor", "int16,tensor", "int4,tensor,range=mse", "int8,tensor,range=percentile=99.9",
    "int4,tensor,range=percentile=97", "keep,threshold=0.01", "keep,sparsity=0.4", "int4,tensor,threshold=0.02",
    "int8,tensor,threshold=0.0001", "int4,tensor,sparsity=0.5", "int8,tensor,affine,sparsity=0.8",
    "int4,tensor,scale=pow2",
  ]

  /// Gaussian, Laplace, one-sided, clustered on few values, with an outlier far away, and tiny.
  static func shapes() -> [[Float]] {
    var generator = SeededGenerator(17)
    let n = 70_000
    let gaussian = generator.gaussian(n, deviation: 0.03)
    let laplace = gaussian.map { w in w * abs(w) * 30 }
    var outlier = gaussian
    outlier[9] = 4
    return [
      gaussian, laplace, gaussian.map { abs($0) + 0.01 }, gaussian.map { ($0 * 40).rounded() / 40 }, outlier,
      gaussian.map { $0 * 1e-6 },
    ]
  }

  @Test(arguments: boundedSpecs) func momentsBoundTheError(_ spec: String) throws {
    let scheme = try Scheme(spec: spec)
    for (kind, weights) in Self.shapes().enumerated() {
      let source = ArrayWeights(rows: 70, columns: 1000, values: weights)
      let summary = try #require(try Survey.of(source, withErrors: true).summary)
      guard let answer = summary.answer(scheme) else {
        #expect(kind != 0, "\(spec): no answer for plain Gaussian weights")
        continue
      }
      let read = try Assessment.of(source, scheme: scheme)
      let exact = try #require(read.relativeError)
      let zeros = try #require(read.sparsity)
      #expect(
        answer.relativeError.contains(exact), "\(spec), shape \(kind): \(exact) not in \(answer.relativeError)")
      #expect(answer.sparsity.contains(zeros), "\(spec), shape \(kind): \(zeros) not in \(answer.sparsity)")
    }
  }

  /// Bounds that say nothing would pass as well: on Gaussian weights they are narrow.
  @Test(arguments: [
    ("int8,tensor", 0.2), ("int6,tensor", 0.05), ("int4,tensor", 0.01), ("int4,tensor,threshold=0.02", 0.05),
    ("keep,sparsity=0.4", 0.06), ("int4,tensor,range=mse", 0.03),
  ])
  func boundsAreNarrow(_ spec: String, _ width: Double) throws {
    let source = ArrayWeights(rows: 70, columns: 1000, values: Self.shapes()[0])
    let summary = try #require(try Survey.of(source, withErrors: true).summary)
    let answer = try #require(summary.answer(Scheme(spec: spec)))
    let span = answer.relativeError.upperBound - answer.relativeError.lowerBound
    #expect(span <= width * answer.estimate, "\(spec): \(answer.relativeError)")
    #expect(!answer.isExact)
  }

  @Test func whatDependsOnPlacesIsNotAnsweredAtOnce() throws {
    let summary = try #require(try Survey.of(Self.halves(.bf16), withErrors: true).summary)
    for spec in ["int4,group=32", "int4,channel", "keep,sparsity=2:4", "keep,sparsity=channel:0.5", "q8_0", "ternary"] {
      #expect(summary.answer(try Scheme(spec: spec)) == nil, "\(spec)")
    }
  }

  @Test(arguments: KernelTests.lengths) func countsAndRangesOfHalvesAreThoseOfALoop(_ count: Int) {
    var generator = SeededGenerator(UInt64(count))
    let halves = (0..<count).map { _ in UInt16(truncatingIfNeeded: generator.next() % 5000 * 13) }
    var expected = [Int](repeating: 0, count: 65_536)
    for half in halves { expected[Int(half)] += 1 }
    func order(_ half: UInt16) -> Int { half < 0x8000 ? Int(half) : 0x8000 - Int(half) - 1 }
    let least = halves.min { order($0) < order($1) }!
    let most = halves.max { order($0) < order($1) }!
    atEveryLevel { _ in
      var counts = [UInt32](repeating: 0, count: 65_536)
      lathe_count_halves(halves, count, &counts)
      let found = counts.map { Int($0) }
      let same = found == expected
      #expect(same)
      var (low, high) = ([UInt16](repeating: 0, count: 1), [UInt16](repeating: 0, count: 1))
      lathe_half_row_ranges(halves, 1, count, &low, &high)
      #expect(low[0] == least && high[0] == most)
    }
  }

  @Test(arguments: KernelTests.lengths) func momentsAreThoseOfALoop(_ count: Int) {
    var generator = SeededGenerator(UInt64(count + 1))
    let weights = generator.gaussian(count)
    let (low, high) = (Double(weights.min()!) - 0.25, Double(weights.max()!) + 0.25)
    let bins = 64
    let width = (high - low) / Double(bins)
    var expected = [(n: Int, sum: Double, squares: Double)](repeating: (0, 0, 0), count: bins)
    for weight in weights {
      let bin = min(bins - 1, Int((Double(weight) - low) / (high - low) * Double(bins)))
      let distance = Double(weight) - (low + (Double(bin) + 0.5) * width)
      expected[bin] = (expected[bin].n + 1, expected[bin].sum + distance, expected[bin].squares + distance * distance)
    }
    atEveryLevel { _ in
      var counts = [UInt64](repeating: 0, count: bins)
      var sums = [lathe_bin_sums](repeating: lathe_bin_sums(), count: bins)
      lathe_add_bin_moments(weights, count, low, high, Int32(bins), &counts, &sums)
      for bin in 0..<bins {
        #expect(Int(counts[bin]) == expected[bin].n)
        #expect(abs(sums[bin].sum - expected[bin].sum) < 1e-12 * Double(count))
        #expect(abs(sums[bin].squares - expected[bin].squares) < 1e-12 * Double(count))
      }
    }
  }
}
