import CKernels
import Support
import Testing

@testable import Compression

/// Fast forms against the equations, at every instruction-set level, at odd lengths. The level is one for the whole
/// process, so these run one after another.
@Suite(.serialized) struct KernelTests {
  static let lengths = [1, 3, 7, 8, 9, 17, 31, 32, 33, 127, 128, 129, 1023, 4097]

  static func inputs(_ count: Int) -> [[Float]] {
    var generator = SeededGenerator(UInt64(count))
    let gaussian = generator.gaussian(count, deviation: 0.05)
    return [
      gaussian, gaussian.map { abs($0) + 1 }, gaussian.map { $0 < 0 ? 0 : $0 }, gaussian.map { $0 * 1e-6 },
      gaussian.map { $0 * 1e30 }, gaussian.map { $0 * 1e-25 }, [Float](repeating: 0, count: count),
      [Float](repeating: -0.25, count: count),
      (0..<count).map { Float($0 % 7) - 3.5 },
    ]
  }

  @Test(arguments: lengths) func reconstructionIsTheEquations(_ count: Int) throws {
    try atEveryLevel { level in
      for weights in Self.inputs(count) {
        for bits in [2, 3, 4, 5, 6, 7, 8, 16] {
          for symmetry in Symmetry.allCases {
            for scale in ScaleType.allCases {
              let uniform = UniformScheme(bits: bits, granularity: .channel, symmetry: symmetry, scale: scale)
              var found = [Float](repeating: .nan, count: count)
              let source = ArrayWeights(rows: 1, columns: count, values: weights)
              _ = try found.withUnsafeMutableBufferPointer {
                try Assessment.reconstruct(source, scheme: Scheme(.uniform(uniform)), into: $0)
              }
              let expected = UniformReference.reconstruct(
                weights, bits: bits, symmetry: symmetry, scale: scale)
              #expect(found == expected, "level \(level) int\(bits) \(symmetry) \(scale)")
            }
          }
        }
      }
    }
  }

  /// Grids that round on the way to a code, in the types that they round to.
  @Test(arguments: lengths) func roundedReconstructionIsTheEquations(_ count: Int) throws {
    try atEveryLevel { level in
      for (weights, scale) in Self.inputs(count).flatMap({ [($0, ScaleType.fp16), ($0, .bf16)] }) {
        let weights = weights.map { scale == .fp16 ? Float(Float16($0)) : UniformReference.rounded($0, to: .bf16) }
          .map { $0.isFinite ? $0 : 0 }
        for bits in [2, 5, 8] {
          for symmetry in Symmetry.allCases where symmetry != .edge {
            for rounds in Rounding.allCases {
              let uniform = UniformScheme(
                bits: bits, granularity: .channel, symmetry: symmetry, scale: scale, rounds: rounds)
              let scheme = Scheme(.uniform(uniform))
              var found = [Float](repeating: .nan, count: count)
              let source = ArrayWeights(rows: 1, columns: count, values: weights)
              _ = try found.withUnsafeMutableBufferPointer {
                try Assessment.reconstruct(source, scheme: scheme, into: $0)
              }
              let expected = UniformReference.reconstruct(
                weights, bits: bits, symmetry: symmetry, scale: scale, rounds: rounds)
              #expect(found == expected, "level \(level) \(scheme)")
              // One grid for the whole weight, and the search of a clip, whose error is at most that of the range.
              var tensor = uniform
              tensor.granularity = .tensor
              let whole = try Assessment.of(source, scheme: Scheme(.uniform(tensor)))
              let runs = try Assessment.of(source, scheme: scheme)
              #expect(whole.relativeError == runs.relativeError, "level \(level) \(scheme)")
              guard count < 130 else { continue }
              tensor.range = .leastSquares
              let clipped = try Assessment.of(source, scheme: Scheme(.uniform(tensor)))
              let (least, error) = (clipped.relativeError ?? 0, whole.relativeError ?? 0)
              #expect(least <= error * (1 + 1e-5), "level \(level) \(scheme)")
            }
          }
        }
      }
    }
  }

