"""Writes a trained llama.Llama as a Hugging Face folder and, from that folder, as an F16 GGUF."""
import json

import gguf
import numpy as np
import torch
from safetensors.numpy import load_file
from safetensors.torch import save_file

from llama import CONTEXT, EPS, HEAD_DIM, HEADS, HIDDEN, INNER, KV_HEADS, LAYERS, THETA, VOCAB

END = "<|endoftext|>"
GGUF_NAMES = {"self_attn.q_proj": "attn_q", "self_attn.k_proj": "attn_k", "self_attn.v_proj": "attn_v",
              "self_attn.o_proj": "attn_output", "mlp.gate_proj": "ffn_gate", "mlp.up_proj": "ffn_up",
              "mlp.down_proj": "ffn_down", "input_layernorm": "attn_norm",
              "post_attention_layernorm": "ffn_norm", "embed_tokens": "token_embd",
              "norm": "output_norm", "lm_head": "output"}


def write_json(path, value):
    path.write_text(json.dumps(value, indent=2) + "\n")


def write_folder(folder, state, tokenizer):
    half = {name: tensor.to(torch.float16).contiguous() for name, tensor in state.items()}
    save_file(half, folder / "model.safetensors", {"format": "pt"})
    write_json(folder / "config.json", {
        "architectures": ["LlamaForCausalLM"], "model_type": "llama", "torch_dtype": "float16",
        "vocab_size": VOCAB, "hidden_size": HIDDEN, "intermediate_size": INNER,
        "num_hidden_layers": LAYERS, "num_attention_heads": HEADS, "num_key_value_heads": KV_HEADS,
        "head_dim": HEAD_DIM, "max_position_embeddings": CONTEXT, "rope_theta": THETA,
        "rope_scaling": None, "rms_norm_eps": EPS, "hidden_act": "silu", "attention_bias": False,
        "mlp_bias": False, "tie_word_embeddings": False, "initializer_range": 0.02,
        "bos_token_id": 0, "eos_token_id": 0, "use_cache": True})
    tokenizer.save(str(folder / "tokenizer.json"))
    write_json(folder / "tokenizer_config.json", {
        "tokenizer_class": "PreTrainedTokenizerFast", "model_max_length": CONTEXT,
        "add_prefix_space": False, "add_bos_token": False, "add_eos_token": False,
        "clean_up_tokenization_spaces": False,
        "bos_token": END, "eos_token": END, "unk_token": END})
    write_json(folder / "special_tokens_map.json", {"bos_token": END, "eos_token": END, "unk_token": END})


def interleaved(weight, heads):
    """q and k rows in GGUF's order: rotation pairs (i, i + D/2) of a head become neighbours (2i, 2i + 1)."""
    rows, columns = weight.shape
    return weight.reshape(heads, 2, rows // heads // 2, columns).swapaxes(1, 2).reshape(rows, columns)


def gguf_name(name):
    parts = name.removesuffix(".weight").removeprefix("model.").split(".")
    if parts[0] == "layers":
        return f"blk.{parts[1]}.{GGUF_NAMES['.'.join(parts[2:])]}.weight"
    return GGUF_NAMES[".".join(parts)] + ".weight"


def add_tokenizer(writer, folder):
    model = json.loads((folder / "tokenizer.json").read_text())["model"]
    tokens = sorted(model["vocab"], key=model["vocab"].get)
    kinds = [gguf.TokenType.CONTROL if t == END else gguf.TokenType.NORMAL for t in tokens]
    merges = [m if isinstance(m, str) else " ".join(m) for m in model["merges"]]
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("gpt-2")
    writer.add_token_list(tokens)
    writer.add_token_types(kinds)
    writer.add_token_merges(merges)
    for add in (writer.add_bos_token_id, writer.add_eos_token_id, writer.add_unk_token_id):
        add(0)
    writer.add_add_bos_token(False)
    writer.add_add_eos_token(False)


def write_gguf(path, folder):
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_type(gguf.GGUFType.MODEL)
    writer.add_name("Shakespeare Llama 2.9M")
    writer.add_license("MIT")
    writer.add_vocab_size(VOCAB)
    writer.add_context_length(CONTEXT)
    writer.add_embedding_length(HIDDEN)
    writer.add_block_count(LAYERS)
    writer.add_feed_forward_length(INNER)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(KV_HEADS)
    writer.add_key_length(HEAD_DIM)
    writer.add_value_length(HEAD_DIM)
    writer.add_rope_dimension_count(HEAD_DIM)
    writer.add_rope_freq_base(THETA)
    writer.add_layer_norm_rms_eps(EPS)
    writer.add_file_type(gguf.LlamaFileType.MOSTLY_F16)
    writer.add_quantization_version(gguf.GGML_QUANT_VERSION)
    add_tokenizer(writer, folder)
    for name, weight in load_file(folder / "model.safetensors").items():
        if weight.ndim == 1:
            weight = weight.astype(np.float32)
        elif name.endswith("q_proj.weight"):
            weight = interleaved(weight, HEADS)
        elif name.endswith("k_proj.weight"):
            weight = interleaved(weight, KV_HEADS)
        writer.add_tensor(gguf_name(name), np.ascontiguousarray(weight))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
