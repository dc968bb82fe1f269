"""Makes Tests/Fixtures/llama-mixes.json: which type llama-quantize gives each tensor in each of its named mixes.

Small files of zeros with the names, and the metadata, of models of several families are quantised by llama.cpp's own
`llama_model_quantize`, as llama-quantize calls it, once without and once with an importance matrix; the types are read
back from the files that it writes. So is the sample language model.

Needs numpy, gguf and llama.cpp as a library: the package llama-cpp-py-sync, or LIBLLAMA, its path; left out where
there is neither.

    models: [{name, fields: {key: value}, tensors: [[name, first block, last block, extents, outermost first]],
              mixes: {NAME: types}, weighed: {NAME: types}}]

A tensor's name has `*` in the place of its block's number; outside of blocks first and last are null. `8a2c` are eight
tensors of the first and two of the third of `types`, in the order of `tensors`, block after block. A mix that
llama-quantize refuses is null. `weighed` are those made with an importance matrix that come out otherwise.
"""
import ctypes
import importlib.util
import itertools
import json
import os
import re
import string
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path

import gguf
import numpy as np

ROOT = Path(__file__).resolve().parents[2]
SAMPLE = ROOT / "Samples/shakespeare-llama-f16.gguf"
LETTERS = string.ascii_letters + string.digits
# llama.h's llama_ftype, under llama-quantize's names.
MIXES = {
    "Q4_0": 2, "Q4_1": 3, "Q8_0": 7, "Q5_0": 8, "Q5_1": 9, "Q2_K": 10, "Q3_K_S": 11, "Q3_K_M": 12, "Q3_K_L": 13,
    "Q4_K_S": 14, "Q4_K_M": 15, "Q5_K_S": 16, "Q5_K_M": 17, "Q6_K": 18, "IQ2_XXS": 19, "IQ2_XS": 20, "Q2_K_S": 21,
    "IQ3_XS": 22, "IQ3_XXS": 23, "IQ1_S": 24, "IQ4_NL": 25, "IQ3_S": 26, "IQ3_M": 27, "IQ2_S": 28, "IQ2_M": 29,
    "IQ4_XS": 30, "IQ1_M": 31, "TQ1_0": 36, "TQ2_0": 37, "MXFP4_MOE": 38}


class Entry(ctypes.Structure):
    """llama_model_imatrix_data"""
    _fields_ = [("name", ctypes.c_char_p), ("data", ctypes.POINTER(ctypes.c_float)), ("size", ctypes.c_size_t)]


class Parameters(ctypes.Structure):
    """llama_model_quantize_params"""
    _fields_ = [
        ("nthread", ctypes.c_int32), ("ftype", ctypes.c_int), ("output_tensor_type", ctypes.c_int),
        ("token_embedding_type", ctypes.c_int), ("allow_requantize", ctypes.c_bool),
        ("quantize_output_tensor", ctypes.c_bool), ("only_copy", ctypes.c_bool), ("pure", ctypes.c_bool),
        ("keep_split", ctypes.c_bool), ("dry_run", ctypes.c_bool), ("imatrix", ctypes.POINTER(Entry)),
        ("kv_overrides", ctypes.c_void_p), ("tt_overrides", ctypes.c_void_p), ("prune_layers", ctypes.c_void_p)]


def library():
    if "LIBLLAMA" in os.environ:
        return Path(os.environ["LIBLLAMA"]), "llama.cpp"
    found = importlib.util.find_spec("llama_cpp_py_sync")
    if found is None:
        print("left out: neither llama-cpp-py-sync nor LIBLLAMA is there")
        sys.exit(0)
    return Path(found.submodule_search_locations[0]) / "libllama.so", f"llama-cpp-py-sync {version('llama-cpp-py-sync')}"


PATH, SOURCE = library()
for name in ["libggml-base.so.0", "libggml-cpu.so.0", "libggml.so.0"]:
    if (PATH.parent / name).exists():
        ctypes.CDLL(str(PATH.parent / name), mode=ctypes.RTLD_GLOBAL)
