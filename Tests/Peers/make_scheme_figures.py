"""Makes Tests/Fixtures/scheme-figures.json: what numpy, torch and onnxruntime make of weights in Samples/.

- `schemes`: t2 = |w' - w|^2 / |w|^2 of SPECs, from their equations in numpy (float32 codes, float64 sums).
- `torch`: SHA-256 of the float32 bytes of torch.fake_quantize_per_tensor_affine and ..._per_channel_affine.
- `onnxruntime`: scale, zero point and SHA-256 of the bytes of DynamicQuantizeLinear; the clip that its entropy
  calibration chooses for a histogram, its divergence taken in double.
- `huffman`: the least number of bits of a prefix code with words of at most 11 bits, by dynamic programming over the
  Kraft sum.
"""
import hashlib
import json
from pathlib import Path

import gguf
import numpy as np
import onnx
import onnxruntime
import torch
from onnx import TensorProto, helper, numpy_helper
from onnxruntime.quantization import calibrate

ROOT = Path(__file__).resolve().parents[2]
FILES = {"conv2.weight": "digits-cnn.onnx", "fc1.weight": "digits-cnn.onnx",
         "blk.0.attn_k.weight": "shakespeare-llama-f16.gguf"}


def weights():
    found = {t.name: numpy_helper.to_array(t) for t in onnx.load(ROOT / "Samples/digits-cnn.onnx").graph.initializer}
    reader = gguf.GGUFReader(ROOT / "Samples/shakespeare-llama-f16.gguf")
    found |= {t.name: t.data.astype(np.float32) for t in reader.tensors}
    return {name: found[name].astype(np.float32) for name in FILES}


def t2(found, weight):
    f, w = found.astype(np.float64), weight.astype(np.float64)
    return float(((f - w) ** 2).sum() / (w ** 2).sum())


def rounded(scale, kind):
    if kind == "fp16":
        return np.minimum(scale, 65504).astype(np.float16).astype(np.float32)
    if kind == "bf16":
        return torch.from_numpy(np.ascontiguousarray(scale)).bfloat16().float().numpy()
    if kind == "pow2":
        mantissa, exponent = np.frexp(scale)
        return np.ldexp(np.float32(1), np.where(mantissa == 0.5, exponent - 1, exponent)).astype(np.float32)
    return scale


def uniform(w, bits, axes, affine=False, kind="fp16", factor=1.0, clip=None):
    """One scale for all elements that differ only along `axes`."""
    low = np.minimum(w.min(axis=axes, keepdims=True), 0) * np.float32(factor)
    high = np.maximum(w.max(axis=axes, keepdims=True), 0) * np.float32(factor)
    if clip is not None:
        low, high = np.maximum(low, -clip), np.minimum(high, clip)
    low, high = low.astype(np.float32), high.astype(np.float32)
    top, levels = np.float32(2 ** (bits - 1) - 1), np.float32(2 ** bits - 1)
    scale = rounded((high - low) / levels if affine else np.maximum(-low, high) / top, kind)
    zero = np.minimum(np.rint(-low / scale), levels) if affine else np.float32(0)
    least, most = (-zero, levels - zero) if affine else (-top, top)
    return scale * np.clip(np.rint(w * (np.float32(1) / scale)), least, most)


def searched(w, bits, axes):
    """The factor of the range with the least squared error, each scale for itself."""
    best = None
    for step in range(49):
        found = uniform(w, bits, axes, factor=(64 - step) / 64)
        error = ((found.astype(np.float64) - w) ** 2).sum(axis=axes, keepdims=True)
        if best is None:
            best, least = found, error
        else:
            best, least = np.where(error < least, found, best), np.minimum(error, least)
    return best


def binary(m):
    alpha = np.abs(m.astype(np.float64)).mean(axis=1, keepdims=True).astype(np.float32).astype(np.float16)
    return np.where(m < 0, -1, 1) * alpha.astype(np.float32)


def ternary(m):
    magnitude = np.abs(m.astype(np.float64))
    kept = magnitude > 0.7 * magnitude.mean(axis=1, keepdims=True)
    alpha = (magnitude * kept).sum(axis=1, keepdims=True) / kept.sum(axis=1, keepdims=True)
    return np.sign(m) * kept * alpha.astype(np.float32).astype(np.float16).astype(np.float32)


