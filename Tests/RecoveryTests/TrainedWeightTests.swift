import Compression
import Foundation
import Numerics
import Support
import Testing

@testable import Recovery

/// What learns of a weight, against closed forms and by what its scheme asks for.
@Suite struct TrainedWeightTests {
  private static func source(_ rows: Int, _ columns: Int, seed: UInt64 = 3) -> ArrayWeights {
    var random = SeededGenerator(seed)
    return ArrayWeights(
      rows: rows, columns: columns, values: random.gaussian(rows * columns, deviation: 0.05))
  }

  /// Steps down ½‖Ŵ − W‖².
  private static func follow(_ weight: inout some TrainedWeight, _ target: [Float], steps: Int) {
    for step in 0..<steps {
      let gradient = zip(weight.values, target).map { $0 - $1 }
      let rate = TrainingMoment.cosine(step, of: steps)
      weight.step(gradient, TrainingMoment(step: step, steps: steps, rate: rate))
    }
  }

  private static func error(_ values: [Float], _ target: [Float]) -> Double {
    zip(values, target).reduce(0) { $0 + pow(Double($1.0) - Double($1.1), 2) }
  }

  /// Scales that are off come to the least squares of their codes: Σ w u / Σ u² with u the codes' levels.
  @Test(arguments: ["int3,channel", "int4,group=32,scale=fp32", "int4,tensor", "int4,channel,affine", "ternary", "nf4"])
  func scalesComeToTheLeastSquares(_ spec: String) throws {
    let source = Self.source(4, 64)
    var (grid, codes) = try #require(
      try ChosenWeight(nearestOf: try Scheme(spec: spec), source).gridAndCodes)
    let right = grid.scales
    for run in grid.scales.indices { grid.scales[run] *= run % 2 == 0 ? 1.3 : 0.8 }
    let scheme = try Scheme(spec: spec)
    var weight = try #require(ScaleTraining(ChosenWeight(scheme: scheme, grid: grid, codes: codes)))
    Self.follow(&weight, source.values, steps: 200)
    let found = try #require(weight.finished().gridAndCodes)
    #expect(found.codes == codes)
    #expect(Self.error(found.grid.decoded(codes), weight.values) < 1e-9)
    var sums = [(Double, Double)](repeating: (0, 0), count: right.count)
    for row in 0..<4 {
      for column in 0..<64 {
        let run = grid.run(row: row, column: column)
        let level = Double(grid.levels[Int(codes[row * 64 + column])] + (grid.shifts.isEmpty ? 0 : grid.shifts[run]))
        sums[run].0 += level * Double(source.values[row * 64 + column])
        sums[run].1 += level * level
      }
    }
    for (run, sum) in sums.enumerated() {
      #expect(abs(Double(found.grid.scales[run]) / (sum.0 / sum.1) - 1) < 0.01, "\(run)")
    }
  }

  /// Edges learn beside scales.
  @Test func scalesAndEdgesLearnTogether() throws {
    let source = Self.source(2, 128)
    let scheme = try Scheme(spec: "int2,group=64,edge")
    var (grid, codes) = try #require(try ChosenWeight(nearestOf: scheme, source).gridAndCodes)
    let nearest = Self.error(grid.decoded(codes), source.values)
    for run in grid.scales.indices { grid.offsets[run] += 0.4 * grid.scales[run] }
    var weight = try #require(ScaleTraining(ChosenWeight(scheme: scheme, grid: grid, codes: codes)))
    Self.follow(&weight, source.values, steps: 300)
    #expect(Self.error(weight.finished().values, source.values) < nearest)
  }

  /// Of ggml's blocks the factors learn: those that are off come back.
  @Test(arguments: ["q8_0", "q4_0", "q4_1", "q5_0", "q5_1", "q2_k", "q3_k", "q4_k", "q5_k", "q6_k", "iq4_nl", "iq4_xs"])
  func factorsOfBlocksLearn(_ spec: String) throws {
    let source = Self.source(2, 512)
    let right = try ChosenWeight(nearestOf: try Scheme(spec: spec), source)
    guard case .blocks(let type, var bytes) = right.content else { return #expect(Bool(false)) }
    let factors = try #require(BlockFactors(type))
    func move(_ offset: Int, by factor: Float) {
      factors.put(factors.factors(offset, of: bytes).map { $0 * factor }, offset, into: &bytes)
    }
    move(factors.scale, by: 1.2)
    if let minimum = factors.minimum { move(minimum, by: 0.85) }
    let off = ChosenWeight(scheme: right.scheme, rows: 2, columns: 512, content: .blocks(type, bytes))
    let (least, most) = (Self.error(right.values, source.values), Self.error(off.values, source.values))
    var weight = try #require(ScaleTraining(off))
    #expect(Self.error(weight.values, off.values) == 0)
    Self.follow(&weight, source.values, steps: 200)
    let finished = weight.finished()
    #expect(finished.fits(rows: 2, columns: 512))
    #expect(Self.error(finished.values, weight.values) < 1e-6 * most)
    #expect(Self.error(finished.values, source.values) < least + 0.02 * (most - least))
  }

  /// One row under ‖X (ŵ − w)‖² with inputs that go together.
  private struct Row {
    let columns = 10
    let source: ArrayWeights
    private let inputs: [Float]

    init(seed: UInt64) {
      source = TrainedWeightTests.source(1, columns, seed: seed)
      var random = SeededGenerator(seed + 50)
      let own = random.gaussian(12 * columns, deviation: 1)
      let common = random.gaussian(12, deviation: 2)
      inputs = own.indices.map { own[$0] + common[$0 / 10] }
    }

    private func residuals(_ values: [Float]) -> [Double] {
      let errors = zip(values, source.values).map { Double($0) - Double($1) }
      return (0..<12).map { row in
        var sum = 0.0
        for column in 0..<columns { sum += Double(inputs[row * columns + column]) * errors[column] }
        return sum
      }
    }

    func cost(_ values: [Float]) -> Double { residuals(values).reduce(0) { $0 + $1 * $1 } }

    func gradient(_ values: [Float]) -> [Float] {
      let away = residuals(values)
      return (0..<columns).map { column in
        var sum = 0.0
        for row in 0..<12 { sum += away[row] * Double(inputs[row * columns + column]) }
        return Float(2 * sum)
      }
    }

    /// The least cost of all roundings up and down.
    func best(_ grid: WeightGrid) -> Double {
      let (scale, last) = (grid.scales[0], grid.levels[grid.levels.count - 1])
      let floors = source.values.map { ($0 / scale).rounded(.down) }
      var least = Double.infinity
      for number in 0..<1 << columns {
        let values = (0..<columns).map { column -> Float in
          let level = floors[column] + Float(number >> column & 1)
          return scale * max(grid.levels[0], min(last, level))
        }
        least = min(least, cost(values))
      }
      return least
    }
  }

  /// Against all roundings up or down: much of what they win over the nearest ones is found.
  @Test func roundingComesNearTheBest() throws {
    var (found, least) = (0.0, 0.0)
    for seed in 1...12 as ClosedRange<UInt64> {
      let row = Row(seed: seed)
      let chosen = try ChosenWeight(nearestOf: try Scheme(spec: "int3,channel"), row.source)
      let (grid, _) = try #require(chosen.gridAndCodes)
      var weight = try #require(RoundingTraining(chosen, original: row.source.values))
      #expect(weight.finished().values == chosen.values)
      for step in 0..<300 {
        let rate = TrainingMoment.cosine(step, of: 300)
        weight.step(row.gradient(weight.values), TrainingMoment(step: step, steps: 300, rate: rate))
      }
      let (best, nearest) = (row.best(grid), row.cost(chosen.values))
      let own = row.cost(weight.finished().values)
      #expect(own >= best * 0.999)
      found += log(own / nearest)
      least += log(best / nearest)
    }
    #expect(found / 12 < 0.55 * least / 12, "\(exp(found / 12)) of the nearest's cost, at best \(exp(least / 12))")
  }

  /// Latent weights begin with what was chosen, and keep the sparsity that the scheme asks for.
  @Test(arguments: [
    "int4,sparsity=0.5", "int3,channel,sparsity=2:4", "ternary,sparsity=0.6", "keep,sparsity=0.7",
    "int4,sparsity=channel:0.5",
  ]) func latentWeightsAreAsSparseAsAsked(_ spec: String) throws {
    let source = Self.source(8, 64)
    let chosen = try ChosenWeight(nearestOf: try Scheme(spec: spec), source)
    var weight = LatentTraining(chosen, original: source.values)
    #expect(weight.finished() == chosen)
    Self.follow(&weight, source.values, steps: 60)
    let values = weight.finished().values
    #expect(weight.finished().fits(rows: 8, columns: 64) && weight.values == values)
    let zeros = values.count { $0 == 0 }
    switch weight.finished().scheme.sparsity {
    case .ratio(let ratio): #expect(zeros >= Int((ratio * 512).rounded()))
    case .pattern(let keep, let of):
      for start in stride(from: 0, to: 512, by: of) {
        #expect(values[start..<start + of].count { $0 == 0 } >= of - keep)
      }
    case .structured:
      let gone = (0..<8).count { row in values[row * 64..<(row + 1) * 64].allSatisfy { $0 == 0 } }
      #expect(gone == 4)
    default: #expect(Bool(false), "\(spec)")
    }
  }

  /// The cubic schedule's own values: M. Zhu and S. Gupta's equation 1 for 70 % of the steps.
  @Test func sparsityComesByTheCube() {
    #expect(PruningSchedule.share(0) == 0 && PruningSchedule.share(0.7) == 1 && PruningSchedule.share(1) == 1)
    #expect(abs(PruningSchedule.share(0.35) - 0.875) < 1e-12)
    #expect(Sparsity.pattern(keep: 2, of: 4).part(0.5) == .pattern(keep: 3, of: 4))
    #expect(Sparsity.ratio(0.8).part(0.5) == .ratio(0.4))
  }

  /// Penalties: with no other gradient L1 takes all of a small weight, group lasso whole rows of small ones.
  @Test func penaltiesTakeSmallWeightsAndRows() throws {
    var values = Self.source(4, 32).values
    for index in 0..<32 { values[index] *= 0.05 }
    let source = ArrayWeights(rows: 4, columns: 32, values: values)
    let chosen = try ChosenWeight(nearestOf: try Scheme(spec: "keep,sparsity=0.01"), source)
    for isGroup in [false, true] {
      var options = LatentTraining.Options()
      if isGroup { options.groupLasso = 0.5 } else { options.l1 = 0.5 }
      var weight = LatentTraining(chosen, original: values, options)
      let still = [Float](repeating: 0, count: values.count)
      for step in 0..<40 { weight.step(still, TrainingMoment(step: step, steps: 40, rate: 1)) }
      #expect(weight.values[..<32].allSatisfy { $0 == 0 })
      let left = weight.values[32...].count { $0 != 0 }
      #expect(isGroup ? left >= 94 : left > 40 && left < 94, "\(left)")
    }
  }

  static let specs = [
    "int2,channel", "int4,group=32,affine", "int4,group=32,edge", "ternary", "binary", "nf4", "ocp-mxfp4",
    "nvidia-nvfp4", "fp8-e4m3", "int4,channel,scale=pow2", "int3,channel,sparsity=0.5", "q4_0", "q4_k", "q6_k",
    "iq4_xs", "mxfp4",
  ]

  /// A state taken over goes on exactly as the weight that it is of; one that is cut short is refused.
  @Test(arguments: specs) func statesGoOnExactly(_ spec: String) throws {
    let source = Self.source(4, 256)
    let target = Self.source(4, 256, seed: 8).values
    let chosen = try ChosenWeight(nearestOf: try Scheme(spec: spec), source)
    let all: [any TrainedWeight] = [
      try #require(ScaleTraining(chosen)), try #require(RoundingTraining(chosen, original: source.values)),
      LatentTraining(chosen, original: source.values),
    ]
    for fresh in all {
      var (one, other) = (fresh, fresh)
      #expect(Self.error(fresh.finished().values, chosen.values) == 0, "\(type(of: fresh))")
      func step(_ weight: inout any TrainedWeight, _ number: Int) {
        weight.step(
          zip(weight.values, target).map { $0 - $1 }, TrainingMoment(step: number, steps: 8, rate: 1))
      }
      for number in 0..<4 { step(&one, number) }
      try other.restore(one.state)
      #expect(one.values == other.values && one.state == other.state && one.finished() == other.finished())
      for number in 4..<6 {
        step(&one, number)
        step(&other, number)
      }
      #expect(one.state == other.state && one.finished() == other.finished(), "\(type(of: fresh))")
      #expect(one.finished().fits(rows: 4, columns: 256) && one.values.allSatisfy(\.isFinite))
      let state = one.state
      for count in [0, 7, 8, state.count / 2, state.count - 1] {
        #expect(throws: RecoveryError.self) { try other.restore(Array(state.prefix(count))) }
      }
    }
  }
}

extension WeightGrid {
  fileprivate func decoded(_ codes: [UInt8]) -> [Float] {
    var values = [Float](repeating: 0, count: codes.count)
    decode(codes, rows: 0..<rows, into: &values)
    return values
  }
}
