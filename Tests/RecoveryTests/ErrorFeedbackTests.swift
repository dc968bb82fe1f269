import Compression
import Inference
import Testing

@testable import Recovery

@Suite struct ErrorFeedbackTests {
  /// Correlated inputs' moments, and weights, the same each time.
  private struct Case {
    let columns = 96
    let rows = 24
    var weights: [Float] = []
    var part: InputProducts.Part
    let samples: [Float]

    init(deadColumn: Int? = nil, rowsOfInputs: Int = 400) {
      var state: UInt64 = 11
      func uniform() -> Float {
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        return Float(state >> 40) / Float(1 << 24) - 0.5
      }
      weights = (0..<rows * columns).map { _ in 0.2 * (uniform() + uniform() + uniform()) }
      var x = [Float](repeating: 0, count: rowsOfInputs * columns)
      for row in 0..<rowsOfInputs {
        let shared = (0..<6).map { _ in uniform() }
        for column in 0..<columns where column != deadColumn {
          x[row * columns + column] = uniform() * 0.3 + shared[column % 6] * (1 + Float(column % 3))
        }
      }
      samples = x
      var products = [Float](repeating: 0, count: columns * columns)
      for i in 0..<columns {
        for j in 0..<columns {
          var sum = 0.0
          for row in 0..<rowsOfInputs { sum += Double(x[row * columns + i]) * Double(x[row * columns + j]) }
          products[i * columns + j] = Float(sum)
        }
      }
      part = InputProducts.Part(products: products, rows: rowsOfInputs)
    }

    var products: InputProducts { InputProducts(layer: 0, columns: columns, parts: [part]) }

    /// ‖(W − Ŵ) X‖², row by row of the samples.
    func outputError(_ values: [Float]) -> Double {
      var sum = 0.0
      for sample in 0..<samples.count / columns {
        for row in 0..<rows {
          var y = 0.0
          for column in 0..<columns {
            y +=
              Double(weights[row * columns + column] - values[row * columns + column])
              * Double(samples[sample * columns + column])
          }
          sum += y * y
        }
      }
      return sum
    }
  }

  @Test func theFactorIsTheMoments() throws {
    let one = Case()
    for ordered in [false, true] {
      let factor = try #require(InputFactor(one.part, columns: one.columns, ordered: ordered))
      let n = one.columns
      for a in stride(from: 0, to: n, by: 7) {
        for b in stride(from: 0, to: n, by: 5) {
          var sum = 0.0
          for k in max(a, b)..<n {
            sum +=
              Double(factor.feedback[a * n + k]) * Double(factor.variances[k]) * Double(factor.feedback[b * n + k])
          }
          let (i, j) = (factor.order[a], factor.order[b])
          let expected = Double(factor.moments[i * n + j])
          #expect(abs(sum - expected) < 1e-4 * Double(factor.moments[i * n + i] + factor.moments[j * n + j]))
        }
      }
    }
  }

  static let specs = [
    "int4,channel,by=gptq", "int3,group=32,by=gptq", "int2,channel,by=gptq", "int3,channel,affine,by=gptq",
    "binary,by=gptq", "ternary,by=gptq", "ocp-mxfp4,by=gptq", "nvidia-nvfp4,by=gptq", "q4_0,by=gptq", "q5_1,by=gptq",
    "int4,group=32,sparsity=0.5,by=gptq", "keep,sparsity=2:4,by=gptq", "keep,sparsity=0.5,by=gptq",
  ]