LLAMA = ctypes.CDLL(str(PATH))
LLAMA.llama_model_quantize_default_params.restype = Parameters
LLAMA.llama_model_quantize.argtypes = [ctypes.c_char_p, ctypes.c_char_p, ctypes.POINTER(Parameters)]
LLAMA.llama_model_quantize.restype = ctypes.c_uint32
MESSAGES = []
LOG = ctypes.CFUNCTYPE(None, ctypes.c_int, ctypes.c_char_p, ctypes.c_void_p)(
    lambda level, text, _: MESSAGES.append(text.decode(errors="replace")))
LLAMA.llama_log_set(LOG, None)


# MARK: - Models

WIDTH, ROWS = 256, 4


def model(name, family, blocks, heads, keys, names, tied=False, extra=None, width=WIDTH, outer=()):
    """`names`: of a block's tensors, each with its columns; `name*n` is a stack of n."""
    fields = {"general.architecture": family, f"{family}.context_length": 64, f"{family}.embedding_length": width,
              f"{family}.block_count": blocks, f"{family}.feed_forward_length": 2 * width,
              f"{family}.attention.head_count": heads, f"{family}.attention.head_count_kv": keys,
              f"{family}.attention.layer_norm_rms_epsilon": 1e-5, f"{family}.attention.layer_norm_epsilon": 1e-5}
    fields.update({f"{family}.{key}": value for key, value in (extra or {}).items()})
    tensors = [["token_embd.weight", [ROWS, width]], ["output_norm.weight", [width]]]
    tensors += [] if tied else [["output.weight", [ROWS, width]]]
    tensors += [list(one) for one in outer]
    for block in range(blocks):
        for one, columns in (names(block) if callable(names) else names):
            one, _, count = one.partition("*")
            shape = [columns] if one.endswith(("norm.weight", ".bias")) else [ROWS, columns]
            tensors.append([f"blk.{block}.{one}", ([int(count)] if count else []) + shape])
    return {"name": name, "fields": fields, "tensors": tensors}


def llama(width=WIDTH, wide=None, experts=0):
    wide = wide or 2 * width
    attention = [("attn_norm.weight", width), ("attn_q.weight", width), ("attn_k.weight", width),
                 ("attn_v.weight", width), ("attn_output.weight", width), ("ffn_norm.weight", width)]
    if experts:
        return attention + [("ffn_gate_inp.weight", width), (f"ffn_gate_exps.weight*{experts}", width),
                            (f"ffn_up_exps.weight*{experts}", width), (f"ffn_down_exps.weight*{experts}", wide)]
    return attention + [("ffn_gate.weight", width), ("ffn_up.weight", width), ("ffn_down.weight", wide)]


def fused(gated=False, width=WIDTH):
    return [("attn_norm.weight", width), ("attn_qkv.weight", width), ("attn_qkv.bias", width),
            ("attn_output.weight", width), ("ffn_norm.weight", width), ("ffn_up.weight", width),
            ("ffn_down.weight", 2 * width)]


def deepseek(block):
    names = [("attn_norm.weight", WIDTH), ("attn_q_a.weight", WIDTH), ("attn_q_b.weight", WIDTH),
             ("attn_kv_a_mqa.weight", WIDTH), ("attn_kv_b.weight", WIDTH), ("attn_output.weight", WIDTH),
             ("ffn_norm.weight", WIDTH)]
    if block == 0:
        return names + [("ffn_gate.weight", WIDTH), ("ffn_up.weight", WIDTH), ("ffn_down.weight", 512)]
    return names + [("ffn_gate_inp.weight", WIDTH), ("ffn_gate_exps.weight*16", WIDTH), ("ffn_up_exps.weight*16", WIDTH),
                    ("ffn_down_exps.weight*16", WIDTH), ("ffn_gate_shexp.weight", WIDTH),
                    ("ffn_up_shexp.weight", WIDTH), ("ffn_down_shexp.weight", 512)]


MAMBA = [("attn_norm.weight", WIDTH), ("ssm_in.weight", WIDTH), ("ssm_conv1d.weight", WIDTH), ("ssm_x.weight", WIDTH),
         ("ssm_dt.weight", WIDTH), ("ssm_a", WIDTH), ("ssm_out.weight", WIDTH)]
