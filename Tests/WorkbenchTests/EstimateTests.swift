import Checkpoints
import Compression
import Foundation
import Support
import Testing

@testable import Workbench

/// Sizes against closed forms over the shapes, which the samples' README lists.
@Suite struct EstimateTests {
  /// The digits network: rows, columns and bias of each layer.
  private static let digits = [(32, 9, 32), (32, 288, 32), (64, 288, 64), (64, 256, 64), (10, 64, 10)]
  private static let parameters = 45_162

  private static func bytes(bits: Int, _ count: Int) -> Int { (count * bits + 7) / 8 }

  /// All biases stay F32.
  private static let biasBytes = digits.reduce(0) { $0 + 4 * $1.2 }

  @Test func theParametersAreThoseOfTheREADME() throws {
    #expect(Self.digits.reduce(0) { $0 + $1.0 * $1.1 + $1.2 } == Self.parameters)
    #expect(try Models.digits().checkpoint.parameterCount == Self.parameters)
  }

  @Test func nothingChosenCostsWhatIsStored() throws {
    let estimate = try Models.digits().estimate
    #expect(estimate.bytes == 4 * Self.parameters)
    #expect(estimate.originalBytes == 4 * Self.parameters)
    #expect(estimate.bitsPerWeight == 32 && estimate.originalBitsPerWeight == 32)
    #expect(estimate.ratio == 1)
  }

  /// One fp16 scale a row, or a tensor; an integer zero point beside each where affine, packed.
  @Test(arguments: [2, 3, 4, 5, 6, 7, 8])
  func codesScalesAndZeroPointsAreCounted(bits: Int) throws {
    for (granularity, isPerRow) in [("channel", true), ("tensor", false)] {
      for isAffine in [false, true] {
        var session = try Models.digits()
        try session.set("*=int\(bits),\(granularity)\(isAffine ? ",affine" : "")")
        let expected = Self.digits.reduce(Self.biasBytes) { sum, layer in
          let scales = isPerRow ? layer.0 : 1
          let zeroPoints = isAffine ? Self.bytes(bits: bits, scales) : 0
          return sum + Self.bytes(bits: bits, layer.0 * layer.1) + 2 * scales + zeroPoints
        }
        #expect(session.estimate.bytes == expected)
        #expect(session.estimate.bitsPerWeight == 8 * Double(expected) / Double(Self.parameters))
        #expect(session.estimate.isExact)
      }
    }
  }

  @Test(arguments: [32, 64, 96, 288]) func aGroupHasAScaleAndWhatItDoesNotFitIsCountedAsStored(size: Int)
    throws
  {
    var session = try Models.digits()
    try session.set("*=int4,group=\(size)")
    let expected = Self.digits.reduce(Self.biasBytes) { sum, layer in
      let count = layer.0 * layer.1
      return sum + (layer.1 % size == 0 ? Self.bytes(bits: 4, count) + 2 * count / size : 4 * count)
    }
    #expect(session.estimate.bytes == expected)
  }

  @Test func aScaleInFP32HasFourBytesAndSixteenBitsTwo() throws {
    var session = try Models.digits()
    try session.set("*=int16,channel,scale=fp32")
    let expected = Self.digits.reduce(Self.biasBytes) { $0 + 2 * $1.0 * $1.1 + 4 * $1.0 }
    #expect(session.estimate.bytes == expected)
  }

