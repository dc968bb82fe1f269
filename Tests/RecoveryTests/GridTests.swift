import CKernels
import Compression
import Numerics
import Support
import Testing

/// The levels that weights may become, against what the schemes' own quantisers make.
@Suite struct GridTests {
  private static func weights(_ rows: Int, _ columns: Int, importances: Bool = false) -> ArrayWeights {
    var state: UInt64 = 7
    let values = (0..<rows * columns).map { _ -> Float in
      var sum: Float = 0
      for _ in 0..<4 {
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        sum += Float(state >> 40) / Float(1 << 24) - 0.5
      }
      return 0.1 * sum
    }
    return ArrayWeights(
      rows: rows, columns: columns, values: values,
      importances: importances ? (0..<columns).map { 1 + Float($0 % 5) } : nil)
  }

  static let specs = [
    "int4", "int3,channel,affine", "int4,group=64,symmetric-full", "int4,group=64,symmetric-signed", "int2,tensor",
    "int4,group=64,edge", "int5,channel,axis=1", "int8", "int1", "binary", "ternary", "nf4", "ocp-mxfp4", "ocp-mxfp8",
    "nvidia-nvfp4", "fp8-e4m3", "fp8-e5m2,tensor", "int4,channel,scale=pow2", "int4,sparsity=0.5", "q8_0", "q4_0",
    "q4_1",
    "q5_0", "q5_1", "q2_k", "q3_k", "q4_k", "q5_k", "q6_k", "iq4_nl", "iq4_xs", "mxfp4", "nvfp4",
  ]

  /// The nearest level of each weight is what the quantiser takes, for those whose codes are the nearest ones; of all
  /// others what was quantised is found again among the levels.
  @Test(arguments: specs) func levelsAreTheQuantisers(_ spec: String) throws {
    let source = Self.weights(6, 512)
    let scheme = try Scheme(spec: spec)
    let grid = try #require(try WeightGrid(scheme, of: source))
    var plain = [Float](repeating: 0, count: source.count)
    _ = try plain.withUnsafeMutableBufferPointer { try Assessment.reconstruct(source, scheme: scheme, into: $0) }
    var codes = [UInt8](repeating: 0, count: source.count)
    for row in 0..<6 {
      for column in 0..<512 {
        let run = grid.run(row: row, column: column)
        let value = plain[row * 512 + column]
        let place = grid.levels.indices.min {
          abs(grid.value(UInt8($0), run: run) - value) < abs(grid.value(UInt8($1), run: run) - value)
        }!
        let found = grid.value(UInt8(place), run: run)
        #expect(abs(found - value) <= 1e-6 * max(abs(value), 0.01), "\(spec) \(row) \(column): \(found) for \(value)")
        codes[row * 512 + column] = UInt8(place)
      }
    }
    // Chosen codes stand for the same numbers, and give the same assessment.
    var chosen = scheme
    chosen.by = .gptq
    let weight = ChosenWeight(scheme: chosen, grid: grid, codes: codes)
    #expect(weight.fits(rows: 6, columns: 512))
    for (a, b) in zip(weight.values, plain) { #expect(abs(a - b) <= 1e-6 * max(abs(b), 0.01)) }
    let with = GivenWeights(source, weight)
    let one = try Assessment.of(with, scheme: chosen)
    let other = try Assessment.of(source, scheme: scheme)
    #expect(abs((one.relativeError ?? 1) - (other.relativeError ?? 0)) < 1e-6)
    // A cast keeps the sign of zero, which has a code of its own there.
    let hasSignedZero = plain.contains { $0 == 0 && $0.sign == .minus }
    #expect(one.size.dense == other.size.dense && (hasSignedZero || one.size == other.size))
    #expect(one.levels?.scales == other.levels?.scales)
    if !hasSignedZero, let packed = try Packed(source, scheme: scheme, form: .dense) {
      #expect(try Packed(with, scheme: chosen, form: .dense)?.bytes == packed.bytes)
    }
  }
}

extension GridTests {
  /// What a file says must be what its scheme has: codes of a grid, blocks of their type, numbers where there is no grid.
  @Test func contentOfAnotherSchemeDoesNotFit() throws {
    let int4 = try Scheme(spec: "int4,channel,by=gptq")
    let numbers = [Float](repeating: 0, count: 64)
    #expect(!ChosenWeight(scheme: int4, rows: 2, columns: 32, content: .numbers(numbers)).fits(rows: 2, columns: 32))
    #expect(
      !ChosenWeight(scheme: int4, rows: 2, columns: 32, content: .blocks(.q4_0, [UInt8](repeating: 0, count: 36)))
        .fits(rows: 2, columns: 32))
    func coded(_ levels: Int) -> ChosenWeight {
      let grid = WeightGrid(
        rows: 2, columns: 32, sharing: .runs(32), levels: (0..<levels).map(Float.init),
        formatCodes: (0..<levels).map(Int32.init), scales: [1, 1])
      return ChosenWeight(
        scheme: int4, rows: 2, columns: 32, content: .codes(grid, [UInt8](repeating: 0, count: 64)))
    }
    #expect(coded(16).fits(rows: 2, columns: 32) && !coded(17).fits(rows: 2, columns: 32))
    #expect(try WeightGrid(try Scheme(spec: "q4_k"), of: Self.weights(2, 96)) == nil)
  }
}

/// A weight with codes that were chosen for it.
struct GivenWeights: WeightSource {
  let source: ArrayWeights
  let chosen: ChosenWeight?
  init(_ source: ArrayWeights, _ chosen: ChosenWeight) { (self.source, self.chosen) = (source, chosen) }
  var rows: Int { source.rows }
  var columns: Int { source.columns }
  var storedBytes: Int { source.storedBytes }
  var storedBits: Double { source.storedBits }
  func read(row: Int, into weights: UnsafeMutableBufferPointer<Float>) { source.read(row: row, into: weights) }
}
