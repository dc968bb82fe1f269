package import Architectures
package import Checkpoints
package import FileAccess

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
  package init(_ root: JSONValue, family: Architecture, path: String) throws(InferenceError) {
    var members = root.members
    members += root["text_config"]?.members ?? []
    members += members.compactMap { member in
      family.aliases[member.key].map { JSONValue.Member(key: $0, value: member.value) }
    }
    let known = Set(members.map(\.key))
    for (key, value) in family.defaults.sorted(by: { $0.key < $1.key }) where !known.contains(key) {
      members.append(.init(key: key, value: .number("\(value)")))
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
    heads = try need("num_attention_heads")
    keyHeads = json["num_key_value_heads"]?.int ?? heads
    guard heads > 0, keyHeads > 0 else { throw InferenceError(path, "it has no attention heads") }
    headDimension = json["head_dim"]?.int ?? (family.sharesHeadWidth ? hidden / heads : nil)
    guard (1...1 << 20).contains(headDimension ?? 1) else {
      throw InferenceError(path, "it has heads of \(headDimension ?? 0) numbers")
    }
    for key in family.refused where json[key]?.bool == true || (json[key]?.double ?? 0) != 0 {
      throw InferenceError(path, "has \(key), which Lathe cannot run")
    }
  }

  /// The hyperparameters under the architecture's name.
  package func fields(_ family: Architecture) -> [(key: String, value: GGUFField)] {
    var fields: [(key: String, value: GGUFField)] = [("block_count", .u32(layers))]
    func add(_ key: String, _ value: Int?) { if let value { fields.append((key, .u32(value))) } }
    func add(_ key: String, _ value: Double?) { if let value { fields.append((key, .f32(Float(value)))) } }
    add("context_length", json["max_position_embeddings"]?.int)
    add("embedding_length", hidden)
    add("feed_forward_length", json["intermediate_size"]?.int)
    add("attention.head_count", heads)
    if !family.isEncoder { add("attention.head_count_kv", keyHeads) }
    addRope(family, &fields)
    add("attention.layer_norm_rms_epsilon", json["rms_norm_eps"]?.double ?? (family.usesRMSNorm ? family.epsilon : nil))
    add("attention.layer_norm_epsilon", json["layer_norm_eps"]?.double ?? (family.usesRMSNorm ? nil : family.epsilon))
    if family.isEncoder { fields.append(("attention.causal", .bool(false))) }
    if let dimension = headDimension {
      add("attention.key_length", dimension)
      add("attention.value_length", dimension)
    }
    for one in family.metadata {
      if let unless = one.unless, json[unless.entry]?.int == unless.value { continue }
      if one.entry == "head_dim" {
        add(one.key, headDimension)
      } else if one.isInteger {
        add(one.key, json[one.entry]?.int)
      } else {
        add(one.key, json[one.entry]?.double)
      }
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
  /// In blocks with a window.
  var localBase: Double? {
    (json["rope_parameters"]?["sliding_attention"]?["rope_theta"] ?? json["rope_local_base_freq"])?.double
  }
  var kind: String? { (rope?["rope_type"] ?? rope?["type"])?.string }

  private func addRope(_ family: Architecture, _ fields: inout [(key: String, value: GGUFField)]) {
    guard family.writesRotary else { return }
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
    add("rope.freq_base", base ?? 10_000)
    if let usual = family.localBase { add("rope.freq_base_swa", localBase ?? usual) }
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
