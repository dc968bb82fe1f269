package import Checkpoints

/// The families of models that Hugging Face's folders hold and Lathe runs: llama.cpp's names for their tensors (gguf-py's
/// `tensor_mapping`), and what its converter does differently about each.
package struct LlamaFamily: Sendable {
  /// llama.cpp's name.
  package let architecture: String
  package let classes: [String]
  package let vocabulary: Vocabulary.Style
  package let inner: [String: String]
  package let outer: [String: String]
  /// Llama's rotary embedding wants the halves of each head interleaved.
  package var interleavesHeads = false
  /// Gemma's norms multiply by 1 + w.
  package var normOffset: Float = 0
  /// Rows beyond the vocabulary are cut off the embedding.
  package var trimsEmbedding = false
  /// `lm_head` is the embedding again.
  package var dropsHead = false
  package var hasPooling = false
  /// Whether `lathe export` writes the family as GGUF, or Lathe only runs it.
  package var isExported = true

  /// The family of a class of transformers.
  package static func named(_ name: String) -> LlamaFamily? { all.first { $0.classes.contains(name) } }

  /// The family that a GGUF file names.
  package static func architecture(_ name: String) -> LlamaFamily? { all.first { $0.architecture == name } }

  private static let all = [
    LlamaFamily(
      architecture: "llama", classes: ["LlamaForCausalLM", "MistralForCausalLM", "LlamaModel"], vocabulary: .llama,
      inner: decoder, outer: decoderOuter, interleavesHeads: true),
    LlamaFamily(
      architecture: "qwen2", classes: ["Qwen2ForCausalLM", "Qwen2Model"], vocabulary: .bytePairs, inner: decoder,
      outer: decoderOuter, hasPooling: true),
    LlamaFamily(
      architecture: "qwen3", classes: ["Qwen3ForCausalLM", "Qwen3Model"], vocabulary: .bytePairs, inner: decoder,
      outer: decoderOuter, hasPooling: true),
    LlamaFamily(
      architecture: "gemma2", classes: ["Gemma2ForCausalLM"], vocabulary: .sentencePiece, inner: gemma,
      outer: decoderOuter, normOffset: 1, dropsHead: true),
    LlamaFamily(
      architecture: "gemma3", classes: ["Gemma3ForCausalLM", "Gemma3ForConditionalGeneration"],
      vocabulary: .sentencePiece, inner: gemma, outer: decoderOuter, normOffset: 1, trimsEmbedding: true),
    LlamaFamily(
      architecture: "bert", classes: ["BertModel", "BertForMaskedLM", "BertForSequenceClassification"],
      vocabulary: .wordPiece, inner: encoder, outer: encoderOuter, hasPooling: true),
    LlamaFamily(
      architecture: "mpnet", classes: ["MPNetModel", "MPNetForMaskedLM"], vocabulary: .wordPiece, inner: mpnet,
      outer: encoderOuter.merging(["encoder.relative_attention_bias": "attn_rel_b"]) { $1 }, hasPooling: true,
      isExported: false),
    LlamaFamily(
      architecture: "phi3", classes: ["Phi3ForCausalLM"], vocabulary: .llama,
      inner: decoder.merging(["self_attn.qkv_proj": "attn_qkv", "mlp.gate_up_proj": "ffn_up"]) { $1 },
      outer: decoderOuter, isExported: false),
    LlamaFamily(
      architecture: "gpt2", classes: ["GPT2LMHeadModel", "GPT2Model"], vocabulary: .bytePairs, inner: gpt2,
      outer: ["wte": "token_embd", "wpe": "position_embd", "ln_f": "output_norm", "lm_head": "output"],
      isExported: false),
  ]

  private static let decoderOuter = [
    "embed_tokens": "token_embd", "norm": "output_norm", "lm_head": "output",
  ]

  private static let attention = [
    "self_attn.q_proj": "attn_q", "self_attn.k_proj": "attn_k", "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output", "self_attn.q_norm": "attn_q_norm", "self_attn.k_norm": "attn_k_norm",
    "mlp.gate_proj": "ffn_gate", "mlp.up_proj": "ffn_up", "mlp.down_proj": "ffn_down",
    "input_layernorm": "attn_norm",
  ]
  private static let decoder = attention.merging(["post_attention_layernorm": "ffn_norm"]) { $1 }
  private static let gemma = attention.merging([
    "post_attention_layernorm": "post_attention_norm", "pre_feedforward_layernorm": "ffn_norm",
    "post_feedforward_layernorm": "post_ffw_norm",
  ]) { $1 }

  private static let encoder = [
    "attention.self.query": "attn_q", "attention.self.key": "attn_k", "attention.self.value": "attn_v",
    "attention.output.dense": "attn_output", "attention.output.LayerNorm": "attn_output_norm",
    "intermediate.dense": "ffn_up", "output.dense": "ffn_down", "output.LayerNorm": "layer_output_norm",
  ]
  private static let mpnet = [
    "attention.attn.q": "attn_q", "attention.attn.k": "attn_k", "attention.attn.v": "attn_v",
    "attention.attn.o": "attn_output", "attention.LayerNorm": "attn_output_norm", "intermediate.dense": "ffn_up",
    "output.dense": "ffn_down", "output.LayerNorm": "layer_output_norm",
  ]
  private static let gpt2 = [
    "ln_1": "attn_norm", "attn.c_attn": "attn_qkv", "attn.c_proj": "attn_output", "ln_2": "ffn_norm",
    "mlp.c_fc": "ffn_up", "mlp.c_proj": "ffn_down",
  ]
  private static let encoderOuter = [
    "embeddings.word_embeddings": "token_embd", "embeddings.position_embeddings": "position_embd",
    "embeddings.token_type_embeddings": "token_types", "embeddings.LayerNorm": "token_embd_norm",
    "classifier": "cls.output",
  ]

  /// The name without what wraps the model; `nil` for tensors that the converter leaves out.
  package func plain(_ name: String) -> String? {
    var name = name[...]
    for ending in [".rotary_emb.inv_freq", ".attention.masked_bias", ".attention.bias"] where name.hasSuffix(ending) {
      return nil
    }
    if architecture == "bert" || architecture == "mpnet" {
      for prefix in ["bert.", "mpnet."] where name.hasPrefix(prefix) { name = name.dropFirst(prefix.count) }
      let left = ["embeddings.position_ids", "pooler.dense.weight", "pooler.dense.bias"]
      if left.contains(String(name)) || name.hasPrefix("cls.") || name.hasPrefix("lm_head.") {
        return nil
      }
      if name.hasSuffix(".gamma") { return name.dropLast(6) + ".weight" }
      if name.hasSuffix(".beta") { return name.dropLast(5) + ".bias" }
      return String(name)
    }
    if architecture == "gpt2" {
      if name.hasPrefix("transformer.") { name = name.dropFirst(12) }
      return name.hasSuffix(".attn.bias") || name.hasSuffix(".masked_bias") ? nil : String(name)
    }
    for part in ["vision_tower.", "multi_modal_projector.", "model.vision_tower.", "model.multi_modal_projector."]
    where name.hasPrefix(part) { return nil }
    for prefix in ["language_model.", "model.language_model.", "model."] where name.hasPrefix(prefix) {
      name = name.dropFirst(prefix.count)
    }
    if dropsHead, name == "lm_head.weight" { return nil }
    return String(name)
  }

  /// llama.cpp's name of a plain one; `nil` where it has none.
  package func name(of plain: String) -> String? {
    guard let dot = plain.lastIndex(of: ".") else { return nil }
    let (module, ending) = (plain[..<dot], plain[dot...])
    guard ending == ".weight" || ending == ".bias" else { return nil }
    if let name = outer[String(module)] { return name + ending }
    let prefix =
      switch architecture {
      case "bert", "mpnet": "encoder.layer."
      case "gpt2": "h."
      default: "layers."
      }
    guard module.hasPrefix(prefix) else { return nil }
    let parts = module.dropFirst(prefix.count).split(separator: ".", maxSplits: 1)
    guard parts.count == 2, let block = Int(parts[0]), let name = inner[String(parts[1])] else { return nil }
    return "blk.\(block).\(name)\(ending)"
  }
}
