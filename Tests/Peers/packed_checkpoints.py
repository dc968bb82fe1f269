"""Quantised checkpoints as the tools write them, for make_format_fixtures.py.

compressed-tensors, bitsandbytes and MLX pack and unpack here themselves (PyPI: compressed-tensors, bitsandbytes,
mlx[cpu]). GPTQ's and AWQ's packers need a GPU or a build: their layouts are packed by hand after GPTQModel's and
AutoAWQ's descriptions; scales and codes are made up, so the expected values are exact.
"""
import json

import numpy as np

ROWS, COLUMNS, GROUP = 32, 128, 32


def words(codes, bits):
    """(…, n) codes to (…, n·bits/32) words, from the lowest bit on."""
    stream = (codes[..., None].astype(np.uint32) >> np.arange(bits, dtype=np.uint32)) & 1
    stream = stream.reshape(*codes.shape[:-1], -1, 32).astype(np.uint32)
    return (stream << np.arange(32, dtype=np.uint32)).sum(-1).astype(np.uint32).view(np.int32)


def gptq(rng, bits, act_order=False):
    codes = rng.integers(0, 1 << bits, (COLUMNS, ROWS))
    groups = COLUMNS // GROUP
    scales = (rng.random((groups, ROWS)) + 0.5).astype(np.float16)
    zeros = rng.integers(1, 1 << bits, (groups, ROWS))
    index = np.arange(COLUMNS) // GROUP
    if act_order:
        index = rng.permutation(index)
    weight = (codes - zeros[index]) * scales.astype(np.float32)[index]
    return {"qweight": words(codes.T, bits).T.copy(), "qzeros": words(zeros - 1, bits), "scales": scales,
            "g_idx": index.astype(np.int32)}, weight.T.astype(np.float32)


