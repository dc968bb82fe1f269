package import Checkpoints

#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Musl)
  internal import Musl
#else
  internal import Darwin
#endif

/// A transformer's `config.json` as llama.cpp's converter reads it: with the defaults that transformers fills in.
package struct LlamaConfig: Sendable {
  /// The language model's part, what is missing there taken from around it.
  package let json: JSONValue
  package let layers: Int
  package let hidden: Int
  package let heads: Int
  package let keyHeads: Int
  /// Numbers of a head, where the config or the family says.
  package let headDimension: Int?

  /// - Throws: `InferenceError` that names what is missing.
  package init(_ root: JSONValue, family: LlamaFamily, path: String) throws(InferenceError) {
    var members = root.members
    members += root["text_config"]?.members ?? []
    // GPT-2's own words.
    let aliases = [
      "n_layer": "num_hidden_layers", "n_embd": "hidden_size", "n_head": "num_attention_heads",
      "n_positions": "max_position_embeddings", "n_inner": "intermediate_size",
      "layer_norm_epsilon": "layer_norm_eps", "activation_function": "hidden_act",
    ]
    if family.architecture == "gpt2" {
      members += members.compactMap { member in
        aliases[member.key].map { JSONValue.Member(key: $0, value: member.value) }
      }
    }
    let json = JSONValue.object(members)
    func need(_ key: String) throws(InferenceError) -> Int {
      guard let value = json[key]?.int, value > 0, value < 1 << 31 else {
        throw InferenceError(path, "\(key) expected, a whole number above 0")
      }
      return value
    }
    self.json = json
    layers = try need("num_hidden_layers")
    hidden = try need("hidden_size")
    let isGemma3 = family.architecture == "gemma3"
    heads = isGemma3 ? json["num_attention_heads"]?.int ?? 8 : try need("num_attention_heads")
    keyHeads = json["num_key_value_heads"]?.int ?? (isGemma3 ? 4 : heads)
    guard heads > 0, keyHeads > 0 else { throw InferenceError(path, "it has no attention heads") }
    switch family.architecture {
    case "llama": headDimension = json["head_dim"]?.int ?? hidden / heads
    case "qwen3": headDimension = json["head_dim"]?.int ?? 128
    case "gemma2", "gemma3": headDimension = json["head_dim"]?.int ?? 256
    default: headDimension = json["head_dim"]?.int
    }
    guard (1...1 << 20).contains(headDimension ?? 1) else {
      throw InferenceError(path, "it has heads of \(headDimension ?? 0) numbers")
    }
  }

  /// The hyperparameters under the architecture's name.
  package func fields(_ family: LlamaFamily) -> [(key: String, value: GGUFField)] {
    var fields: [(key: String, value: GGUFField)] = [("block_count", .u32(layers))]
    func add(_ key: String, _ value: Int?) { if let value { fields.append((key, .u32(value))) } }
    func add(_ key: String, _ value: Double?) { if let value { fields.append((key, .f32(Float(value)))) } }
    let isEncoder = family.architecture == "bert"
    add("context_length", json["max_position_embeddings"]?.int ?? (family.architecture == "gemma3" ? 131_072 : nil))
    add("embedding_length", hidden)
    add("feed_forward_length", json["intermediate_size"]?.int)
    add("attention.head_count", heads)
    if !isEncoder { add("attention.head_count_kv", keyHeads) }
    addRope(family, &fields)
    let epsilon = json["rms_norm_eps"]?.double ?? (isEncoder ? nil : 1e-6)
    add("attention.layer_norm_rms_epsilon", epsilon)
    add("attention.layer_norm_epsilon", json["layer_norm_eps"]?.double ?? (isEncoder ? 1e-12 : nil))
    if isEncoder { fields.append(("attention.causal", .bool(false))) }
    if let dimension = headDimension {
      add("attention.key_length", dimension)
      add("attention.value_length", dimension)
    }
    switch family.architecture {
    case "llama":
      add("vocab_size", json["vocab_size"]?.int)
      add("rope.dimension_count", headDimension)
    case "gemma2":
      add("attn_logit_softcapping", json["attn_logit_softcapping"]?.double ?? 50)
      add("final_logit_softcapping", json["final_logit_softcapping"]?.double ?? 30)
      add("attention.sliding_window", json["sliding_window"]?.int ?? 4096)
    case "gemma3":
      add("final_logit_softcapping", json["final_logit_softcapping"]?.double)
      if json["sliding_window_pattern"]?.int != 1 {
        add("attention.sliding_window", json["sliding_window"]?.int ?? 4096)
      }
    default: break
    }
    return fields
  }

  // MARK: - The rotary embedding

  /// `rope_parameters`, or `rope_scaling` in older configs.
  var rope: JSONValue? {
    let all = json["rope_parameters"].flatMap { $0.isNull ? nil : $0 } ?? json["rope_scaling"]
    return all?["full_attention"] ?? all
  }
  var base: Double? { rope?["rope_theta"]?.double ?? json["rope_theta"]?.double }
  var kind: String? { (rope?["rope_type"] ?? rope?["type"])?.string }

  private func addRope(_ family: LlamaFamily, _ fields: inout [(key: String, value: GGUFField)]) {
    guard family.architecture != "bert", family.architecture != "gemma2" else { return }
    let factor = rope?["factor"]?.double
    func add(_ key: String, _ value: Double?) { if let value { fields.append((key, .f32(Float(value)))) } }
    switch kind {
    case "linear"? where factor != nil:
      fields.append(("rope.scaling.type", .string("linear")))
      add("rope.scaling.factor", factor)
    case "yarn"? where factor != nil:
      fields.append(("rope.scaling.type", .string("yarn")))
      add("rope.scaling.factor", factor)
      if let length = (rope?["original_max_position_embeddings"] ?? json["original_max_position_embeddings"])?.int {
        fields.append(("rope.scaling.original_context_length", .u32(length)))
      }
      add("rope.scaling.yarn_ext_factor", rope?["extrapolation_factor"]?.double)
      add("rope.scaling.yarn_attn_factor", (rope?["attention_factor"] ?? rope?["attn_factor"])?.double)
      add("rope.scaling.yarn_beta_fast", rope?["beta_fast"]?.double)
      add("rope.scaling.yarn_beta_slow", rope?["beta_slow"]?.double)
    case "longrope"?, "su"?: fields.append(("rope.scaling.type", .string("longrope")))
    default: break
    }
    add("rope.freq_base", base ?? (family.architecture == "gemma3" ? 1_000_000 : 10_000))
    let local = json["rope_parameters"]?["sliding_attention"]?["rope_theta"] ?? json["rope_local_base_freq"]
    if family.architecture == "gemma3" { add("rope.freq_base_swa", local?.double ?? 10_000) }
  }

  /// Llama 3's factors by frequency (Meta's `apply_scaling`); `nil` for other models.
  package var llama3Factors: [Float]? {
    guard kind?.lowercased() == "llama3", let dimension = headDimension else { return nil }
    // In Float throughout, as the converter's tensors are.
    func number(_ key: String, _ value: Double) -> Float { Float(rope?[key]?.double ?? value) }
    let factor = number("factor", 8)
    let (low, high) = (number("low_freq_factor", 1), number("high_freq_factor", 4))
    let context = number("original_max_position_embeddings", 8192)
    return stride(from: 0, to: dimension, by: 2).map { index in
      let frequency = 1 / powf(Float(base ?? 10_000), Float(index) / Float(dimension))
      let length = Float(2 * Double.pi) / frequency
      if length < context / high { return 1 }
      if length > context / low { return factor }
      let smooth = (context / length - low) / (high - low)
      return 1 / ((1 - smooth) / factor + smooth)
    }
  }
}
