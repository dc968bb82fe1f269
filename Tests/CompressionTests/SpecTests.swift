import Compression
import Foundation
import Testing

/// A scheme as words: printed, parsed, coded, and what it needs of a weight.
@Suite struct SpecTests {
  static let specs = [
    "keep", "int4,group=32", "int1,tensor", "int16,channel", "int3,channel,axis=1,affine", "int8,tensor,range=entropy",
    "int4,group=1024,range=mse,scale=pow2", "int5,group=16,symmetric-full,scale=bf16",
    "int6,channel,range=percentile=99.5,scale=fp32", "int8,channel,affine,scale=bf16,rounds=sum",
    "int4,tensor,range=mse,rounds=quotient", "int2,group=64,symmetric-full,rounds=product", "binary",
    "ternary,coding=huffman", "int4,group=32,sparsity=0.3",
    "keep,threshold=0.01", "int4,group=32,sparsity=2:4", "int4,group=32,sparsity=channel:0.25",
    "keep,sparsity=channel:0.25:l1", "keep,sparsity=input:0.5", "keep,sparsity=head:64:0.25",
    "keep,sparsity=block:4x8:0.5:l1", "keep,sparsity=model:0.3", "keep,sparsity=wanda:0.5", "keep,sparsity=wanda:2:4",
    "int16,channel,coding=rans", "f16,coding=rans", "fp8-e4m3", "fp8-e4m3,tensor", "fp8-e5m2,group=64", "fp6-e2m3",
    "fp4-e2m1,group=16", "ocp-mxfp8", "ocp-mxfp8-e5m2", "ocp-mxfp6", "ocp-mxfp6-e3m2", "ocp-mxfp4", "nvidia-nvfp4",
    "nf4", "nf4,group=128", "nf4,tensor", "kmeans1", "kmeans4,channel", "kmeans8,group=512", "kmeans,entries=48",
    "kmeans,entries=3,channel", "kmeans5,sparsity=0.8,coding=huffman",
  ]

  @Test(arguments: specs) func whatIsPrintedIsParsedToItself(_ spec: String) throws {
    let scheme = try Scheme(spec: spec)
    #expect(scheme.description == spec)
    #expect(try Scheme(spec: scheme.description) == scheme)
    let coded = try JSONEncoder().encode([scheme])
    #expect(try JSONDecoder().decode([Scheme].self, from: coded) == [scheme])
  }

  @Test(arguments: [
    "int9", "int4,group=0", "int4,scale=fp8", "int4,range=best", "int4,rounds=up", "int1,rounds=sum",
    "int16,rounds=sum",
    "int4,rounds=sum,rounds=product", "nf4,rounds=sum", "int4,axis=9", "int4,sparsity=1.5",
    "int4,sparsity=4:2",
    "int4,sparsity=block:4:0.5", "int4,sparsity=head:0:0.5", "int4,sparsity=wanda", "int4,sparsity=wanda:3",
    "binary,affine",
    "int4,sparsity=channel:0.5:l3", "int4,sparsity=::", "", "kmeans0", "kmeans9", "kmeans,entries=1",
    "kmeans,entries=257", "kmeans,entries", "kmeans4,entries=20", "kmeans4,affine", "nf4,entries=16", "nf4,group=1",
    "fp8-e4m3,affine", "fp8-e4m3,scale=fp16", "ocp-mxfp4,tensor", "nvidia-nvfp4,group=16", "ocp-mxfp5",
  ]) func whatIsNoSpecIsAnError(_ spec: String) {
    #expect(throws: SpecError.self) { try Scheme(spec: spec) }
  }

  @Test func synonymsAreTheSameScheme() throws {
    #expect(try Scheme(spec: "keep,sparsity=filter:0.5") == Scheme(spec: "keep,sparsity=channel:0.5"))
    #expect(try Scheme(spec: "int4,channel,axis=0") == Scheme(spec: "int4,channel"))
    #expect(try Scheme(spec: "fp8-e4m3,channel") == Scheme(spec: "fp8-e4m3"))
    #expect(try Scheme(spec: "nf4,group=64") == Scheme(spec: "nf4"))
    #expect(try Scheme(spec: "kmeans,entries=16,tensor") == Scheme(spec: "kmeans4"))
    #expect(try Scheme(spec: "kmeans") == Scheme(spec: "kmeans4"))
    #expect(try Scheme(spec: "keep,sparsity=channel:0.5:l2") == Scheme(spec: "keep,sparsity=channel:0.5"))
  }

  @Test(arguments: [
    ("int4,group=32", "30 columns are no multiple of the group of 32"),
    ("q8_0", "30 columns are no multiple of Q8_0's block of 32"),
    ("ocp-mxfp6", "30 columns are no multiple of ocp-mxfp6's block of 32"),
    ("nvidia-nvfp4", "30 columns are no multiple of nvidia-nvfp4's block of 16"),
    ("fp8-e5m2,group=64", "30 columns are no multiple of the group of 64"),
    ("nf4", "30 columns are no multiple of nf4's block of 64"),
    ("kmeans4,group=64", "30 columns are no multiple of the group of 64"),
    ("int4,tensor,sparsity=2:4", "30 columns are no multiple of 4"),
    ("keep,sparsity=wanda:0.5", "it needs the inputs' importances"),
    ("keep,sparsity=head:4:0.5", "10 rows are no multiple of the head of 4"),
    ("keep,sparsity=block:5x4:0.5", "30 columns are no multiple of the block of 4"),
    ("int8,channel,range=entropy", "its scales govern 30 weights: entropy needs 1024"),
    ("int8,channel,axis=2", "it has 2 axes, and no axis 2"),
    ("int8,channel,axis=1,range=mse", "along another axis than 0 ranges are min-max"),
    ("keep,coding=rans", "coding needs codes"),
  ]) func aSchemeSaysBeforehandWhatIsMissing(_ spec: String, _ reason: String) throws {
    let form = WeightForm(rows: 10, columns: 30)
    let obstacle = try #require(try Scheme(spec: spec).obstacle(to: form))
    #expect(obstacle.hasPrefix(reason), "\(obstacle)")
    #expect(try Scheme(spec: spec).needs.isEmpty == false)
    let roomy = WeightForm(rows: 40, columns: 4096, shape: [40, 1024, 4], hasImportances: true)
    if !reason.hasPrefix("coding"), !reason.hasPrefix("along") {
      #expect(try Scheme(spec: spec).obstacle(to: roomy) == nil)
    }
  }

  @Test func anEmptyWeightTakesNothing() {
    #expect(Scheme.keep.obstacle(to: WeightForm(rows: 0, columns: 8)) == "it is empty")
  }
}
