internal import CKernels
internal import Checkpoints

/// What a transformer's shape and arithmetic are, beside its weights.
public struct Hyperparameters: Sendable, Hashable {
  /// llama.cpp's name: `llama`, `qwen2`, `gemma3`, `bert`, …
  public var architecture: String
  public var blocks: Int
  /// Numbers that stand for a token between blocks.
  public var hidden: Int
  public var heads: Int
  /// Heads of keys and values; each serves `heads / keyHeads` of queries (J. Ainslie et al., arXiv:2305.13245).
  public var keyHeads: Int
  /// Numbers of a head.
  public var headDimension: Int
  /// The longest text that the model was made for, in tokens; `nil` where the file does not say.
  public var context: Int?
  public var epsilon: Float
  /// Whether norms are by the root mean square alone (B. Zhang and R. Sennrich, arXiv:1910.07467).
  public var usesRMSNorm = true
  public var activation = Activation.silu
  /// Whether the feed-forward part has a gate.
  public var isGated = true
  /// Whether there are norms over each head of queries and keys (Qwen 3, Gemma 3), and of what attention and feed-forward
  /// add (Gemma).
  public var hasHeadNorms = false
  public var hasPostNorms = false
  /// Whether the norms of queries and keys are over all heads together (OLMoE).
  public var normsAllHeads = false
  /// What blocks with a router share tokens out to; `nil` where there are none.
  public var experts: Experts?
  /// Whether it is BERT's kind: norms follow what is added, and there is no head.
  public var isEncoder = false
  /// Whether a token sees those before it only.
  public var isCausal = true
  /// What products of queries and keys are multiplied by.
  public var attentionScale: Float
  /// Products are kept within ± the cap by tanh; 0 for none (Gemma 2).
  public var attentionCap: Float = 0
  public var logitCap: Float = 0
  /// What embeddings are multiplied by (Gemma).
  public var embeddingScale: Float = 1
  /// What is added to the weights of norms as stored (Gemma in Hugging Face's form).
  public var normOffset: Float = 0
  /// How many tokens back a block sees, itself included; `nil` for all.
  public var windows: [Int?]
  public var positions: Positions
  public var pooling = Pooling.none
  /// Whether a sentence's embedding is divided by its length.
  public var normalisesPooled = false

  public enum Activation: Sendable, Hashable {
    case silu, gelu, geluTanh, relu

    var kernel: lathe_activation {
      switch self {
      case .silu: LATHE_GATE_SILU
      case .gelu: LATHE_GATE_GELU
      case .geluTanh: LATHE_GATE_GELU_TANH
      case .relu: LATHE_GATE_RELU
      }
    }
  }

  /// A mixture of experts (N. Shazeer et al., arXiv:1701.06538).
  public struct Experts: Sendable, Hashable {
    public var count: Int
    /// Of each token.
    public var used: Int
    /// Whether an expert's chance is its score's sigmoid, and not its part in the softmax of all.
    public var usesSigmoid = false
    /// Whether the shares of a token's experts are divided by their sum.
    public var isNormalised: Bool
    /// What shares are multiplied by.
    public var scale: Float = 1

    public init(count: Int, used: Int, isNormalised: Bool) {
      (self.count, self.used, self.isNormalised) = (count, used, isNormalised)
    }
  }

  /// How a token's place is told.
  public enum Positions: Sendable, Hashable {
    /// Pairs of a head's numbers are turned by angles (J. Su et al., arXiv:2104.09864), a rotation a block.
    case rotary([Rotation])
    /// A learned vector a place, the first text's token at `offset`.
    case learned(offset: Int)
    /// A learned vector a place, and a bias of attention by distance (MPNet, T5).
    case relative(offset: Int)
  }

  /// How sentence embeddings are made of tokens'.
  public enum Pooling: Int, Sendable { case none, mean, first, last }

  var queryWidth: Int { heads * headDimension }
  var keyWidth: Int { keyHeads * headDimension }

  /// - Throws: where numbers are missing, or no transformer can have them.
  func check(_ path: String) throws(InferenceError) {
    func expect(_ holds: Bool, _ reason: @autoclosure () -> String) throws(InferenceError) {
      if !holds { throw InferenceError(path, reason()) }
    }
    let most = 1 << 24
    for (name, value) in [
      ("blocks", blocks), ("numbers a token", hidden), ("heads", heads), ("heads of keys", keyHeads),
      ("numbers a head", headDimension),
    ] {
      try expect(value > 0 && value < most, "says that it has \(value) \(name); between 1 and \(most) expected")
    }
    try expect(blocks == windows.count, "says that it has \(blocks) blocks: too many")
    try expect(heads % keyHeads == 0, "has \(heads) heads of queries, which \(keyHeads) heads of keys cannot share")
    try expect(heads * headDimension < most, "has \(heads) heads of \(headDimension) numbers: too many")
    try expect(epsilon.isFinite && epsilon >= 0, "has the epsilon \(epsilon) in its norms")
    try expect(attentionScale.isFinite, "multiplies attention by \(attentionScale)")
    try expect(attentionCap >= 0 && logitCap >= 0, "caps by a negative number")
    try expect(windows.allSatisfy { ($0 ?? 1) > 0 }, "has a window of no tokens")
    if let experts {
      try expect(
        experts.count < 1 << 16, "says that it has \(experts.count) experts; fewer than \(1 << 16) expected")
      try expect(
        (1...experts.count).contains(experts.used),
        "sends each token to \(experts.used) of \(experts.count) experts")
      try expect(experts.scale.isFinite, "multiplies the shares of experts by \(experts.scale)")
    }
    if case .relative(let offset) = positions {
      try expect(offset >= 0 && offset < most, "has its first place at \(offset)")
    }
    if case .rotary(let rotations) = positions {
      for rotation in rotations {
        try expect(
          !rotation.frequencies.isEmpty && 2 * rotation.frequencies.count <= headDimension,
          "turns \(2 * rotation.frequencies.count) numbers of a head of \(headDimension)")
        try expect(
          (rotation.frequencies + rotation.longFrequencies + [rotation.magnitude, rotation.longMagnitude])
            .allSatisfy(\.isFinite), "has a rotary embedding whose frequencies are no numbers")
      }
    }
  }
}
