/// A matrix of the model with its bias: y = W x + b. Of a stack of experts one of its matrices.
struct Linear: Sendable {
  /// The checkpoint's layer.
  let layer: Int
  let name: String
  let outputs: Int
  let inputs: Int
  /// The checkpoint's tensor.
  let bias: Int?
  /// Which of the layer's matrices it is, of how many: an expert's number in a stack.
  var part = 0
  var parts = 1
  /// Whether the layer's weight is a vector, and no matrix of the checkpoint's.
  var isVector = false

  /// The first of its rows among the layer's.
  var firstRow: Int { part * outputs }
  /// Rows of the layer's matrix.
  var layerOutputs: Int { parts * outputs }
}

/// A norm's weight and bias, by the checkpoint's tensors.
struct Norm: Sendable {
  let weight: Int
  let bias: Int?
}

/// down(activation(gate x) · up x): a block's feed-forward part, or one of its experts.
struct FeedForward: Sendable {
  /// The gate and what it gates in one matrix or two, or one matrix without a gate.
  let up: [Linear]
  /// Whether there is a gate (N. Shazeer, arXiv:2002.05202).
  let isGated: Bool
  let down: Linear

  /// Numbers between the two matrices.
  var inner: Int { down.inputs }
  /// Numbers that the first matrices make.
  var width: Int { up.reduce(0) { $0 + $1.outputs } }
  var linears: [Linear] { up + [down] }
}

/// Experts of which each token goes to a few (N. Shazeer et al., arXiv:1701.06538), and one beside them that all go to, if
/// there is one.
struct Mixture: Sendable {
  /// An output an expert.
  let router: Linear
  let experts: [FeedForward]
  /// What goes through it tells by its sigmoid how much of the shared expert counts (Qwen 2); `nil` for all of it.
  let sharedGate: Linear?

  var linears: [Linear] { [router] + [sharedGate].compactMap { $0 } + experts.flatMap(\.linears) }
}

/// One block: attention and what follows it.
struct Block: Sendable {
  /// Before attention; `nil` where norms follow (BERT).
  let attentionNorm: Norm?
  /// Queries, keys and values: one matrix, or three.
  let projections: [Linear]
  /// Over each head (Qwen 3, Gemma 3), or over all of them (OLMoE).
  let queryNorm: Norm?
  let keyNorm: Norm?
  let output: Linear
  /// On what attention adds (Gemma), or on the sum (BERT).
  let afterAttention: Norm?
  let feedForwardNorm: Norm?
  /// What all tokens go through; with experts the shared one, if there is one.
  let feedForward: FeedForward?
  let mixture: Mixture?
  let afterFeedForward: Norm?

  /// All feed-forward parts: experts too.
  var feedForwards: [FeedForward] { [feedForward].compactMap { $0 } + (mixture?.experts ?? []) }
  /// Numbers between the two matrices of a feed-forward part, and what the first make, at most.
  var inner: Int { feedForwards.map(\.inner).max() ?? 0 }
  var upWidth: Int { feedForwards.map(\.width).max() ?? 0 }

  var linears: [Linear] {
    projections + [output] + (mixture?.linears ?? []) + (feedForward?.linears ?? [])
  }
  /// The checkpoint's layers that have matrices here, each once, in the order of their use.
  var layers: [Int] {
    var seen = Set<Int>()
    return linears.filter { !$0.isVector && seen.insert($0.layer).inserted }.map(\.layer)
  }
}