  /// Weights and bytes of a block as ggml has them.
  @Test(arguments: [
    ("f16", 1, 2), ("bf16", 1, 2), ("q4_0", 32, 18), ("q4_1", 32, 20), ("q5_0", 32, 22), ("q5_1", 32, 24),
    ("q8_0", 32, 34), ("q2_k", 256, 84), ("q3_k", 256, 110), ("q4_k", 256, 144), ("q5_k", 256, 176),
    ("q6_k", 256, 210),
    ("iq4_nl", 32, 18), ("iq4_xs", 256, 136), ("tq1_0", 256, 54), ("tq2_0", 256, 66), ("mxfp4", 32, 17),
    ("nvfp4", 64, 36),
    ("iq1_s", 256, 50), ("iq1_m", 256, 56), ("iq2_xxs", 256, 66), ("iq2_xs", 256, 74), ("iq2_s", 256, 82),
    ("iq3_xxs", 256, 98), ("iq3_s", 256, 110), ("q1_0", 128, 18), ("q2_0", 64, 18),
  ])
  func ggmlsTypesHaveGgmlsSizes(name: String, weights: Int, bytes: Int) throws {
    var session = try Models.llama()
    try session.set("*=\(name)")
    // Two of 1024×256; in each of three blocks q and o, k and v, gate, up and down. Seven norms stay F16.
    let matrices = 2 * 1024 * 256 + 3 * (2 * 256 * 256 + 2 * 128 * 256 + 3 * 768 * 256)
    let expected = matrices / weights * bytes + 7 * 256 * 2
    #expect(session.estimate.bytes == expected)
    #expect(session.estimate.bitsPerWeight == 8 * Double(expected) / 2_885_376)
  }

  @Test func fourBitsInGroupsOf32EverywhereAreTheUnitOfTheDamage() throws {
    for var session in [try Models.digits(), try Models.llama()] {
      try session.set("*=int4,group=32")
      session.settle(session.estimateQuestions)
      #expect(session.estimate.damage == 1)
    }
  }

  @Test func nothingChosenDoesNoDamage() throws {
    var session = try Models.digits()
    session.settle(session.estimateQuestions)
    #expect(session.estimate.damage == 0)
  }

  @Test func theDamageIsUnknownUntilTheErrorsAre() throws {
    var session = try Models.digits()
    try session.set("*=int4,group=32")
    #expect(session.estimate.damage == nil)
    session.settle(session.estimateQuestions)
    #expect(session.estimate.damage != nil)
  }

  /// Σ n·t² / Σ n with the errors that numpy found.
  @Test func theDamageIsTheWeightedErrorInUnits() throws {
    let figures = try Figures.read()
    var session = try Models.digits()
    try session.set(
      "/conv2*=int8,channel", "/conv3*=int3,group=32,affine", "/fc1*=int4,group=32,sparsity=0.3")
    session.settle(session.estimateQuestions)
    let sum =
      try 9_216 * figures.error("conv2.weight", 8, true, "channel") + 18_432
      * figures.error("conv3.weight", 3, false, "group=32")
      + 16_384 * figures.error("fc1.weight", 4, true, "group=32", sparsity: 0.3)
    let unit = try [
      ("conv2.weight", 9_216.0), ("conv3.weight", 18_432), ("fc1.weight", 16_384), ("fc2.weight", 640),
    ]
    .reduce(0) { try $0 + $1.1 * figures.error($1.0, 4, true, "group=32") }
    let damage = try #require(session.estimate.damage)
    #expect(abs(damage / (sum / unit) - 1) < 1e-6)
  }
}

/// Errors by numpy, from the fixture that `make_weight_figures.py` writes.
private struct Figures: Decodable {
  var tensors: [Weight]

  struct Weight: Decodable {
    var file: String
    var name: String
    var schemes: [Entry]
  }

  struct Entry: Decodable {
    var bits: Int?
    var symmetric: Bool?
    var granularity: String?
    var sparsity: Double?
    var t2: Double?
  }

  static func read() throws -> Figures { try Fixtures.decode(Figures.self, from: "weight-figures.json") }

  func error(_ name: String, _ bits: Int, _ symmetric: Bool, _ granularity: String, sparsity: Double? = nil)
    throws -> Double
  {
    let weight = try #require(tensors.first { $0.file == "digits-cnn.onnx" && $0.name == name })
    let entry = weight.schemes.first {
      $0.bits == bits && $0.symmetric == symmetric && $0.granularity == granularity
        && ($0.sparsity ?? 0) == (sparsity ?? 0)
    }
    return try #require(entry?.t2)
  }
}

/// The quick answer is the long one.
@Suite struct UnitTests {
  @Test func theUnitFitsWhereItHasNoObstacle() throws {
    for session in [try Models.digits(), try Models.llama(), try Models.llamaGGUF()] {
      for item in session.items where item.kind == .weight {
        #expect(Estimate.unitFits(item) == (item.obstacle(to: Estimate.unit) == nil), "\(item.name)")
      }
    }
  }
}
