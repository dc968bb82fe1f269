import CKernels
import Checkpoints
import Foundation
import Numerics
import Support
import Testing

@testable import Compression

/// Small floats against ml_dtypes (Tests/Peers/make_small_floats.py), the specifications' tables and the definitions.
@Suite(.serialized) struct SmallFloatTests {
  static let elements = SmallFloatScheme.Element.allCases

  @Test(arguments: elements) func codesAreMlDtypes(_ element: SmallFloatScheme.Element) throws {
    let checkpoint = try Checkpoint.open(Fixtures.fixture("small-floats.safetensors"))
    func floats(_ name: String) throws -> [Float] {
      let index = try #require(checkpoint.tensors.firstIndex { $0.name == "\(element)/\(name)" })
      return try checkpoint.floats(tensor: index)
    }
    let (weights, expected) = (try floats("inputs"), try floats("codes"))
    try #require(weights.count == expected.count && weights.count > 800)
    atEveryLevel { level in
      var codes = [Int32](repeating: -1, count: weights.count)
      var values = [Float](repeating: .nan, count: weights.count)
      lathe_apply_small_float(weights, weights.count, element.format, 1, &codes, &values)
      let different = zip(codes, expected).count { Float($0) != $1 }
      #expect(different == 0, "level \(level): \(different) of \(codes.count) codes differ")
    }
  }

  struct Figures: Decodable {
    let file: String
    let name: String
    let shape: [Int]
    let schemes: [Row]

    struct Row: Decodable {
      let spec: String
      let t2: Double
      let sha256: String
    }
  }

  @Test func realWeightsBecomeWhatMlDtypesMakesOfThem() throws {
    let figures = try Fixtures.decode([Figures].self, from: "small-float-figures.json")
    #expect(figures.reduce(0) { $0 + $1.schemes.count } >= 40)
    for figure in figures {
      let source = try SharedWeightTests.weights(figure.file, figure.name, figure.shape)
      for row in figure.schemes {
        let values = try SchemeFigureTests.reconstruct(source, row.spec)
        #expect(SchemeFigureTests.digest(values) == row.sha256, "\(figure.name) \(row.spec)")
        let found = try #require(try Assessment.of(source, scheme: Scheme(spec: row.spec)).relativeError)
        #expect(abs(found - row.t2) <= 1e-6 * row.t2, "\(figure.name) \(row.spec): \(found), there \(row.t2)")
      }
    }
  }

  /// OCP Microscaling Formats 1.0, tables 3 to 5, and OCP 8-bit Floating Point Specification 1.0, table 1.
  @Test func limitsAreThoseOfTheSpecifications() {
    let table: [(SmallFloatScheme.Element, greatest: Float, leastNormal: Float, least: Float, numbers: Int)] = [
      (.e4m3, 448, 0x1p-6, 0x1p-9, 253), (.e5m2, 57_344, 0x1p-14, 0x1p-16, 247), (.e2m3, 7.5, 1, 0.125, 63),
      (.e3m2, 28, 0.25, 0.0625, 63), (.e2m1, 6, 1, 0.5, 15),
    ]
    for row in table {
      let numbers = row.0.numbers
      #expect(numbers.count == row.numbers && numbers.last == row.greatest && row.0.greatest == row.greatest)
      #expect(numbers.first { $0 > 0 } == row.least && numbers.contains(row.leastNormal))
    }
    #expect(SmallFloatScheme.Element.e2m1.numbers.filter { $0 >= 0 } == [0, 0.5, 1, 1.5, 2, 3, 4, 6])
  }