BIASES = [("attn_q.bias", WIDTH), ("attn_k.bias", WIDTH), ("attn_v.bias", WIDTH)]
NORMS = [("attn_q_norm.weight", 64), ("attn_k_norm.weight", 64)]
POST = [("post_attention_norm.weight", WIDTH), ("post_ffw_norm.weight", WIDTH)]
MODELS = [
    model("2 blocks", "llama", 2, 4, 4, llama()),
    model("2 blocks, tied, 4 heads a key", "llama", 2, 8, 2, llama(), tied=True),
    model("12 blocks, tied", "llama", 12, 4, 4, llama(), tied=True),
    model("12 blocks, 4 heads a key", "llama", 12, 8, 2, llama()),
    model("32 blocks", "llama", 32, 4, 4, llama()),
    model("32 blocks, tied, 4 heads a key", "llama", 32, 8, 2, llama(), tied=True),
    model("80 blocks", "llama", 80, 8, 8, llama()),
    model("80 blocks, 8 heads a key", "llama", 80, 8, 1, llama()),
    model("8 experts", "llama", 12, 8, 8, llama(experts=8), extra={"expert_count": 8, "expert_used_count": 2}),
    model("8 experts, 4 heads a key", "llama", 32, 8, 2, llama(experts=8),
          extra={"expert_count": 8, "expert_used_count": 2}),
    model("4 experts", "llama", 12, 8, 8, llama(experts=4), extra={"expert_count": 4, "expert_used_count": 2}),
    model("rows of 288 and 768", "llama", 12, 4, 4, llama(288, 768), width=288),
    model("rows of 288 and 768, tied", "llama", 12, 4, 4, llama(288, 768), width=288, tied=True),
    model("rows of 48 and 96", "llama", 4, 4, 4, llama(48, 96), width=48),
    model("mistral", "llama", 16, 8, 2, llama(), extra={"attention.sliding_window": 32}),
    model("qwen2", "qwen2", 24, 14, 2, llama() + BIASES, tied=True),
    model("qwen2, 80 blocks", "qwen2", 80, 8, 1, llama() + BIASES),
    model("qwen3", "qwen3", 28, 16, 8, llama() + NORMS, tied=True),
    model("gemma2", "gemma2", 26, 8, 4, llama() + POST, tied=True),
    model("gemma3", "gemma3", 18, 4, 1, llama() + POST + NORMS, tied=True),
    model("phi3", "phi3", 32, 32, 32, fused()),
    model("gpt2", "gpt2", 12, 12, 12, fused(), tied=True, outer=[["position_embd.weight", [ROWS, WIDTH]]]),
    model("falcon", "falcon", 32, 71, 1, fused()),
    model("falcon, tied", "falcon", 60, 8, 8, fused(), tied=True),
    model("stablelm", "stablelm", 24, 32, 32, llama(),
          extra={"use_parallel_residual": True, "rope.dimension_count": 16}),
    model("bert", "bert", 12, 12, 12, llama()[1:5] + [("ffn_up.weight", WIDTH), ("ffn_down.weight", 512)], tied=True,
          outer=[["position_embd.weight", [ROWS, WIDTH]], ["token_types.weight", [2, WIDTH]]]),
    model("olmo, 80 blocks", "olmo", 80, 8, 8, llama(), tied=True),
    model("deepseek2", "deepseek2", 27, 16, 16, deepseek,
          extra={"expert_count": 16, "expert_used_count": 6, "attention.kv_lora_rank": 512, "leading_dense_block_count": 1,
                 "attention.q_lora_rank": 64, "expert_feed_forward_length": 256, "expert_shared_count": 1,
                 "rope.scaling.yarn_log_multiplier": 0.1}),
    model("mamba", "mamba", 12, 0, 0, MAMBA, tied=True,
          extra={"ssm.conv_kernel": 4, "ssm.inner_size": 256, "ssm.state_size": 16, "ssm.time_step_rank": 16}),
]


