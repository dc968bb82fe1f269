import Compression
import Foundation
import Support
import Testing

@testable import Recovery

/// Zero points that learn.
@Suite struct ZeroPointTests {
  private static func source(_ rows: Int, _ columns: Int) -> ArrayWeights {
    var random = SeededGenerator(3)
    return ArrayWeights(rows: rows, columns: columns, values: random.gaussian(rows * columns, deviation: 0.05))
  }

  private static func error(_ values: [Float], _ target: [Float]) -> Double {
    zip(values, target).reduce(0) { $0 + pow(Double($1.0) - Double($1.1), 2) }
  }

  /// With codes that stay, zero points that are off come back to where the codes were chosen: there the squares are least.
  @Test(arguments: ["int4,group=32,affine", "int3,channel,affine", "int2,group=16,affine"])
  func zeroPointsComeBack(_ spec: String) throws {
    let source = Self.source(4, 64)
    let scheme = try Scheme(spec: spec)
    let right = try ChosenWeight(nearestOf: scheme, source)
    guard case .codes(var grid, let codes) = right.content else { return #expect(Bool(false)) }
    let zeros = grid.shifts
    #expect(Set(zeros).count > 1)
    let most = Float(grid.levels.count - 1)
    for run in zeros.indices { grid.shifts[run] = max(-most, min(0, zeros[run] + (run % 2 == 0 ? 1 : -1))) }
    #expect(grid.shifts != zeros)
    var weight = try #require(ScaleTraining(ChosenWeight(scheme: scheme, grid: grid, codes: codes), rate: 1e-6))
    for step in 0..<200 {
      let rate = TrainingMoment.cosine(step, of: 200)
      weight.step(zip(weight.values, source.values).map { $0 - $1 }, TrainingMoment(step: step, steps: 200, rate: rate))
    }
    let found = weight.finished()
    let learnt = try #require(found.gridAndCodes)
    #expect(learnt.grid.shifts == zeros && learnt.codes == codes)
    #expect(Self.error(found.values, weight.values) == 0 && found.fits(rows: 4, columns: 64))
    #expect(Self.error(found.values, source.values) <= 1.01 * Self.error(right.values, source.values))
  }

  /// With latent weights a zero point takes its codes along: the range moves to where weights were cut off, and the weights
  /// in it stay.
  @Test func rangesMoveToWhatTheyCutOff() throws {
    let source = Self.source(2, 64)
    let scheme = try Scheme(spec: "int3,channel,affine,scale=fp32")
    guard case .codes(var grid, var codes) = try ChosenWeight(nearestOf: scheme, source).content else {
      return #expect(Bool(false))
    }
    // A range that lies three codes too low.
    let zeros = grid.shifts
    for run in zeros.indices { grid.shifts[run] -= 3 }
    for index in codes.indices { codes[index] = UInt8(min(7, Int(codes[index]) + 3)) }
    let cut = ChosenWeight(scheme: scheme, grid: grid, codes: codes)
    var options = LatentTraining.Options()
    options.scaleRate = 1e-6
    options.rate = 0.05
    var weight = LatentTraining(cut, original: source.values, options)
    let before = Self.error(weight.values, source.values)
    for step in 0..<400 {
      let rate = TrainingMoment.cosine(step, of: 400)
      weight.step(zip(weight.values, source.values).map { $0 - $1 }, TrainingMoment(step: step, steps: 400, rate: rate))
    }
    let learnt = try #require(weight.finished().gridAndCodes)
    #expect(learnt.grid.shifts.indices.allSatisfy { learnt.grid.shifts[$0] > grid.shifts[$0] }, "\(learnt.grid.shifts)")
    #expect(Self.error(weight.values, source.values) < 0.3 * before)
    #expect(weight.finished().fits(rows: 2, columns: 64))
  }

  /// Sparse weights need a level that is zero: zero points stay.
  @Test func zeroPointsOfSparseWeightsStay() throws {
    let source = Self.source(4, 64)
    let chosen = try ChosenWeight(nearestOf: try Scheme(spec: "int4,group=32,affine,sparsity=0.5"), source)
    var weight = try #require(ScaleTraining(chosen))
    let target = [Float](repeating: 1, count: 256)
    for step in 0..<60 {
      weight.step(zip(weight.values, target).map { $0 - $1 }, TrainingMoment(step: step, steps: 60, rate: 1))
    }
    #expect(weight.values.count { $0 == 0 } >= 128)
    #expect(weight.finished().gridAndCodes?.grid.shifts == chosen.gridAndCodes?.grid.shifts)
  }
}
