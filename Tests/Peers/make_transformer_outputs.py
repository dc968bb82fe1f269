"""Makes Tests/Fixtures/transformers and transformers.json: small random models of each family that Lathe runs, and the
logits or hidden states that transformers computes for them in float32.

    python make_transformer_outputs.py [NAME …]       all, or those

Each folder has a config.json and a model.safetensors in float16; weights are drawn wide, so that soft caps, windows and
the scalings of rotary embeddings show in the logits.
"""

import json
import shutil
import sys
from importlib.metadata import version
from pathlib import Path

import torch
import transformers as t

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "Tests/Fixtures/transformers"
VOCABULARY, LENGTH = 48, 40
SIZES = dict(vocab_size=VOCABULARY, hidden_size=32, intermediate_size=48, num_hidden_layers=2, num_attention_heads=4,
             num_key_value_heads=2, max_position_embeddings=64)
ENCODER = dict(vocab_size=VOCABULARY, hidden_size=32, intermediate_size=48, num_hidden_layers=2, num_attention_heads=4,
               max_position_embeddings=64)


def rope(kind, **more):
    return dict(rope_type=kind, rope_theta=10000.0, **more)


MODELS = {
    "llama": (t.LlamaForCausalLM, t.LlamaConfig(**SIZES)),
    "llama-3": (t.LlamaForCausalLM, t.LlamaConfig(
        **SIZES, tie_word_embeddings=True, attention_bias=True, rope_parameters=rope(
            "llama3", factor=8.0, low_freq_factor=1.0, high_freq_factor=4.0, original_max_position_embeddings=16))),
    "llama-linear": (t.LlamaForCausalLM, t.LlamaConfig(**SIZES, rope_parameters=rope("linear", factor=4.0))),
    "llama-yarn": (t.LlamaForCausalLM, t.LlamaConfig(
        **SIZES, rope_parameters=rope("yarn", factor=4.0, original_max_position_embeddings=16))),
    "mistral": (t.MistralForCausalLM, t.MistralConfig(**SIZES, sliding_window=7)),
    "qwen2": (t.Qwen2ForCausalLM, t.Qwen2Config(**SIZES)),
    "qwen3": (t.Qwen3ForCausalLM, t.Qwen3Config(**SIZES, head_dim=16, tie_word_embeddings=True)),
    "gemma2": (t.Gemma2ForCausalLM, t.Gemma2Config(
        **SIZES, head_dim=16, sliding_window=5, query_pre_attn_scalar=24, attn_logit_softcapping=2.0,
        final_logit_softcapping=3.0)),
    "gemma3": (t.Gemma3ForCausalLM, t.Gemma3TextConfig(
        **dict(SIZES, num_hidden_layers=3), head_dim=16, sliding_window=5, query_pre_attn_scalar=24,
        layer_types=["sliding_attention", "full_attention", "sliding_attention"],
        rope_parameters={"full_attention": dict(rope_type="linear", factor=2.0, rope_theta=1e6),
                         "sliding_attention": dict(rope_type="default", rope_theta=1e4)})),
    "phi3": (t.Phi3ForCausalLM, t.Phi3Config(**SIZES, pad_token_id=0, sliding_window=9)),
    "phi3-long": (t.Phi3ForCausalLM, t.Phi3Config(
        **SIZES, pad_token_id=0, original_max_position_embeddings=16, rope_parameters=rope(
            "longrope", short_factor=[1.0, 1.1, 1.2, 1.3], long_factor=[1.0, 2.0, 3.0, 4.0],
            original_max_position_embeddings=16))),
    "phi3-short": (t.Phi3ForCausalLM, t.Phi3Config(
        **SIZES, pad_token_id=0, original_max_position_embeddings=48, rope_parameters=rope(
            "longrope", short_factor=[1.0, 1.1, 1.2, 1.3], long_factor=[1.0, 2.0, 3.0, 4.0],
            original_max_position_embeddings=48))),
    "gpt2": (t.GPT2LMHeadModel, t.GPT2Config(
        vocab_size=VOCABULARY, n_embd=32, n_layer=2, n_head=4, n_positions=64)),
    "stablelm": (t.StableLmForCausalLM, t.StableLmConfig(**SIZES, use_qkv_bias=True, partial_rotary_factor=0.5)),
    "mixtral": (t.MixtralForCausalLM, t.MixtralConfig(**dict(SIZES, intermediate_size=24), num_local_experts=4)),
    "mixtral-stacked": (t.MixtralForCausalLM, t.MixtralConfig(
        **dict(SIZES, intermediate_size=24), num_local_experts=4)),
    "qwen2moe": (t.Qwen2MoeForCausalLM, t.Qwen2MoeConfig(
        **SIZES, num_experts=6, num_experts_per_tok=3, moe_intermediate_size=16, shared_expert_intermediate_size=24)),
    "qwen3moe": (t.Qwen3MoeForCausalLM, t.Qwen3MoeConfig(
        **SIZES, head_dim=16, num_experts=6, num_experts_per_tok=2, moe_intermediate_size=16, norm_topk_prob=True,
        mlp_only_layers=[0])),
    "qwen3moe-stacked": (t.Qwen3MoeForCausalLM, t.Qwen3MoeConfig(
        **SIZES, head_dim=16, num_experts=5, num_experts_per_tok=3, moe_intermediate_size=20)),
    "olmoe": (t.OlmoeForCausalLM, t.OlmoeConfig(
        **dict(SIZES, intermediate_size=16), num_experts=6, num_experts_per_tok=2, eos_token_id=0, pad_token_id=1)),
    "bert": (t.BertModel, t.BertConfig(**ENCODER)),
    "mpnet": (t.MPNetModel, t.MPNetConfig(**dict(ENCODER, max_position_embeddings=66))),
}


@torch.no_grad()
def outputs(name, kind, config, tokens):
    torch.manual_seed(sum(name.encode()))
    model = kind(config)
    for parameter in model.parameters():
        if parameter.dim() > 1:
            parameter.copy_((torch.randn_like(parameter) * 0.3).half().float())
        else:
            parameter.copy_((parameter + torch.randn_like(parameter) * 0.2).half().float())
    # transformers' own form of experts is one stack; checkpoints have them in the form of the family's first files.
    model.half().save_pretrained(FOLDER / name, save_original_format=not name.endswith("-stacked"))
    (FOLDER / name / "generation_config.json").unlink(missing_ok=True)
    (FOLDER / name / "model.safetensors").chmod(0o644)
    model = kind.from_pretrained(FOLDER / name, dtype=torch.float32, attn_implementation="eager").eval()
    result = model(torch.tensor([tokens]))
    values = result.logits if hasattr(result, "logits") else result.last_hidden_state
    return [[float(f"{v:.6g}") for v in row] for row in values[0][::6].tolist()]


if __name__ == "__main__":
    torch.set_num_threads(1)
    figures = ROOT / "Tests/Fixtures/transformers.json"
    wanted = sys.argv[1:] or list(MODELS)
    kept = json.loads(figures.read_text())["outputs"] if sys.argv[1:] else {}
    for name in wanted:
        shutil.rmtree(FOLDER / name, ignore_errors=True)
    FOLDER.mkdir(exist_ok=True)
    tokens = [(7 * i * i + 3 * i + 5) % VOCABULARY for i in range(LENGTH)]
    made = kept | {name: outputs(name, *MODELS[name], tokens) for name in wanted}
    result = {"source": f"transformers {version('transformers')}", "tokens": tokens, "every": 6,
              "outputs": {name: made[name] for name in MODELS}}
    text = json.dumps(result).replace(']], "', ']],\n"')
    figures.write_text(text + "\n")
