internal import Architectures
internal import Checkpoints

extension Hyperparameters {
  /// From a GGUF file's metadata (llama.cpp's `llama-hparams`, `llama-model.cpp`).
  ///
  /// - Parameter factors: a vector of the file by its name: what frequencies are divided by.
  /// - Throws: where the architecture is not known or a key is missing; the message names it.
  init(
    fields: [(key: String, value: GGUFField)], path: String, factors: (String) throws(InferenceError) -> [Float]?
  ) throws(InferenceError) {
    let known = Dictionary(fields.filter { !$0.key.hasPrefix("tokenizer.") }.map { ($0.key, $0.value) }) { $1 }
    guard let architecture = known["general.architecture"]?.string else {
      throw InferenceError(path, "has no key 'general.architecture'")
    }
    guard let family = Architecture.architecture(architecture) else {
      throw InferenceError(
        path,
        "is of the architecture '\(architecture)', which Lathe cannot run; it runs \(Architecture.names.joined(separator: ", "))"
      )
    }
    func field(_ key: String) -> GGUFField? { known["\(architecture).\(key)"] }
    func need(_ key: String) throws(InferenceError) -> Int {
      guard let value = field(key)?.int else {
        throw InferenceError(path, "has no whole number under '\(architecture).\(key)'")
      }
      return value
    }
    func number(_ key: String) -> Float? { field(key)?.double.map { Float($0) } }

    self.architecture = architecture
    blocks = try need("block_count")
    hidden = try need("embedding_length")
    heads = try need("attention.head_count")
    keyHeads = field("attention.head_count_kv")?.int ?? heads
    headDimension = field("attention.key_length")?.int ?? hidden / max(1, heads)
    context = field("context_length")?.int
    epsilon = number("attention.layer_norm_rms_epsilon") ?? number("attention.layer_norm_epsilon") ?? 1e-5
    attentionScale = 1 / Float(headDimension).squareRoot()
    windows = [Int?](repeating: nil, count: max(0, min(blocks, 1 << 16)))
    positions = .learned(offset: 0)
    guard field("attention.value_length")?.int ?? headDimension == headDimension else {
      throw InferenceError(path, "has heads of values of another size than of keys, which Lathe cannot run")
    }
    try setFamily(family, path)
    if let count = field("expert_count")?.int, count > 0 {
      guard let habit = family.experts else {
        throw InferenceError(
          path, "is a mixture of experts of the architecture '\(architecture)', which Lathe cannot run")
      }
      var experts = Experts(
        count: count, used: try need("expert_used_count"),
        isNormalised: field("expert_weights_norm")?.bool ?? habit.isNormalised)
      switch field("expert_gating_func")?.int ?? 1 {
      case 0, 1: break
      case 2: experts.usesSigmoid = true
      case let other: throw InferenceError(path, "has the gating function \(other), which Lathe cannot run")
      }
      if let scale = number("expert_weights_scale"), scale != 0 { experts.scale = scale }
      self.experts = experts
    }
    if blocks == family.attentionScalar.blocks {
      attentionScale = 1 / (Float(hidden) / Float(max(1, heads))).squareRoot()
    }
    attentionCap = number("attn_logit_softcapping") ?? Float(family.defaults["attn_logit_softcapping"] ?? 0)
    logitCap = number("final_logit_softcapping") ?? Float(family.defaults["final_logit_softcapping"] ?? 0)
    windows = family.windows(field("attention.sliding_window")?.int, blocks: windows.indices)
    pooling = Pooling(rawValue: field("pooling_type")?.int ?? 0) ?? .none
    guard family.positions == .rotary else { return }

    let base = field("rope.freq_base")?.double ?? 10_000
    let dimensions = field("rope.dimension_count")?.int ?? headDimension
    guard dimensions > 0, dimensions <= 1 << 20 else {
      throw InferenceError(path, "turns \(dimensions) numbers of a head")
    }
    var rotation = Rotation(base: base, dimensions: dimensions)
    rotation.isInterleaved = family.interleavesHeads
    let original = field("rope.scaling.original_context_length")?.int ?? context ?? 4096
    let factor = field("rope.scaling.factor")?.double ?? field("rope.scale_linear")?.double ?? 1
    guard factor > 0, factor.isFinite else { throw InferenceError(path, "stretches its rotary embedding by \(factor)") }
    func vector(_ name: String) throws(InferenceError) -> [Float]? {
      guard let values = try factors(name) else { return nil }
      guard values.count == rotation.frequencies.count else {
        throw InferenceError(
          path, "'\(name)' has \(values.count) factors; \(rotation.frequencies.count) expected")
      }
      return values
    }
    if let divisors = try vector("rope_freqs.weight") { rotation.divide(by: divisors) }
    switch field("rope.scaling.type")?.string {
    case "linear"?: rotation.scaleLinearly(by: factor)
    case "yarn"?:
      let own = field("rope.scaling.yarn_attn_factor")?.double ?? field("rope.scaling.attn_factor")?.double
      rotation.scaleByYarn(
        factor: factor, base: base, original: original,
        betaFast: field("rope.scaling.yarn_beta_fast")?.double ?? 32,
        betaSlow: field("rope.scaling.yarn_beta_slow")?.double ?? 1, magnitude: own)
    case nil, "none"?, "longrope"?: break
    case let other?:
      throw InferenceError(path, "scales its rotary embedding by '\(other)', which Lathe cannot run")
    }
    if let short = try vector("rope_factors_short.weight"), let long = try vector("rope_factors_long.weight") {
      rotation.scaleByFactors(
        short: short, long: long, context: context, original: original,
        magnitude: field("rope.scaling.attn_factor")?.double)
    }
    let local = family.localBase.map { field("rope.freq_base_swa")?.double ?? $0 }
    setRotations(rotation, local: local.map { Rotation(base: $0, dimensions: dimensions) })
  }
}

// MARK: - What families have in common

extension Hyperparameters {
  /// What the architecture alone says.
  mutating func setFamily(_ family: Architecture, _ path: String) throws(InferenceError) {
    if family.scalesEmbedding { embeddingScale = Float(hidden).squareRoot() }
    guard let known = Self.activations[family.activation] else {
      throw InferenceError(path, "has the activation '\(family.activation)', which Lathe cannot run")
    }
    activation = known
    isEncoder = family.isEncoder
    isCausal = !family.isEncoder
    usesRMSNorm = family.usesRMSNorm
    (isGated, hasHeadNorms, hasPostNorms) = (family.isGated, family.hasHeadNorms, family.hasPostNorms)
    normsAllHeads = family.normsAllHeads
  }

  /// Blocks with a window have a rotation of their own in Gemma 3.
  mutating func setRotations(_ rotation: Rotation, local: Rotation?) {
    positions = .rotary(windows.map { $0 != nil ? local ?? rotation : rotation })
  }
}