def write(model, path):
    writer = gguf.GGUFWriter(str(path), model["fields"]["general.architecture"])
    for key, value in model["fields"].items():
        if key == "general.architecture":
            continue
        kinds = {bool: writer.add_bool, int: writer.add_uint32, float: writer.add_float32}
        kinds[type(value)](key, value)
    for name, shape in model["tensors"]:
        writer.add_tensor(name, np.zeros(shape, np.float32 if len(shape) == 1 else np.float16))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def folded(tensors):
    """Tensors of the same name and extents in blocks that follow each other as one, and the names in that order."""
    groups = {}
    for name, shape in tensors:
        block = re.match(r"blk\.(\d+)\.", name)
        key = (re.sub(r"^blk\.\d+\.", "blk.*.", name), tuple(shape))
        groups.setdefault(key, []).append(int(block[1]) if block else None)
    rows, names = [], []
    for (name, shape), blocks in groups.items():
        blocks.sort(key=lambda block: -1 if block is None else block)
        assert blocks[0] is None or blocks == list(range(blocks[0], blocks[-1] + 1))
        rows.append([name, blocks[0], blocks[-1], list(shape)])
        names += [name if block is None else name.replace("*", str(block)) for block in blocks]
    return rows, names


def runs(letters):
    return "".join(f"{len(list(run))}{letter}" for letter, run in itertools.groupby(letters))


# MARK: - llama-quantize

def types(path):
    return {tensor.name: tensor.tensor_type.name for tensor in gguf.GGUFReader(path).tensors}


def quantised(path, mix, out, weighed):
    parameters = LLAMA.llama_model_quantize_default_params()
    assert parameters.quantize_output_tensor and not parameters.imatrix and not parameters.prune_layers
    parameters.nthread, parameters.ftype = 1, MIXES[mix]
    keep = []
    if weighed:
        entries = []
        for tensor in gguf.GGUFReader(path).tensors:
            shape = [int(extent) for extent in tensor.shape]
            if len(shape) > 1 and tensor.name not in ("token_embd.weight", "output.weight"):
                data = np.ones(shape[0] * (shape[2] if len(shape) > 2 else 1), np.float32)
                keep.append(data)
                entries.append(Entry(tensor.name.encode(), data.ctypes.data_as(ctypes.POINTER(ctypes.c_float)), data.size))
        entries.append(Entry(None, None, 0))
        keep.append((Entry * len(entries))(*entries))
        parameters.imatrix = ctypes.cast(keep[-1], ctypes.POINTER(Entry))
    MESSAGES.clear()
    failed = LLAMA.llama_model_quantize(str(path).encode(), str(out).encode(), ctypes.byref(parameters))
    if failed:
        reasons = [text for text in MESSAGES if "failed to quantize" in text]
        if not any(word in text for text in reasons for word in ("imatrix", "no tensor type fallback", "importance")):
            raise SystemExit(f"{path.name}, {mix}: {''.join(MESSAGES[-5:])}")
        return None
    return types(out)


def main():
    found, models = [], []
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        paths = [(None, SAMPLE)]
        for index, one in enumerate(MODELS):
            path = folder / f"{index}.gguf"
            write(one, path)
            paths.append((one, path))
        for one, path in paths:
            if one is None:
                one = {"name": SAMPLE.name, "fields": {}, "tensors": [
                    [t.name, [int(extent) for extent in reversed(t.shape)]] for t in gguf.GGUFReader(path).tensors]}
            rows, names = folded(one["tensors"])
            one["tensors"], one["mixes"], one["weighed"] = rows, {}, {}
            for mix in MIXES:
                letters = []
                for weighed in (False, True):
                    got = quantised(path, mix, folder / "out.gguf", weighed)
                    for kind in got.values() if got else []:
                        if kind not in found:
                            found.append(kind)
                    letters.append(got and runs(LETTERS[found.index(got[name])] for name in names))
                one["mixes"][mix] = letters[0]
                if letters[1] != letters[0]:
                    one["weighed"][mix] = letters[1]
            models.append(one)
            print(f"{one['name']}: {len(names)} tensors, {sum(1 for m in one['mixes'].values() if m)} mixes,"
                  f" {sum(1 for m in one['weighed'].values() if m)} others with an importance matrix")
    lines = ",\n".join(json.dumps(one) for one in models)
    (ROOT / "Tests/Fixtures/llama-mixes.json").write_text(
        '{"source": "%s", "types": %s, "models": [\n%s\n]}\n' % (SOURCE, json.dumps(found), lines))


if __name__ == "__main__":
    main()
