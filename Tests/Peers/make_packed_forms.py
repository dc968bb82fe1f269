"""Small checkpoints of packed weights in forms that publishers use, and the numbers that they stand for.

    python3 Tests/Peers/make_packed_forms.py     (numpy, ml-dtypes)

Writes Tests/Fixtures/packed/NAME/{model.safetensors,config.json} and Tests/Fixtures/packed/expected.safetensors, whose
tensors are called NAME/LAYER. Every number is worked out from the form's description with numpy alone: FP8 with a scale a
block (DeepSeek V3 and V4, Qwen 3), two FP4 a byte under E8M0 scales (OCP Microscaling 1.0), compressed-tensors before 0.9
(zero points a number each), Mistral's scalar scales, stacks of experts.
"""

import json
import os
import struct

import ml_dtypes
import numpy as np

FOLDER = os.path.join(os.path.dirname(__file__), "..", "Fixtures", "packed")
NAMES = {"float32": "F32", "float16": "F16", "bfloat16": "BF16", "int8": "I8", "uint8": "U8", "int32": "I32",
         "int64": "I64", "uint32": "U32", "float8_e4m3fn": "F8_E4M3", "float8_e8m0fnu": "F8_E8M0"}
E2M1 = np.array([0, .5, 1, 1.5, 2, 3, 4, 6, -0., -.5, -1, -1.5, -2, -3, -4, -6], np.float32)
rng = np.random.default_rng(7)
expected = {}


def save(path, tensors):
    header, at, body = {}, 0, b""
    for name, array in tensors.items():
        data = np.ascontiguousarray(array).tobytes()
        header[name] = {"dtype": NAMES[array.dtype.name], "shape": list(array.shape), "data_offsets": [at, at + len(data)]}
        at, body = at + len(data), body + data
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text + body)


def folder(name, tensors, config, values):
    os.makedirs(os.path.join(FOLDER, name), exist_ok=True)
    save(os.path.join(FOLDER, name, "model.safetensors"), tensors)
    with open(os.path.join(FOLDER, name, "config.json"), "w") as file:
        json.dump(config, file)
    for layer, value in values.items():
        expected[f"{name}/{layer}"] = np.asarray(value, np.float32)


def fp8(*shape):
    return (rng.standard_normal(shape) * 100).astype(ml_dtypes.float8_e4m3fn)


def spread(scales, block, shape):
    """Scales of blocks as one number a weight; the last blocks are cut off."""
    for axis in (-2, -1):
        scales = np.repeat(scales, block[axis], axis=axis)
    return scales[..., :shape[-2], :shape[-1]]


def powers(*shape):
    return np.exp2(rng.integers(-14, -8, shape)).astype(np.float32)


def fp4(rows, columns, lead=()):
    codes = rng.integers(0, 16, (*lead, rows, columns))
    packed = (codes[..., 0::2] | codes[..., 1::2] << 4).astype(np.uint8)
    return packed, E2M1[codes]


def words(codes):
    """compressed-tensors: eight codes of four bits an I32, from the lowest bits on."""
    eight = codes.reshape(*codes.shape[:-1], -1, 8).astype(np.uint32)
    return (eight << (4 * np.arange(8, dtype=np.uint32))).sum(-1, dtype=np.uint32).view(np.int32)


# FP8 in blocks that do not divide the matrix; experts of two FP4 a byte beside them.
block = {"quant_method": "fp8", "scale_fmt": "ue8m0", "weight_block_size": [16, 16]}
weight, scale = fp8(40, 36), powers(3, 3)
experts, levels = fp4(8, 64)
expert_scale = powers(8, 2)
folder("fp8-scale", {
    "layers.0.attn.wo_b.weight": weight, "layers.0.attn.wo_b.scale": scale.astype(ml_dtypes.float8_e8m0fnu),
    "layers.0.ffn.experts.0.w1.weight": experts.view(np.int8),
    "layers.0.ffn.experts.0.w1.scale": expert_scale.astype(ml_dtypes.float8_e8m0fnu),
}, {"model_type": "deepseek_v4", "expert_dtype": "fp4", "quantization_config": block}, {
    "layers.0.attn.wo_b": weight.astype(np.float32) * spread(scale, (16, 16), weight.shape),
    "layers.0.ffn.experts.0.w1": levels * np.repeat(expert_scale, 32, 1),
})