def awq(rng):
    order = [0, 2, 4, 6, 1, 3, 5, 7]
    codes = rng.integers(0, 16, (COLUMNS, ROWS))
    scales = (rng.random((COLUMNS // GROUP, ROWS)) + 0.5).astype(np.float16)
    zeros = rng.integers(0, 16, (COLUMNS // GROUP, ROWS))

    def pack(codes):
        turned = codes.reshape(codes.shape[0], -1, 8)[:, :, order].reshape(codes.shape)
        return words(turned, 4)
    wide = [np.repeat(a.astype(np.float32), GROUP, 0) for a in (scales, zeros)]
    return {"qweight": pack(codes), "qzeros": pack(zeros), "scales": scales}, ((codes - wide[1]) * wide[0]).T


def make_packed(out, note, random):
    import ml_dtypes
    import torch
    from safetensors.torch import save_file
    rng = np.random.default_rng(11)

    def save(name, tensors, layers, config=None):
        path = out / name
        if config is not None:
            path.mkdir(exist_ok=True)
            (path / "config.json").write_text(json.dumps(config))
            path = path / "model.safetensors"
        save_file({k: torch.from_numpy(np.ascontiguousarray(v)) if isinstance(v, np.ndarray) else v.contiguous()
                   for k, v in tensors.items()}, path, {"format": "pt"})
        note(name, "safetensors", layers)

    tensors, layers = {}, {}
    for bits, act in ((4, False), (3, False), (8, True), (2, False)):
        module = f"model.layers.{bits}.self_attn.q_proj"
        parts, weight = gptq(rng, bits, act)
        tensors.update({f"{module}.{k}": v for k, v in parts.items()})
        layers[module] = (f"GPTQ int{bits} g32", weight)
    save("gptq.safetensors", tensors, layers)

    # Words whose storage is turned are the same weight.
    parts, weight = gptq(np.random.default_rng(12), 4)
    np.savez(out / "gptq-fortran.npz", **{f"fc.{k}": np.asfortranarray(v) for k, v in parts.items()})
    note("gptq-fortran.npz", "npz", {"fc": ("GPTQ int4 g32", weight)})

    parts, weight = awq(rng)
    module = "model.layers.0.mlp.down_proj"
    save("awq.safetensors", {f"{module}.{k}": v for k, v in parts.items()}, {module: ("AWQ int4 g32", weight)})

    make_compressed_tensors(save, random)
    make_bitsandbytes(save, random)
    make_mlx(out, note, random)

    # FP8 with a scale for all, a channel, and blocks of 128 by 128 (DeepSeek-V3's weight_scale_inv).
    tensors, layers = {}, {}
    for name, shape, scale_name, scale in (
            ("all", (8, 16), "weight_scale", np.float32(0.5)),
            ("channel", (8, 16), "weight_scale", rng.random((8, 1)).astype(np.float32)),
            ("block", (130, 200), "weight_scale_inv", rng.random((2, 2)).astype(np.float32))):
        weight = torch.from_numpy(rng.standard_normal(shape).astype(np.float32)).to(torch.float8_e4m3fn)
        tensors[f"{name}.weight"] = weight
        tensors[f"{name}.{scale_name}"] = torch.from_numpy(np.array(scale))
        wide = scale
        if name == "block":
            wide = np.repeat(np.repeat(scale, 128, 0), 128, 1)[:shape[0], :shape[1]]
        kind = {"all": "", "channel": " channel", "block": " 128×128"}[name]
        layers[name] = (f"FP8 f8_e4m3{kind}", weight.float().numpy() * wide)
    # Microscaling as compressed-tensors stores it: E8M0 scales kept as bytes.
    mx = np.random.default_rng(17)
    weight = torch.from_numpy(mx.standard_normal((8, 64)).astype(np.float32)).to(torch.float8_e4m3fn)
    scale = mx.integers(120, 130, (8, 2)).astype(np.uint8)
    tensors["mx.weight"], tensors["mx.weight_scale"] = weight, torch.from_numpy(scale)
    wide = np.repeat(np.exp2(scale.astype(np.float32) - 127), 32, 1)
    layers["mx"] = ("FP8 f8_e4m3 g32", weight.float().numpy() * wide)
    save("fp8.safetensors", tensors, layers)

    # gpt-oss: blocks of E2M1 codes with E8M0 scales.
    codes = rng.integers(0, 16, (2, 6, 3, 32))
    scales = rng.integers(120, 130, (2, 6, 3)).astype(np.uint8)
    table = np.arange(16, dtype=np.uint8).view(ml_dtypes.float4_e2m1fn).astype(np.float32)
    weight = table[codes] * np.exp2(scales.astype(np.float32) - 127)[..., None]
    save("gpt-oss.safetensors", {
        "model.layers.0.mlp.experts.down_proj_blocks": (codes[..., 0::2] | codes[..., 1::2] << 4).astype(np.uint8),
        "model.layers.0.mlp.experts.down_proj_scales": scales},
        {"model.layers.0.mlp.experts.down_proj": ("MXFP4 e2m1 g32", weight.reshape(12, 96))})


def make_compressed_tensors(save, random):
    import torch
    from compressed_tensors.compressors.pack_quantized.helpers import pack_to_int32
    tensors, layers = {}, {}
    rng = np.random.default_rng(12)
    for bits, affine in ((4, False), (4, True), (8, False)):
        module = f"model.layers.{bits + affine}.mlp.up_proj"
        low, high = -(1 << bits - 1), 1 << bits - 1
        codes = torch.from_numpy(rng.integers(low, high, (ROWS, COLUMNS)).astype(np.int8))
        scale = torch.from_numpy((rng.random((ROWS, COLUMNS // GROUP)) + 0.5).astype(np.float32)).to(torch.bfloat16)
        zero = torch.from_numpy(rng.integers(low, high, (ROWS, COLUMNS // GROUP)).astype(np.int8))
        tensors[f"{module}.weight_packed"] = pack_to_int32(codes, bits)
        tensors[f"{module}.weight_scale"] = scale
        tensors[f"{module}.weight_shape"] = torch.tensor([ROWS, COLUMNS])
        point = torch.zeros_like(zero)
        if affine:
            tensors[f"{module}.weight_zero_point"] = pack_to_int32(zero, bits, packed_dim=0)
            point = zero
        wide = (codes.float() - point.float().repeat_interleave(GROUP, 1)) * scale.float().repeat_interleave(GROUP, 1)
        layers[module] = (f"compressed-tensors int{bits} g32", wide.numpy())
    save("compressed-tensors.safetensors", tensors, layers)


def make_bitsandbytes(save, random):
    import bitsandbytes.functional as functional
    import torch
    tensors, layers = {}, {}
    for kind, nested in (("nf4", False), ("nf4", True), ("fp4", False)):
        module = f"model.layers.{int(nested)}.mlp.{kind}"
        weight = torch.from_numpy(random(ROWS, COLUMNS, seed=13))
        packed, state = functional.quantize_4bit(weight, blocksize=64, quant_type=kind, compress_statistics=nested)
        tensors[f"{module}.weight"] = packed
        for name, value in state.as_dict(packed=True).items():
            tensors[f"{module}.weight.{name}"] = value
        wide = functional.dequantize_4bit(packed, state).reshape(ROWS, COLUMNS).float().numpy()
        # By the definition: the library's CPU path may keep its own order of operations.
        table = state.code.numpy()
        absmax = state.absmax.float()
        if nested:
            absmax = functional.dequantize_blockwise(state.absmax, state.state2) + state.offset
        data = packed.flatten().numpy()
        codes = np.stack([data >> 4, data & 15], 1).flatten()
        exact = table[codes].reshape(-1, 64) * absmax.float().numpy()[:, None]
        assert np.allclose(exact.reshape(ROWS, COLUMNS), wide, rtol=1e-5)
        layers[module] = (f"bitsandbytes {kind} g64", exact.reshape(ROWS, COLUMNS).astype(np.float32))
    codes = np.random.default_rng(14).integers(-127, 128, (ROWS, COLUMNS)).astype(np.int8)
    scale = np.abs(random(ROWS, seed=15))
    tensors["model.int8.weight"] = torch.from_numpy(codes)
    tensors["model.int8.SCB"] = torch.from_numpy(scale)
    tensors["model.int8.weight_format"] = torch.tensor(0, dtype=torch.uint8)
    layers["model.int8"] = ("bitsandbytes int8 channel", codes * (scale / np.float32(127))[:, None])
    save("bitsandbytes.safetensors", tensors, layers)


def make_mlx(out, note, random):
    """MLX folders: the config says group and bits, modules may differ; and a file alone with the floats' modes."""
    import mlx.core as mx
    tensors, layers = {}, {}
    config = {"architectures": ["LlamaForCausalLM"], "quantization": {"group_size": 64, "bits": 4, "mode": "affine"}}
    for bits, group in ((4, 64), (2, 64), (3, 64), (5, 64), (6, 32), (8, 32)):
        module = f"model.layers.{bits}.mlp.down_proj"
        parts = mx.quantize(mx.array(random(ROWS, COLUMNS, seed=16)), group_size=group, bits=bits)
        for name, part in zip(("weight", "scales", "biases"), parts):
            tensors[f"{module}.{name}"] = part
        wide = mx.dequantize(*parts, group_size=group, bits=bits)
        layers[module] = (f"MLX uint{bits} g{group}", np.array(wide))
        config["quantization"][module] = {"group_size": group, "bits": bits}
    path = out / "mlx"
    path.mkdir(exist_ok=True)
    (path / "config.json").write_text(json.dumps(config))
    mx.save_safetensors(str(path / "model.safetensors"), tensors, {"format": "mlx"})
    note("mlx", "safetensors", layers)

    tensors, layers = {}, {}
    for mode, group, bits, code in (("mxfp4", 32, 4, "e2m1"), ("mxfp8", 32, 8, "f8_e4m3"), ("nvfp4", 16, 4, "e2m1")):
        parts = mx.quantize(mx.array(random(ROWS, COLUMNS, seed=17)), group_size=group, bits=bits, mode=mode)
        for name, part in zip(("weight", "scales"), parts):
            tensors[f"{mode}.{name}"] = part
        wide = mx.dequantize(*parts, group_size=group, bits=bits, mode=mode)
        layers[mode] = (f"MLX {code} g{group}", np.array(wide.astype(mx.float32)))
    mx.save_safetensors(str(out / "mlx-floats.safetensors"), tensors, {"format": "mlx"})
    note("mlx-floats.safetensors", "safetensors", layers)
