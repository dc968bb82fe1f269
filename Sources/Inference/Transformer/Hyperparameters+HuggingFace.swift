internal import Architectures
internal import Checkpoints
internal import FileAccess

extension Hyperparameters {
  /// From a folder's `config.json`, with transformers' defaults for what it leaves out.
  ///
  /// - Throws: where a number is missing or something is asked for that Lathe does not compute; the message names it.
  init(config: LlamaConfig, family: Architecture, path: String) throws(InferenceError) {
    let json = config.json
    func number(_ key: String) -> Float? { json[key]?.double.map { Float($0) } }
    architecture = family.name
    blocks = config.layers
    hidden = config.hidden
    heads = config.heads
    keyHeads = config.keyHeads
    headDimension = config.headDimension ?? hidden / heads
    guard headDimension > 0, headDimension <= 1 << 20 else {
      throw InferenceError(path, "has heads of \(headDimension) numbers")
    }
    context = json["max_position_embeddings"]?.int
    epsilon =
      (family.usesRMSNorm ? number("rms_norm_eps") : nil) ?? number("layer_norm_eps") ?? Float(family.epsilon)
    attentionScale = 1 / Float(headDimension).squareRoot()
    normOffset = family.normOffset
    windows = [Int?](repeating: nil, count: max(0, min(blocks, 1 << 16)))
    positions = .learned(offset: 0)
    try setFamily(family, path)
    if let name = (json["hidden_activation"] ?? json["hidden_act"])?.string {
      guard let known = Self.activations[name] else {
        throw InferenceError(path, "has the activation '\(name)', which Lathe cannot run")
      }
      activation = known
    }
    if family.attentionScalar.isThere, let scalar = number("query_pre_attn_scalar") {
      attentionScale = 1 / scalar.squareRoot()
    }
    attentionCap = number("attn_logit_softcapping") ?? 0
    logitCap = number("final_logit_softcapping") ?? 0
    setWindows(json, family)
    try setExperts(json, family, path)
    switch family.positions {
    case .learned: return
    case .relative:
      // The first places belong to padding.
      let padding = json["pad_token_id"]?.int ?? 1
      guard (0..<1 << 24).contains(padding) else { throw InferenceError(path, "has the pad_token_id \(padding)") }
      positions = .relative(offset: padding + 1)
      return
    case .rotary: try setRotary(config, family, path)
    }
  }

  static let activations: [String: Activation] = [
    "silu": .silu, "swish": .silu, "gelu": .gelu, "gelu_new": .geluTanh, "gelu_pytorch_tanh": .geluTanh,
    "gelu_fast": .geluTanh, "relu": .relu,
  ]

  /// From `num_local_experts`, which older configs of some families call `num_experts`.
  private mutating func setExperts(
    _ json: JSONValue, _ family: Architecture, _ path: String
  ) throws(InferenceError) {
    guard let habit = family.experts, let count = (json["num_local_experts"] ?? json["num_experts"])?.int, count > 0
    else { return }
    guard let used = json["num_experts_per_tok"]?.int else {
      throw InferenceError(path, "num_experts_per_tok expected, a whole number above 0")
    }
    experts = Experts(
      count: count, used: used,
      isNormalised: habit.asksConfig ? json["norm_topk_prob"]?.bool ?? false : habit.isNormalised)
  }

  private mutating func setWindows(_ json: JSONValue, _ family: Architecture) {
    let size = json["sliding_window"]?.int
    let types = (json["layer_types"]?.elements ?? []).compactMap(\.string)
    if types.count == windows.count {
      windows = types.map { $0 == "sliding_attention" ? size : nil }
    } else if case .except = family.windows, let pattern = json["sliding_window_pattern"]?.int, pattern > 0 {
      windows = windows.indices.map { ($0 + 1) % pattern == 0 ? nil : size }
    } else {
      windows = family.windows(size, blocks: windows.indices)
    }
  }

  private mutating func setRotary(
    _ config: LlamaConfig, _ family: Architecture, _ path: String
  ) throws(InferenceError) {
    let base = config.base ?? 10_000
    let part = (config.rope?["partial_rotary_factor"] ?? config.json["partial_rotary_factor"])?.double ?? 1
    guard part > 0, part <= 1, base > 0 else {
      throw InferenceError(path, "turns \(part) of a head in its rotary embedding, to the base \(base)")
    }
    var rotation = Rotation(base: base, dimensions: Int(Double(headDimension) * part))
    let rope = config.rope
    let factor = rope?["factor"]?.double ?? 1
    let original = (rope?["original_max_position_embeddings"] ?? config.json["original_max_position_embeddings"])?.int
    guard factor > 0, factor.isFinite else { throw InferenceError(path, "stretches its rotary embedding by \(factor)") }
    switch config.kind?.lowercased() {
    case nil, "default"?: break
    case "linear"?: rotation.scaleLinearly(by: factor)
    case "llama3"?: rotation.divide(by: config.llama3Factors ?? [])
    case "yarn"?:
      rotation.scaleByYarn(
        factor: factor, base: base, original: original ?? context ?? 4096,
        betaFast: rope?["beta_fast"]?.double ?? 32, betaSlow: rope?["beta_slow"]?.double ?? 1,
        magnitude: rope?["attention_factor"]?.double)
    case "longrope"?, "su"?:
      func list(_ key: String) -> [Float] { (rope?[key]?.elements ?? []).compactMap { $0.double.map { Float($0) } } }
      let (short, long) = (list("short_factor"), list("long_factor"))
      guard short.count == rotation.frequencies.count, long.count == short.count else {
        throw InferenceError(
          path,
          "has \(short.count) and \(long.count) factors of its rotary embedding; \(rotation.frequencies.count) expected"
        )
      }
      rotation.scaleByFactors(
        short: short, long: long, context: context, original: original ?? context ?? 4096,
        magnitude: rope?["attention_factor"]?.double)
    case let other?:
      throw InferenceError(path, "scales its rotary embedding by '\(other)', which Lathe cannot run")
    }
    let local = family.localBase.map { config.localBase ?? $0 }
    setRotations(rotation, local: local.map { Rotation(base: $0, dimensions: 2 * rotation.frequencies.count) })
  }
}
