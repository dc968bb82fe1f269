"""Makes Tests/Fixtures/codebook-figures.json: NF4 by bitsandbytes, k-means by scikit-learn and by an exact search.

- `nf4`: SHA-256 of codes (a byte each), of the greatest magnitudes and of the float32 bytes that quantize_4bit and
  dequantize_4bit make of weights in Samples/.
- `kmeans`: the inertia (the sum of squared distances to the nearest centre) that KMeans finds in ten runs, over a
  weight, or over its rows one by one; with a sparsity that of the weights that stay, with a centre less.
- `exact`: the least inertia there is, by dynamic programming over every split of a few numbers.
"""
import hashlib
import json
from pathlib import Path

import numpy as np
import torch
from bitsandbytes.functional import dequantize_4bit, quantize_4bit
from sklearn.cluster import KMeans

from make_scheme_figures import FILES, digest, weights
from plain_schemes import without_least

ROOT = Path(__file__).resolve().parents[2]


def normal_floats(w, block):
    packed, state = quantize_4bit(torch.from_numpy(w.copy()), blocksize=block, quant_type="nf4")
    bytes_ = packed.numpy().reshape(-1)
    codes = np.stack([bytes_ >> 4, bytes_ & 15], axis=1).reshape(-1)
    return {"spec": "nf4" if block == 64 else f"nf4,group={block}",
            "codes": hashlib.sha256(codes.astype(np.uint8).tobytes()).hexdigest(),
            "scales": digest(state.absmax.numpy()), "values": digest(dequantize_4bit(packed, state).numpy())}


def inertia(x, clusters):
    x = x.astype(np.float64).reshape(-1, 1)
    return float(KMeans(clusters, n_init=10, max_iter=1000, tol=1e-8, random_state=0).fit(x).inertia_)


def clusterings(w):
    m = w.reshape(w.shape[0], -1)
    for bits in (1, 2, 3, 4, 6):
        yield f"kmeans{bits}", inertia(m, 1 << bits)
    yield "kmeans,entries=48", inertia(m, 48)
    if m.size < 20_000:
        yield "kmeans8", inertia(m, 256)
    if m.shape[1] > 100:
        yield "kmeans3,channel", sum(inertia(row, 8) for row in m)
    pruned = without_least(m, 0.7)
    yield "kmeans4,sparsity=0.7", inertia(pruned[pruned != 0], 15)


def exact(x, clusters):
    x = np.sort(x.astype(np.float64))
    n = len(x)
    sums, squares = (np.concatenate([[0], np.cumsum(y)]) for y in (x, x * x))
    best = np.full(n + 1, np.inf)
    best[0] = 0
    for _ in range(clusters):
        new = np.full(n + 1, np.inf)
        for end in range(1, n + 1):
            first = np.arange(end)
            spread = squares[end] - squares[:end] - (sums[end] - sums[:end]) ** 2 / (end - first)
            new[end] = (best[:end] + spread).min()
        best = new
    return float(best[n])


def main():
    result = {"nf4": [], "kmeans": [], "exact": []}
    for name, w in weights().items():
        where = {"file": FILES[name], "name": name, "shape": list(w.shape)}
        columns = w[0].size
        result["nf4"] += [where | normal_floats(w, block) for block in (64, 128) if columns % block == 0]
        result["kmeans"] += [where | {"spec": spec, "inertia": found} for spec, found in clusterings(w)]
        print(name)
    rng = np.random.default_rng(5)
    for values in (rng.normal(size=150), rng.standard_t(2, size=200), np.round(rng.normal(size=200), 1),
                   np.concatenate([rng.normal(-3, 0.1, 60), rng.normal(2, 1, 60)])):
        x = (values * 0.25).astype(np.float32)
        result["exact"] += [{"values": [float(v) for v in x], "clusters": k, "inertia": exact(x, k)} for k in (2, 5, 16)]
    text = json.dumps(result, separators=(",", ":")).replace('{"file"', '\n{"file"').replace('{"values"', '\n{"values"')
    (ROOT / "Tests/Fixtures/codebook-figures.json").write_text(text + "\n")


if __name__ == "__main__":
    main()