  @Test(arguments: KernelTests.lengths) func reconstructionIsTheDefinitions(_ count: Int) throws {
    for weights in KernelTests.inputs(count) {
      for element in Self.elements {
        let scale = SmallFloatReference.scale(weights, element)
        let expected = SmallFloatReference.reconstruct(weights, element, scale: scale)
        let word = SmallFloatScheme(element, .scaled(.tensor))
        try atEveryLevel { level in
          let source = ArrayWeights(rows: 1, columns: count, values: weights)
          for granularity in [Granularity.tensor, .channel] {
            var scheme = word
            scheme.granularity = granularity
            let found = try SchemeFigureTests.reconstruct(source, Scheme(.smallFloat(scheme)).description)
            #expect(found == expected, "level \(level) \(element) \(granularity)")
          }
        }
      }
    }
  }

  @Test(arguments: [1, 3, 17]) func blocksAreTheDefinitions(_ blocks: Int) throws {
    let count = 32 * blocks
    for weights in KernelTests.inputs(count) {
      for element in Self.elements {
        for exponent in SmallFloatScheme.Exponent.allCases {
          let expected = stride(from: 0, to: count, by: 32).flatMap { start in
            let block = Array(weights[start..<start + 32])
            return SmallFloatReference.reconstruct(
              block, element, scale: SmallFloatReference.sharedScale(block, element, exponent))
          }
          let scheme = Scheme(.smallFloat(SmallFloatScheme(element, .microscaling(exponent))))
          #expect(try Scheme(spec: "\(scheme)") == scheme)
          try atEveryLevel { level in
            let found = try SchemeFigureTests.reconstruct(
              ArrayWeights(rows: blocks, columns: 32, values: weights), "\(scheme)")
            #expect(found == expected, "level \(level) \(scheme)")
          }
        }
      }
      let scales = SmallFloatReference.nvidiaScales(weights)
      let expected = scales.indices.flatMap { group in
        SmallFloatReference.reconstruct(Array(weights[16 * group..<16 * group + 16]), .e2m1, scale: scales[group])
      }
      try atEveryLevel { level in
        let found = try SchemeFigureTests.reconstruct(
          ArrayWeights(rows: blocks, columns: 32, values: weights), "nvidia-nvfp4")
        #expect(found == expected, "level \(level) nvidia-nvfp4")
      }
    }
  }

  /// The powers of two of a block by hand. Of E2M1, whose greatest number is 6 = 1.5·4 and whose mantissa has one place,
  /// 6 is met by all rules; 6.5 is clipped, rounded to 6, or under twice the scale; 7 rounds up to 8.
  @Test(
    arguments: [
      (6, [1, 1, 1]), (6.5, [1, 1, 2]), (7, [1, 2, 2]), (4, [1, 1, 1]), (0.75, [0.125, 0.125, 0.125]),
    ] as [(Float, [Float])])
  func exponentsByHand(_ most: Float, _ scales: [Float]) throws {
    for (rule, scale) in zip(["below", "rounded", "above"], scales) {
      let source = ArrayWeights(rows: 1, columns: 32, values: [most, 0.5 * scale] + [Float](repeating: 0, count: 30))
      let made = try SchemeFigureTests.reconstruct(source, "ocp-mxfp4,exponent=\(rule)")
      // A half is the least number of E2M1 but zero.
      #expect(made[1] == 0.5 * scale, "\(rule) \(most)")
      let packed = try #require(try Packed(source, scheme: Scheme(spec: "ocp-mxfp4,exponent=\(rule)"), form: .dense))
      #expect(packed.bytes[0] == UInt8(127 + Int(scale.exponent)), "\(rule) \(most)")
    }
  }

