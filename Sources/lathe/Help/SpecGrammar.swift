import Compression
import Workbench

/// What may stand in a SPEC, said once for `lathe schemes`, the manual page and completion.
enum SpecGrammar {
  static let example = "int4,group=32,symmetric,sparsity=0.3"

  /// The families of schemes, and what any may have.
  static let families: [(words: String, options: [String])] =
    Scheme.grammar.map { ($0.words, $0.options) } + [
      (
        "any",
        [
          "sparsity=0.3 | model:0.3 | 2:4 | wanda:0.5 | wanda:2:4",
          "sparsity=channel:0.25 | input:0.25, also with :l1", "sparsity=head:64:0.25 | block:4x4:0.5, also with :l1",
          "threshold=0.01, coding=none | huffman | rans",
        ]
      )
    ]

  /// Options as they are typed, those that exclude one another together.
  static let completions: [[String]] =
    Scheme.grammar.flatMap(\.completions) + [
      [
        "sparsity=0.3", "sparsity=2:4", "sparsity=model:0.3", "sparsity=wanda:0.5", "sparsity=wanda:2:4",
        "sparsity=channel:0.25", "sparsity=input:0.25", "sparsity=head:64:0.25", "sparsity=block:4x4:0.5",
        "threshold=0.01",
      ],
      ["coding=none", "coding=huffman", "coding=rans"],
    ]
}
