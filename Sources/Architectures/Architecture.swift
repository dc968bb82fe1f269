/// What is known of a family of models, from its sheet (`Sheets/*.arch`): what Hugging Face's files and llama.cpp's call its
/// tensors, what its config leaves out, and what its graph is made of.
///
/// A sheet is a list of lines, `key value …`; `#` begins a comment. Below `outer`, `inner` and `routed` stand pairs of
/// names: of modules outside of the blocks, within one, and of experts, Hugging Face's first, then llama.cpp's (gguf-py's
/// `tensor_mapping`).
package struct Architecture: Sendable {
  /// llama.cpp's name.
  package let name: String
  /// Classes of transformers.
  package let classes: [String]
  package let tokenizer: Tokenizer
  /// Modules within a block, and outside of all.
  package let inner: [String: String]
  package let outer: [String: String]
  /// Parts of experts within a block, `*` for an expert's number, and what llama.cpp calls them without a number.
  package let routed: [String: String]

  // Names.

  /// What the names of Hugging Face's files may begin with, one after the other.
  package let prefixes: [String]
  /// Tensors without these prefixes that llama.cpp's converter leaves out: whole names, `beginning*` or `*ending`.
  package let dropped: [String]
  /// The list of blocks: `layers.`.
  package let blocks: String
  /// What classes with a head call the model in them.
  package let wrapper: String?
  /// What the path of a module begins with in a whole model.
  package let pathPrefix: String

  // The config.

  /// Further words for transformers' own: `n_layer` for `num_hidden_layers`.
  package let aliases: [String: String]
  /// Numbers that hold where the config leaves them out.
  package let defaults: [String: Double]
  /// Whether a head has hidden / heads numbers where the config does not say, and llama.cpp is told so.
  package let sharesHeadWidth: Bool
  /// Entries of the config that Lathe cannot compute where they are true, or a number.
  package let refused: [String]
  /// Whether the head is the embedding's matrix where the config does not say.
  package let tiesByDefault: Bool

  // The graph.

  package let isEncoder: Bool
  package let usesRMSNorm: Bool
  /// Of norms, where the config does not say.
  package let epsilon: Double
  /// What is added to the weights of norms as stored.
  package let normOffset: Float
  package let activation: String
  package let isGated: Bool
  /// Norms over each head of queries and keys; norms of what attention and feed-forward add.
  package let hasHeadNorms: Bool
  package let hasPostNorms: Bool
  /// Whether the norms of queries and keys are over all heads together.
  package let normsAllHeads: Bool
  /// How a mixture of experts shares a token out; `nil` where the family has none.
  package let experts: Experts?
  package let positions: Positions
  package let windows: Windows
  /// Embeddings are multiplied by √hidden.
  package let scalesEmbedding: Bool
  /// Attention is scaled by 1/√`query_pre_attn_scalar`; in llama.cpp's files models of `blocks` blocks by the width of a
  /// head that the others would have.
  package let attentionScalar: (isThere: Bool, blocks: Int?)
  /// The base of the rotation in blocks with a window, where it is another.
  package let localBase: Double?

  // What llama.cpp's converter does.

  /// Whether `lathe export` writes it as GGUF, or Lathe only runs it.
  package let isExported: Bool
  /// The halves of each head are interleaved for its rotary embedding.
  package let interleavesHeads: Bool
  /// Rows beyond the vocabulary are cut off the embedding.
  package let trimsEmbedding: Bool
  package let hasPooling: Bool
  /// Whether the rotary embedding's numbers are written.
  package let writesRotary: Bool
  /// Metadata of its own.
  package let metadata: [Metadata]

  package enum Tokenizer: String, Sendable {
    case llama, bytePairs = "byte-pairs", sentencePiece = "sentencepiece", wordPiece = "wordpiece"
  }

  /// How a token's place is told.
  package enum Positions: String, Sendable { case rotary, learned, relative }

  /// Which blocks see a window only.
  package enum Windows: Sendable, Equatable {
    case none, all
    /// Those whose number is a multiple of so many.
    case every(Int)
    /// All but the last of so many.
    case except(Int)
  }

  /// Whether the shares of a token's experts are divided by their sum.
  package struct Experts: Sendable, Equatable {
    /// In llama.cpp.
    package let isNormalised: Bool
    /// Whether transformers asks the config (`norm_topk_prob`), and does not where it leaves it out.
    package let asksConfig: Bool
  }

  /// A key of llama.cpp's (without the architecture's name) and where its value comes from.
  package struct Metadata: Sendable {
    package let key: String
    package let entry: String
    package let isInteger: Bool
    /// An entry of the config, and a number of it for which the key is left out.
    package let unless: (entry: String, value: Int)?
  }
}

// MARK: - Finding one

extension Architecture {
  /// The family of a class of transformers.
  package static func named(_ name: String) -> Architecture? { all.first { $0.classes.contains(name) } }

  /// The family that a GGUF file names.
  package static func architecture(_ name: String) -> Architecture? { all.first { $0.name == name } }

  package static let names: [String] = Array(Set(all.map(\.name))).sorted()
}