  @Test(arguments: lengths) func tableErrorsAreThoseOfTheReconstruction(_ count: Int) {
    atEveryLevel { level in
      for weights in Self.inputs(count) {
        var sums = [Double](repeating: 0, count: Int(LATHE_TABLE_SUMS))
        let range = (weights.min() ?? 0)...(weights.max() ?? 0)
        lathe_add_table_errors(weights, weights, count, count, squaresNeedDouble(range) ? 1 : 0, &sums)
        for (index, bits) in ErrorTable.widths.enumerated() {
          for (offset, symmetry) in [(0, Symmetry.symmetric), (7, .affine)] {
            let found = total(sums[8 * (index + offset)..<8 * (index + offset) + 8])
            let expected = UniformReference.squaredError(weights, run: count, bits: bits, symmetry: symmetry)
            let norm = weights.reduce(0) { $0 + Double($1) * Double($1) }
            // The lanes sum in Float over 128 weights; an error far below the weights' own rounding is none.
            #expect(
              abs(found - expected) <= 1e-6 * expected + 1e-13 * norm, "level \(level) int\(bits) \(symmetry)"
            )
          }
        }
      }
    }
  }

  @Test func everyLevelGivesTheSameSums() throws {
    var generator = SeededGenerator(7)
    let weights = generator.gaussian(100_003, deviation: 0.02)
    let source = ArrayWeights(rows: 1, columns: weights.count, values: weights)
    let blocks = ArrayWeights(rows: 781, columns: 128, values: Array(weights[..<(781 * 128)]))
    var surveys: [Survey] = []
    var tables: [Survey] = []
    try atEveryLevel { _ in
      surveys.append(try Survey.of(source, withErrors: true))
      tables.append(try Survey.of(blocks, withErrors: true))
    }
    #expect(surveys.allSatisfy { $0 == surveys[0] })
    #expect(tables.allSatisfy { $0 == tables[0] })
  }

  @Test func numbersThatAreNotFiniteAreCountedAndSpreadNowhere() throws {
    var generator = SeededGenerator(9)
    var weights = generator.gaussian(4096)
    (weights[5], weights[100], weights[4000]) = (.nan, .infinity, -.infinity)
    let survey = try Survey.of(ArrayWeights(rows: 32, columns: 128, values: weights), withErrors: true)
    #expect(survey.statistics.nans == 1)
    #expect(survey.statistics.infinities == 2)
    #expect(survey.statistics.zeros == 0)
    #expect(survey.histogram.total == 4093)
    #expect(survey.statistics.deviation.isFinite && survey.statistics.kurtosis.isFinite)
    for row in survey.errors?.rows ?? [] { #expect(row?.allSatisfy(\.isFinite) == true) }
    let finite = weights.filter(\.isFinite).map(Double.init)
    let mean = finite.reduce(0, +) / Double(finite.count)
    let variance = finite.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(finite.count)
    #expect(abs(survey.statistics.deviation - variance.squareRoot()) < 1e-12)
  }

  @Test(arguments: [0.0, 0.05, 0.3, 0.5, 0.999, 1.0]) func aRatioPrunesExactlyItsShare(_ ratio: Double) throws {
    // Few different magnitudes: ties everywhere.
    let weights = (0..<5000).map { Float($0 % 11 - 5) * 0.125 }
    let source = ArrayWeights(rows: 50, columns: 100, values: weights)
    let natural = weights.count { $0 == 0 }
    let found = try Assessment.of(source, scheme: Scheme(.keep, sparsity: .ratio(ratio))).sparsity
    #expect(found == Double(max(natural, Int((ratio * 5000).rounded()))) / 5000)
  }

  @Test func patternsKeepTheGreatestOfEachRun() throws {
    let weights: [Float] = [1, -4, 3, 2, 0, 0, 5, 1, -1, -1, -1, -1, 0, 0, 0, 0]
    var kept = weights
    _ = try kept.withUnsafeMutableBufferPointer {
      try Assessment.reconstruct(
        ArrayWeights(rows: 2, columns: 8, values: weights),
        scheme: Scheme(.keep, sparsity: .pattern(keep: 2, of: 4)), into: $0)
    }
    #expect(Array(kept[..<8]) == [0, -4, 3, 0, 0, 0, 5, 1])
    for run in stride(from: 8, to: 16, by: 4) { #expect(kept[run..<run + 4].count { $0 != 0 } <= 2) }
  }
}
