import Workbench

/// What may stand in a SPEC, said once for `lathe schemes`, the manual page and completion.
enum SpecGrammar {
  /// A family of scheme words and what may follow them.
  struct Family {
    var words: String
    var options: [String]
  }

  static let example = "int4,group=32,symmetric,sparsity=0.3"

  static let families = [
    Family(words: "keep", options: ["as it is"]),
    Family(
      words: "int1 … int8, int16",
      options: [
        "tensor | channel | axis=N | group=N (32)", "symmetric | symmetric-full | symmetric-signed",
        "affine | edge",
        "range=minmax | mse | percentile=P | entropy", "scale=fp16 | bf16 | fp32 | pow2",
        "rounds=product | quotient | sum",
      ]),
    Family(words: "fp8-…, fp6-…, fp4-…", options: ["tensor | channel | group=N (channel)"]),
    Family(words: "nf4", options: ["tensor | channel | group=N (64)"]),
    Family(
      words: "kmeans1 … kmeans8, kmeans,entries=N (2 … 256)", options: ["tensor | channel | group=N (tensor)"]),
    Family(
      words: "any",
      options: [
        "sparsity=0.3 | model:0.3 | 2:4 | wanda:0.5 | wanda:2:4",
        "sparsity=channel:0.25 | input:0.25, also with :l1", "sparsity=head:64:0.25 | block:4x4:0.5, also with :l1",
        "threshold=0.01, coding=none | huffman | rans",
      ]),
  ]

  /// Options as they are typed, those that exclude one another together.
  static let completions: [[String]] = [
    ["tensor", "channel", "axis=1", "group=16", "group=32", "group=64", "group=128", "group=256"],
    ["symmetric", "symmetric-full", "symmetric-signed", "affine", "edge"],
    ["range=minmax", "range=mse", "range=percentile=99.9", "range=entropy"],
    ["scale=fp16", "scale=bf16", "scale=fp32", "scale=pow2"],
    ["entries=16"],
    [
      "sparsity=0.3", "sparsity=2:4", "sparsity=model:0.3", "sparsity=wanda:0.5", "sparsity=wanda:2:4",
      "sparsity=channel:0.25", "sparsity=input:0.25", "sparsity=head:64:0.25", "sparsity=block:4x4:0.5",
      "threshold=0.01",
    ],
    ["coding=none", "coding=huffman", "coding=rans"],
  ]
}
