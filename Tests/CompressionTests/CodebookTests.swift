import Compression
import Foundation
import Numerics
import Support
import Testing

/// What must hold of the quantisers of IQ1, IQ2 and IQ3 beyond the goldens.
@Suite struct CodebookTests {
  static let types: [BlockType] = [.iq1_s, .iq1_m, .iq2_xxs, .iq2_xs, .iq2_s, .iq3_xxs, .iq3_s]
  static let levels: [KernelLevel] = [.baseline, .vector]

  /// The blocks of one row, at a level; weights, importance and blocks end where memory may not be touched.
  static func encode(_ type: BlockType, _ weights: [Float], _ importance: [Float]?, _ level: KernelLevel) throws
    -> [UInt8]
  {
    level.force()
    defer { KernelLevel.release() }
    let quantizer = try #require(BlockQuantizer(type))
    let (memory, factors) = (GuardedBytes(capacity: 4 * weights.count), GuardedBytes(capacity: 4 * weights.count))
    let size = weights.count / 256 * type.blockBytes
    let output = GuardedBytes(capacity: size)
    let blocks = output.fill([UInt8](repeating: 0xA5, count: size))
    place(weights, in: memory) { weightsThere in
      if let importance {
        place(importance, in: factors) {
          quantizer.encode(weightsThere, rows: 1, columns: weights.count, importance: $0, into: blocks)
        }
      } else {
        quantizer.encode(weightsThere, count: weights.count, into: blocks)
      }
    }
    return Array(UnsafeBufferPointer(start: blocks, count: size))
  }

  private static func place(
    _ numbers: [Float], in memory: GuardedBytes, _ body: (UnsafePointer<Float>) -> Void
  ) {
    let bytes = memory.fill(numbers.withUnsafeBytes { Array($0) })
    bytes.withMemoryRebound(to: Float.self, capacity: numbers.count) { body($0) }
  }

  static func decode(_ type: BlockType, _ bytes: [UInt8]) -> [Float] {
    ElementType.ggml(type).decode(bytes, count: bytes.count / type.blockBytes * 256)
  }

  static func relativeError(_ found: some Sequence<Float>, _ weights: some Sequence<Float>) -> Double {
    var (error, norm) = (0.0, 0.0)
    for (a, b) in zip(found, weights) {
      error += Double(a - b) * Double(a - b)
      norm += Double(b) * Double(b)
    }
    return error / norm
  }

  @Test(arguments: types, levels) func zerosStayZeros(_ type: BlockType, _ level: KernelLevel) throws {
    let zeros = [Float](repeating: 0, count: 512)
    for weights in [zeros, zeros.map { -$0 }] {
      for importance in [nil, zeros, zeros.map { _ in 1 }] {
        let found = Self.decode(type, try Self.encode(type, weights, importance, level))
        #expect(found.allSatisfy { $0 == 0 })
      }
    }
  }

  /// No bits of a Float, in weights or importances, lead outside the memory or to a code that has no number.
  @Test(arguments: types, levels) func anyBitsGiveBlocks(_ type: BlockType, _ level: KernelLevel) throws {
    var generator = SeededGenerator(9)
    let special: [Float] = [
      .nan, -.nan, .signalingNaN, .infinity, -.infinity, .greatestFiniteMagnitude, -.greatestFiniteMagnitude,
      .leastNonzeroMagnitude, -0.0, 0, 1, -1, 1e-8, 1e18, -1e30,
    ]
    let count = 256 * 64
    let patterns: [[Float]] = [
      (0..<count).map { _ in Float(bitPattern: UInt32.random(in: 0...(.max), using: &generator)) },
      (0..<count).map { _ in special.randomElement(using: &generator)! },
      (0..<count).map { _ in Bool.random(using: &generator) ? .nan : 0.5 },
      generator.gaussian(count).enumerated().map { $0.offset % 97 == 0 ? .infinity : $0.element },
      [Float](repeating: .nan, count: count), [Float](repeating: .infinity, count: count),
      [Float](repeating: .greatestFiniteMagnitude, count: count),
    ]
    for weights in patterns {
      for importance in [nil, patterns[0], patterns[1], patterns[0].map { $0.isFinite ? abs($0) : 0 }] {
        let bytes = try Self.encode(type, weights, importance, level)
        #expect(Self.decode(type, bytes).count == count)
      }
    }
  }

  /// Where there is no importance and the reference knows no weights of its own, every input counts the same.
  @Test(arguments: [BlockType.iq1_s, .iq2_xxs, .iq2_xs], levels)
  func withoutAnImportanceEveryInputCountsTheSame(_ type: BlockType, _ level: KernelLevel) throws {
    var generator = SeededGenerator(4)
    let weights = generator.gaussian(2048, deviation: 0.1)
    let ones = [Float](repeating: 1, count: weights.count)
    #expect(try Self.encode(type, weights, nil, level) == Self.encode(type, weights, ones, level))
  }

  /// No quantiser of so many bits a weight beats the rate-distortion bound 2^(−2 · bits) of Gaussian weights; the best
  /// that takes weights one by one is √3·π/2 times as bad (Panter and Dite 1951), which codebooks are there to beat.
  @Test(arguments: types) func gaussianWeightsHaveAnErrorNearTheBound(_ type: BlockType) throws {
    var generator = SeededGenerator(5)
    let weights = generator.gaussian(65_536, deviation: 0.02)
    let ones = [Float](repeating: 1, count: weights.count)
    let found = Self.relativeError(Self.decode(type, try Self.encode(type, weights, ones, .vector)), weights)
    let bound = pow(0.25, type.bitsPerWeight)
    #expect(found > bound && found < 3.0.squareRoot() * .pi / 2 * bound, "\(found), bound \(bound)")
  }

  /// ggml's reference writes what follows a run of zeros in IQ3_S to the run's place; here it keeps its own.
  @Test(arguments: types, levels)
  func whatFollowsARunOfZerosKeepsItsPlace(_ type: BlockType, _ level: KernelLevel) throws {
    var generator = SeededGenerator(6)
    var weights = generator.gaussian(256, deviation: 0.02)
    let ones = [Float](repeating: 1, count: 256)
    let dense = Self.relativeError(Self.decode(type, try Self.encode(type, weights, ones, level)), weights)
    for i in 32..<64 { weights[i] = 0 }
    let found = Self.decode(type, try Self.encode(type, weights, ones, level))
    let behind = Self.relativeError(found[64...], weights[64...])
    #expect(behind < 1.3 * dense, "\(behind), without zeros \(dense)")
  }
}