  /// Without a scale of the tensor's, groups have the E4M3 number nearest to max|w| / 6, and no four bytes more.
  @Test func aTensorsScaleMayBeLeftOut() throws {
    let weights =
      [Float(6), 3, -0.5] + [Float](repeating: 0, count: 13) + [0.03, -0.01] + [Float](repeating: 0, count: 14)
    let source = ArrayWeights(rows: 1, columns: 32, values: weights)
    let made = try SchemeFigureTests.reconstruct(source, "nvidia-nvfp4,tensor-scale=none")
    // 0.03 / 6 = 0.005: E4M3 has 2^-9·{2, 3} = 0.00390625 and 0.005859375; the second is nearer.
    #expect(
      made[0] == 6 && made[1] == 3 && made[2] == -0.5 && made[16] == 5.859375e-3 * 6 && made[17] == -5.859375e-3 * 1.5)
    let packed = try #require(
      try Packed(source, scheme: Scheme(spec: "nvidia-nvfp4,tensor-scale=none"), form: .dense))
    #expect(packed.bytes.count == 16 + 2)
    #expect(throws: SpecError.self) { try Scheme(spec: "nvidia-nvfp4,exponent=above") }
    #expect(throws: SpecError.self) { try Scheme(spec: "ocp-mxfp4,tensor-scale=none") }
    #expect(throws: SpecError.self) { try Scheme(spec: "ocp-mxfp4,exponent=up") }
  }

  /// A block by hand: max 9.5 has the exponent 3, E2M1's greatest the exponent 2, so the scale is 2; 9.5/2 is between 4
  /// and 6.
  @Test func aMicroscaledBlockByHand() throws {
    let weights = [9.5, -1, 0.5, 5, -7, 3, 0.49] + [Float](repeating: 0, count: 25)
    let source = ArrayWeights(rows: 1, columns: 32, values: weights)
    let values = try SchemeFigureTests.reconstruct(source, "ocp-mxfp4")
    #expect(Array(values[..<7]) == [8, -1, 0, 4, -8, 3, 0])
    let packed = try #require(try Packed(source, scheme: Scheme(spec: "ocp-mxfp4"), form: .dense))
    // E8M0 of 2 is 128; the codes of 4 (6), −0.5 (9), 0.25 → 0, 2.5 → 2 (4), −3.5 → −4 (14), 1.5 (3), 0.
    #expect(packed.bytes == [128, 0x96, 0x40, 0x3e, 0x00] + [UInt8](repeating: 0, count: 12))
  }

  /// Uniform weights on ±1 under a scale of 1/448, finely spaced: within a binade the error is uniform, of variance
  /// quantum²/12.
  @Test func uniformWeightsLoseATwelfthOfASquaredStep() throws {
    let count = 1 << 16
    let values = (0..<count).map { Float(448 * (1 + 2 * Double($0)) / Double(count) - 448) }
    let source = ArrayWeights(rows: 1, columns: count + 2, values: values + [448, -448])
    // Binade [2^e, 2^(e+1)) of E4M3 has the step 2^(e−3); the uppermost ends at 448.
    var expected = 0.0
    for e in -6...8 {
      let (low, high) = (pow(2, Double(e)), min(448, pow(2, Double(e + 1))))
      expected += (high - low) * pow(2, Double(2 * (e - 3))) / 12
    }
    expected /= 448 * 448 * 448 / 3
    for spec in ["fp8-e4m3", "fp8-e4m3,tensor"] {
      let found = try #require(try Assessment.of(source, scheme: Scheme(spec: spec)).relativeError)
      #expect(abs(found - expected) < 0.002 * expected, "\(spec): \(found), \(expected)")
    }
  }

  @Test func weightsOfEverySizeHaveFiniteReconstructions() throws {
    for size in [Float.greatestFiniteMagnitude, 1e38, 1e-38, .leastNormalMagnitude, .leastNonzeroMagnitude, 0] {
      let weights = (0..<64).map { size * (Float($0) / 63) }
      let source = ArrayWeights(rows: 1, columns: 64, values: weights)
      for word in SmallFloatScheme.words.map(\.word) + ["fp8-e4m3,tensor", "nf4", "nf4,tensor", "kmeans3"] {
        let values = try SchemeFigureTests.reconstruct(source, word)
        let most = max(size, size * 1.2)
        let areFine = values.allSatisfy { $0.isFinite && $0 <= most + .leastNormalMagnitude }
        #expect(areFine, "\(word) at \(size)")
      }
    }
  }
}