def n_of_m(m, keep, of, factors=None):
    score = np.abs(m) * (1 if factors is None else factors)
    groups = np.where(m == 0, -1, score).reshape(m.shape[0], -1, of)
    order = np.argsort(groups, axis=2, kind="stable")
    gone = np.zeros(groups.shape, bool)
    np.put_along_axis(gone, order[:, :, :of - keep], True, axis=2)
    return np.where(gone.reshape(m.shape), 0, m)


def wanda(m, ratio, factors):
    count = int(np.rint(ratio * m.shape[1]))
    order = np.argsort(np.abs(m) * factors, axis=1, kind="stable")
    out = m.copy()
    np.put_along_axis(out, order[:, :count], 0, axis=1)
    return out


def tiles(m, height, width, ratio, order):
    parts = m.reshape(m.shape[0] // height, height, m.shape[1] // width, width).astype(np.float64)
    norms = (np.abs(parts) ** order).sum(axis=(1, 3))
    gone = np.zeros(norms.size, bool)
    gone[np.argsort(norms.ravel(), kind="stable")[:int(np.rint(ratio * norms.size))]] = True
    return np.where(gone.reshape(norms.shape)[:, None, :, None], 0, parts).reshape(m.shape).astype(np.float32)


def schemes(w):
    m = w.reshape(w.shape[0], -1)
    every = tuple(range(w.ndim))
    others = lambda axis: tuple(a for a in every if a != axis)
    quantile = np.sort(np.abs(m).ravel())[int(np.ceil(0.995 * m.size)) - 1]
    factors = np.sqrt(((np.arange(m.shape[1]) % 7 + 1) ** 2).astype(np.float32))
    inner = m.shape[1] // w.shape[1]
    yield "int4,tensor", uniform(w, 4, every)
    yield "int16,tensor", uniform(w, 16, every)
    yield "int4,channel,axis=1", uniform(w, 4, others(1))
    yield "int5,channel,axis=1,affine", uniform(w, 5, others(1), affine=True)
    if w.ndim > 2:
        yield "int4,channel,axis=2", uniform(w, 4, others(2))
    yield "int4,channel,scale=fp32", uniform(w, 4, others(0), kind="fp32")
    yield "int4,channel,scale=bf16", uniform(w, 4, others(0), kind="bf16")
    yield "int4,channel,scale=pow2", uniform(w, 4, others(0), kind="pow2")
    yield "int3,channel,affine,scale=pow2", uniform(w, 3, others(0), affine=True, kind="pow2")
    yield "int4,tensor,range=mse", searched(w, 4, every)
    yield "int3,channel,range=mse", searched(w, 3, others(0))
    yield "int4,tensor,range=percentile=99.5", uniform(w, 4, every, clip=quantile)
    yield "binary", binary(m)
    yield "ternary", ternary(m)
    for keep, of in ((2, 4), (1, 4), (4, 8)):
        if m.shape[1] % of == 0:
            yield f"keep,sparsity={keep}:{of}", n_of_m(m, keep, of)
            yield f"keep,sparsity=wanda:{keep}:{of}", n_of_m(m, keep, of, factors)
    yield "keep,sparsity=wanda:0.5", wanda(m, 0.5, factors)
    for name, order in (("", 2), (":l1", 1)):
        yield f"keep,sparsity=channel:0.25{name}", tiles(m, 1, m.shape[1], 0.25, order)
        yield f"keep,sparsity=input:0.25{name}", tiles(m, m.shape[0], inner, 0.25, order)
        yield f"keep,sparsity=head:8:0.25{name}", tiles(m, 8, m.shape[1], 0.25, order)
        if m.shape[1] % 4 == 0:
            yield f"keep,sparsity=block:4x4:0.5{name}", tiles(m, 4, 4, 0.5, order)


def digest(array):
    return hashlib.sha256((np.ascontiguousarray(array, dtype="<f4") + 0).tobytes()).hexdigest()  # no -0


def with_torch(w):
    m = torch.from_numpy(w.reshape(w.shape[0], -1).copy())
    top = np.float32(7)
    scale = float(np.abs(w).max() / top)
    yield "int4,tensor,scale=fp32", torch.fake_quantize_per_tensor_affine(m, scale, 0, -7, 7)
    rows = m.abs().amax(dim=1) / top
    zeros = torch.zeros(len(rows), dtype=torch.int32)
    yield "int4,channel,scale=fp32", torch.fake_quantize_per_channel_affine(m, rows, zeros, 0, -7, 7)
    full = m.abs().amax(dim=1) / np.float32(7.5)
    yield "int4,channel,symmetric-full,scale=fp32", torch.fake_quantize_per_channel_affine(m, full, zeros, 0, -8, 7)
    columns = m.abs().amax(dim=0) / top
    zeros = torch.zeros(len(columns), dtype=torch.int32)
    if w.ndim == 2:
        yield "int4,channel,axis=1,scale=fp32", torch.fake_quantize_per_channel_affine(m, columns, zeros, 1, -7, 7)


def with_onnxruntime(w):
    node = helper.make_node("DynamicQuantizeLinear", ["x"], ["y", "scale", "zero"])
    graph = helper.make_graph(
        [node], "g", [helper.make_tensor_value_info("x", TensorProto.FLOAT, list(w.shape))],
        [helper.make_tensor_value_info("y", TensorProto.UINT8, None),
         helper.make_tensor_value_info("scale", TensorProto.FLOAT, []),
         helper.make_tensor_value_info("zero", TensorProto.UINT8, [])])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    y, scale, zero = onnxruntime.InferenceSession(model.SerializeToString()).run(None, {"x": w})
    return {"spec": "int8,tensor,affine,scale=fp32", "scale": float(scale), "zeroPoint": int(zero),
            "sha256": digest((y.astype(np.float32) - np.float32(zero)) * scale)}


def smooth_distribution(p, eps=1e-4):
    """onnxruntime's own in double: in float near clips are told apart by rounding alone."""
    zeros = p == 0
    gift = eps * zeros.sum() / max(1, (~zeros).sum())
    return None if zeros.all() else np.where(zeros, eps, p - gift)


def relative_entropy(p, q):
    p, q = p / p.sum(), q / q.sum()
    return (p * np.log(p / q)).sum()


calibrate.smooth_distribution = smooth_distribution
calibrate.entropy = relative_entropy


def entropy(w, levels):
    collector = calibrate.HistogramCollector("entropy", True, 1025, levels, 99.9, None)
    most = np.abs(w).max()
    counts, edges = np.histogram(w.astype(np.float64), bins=1025, range=(-float(most), float(most)))
    low, high = collector.get_entropy_threshold((counts, edges.astype(np.float32), -most, most), levels)
    return {"levels": levels, "counts": counts.tolist(), "clip": float(high), "most": float(most)}


def huffman_bits(counts, longest=11):
    """min sum count * length with sum 2^-length = 1: symbols in falling order of count, lengths rising."""
    counts = sorted((c for c in counts if c), reverse=True)
    total = 1 << longest
    best = np.full(total + 1, np.inf)
    best[0] = 0
    # State: Kraft sum used so far, in units of 2^-11; lengths are free, the best sum sorts them by itself.
    for count in counts:
        new = np.full(total + 1, np.inf)
        for length in range(1, longest + 1):
            step = 1 << (longest - length)
            new[step:] = np.minimum(new[step:], best[:-step] + count * length)
        best = new
    return int(best[total])


def main():
    result = {"tensors": [], "huffman": []}
    for name, w in weights().items():
        result["tensors"].append({
            "file": FILES[name], "name": name, "shape": list(w.shape),
            "schemes": [{"spec": spec, "t2": t2(found.reshape(w.shape), w)} for spec, found in schemes(w)],
            "torch": [{"spec": spec, "sha256": digest(found.numpy())} for spec, found in with_torch(w)],
            "onnxruntime": with_onnxruntime(w),
            "entropy": [entropy(w, levels) for levels in (15, 127, 255)] if name != "conv2.weight" else []})
        print(name, w.shape)
    fibonacci = [1, 1]
    while len(fibonacci) < 24:
        fibonacci.append(sum(fibonacci[-2:]))
    rng = np.random.default_rng(4)
    normal = np.bincount(np.clip(np.rint(rng.normal(128, 20, 100_000)), 0, 255).astype(int), minlength=256)
    for counts in (fibonacci, [1] * 256, [3, 1], normal.tolist(), [1 << (20 - i) for i in range(20)] + [1]):
        result["huffman"].append({"counts": counts, "bits": huffman_bits(counts)})
    text = json.dumps(result, separators=(",", ":")).replace('},{"spec"', '},\n{"spec"').replace('{"levels"', '\n{"levels"')
    (ROOT / "Tests/Fixtures/scheme-figures.json").write_text(text + "\n")


if __name__ == "__main__":
    main()
