import CKernels
import Support
import Testing

@testable import Compression

/// Binary, ternary and pruned weights against closed forms and against the equations.
@Suite(.serialized) struct SignTests {
  /// E(w − α·sign w)² = σ²(1 − 2/π) with α = σ√(2/π).
  @Test func binaryGaussianWeightsLoseOneMinusTwoOverPi() throws {
    var generator = SeededGenerator(21)
    let source = ArrayWeights(rows: 16, columns: 16_384, values: generator.gaussian(1 << 18, deviation: 0.03))
    let expected = 1 - 2 / Double.pi
    for spec in ["binary", "int1,channel", "int1,tensor"] {
      let found = try #require(try Assessment.of(source, scheme: Scheme(spec: spec)).relativeError)
      // 2¹⁸ weights: the standard error of t² is below 0.002; fp16 scales add 1e-7.
      #expect(abs(found - expected) < 0.006, "\(spec): \(found)")
    }
  }

  /// Δ = 0.7·√(2/π)·σ; p = P(|w| > Δ), α = 2φ(Δ)/p, t² = 1 − α²·p.
  @Test func ternaryGaussianWeightsLoseWhatTheTailsSay() throws {
    var generator = SeededGenerator(22)
    let source = ArrayWeights(rows: 16, columns: 16_384, values: generator.gaussian(1 << 18, deviation: 0.03))
    let delta = 0.7 * (2 / Double.pi).squareRoot()
    let density = _exp(-delta * delta / 2) / (2 * Double.pi).squareRoot()
    let p = _erfc(delta / 2.0.squareRoot())
    let alpha = 2 * density / p
    let found = try Assessment.of(source, scheme: Scheme(.named(.ternary)))
    #expect(abs(try #require(found.relativeError) - (1 - alpha * alpha * p)) < 0.004)
    #expect(abs(try #require(found.sparsity) - (1 - p)) < 0.005)
    #expect(abs(try #require(found.levels).step - alpha * 0.03) < 0.0002)
  }

  @Test(arguments: KernelTests.lengths) func signsAndTernaryAreTheirEquations(_ count: Int) throws {
    try atEveryLevel { _ in
      for weights in KernelTests.inputs(count) where (weights.map(abs).max() ?? 0) < 60_000 {
        let source = ArrayWeights(rows: 1, columns: count, values: weights)
        let binary = try SchemeFigureTests.reconstruct(source, "binary")
        let ternary = try SchemeFigureTests.reconstruct(source, "ternary")
        Self.expectClose(binary, SignReference.binary(weights))
        Self.expectClose(ternary, SignReference.ternary(weights))
      }
    }
  }

  /// Sums in another order may round a magnitude to the next half.
  private static func expectClose(_ found: [Float], _ expected: [Float]) {
    #expect(zip(found, expected).allSatisfy { abs($0 - $1) <= abs($1) / 1024 && ($0 == 0) == ($1 == 0) })
  }

  @Test(arguments: [(2, 4), (1, 4), (4, 8), (1, 2), (3, 16), (7, 8)])
  func patternsAreThoseOfASort(_ keep: Int, _ of: Int) {
    var generator = SeededGenerator(UInt64(of))
    for rows in [1, 3, 17] {
      let columns = of * 5
      var weights = generator.gaussian(rows * columns)
      for index in stride(from: 0, to: weights.count, by: 3) { weights[index] = index % 2 == 0 ? 0 : 0.5 }
      let factors = (0..<columns).map { Float($0 % 3) }
      for factor in [nil, factors] {
        var pruned = weights
        lathe_prune_pattern(weights, rows, columns, Int32(keep), Int32(of), factor, &pruned)
        #expect(pruned == SignReference.pattern(weights, keep: keep, of: of, factors: factor))
      }
    }
  }

  @Test(arguments: [
    "binary", "ternary", "int1,channel", "int4,sparsity=0.4", "int1,sparsity=0.4", "ternary,sparsity=2:4",
    "fp8-e4m3,sparsity=0.4", "ocp-mxfp4,sparsity=0.6", "nvidia-nvfp4,sparsity=2:4", "nf4,sparsity=0.5",
    "kmeans2,sparsity=0.7", "kmeans,entries=11,channel,sparsity=2:4", "kmeans1,group=32,sparsity=0.9",
  ])
  func whatIsPrunedStaysZero(_ spec: String) throws {
    var generator = SeededGenerator(12)
    let source = ArrayWeights(rows: 8, columns: 64, values: generator.gaussian(512))
    let scheme = try Scheme(spec: spec)
    let pruned = try SchemeFigureTests.reconstruct(source, Scheme(.keep, sparsity: scheme.sparsity).description)
    let values = try SchemeFigureTests.reconstruct(source, spec)
    for (index, weight) in pruned.enumerated() where weight == 0 { #expect(values[index] == 0) }
    let found = try Assessment.of(source, scheme: scheme)
    let expected = zip(values, source.values).reduce(0.0) { $0 + Double(($1.0 - $1.1) * ($1.0 - $1.1)) }
    let norm = source.values.reduce(0.0) { $0 + Double($1 * $1) }
    #expect(abs(try #require(found.relativeError) - expected / norm) < 1e-6)
  }
}
