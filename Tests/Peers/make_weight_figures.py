"""Makes Tests/Fixtures/weight-figures.json from the weights in Samples/ with numpy alone.

For the weights of digits-cnn.onnx (as rows x columns, rows = shape[0]) and three F16 tensors of
shakespeare-llama-f16.gguf: statistics and 2,048-bin histogram in float64; the relative squared
error t2 = |w' - w|^2 / |w|^2 and the packed size of integer schemes, also after pruning (ranges
from the pruned weights, error against the unpruned); order-0 entropy and Huffman length of codes.

Packed bytes: ceil(n * bits / 8), 2 a scale and, if affine, ceil(scales * bits / 8) for the zero
points. `t2` is null where the group does not divide the columns.
"""
import hashlib
import heapq
import json
from pathlib import Path

import gguf
import numpy as np
import onnx
from onnx import numpy_helper

from plain_schemes import blocks, quantise, relative_error, without_below, without_least

ROOT = Path(__file__).resolve().parents[2]
LM_TENSORS = ["blk.1.ffn_down.weight", "blk.0.attn_k.weight", "token_embd.weight"]
FULL_HISTOGRAMS = ["fc1.weight", "blk.0.attn_k.weight"]
EXTRA_PRUNING = ["conv2.weight", "fc1.weight", "blk.0.attn_k.weight"]
GRANULARITIES = ["tensor", "channel", "group=32", "group=64", "group=128"]


def tensors():
    """(file, name, float32 array of rows x columns)"""
    for tensor in onnx.load(ROOT / "Samples/digits-cnn.onnx").graph.initializer:
        if tensor.name.endswith(".weight"):
            weight = numpy_helper.to_array(tensor)
            yield "digits-cnn.onnx", tensor.name, weight.reshape(weight.shape[0], -1)
    found = {t.name: t.data for t in gguf.GGUFReader(ROOT / "Samples/shakespeare-llama-f16.gguf").tensors}
    for name in LM_TENSORS:
        assert found[name].dtype == np.float16
        yield "shakespeare-llama-f16.gguf", name, found[name].astype(np.float32)


def statistics(name, weight):
    w = weight.astype(np.float64).ravel()
    mean, std = w.mean(), w.std()
    centred = w - mean
    counts = np.histogram(w, bins=2048, range=(w.min(), w.max()))[0].astype("<i8")
    result = {"count": w.size, "min": w.min(), "max": w.max(), "mean": mean, "std": std,
              "kurtosis": (centred ** 4).mean() / (centred ** 2).mean() ** 2,
              "zeros": int((w == 0).sum()), "beyond4Std": int((np.abs(centred) > 4 * std).sum()),
              "histogramSHA256": hashlib.sha256(counts.tobytes()).hexdigest()}
    if name in FULL_HISTOGRAMS:
        result["histogram"] = counts.tolist()
    return {k: float(v) if isinstance(v, np.floating) else v for k, v in result.items()}


def scheme_row(weight, pruned, pruning, bits, symmetric, granularity):
    row = {"bits": bits, "symmetric": symmetric, "granularity": granularity, **pruning}
    block = blocks(pruned, granularity)
    if block is None:
        return {**row, "t2": None, "bytes": None}
    _, scale, zero, reconstruction = quantise(block, bits, symmetric)
    size = -(-weight.size * bits // 8) + 2 * scale.size + (0 if symmetric else -(-scale.size * bits // 8))
    return {**row, "t2": relative_error(reconstruction, weight), "bytes": size}


def scheme_rows(name, weight):
    prunings = [({}, weight), ({"sparsity": 0.3}, without_least(weight, 0.3))]
    rows = [scheme_row(weight, pruned, pruning, bits, symmetric, granularity)
            for pruning, pruned in prunings for bits in range(2, 9)
            for symmetric in (True, False) for granularity in GRANULARITIES]
    if name in EXTRA_PRUNING:
        for pruning, pruned in (({"sparsity": 0.5}, without_least(weight, 0.5)),
                                ({"threshold": 0.02}, without_below(weight, 0.02))):
            zeros = int((pruned == 0).sum())
            rows.append({"pruningOnly": True, **pruning, "zeros": zeros, "t2": relative_error(pruned, weight)})
            rows += [{**scheme_row(weight, pruned, pruning, bits, True, granularity), "zeros": zeros}
                     for bits in (4, 8) for granularity in ("channel", "group=32")]
    return rows


def huffman_bits(counts):
    """Total length of a Huffman-coded text: the sum of the weights of the tree's inner nodes."""
    heap, total = [int(c) for c in counts if c], 0
    heapq.heapify(heap)
    while len(heap) > 1:
        joined = heapq.heappop(heap) + heapq.heappop(heap)
        total += joined
        heapq.heappush(heap, joined)
    return total


def coding(weight, bits):
    block = blocks(weight, "group=32")
    if block is None:
        return None
    counts = np.unique(quantise(block, bits, symmetric=True)[0], return_counts=True)[1]
    share = counts / counts.sum()
    return {"bits": bits, "symbols": len(counts), "entropyBitsPerWeight": float(-(share * np.log2(share)).sum()),
            "huffmanBits": huffman_bits(counts)}


def main():
    result = []
    for file, name, weight in tensors():
        result.append({"file": file, "name": name, "shape": list(weight.shape),
                       "statistics": statistics(name, weight), "schemes": scheme_rows(name, weight),
                       "coding": [c for c in (coding(weight, 4), coding(weight, 8)) if c]})
        print(name, weight.shape)
    lines = []
    for tensor in result:                                       # one scheme a line
        schemes = ",\n  ".join(json.dumps(row) for row in tensor.pop("schemes"))
        lines.append(json.dumps(tensor)[:-1] + ', "schemes": [\n  ' + schemes + "]}")
    text = '{"source": "numpy %s, float64", "tensors": [\n' % np.__version__ + ",\n".join(lines) + "\n]}\n"
    json.loads(text)
    (ROOT / "Tests/Fixtures/weight-figures.json").write_text(text)


if __name__ == "__main__":
    main()
