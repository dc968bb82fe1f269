extension Layer.Role {
  /// The role that a tensor's name and shape suggest, after the habits of Hugging Face's models (Llama, Qwen,
  /// GPT-2, BERT, MPNet, T5, ViT), of GGUF and of torchvision. A guess: names are free.
  init(name: String, shape: [Int]) {
    let lower = Array(name.lowercased().utf8)
    let separators = [UInt8(ascii: "."), UInt8(ascii: "/")]
    let parts = lower.split { separators.contains($0) }.map { String(decoding: $0, as: UTF8.self) }
    let isVector = shape.count < 2
    // On bytes: the search of String costs a hundred times as much, and models have many names.
    func mentions(_ words: StaticString...) -> Bool { words.contains { lower.holds($0) } }

    if isVector {
      self = mentions("norm", "ln_", "bn", ".gamma", "layer_scale") ? .norm : .other
      return
    }
    let leaf = Self.leaf(parts)
    if leaf == "position_ids" {
      self = .other
      return
    }
    let inBlock = parts.contains { Int($0) != nil }
    let isRouter =
      parts.contains { $0.hasPrefix("router") || $0.hasSuffix("router") }
      || ["ffn_gate_inp", "gate_inp", "moe_gate", "gating", "wg"].contains(leaf)
      || leaf == "gate" && mentions("moe", "mlp.gate", "ffn.gate", "feed_forward.gate")
    if isRouter, !mentions("experts", ".switch_mlp.", ".switch_glu.") {
      self = .router
    } else if mentions("exps", "experts", ".switch_mlp.", ".switch_glu.") {
      self = .expert
    } else if let role = Self.leaves[leaf] ?? (inBlock ? Self.leavesInBlocks[leaf] : nil) {
      self = role
    } else if mentions("position_embed", "pos_embed", "position_emb", "relative_attention_bias", "rotary") {
      self = .positional
    } else if mentions("embed"), shape.count < 3 {
      self = .embedding
    } else if ["dense", "c_proj", "o", "out"].contains(leaf) {
      self = Self.denseRole(parts)
    } else if parts.contains(where: { Self.isNorm($0) }), shape.count < 3 {
      self = .norm
    } else if shape.count >= 3 {
      self = .convolution
    } else {
      self = .linear
    }
  }

  /// Whether a part of a name is that of a normalisation: `input_layernorm`, `norm1`, `q_norm`; not `normal`.
  private static func isNorm(_ part: String) -> Bool {
    guard let range = part.firstRange(of: "norm") else { return false }
    return part[range.upperBound...].first.map { !$0.isLetter } ?? true || part.hasSuffix("norms")
  }

  /// The name's last part that is not just "weight".
  private static func leaf(_ parts: [String]) -> String {
    let last = parts.last ?? ""
    return last == "weight" && parts.count > 1 ? parts[parts.count - 2] : last
  }

  /// BERT's and its relatives' `dense`, GPT-2's `c_proj`: which one, the parents say.
  private static func denseRole(_ parts: [String]) -> Layer.Role {
    let inAttention = parts.contains { Array($0.utf8).holds("attention") || Array($0.utf8).holds("attn") }
    if parts.contains("intermediate") { return .feedForwardUp }
    if inAttention { return .attentionOutput }
    let inBlock = parts.contains { Int($0) != nil }
    return (parts.contains("output") || parts.contains("mlp")) && inBlock ? .feedForwardDown : .linear
  }

  /// What a last part means wherever it stands.
  private static let leaves: [String: Layer.Role] = [
    "q_proj": .attentionQuery, "k_proj": .attentionKey, "v_proj": .attentionValue, "o_proj": .attentionOutput,
    "out_proj": .attentionOutput, "q_lin": .attentionQuery, "k_lin": .attentionKey, "v_lin": .attentionValue,
    "out_lin": .attentionOutput, "attn_q": .attentionQuery, "attn_k": .attentionKey,
    "attn_v": .attentionValue,
    "attn_output": .attentionOutput, "attn_qkv": .attentionQKV, "c_attn": .attentionQKV, "qkv": .attentionQKV,
    "qkv_proj": .attentionQKV, "query_key_value": .attentionQKV, "in_proj_weight": .attentionQKV,
    "up_proj": .feedForwardUp, "gate_proj": .feedForwardGate, "down_proj": .feedForwardDown,
    "gate_up_proj": .feedForwardUp, "ffn_up": .feedForwardUp, "ffn_gate": .feedForwardGate,
    "ffn_down": .feedForwardDown, "c_fc": .feedForwardUp, "token_embd": .embedding, "shared": .embedding,
    "embed_tokens": .embedding, "wte": .embedding, "word_embeddings": .embedding,
    "token_type_embeddings": .embedding, "token_types": .embedding, "wpe": .positional,
    "position_embd": .positional, "position_embeddings": .positional, "lm_head": .head, "output": .head,
    "classifier": .head, "embed_out": .head,
  ]

  /// What a short last part means inside a numbered block; elsewhere it may be anything.
  private static let leavesInBlocks: [String: Layer.Role] = [
    "query": .attentionQuery, "key": .attentionKey, "value": .attentionValue, "q": .attentionQuery,
    "k": .attentionKey, "v": .attentionValue, "fc1": .feedForwardUp, "fc2": .feedForwardDown,
    "wi": .feedForwardUp, "wi_0": .feedForwardGate, "wi_1": .feedForwardUp, "wo": .feedForwardDown,
    "lin1": .feedForwardUp, "lin2": .feedForwardDown,
  ]
}