# Mistral: a scale for the whole tensor, and one for the activations.
weight = fp8(24, 32)
folder("fp8-qscale", {
    "layers.0.attention.wq.weight": weight,
    "layers.0.attention.wq.qscale_weight": np.array(0.003, np.float32).astype(ml_dtypes.bfloat16),
    "layers.0.attention.wq.qscale_act": np.array(0.5, np.float32).astype(ml_dtypes.bfloat16),
}, {"model_type": "mistral"}, {
    "layers.0.attention.wq": weight.astype(np.float32) * np.float32(ml_dtypes.bfloat16(0.003)),
})

# Stacks of experts: blocks, one scale a row, one an expert, and NVFP4 with a factor an expert.
weight, scale = fp8(2, 20, 36), powers(2, 2, 3)
rows, row_scale = fp8(2, 12, 32), powers(2, 12, 1)
whole, whole_scale = fp8(3, 8, 32), powers(3)
packed, levels = fp4(6, 32, (2,))
group = np.abs(rng.standard_normal((2, 6, 2)) * 10).astype(ml_dtypes.float8_e4m3fn)
second = np.array([.01, .03], np.float32)
prefix = "model.layers.0.mlp.experts."
folder("stacked", {
    prefix + "down_proj": weight, prefix + "down_proj_scale_inv": scale,
    prefix + "gate_proj": rows, prefix + "gate_proj_scale": row_scale,
    prefix + "up_proj": whole, prefix + "up_proj_scale": whole_scale,
    prefix + "w2.weight": packed, prefix + "w2.weight_scale": group, prefix + "w2.weight_scale_2": second,
}, {"model_type": "qwen3_moe", "quantization_config": block}, {
    prefix + "down_proj": (weight.astype(np.float32) * spread(scale, (16, 16), (20, 36))).reshape(40, 36),
    prefix + "gate_proj": (rows.astype(np.float32) * row_scale).reshape(24, 32),
    prefix + "up_proj": (whole.astype(np.float32) * whole_scale[:, None, None]).reshape(24, 32),
    prefix + "w2": (levels * np.repeat(group.astype(np.float32), 16, 2) * second[:, None, None]).reshape(12, 32),
})

# compressed-tensors: zero points that are a number each, of two types; a stack of experts in words.
tensors, values = {}, {}
for name, kind in (("q_proj", np.int8), ("k_proj", ml_dtypes.bfloat16)):
    codes = rng.integers(-8, 8, (6, 64))
    scale = np.abs(rng.standard_normal((6, 2)) * .1 + .05).astype(np.float16)
    zero = rng.integers(-8, 8, (6, 2))
    module = f"model.layers.0.self_attn.{name}"
    tensors |= {module + ".weight_packed": words(codes + 8), module + ".weight_scale": scale,
                module + ".weight_zero_point": zero.astype(np.float32).astype(kind),
                module + ".weight_shape": np.array([6, 64])}
    values[module] = (codes - np.repeat(zero, 32, 1)) * np.repeat(scale.astype(np.float32), 32, 1)
codes = rng.integers(-8, 8, (2, 8, 64))
scale = np.abs(rng.standard_normal((2, 8, 2)) * .1 + .05).astype(np.float16)
module = "model.layers.0.mlp.experts.down_proj"
tensors |= {module + ".weight_packed": words(codes + 8), module + ".weight_scale": scale,
            module + ".weight_shape": np.array([2, 8, 64])}
values[module] = (codes * np.repeat(scale.astype(np.float32), 32, 2)).reshape(16, 64)
folder("compressed-tensors", tensors, {
    "model_type": "llama", "quantization_config": {"quant_method": "compressed-tensors", "format": "pack-quantized"},
}, values)

# X.qweight and X.scale, signed bytes.
codes = rng.integers(-127, 128, (5, 12)).astype(np.int8)
scale = np.abs(rng.standard_normal(5)).astype(np.float32)
folder("int8-scale", {"fc.qweight": codes, "fc.scale": scale, "fc.bias": np.zeros(5, np.float32)}, {}, {
    "fc": codes * scale[:, None],
})
save(os.path.join(FOLDER, "expected.safetensors"), expected)