  /// What the outputs lose is less than with the nearest levels, as the samples themselves say.
  @Test(arguments: specs) func feedbackHelpsTheOutputs(_ spec: String) throws {
    let one = Case()
    let scheme = try Scheme(spec: spec)
    let source = ArrayWeights(rows: one.rows, columns: one.columns, values: one.weights)
    let result = try LayerChoice(scheme, of: source).result(one.products)
    var nearest = [Float](repeating: 0, count: source.count)
    _ = try nearest.withUnsafeMutableBufferPointer {
      try Assessment.reconstruct(source, scheme: scheme.withNearestLevels, into: $0)
    }
    let (after, before) = (one.outputError(result.values), one.outputError(nearest))
    #expect(after < 0.75 * before, "\(spec): \(after) of \(before)")
    // ggml's own nearest levels are weighted by the inputs there.
    if case .block = scheme.format {} else { #expect(abs((result.weight.outputError ?? 0) - after / before) < 0.1) }
    #expect(result.weight.fits(rows: one.rows, columns: one.columns))
    if scheme.sparsity != .none {
      let zeros = result.values.count { $0 == 0 }
      #expect(Double(zeros) >= 0.5 * Double(result.values.count))
    }
    if spec.contains("2:4") {
      for start in stride(from: 0, to: result.values.count, by: 4) {
        #expect(result.values[start..<start + 4].count { $0 == 0 } >= 2)
      }
    }
  }

  /// Runs that do not divide the blocks of columns that are chosen at a time.
  @Test(arguments: [(2, 3), (1, 5), (4, 6), (30, 60)]) func patternsOfAnyLengthArePruned(_ keep: Int, _ of: Int) throws
  {
    let columns = 300
    let weights = (0..<4 * columns).map { index -> Float in
      let size = Float(1 + index % 7)
      return index % 2 == 0 ? size : -size
    }
    var products = [Float](repeating: 0, count: columns * columns)
    for column in 0..<columns { products[column * columns + column] = 1 + Float(column % 3) }
    let source = ArrayWeights(rows: 4, columns: columns, values: weights)
    let result = try LayerChoice(try Scheme(spec: "keep,sparsity=\(keep):\(of),by=gptq"), of: source).result(
      InputProducts(layer: 0, columns: columns, parts: [.init(products: products, rows: 1000)]))
    for start in stride(from: 0, to: weights.count, by: of) {
      #expect(result.values[start..<start + of].count { $0 == 0 } == of - keep)
    }
  }

  /// Where runs have minima, what is pruned lies next to zero.
  @Test func prunedWeightsOfBlocksWithMinimaAreNextToZero() throws {
    let one = Case()
    let source = ArrayWeights(rows: one.rows, columns: one.columns, values: one.weights)
    let result = try LayerChoice(try Scheme(spec: "q4_1,sparsity=0.5,by=gptq"), of: source).result(one.products)
    let step = (one.weights.max() ?? 0) - (one.weights.min() ?? 0)
    #expect(result.values.count { abs($0) <= step / 15 } * 2 >= result.values.count)
  }

  @Test(arguments: [
    "int4,channel,by=ranges", "int2,group=32,by=ranges", "ternary,by=ranges", "ocp-mxfp4,by=ranges",
    "nvidia-nvfp4,by=ranges", "fp8-e4m3,by=ranges",
  ])
  func searchedRangesAreNoWorse(_ spec: String) throws {
    let one = Case()
    let scheme = try Scheme(spec: spec)
    let source = ArrayWeights(rows: one.rows, columns: one.columns, values: one.weights)
    let result = try LayerChoice(scheme, of: source).result(one.products)
    var nearest = [Float](repeating: 0, count: source.count)
    _ = try nearest.withUnsafeMutableBufferPointer {
      try Assessment.reconstruct(source, scheme: scheme.withNearestLevels, into: $0)
    }
    #expect(one.outputError(result.values) <= one.outputError(nearest) * 1.0001, "\(spec)")
  }

  /// Inputs that are always zero, and fewer rows than columns: said, and no number is lost.
  @Test func littleDataIsDampedAndSaid() throws {
    let one = Case(deadColumn: 5, rowsOfInputs: 20)
    let source = ArrayWeights(rows: one.rows, columns: one.columns, values: one.weights)
    let result = try LayerChoice(try Scheme(spec: "int4,channel,by=gptq"), of: source).result(one.products)
    #expect(result.notes == ["20 rows of inputs for 96 columns: the moments are damped", "1 inputs are always zero"])
    #expect(result.values.allSatisfy { $0.isFinite })
    var broken = one.part
    broken.products[0] = .nan
    let choice = try LayerChoice(try Scheme(spec: "int4,channel,by=gptq"), of: source)
    let products = InputProducts(layer: 0, columns: one.columns, parts: [broken])
    #expect(throws: RecoveryError.self) { _ = try choice.result(products) }
  }

  /// A layer whose inputs were changed before it aims at the original's outputs.
  @Test func whatChangedBeforeIsMadeGood() throws {
    var one = Case()
    let n = one.columns
    // x = 1.1 x̂: the best matrix is 1.1 W.
    one.part.differences = one.part.products.map { 0.1 * $0 }
    let factor = try #require(InputFactor(one.part, columns: n, ordered: true))
    let shift = try #require(factor.shift)
    // Damping keeps a little of it back.
    for index in 0..<n { #expect(abs(shift[index * n + index] - 1.1) < 0.06) }
  }
}
