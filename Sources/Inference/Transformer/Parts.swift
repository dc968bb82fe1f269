/// A matrix of the model with its bias: y = W x + b.
struct Linear: Sendable {
  /// The checkpoint's layer.
  let layer: Int
  let name: String
  let outputs: Int
  let inputs: Int
  /// The checkpoint's tensor.
  let bias: Int?
}

/// A norm's weight and bias, by the checkpoint's tensors.
struct Norm: Sendable {
  let weight: Int
  let bias: Int?
}

/// One block: attention and what follows it.
struct Block: Sendable {
  /// Before attention; `nil` where norms follow (BERT).
  let attentionNorm: Norm?
  /// Queries, keys and values: one matrix, or three.
  let projections: [Linear]
  /// Over each head (Qwen 3, Gemma 3).
  let queryNorm: Norm?
  let keyNorm: Norm?
  let output: Linear
  /// On what attention adds (Gemma), or on the sum (BERT).
  let afterAttention: Norm?
  let feedForwardNorm: Norm?
  /// The gate and what it gates in one matrix or two, or one matrix without a gate.
  let up: [Linear]
  /// Whether there is a gate (N. Shazeer, arXiv:2002.05202).
  let isGated: Bool
  let down: Linear
  let afterFeedForward: Norm?

  /// Numbers between the two matrices of the feed-forward part.
  var inner: Int { down.inputs }
  /// The checkpoint's layers that have matrices here.
  var layers: [Int] { (projections + [output] + up + [down]).map(\.layer) }
}
