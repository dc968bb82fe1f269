"""Makes Tests/Fixtures/small-floats.safetensors and small-float-figures.json: small floats by ml_dtypes.

- The tensors: of each format inputs and the codes that ml_dtypes' cast gives them after saturation: every number of the
  format, every midpoint of two neighbours, the floats next to all of them on both sides, and numbers of every size.
- The figures: t2 and SHA-256 of the float32 bytes of weights in Samples/ under the schemes, their scales from the
  equations in numpy, their elements cast by ml_dtypes.
"""
import json
from pathlib import Path

import ml_dtypes
import numpy as np
from safetensors.numpy import save_file

from make_scheme_figures import FILES, digest, t2, weights

ROOT = Path(__file__).resolve().parents[2]
f32 = np.float32
FORMATS = {"e4m3": (ml_dtypes.float8_e4m3fn, 8), "e5m2": (ml_dtypes.float8_e5m2, 8),
           "e2m3": (ml_dtypes.float6_e2m3fn, 6), "e3m2": (ml_dtypes.float6_e3m2fn, 6),
           "e2m1": (ml_dtypes.float4_e2m1fn, 4)}


def greatest(name):
    return f32(ml_dtypes.finfo(FORMATS[name][0]).max)


def cast(x, name):
    """The nearest number of the format, halves to even, saturated."""
    return np.clip(x, -greatest(name), greatest(name)).astype(FORMATS[name][0])


def inputs(name, rng):
    kind, bits = FORMATS[name]
    numbers = np.arange(1 << bits, dtype=np.uint8).view(kind).astype(f32)
    numbers = np.unique(numbers[np.isfinite(numbers)])
    middles = ((numbers[1:].astype(np.float64) + numbers[:-1]) / 2).astype(f32)
    ties = np.concatenate([numbers, middles])
    top = greatest(name)
    odd = np.array([0.0, -0.0, 1e-45, -1e-45, 1e-38, 3e38, -3e38, top * 1.03, top * 1.1, top * 2], f32)
    return np.concatenate([
        ties, np.nextafter(ties, f32(np.inf)), np.nextafter(ties, f32(-np.inf)), odd, -odd,
        (rng.normal(size=400) * top / 3).astype(f32),
        (np.exp(rng.uniform(-14, np.log(top) + 1, 400)) * rng.choice([-1, 1], 400)).astype(f32)])


def scaled(blocks, name):
    scale = np.abs(blocks).max(axis=-1, keepdims=True) / greatest(name)
    return cast(blocks / scale, name).astype(f32) * scale


def microscaled(w, name):
    blocks = w.reshape(-1, 32)
    floor = lambda x: np.frexp(x)[1] - 1
    exponent = floor(np.abs(blocks).max(axis=1, keepdims=True)) - floor(greatest(name))
    scale = np.ldexp(f32(1), np.clip(exponent, -127, 127)).astype(f32)
    return cast(blocks / scale, name).astype(f32) * scale


def nvfp4(w):
    tensor = np.abs(w).max() / f32(6 * 448)
    blocks = w.reshape(-1, 16)
    scale = cast(np.abs(blocks).max(axis=1, keepdims=True) / f32(6) / tensor, "e4m3").astype(f32) * tensor
    safe = np.where(scale > 0, scale, f32(1))
    return cast(np.where(scale > 0, blocks, f32(0)) / safe, "e2m1").astype(f32) * scale


def schemes(w):
    m = w.reshape(w.shape[0], -1)
    for name, word in (("e4m3", "fp8-e4m3"), ("e5m2", "fp8-e5m2"), ("e2m3", "fp6-e2m3"), ("e3m2", "fp6-e3m2"),
                       ("e2m1", "fp4-e2m1")):
        yield word, scaled(m, name)
        yield word + ",tensor", scaled(m.reshape(1, -1), name)
        if m.shape[1] % 48 == 0:
            yield word + ",group=48", scaled(m.reshape(-1, 48), name)
    if m.shape[1] % 32 == 0:
        for name, word in (("e4m3", "ocp-mxfp8"), ("e5m2", "ocp-mxfp8-e5m2"), ("e2m3", "ocp-mxfp6"),
                           ("e3m2", "ocp-mxfp6-e3m2"), ("e2m1", "ocp-mxfp4")):
            yield word, microscaled(m, name)
    if m.shape[1] % 16 == 0:
        yield "nvidia-nvfp4", nvfp4(m)


def main():
    rng = np.random.default_rng(8)
    tensors = {}
    for name in FORMATS:
        x = inputs(name, rng)
        tensors[f"{name}/inputs"] = x
        tensors[f"{name}/codes"] = cast(x, name).view(np.uint8)
    save_file(tensors, ROOT / "Tests/Fixtures/small-floats.safetensors")
    figures = [{"file": FILES[name], "name": name, "shape": list(w.shape), "schemes": [
        {"spec": spec, "t2": t2(found.reshape(w.shape), w), "sha256": digest(found)} for spec, found in schemes(w)]}
        for name, w in weights().items()]
    text = json.dumps(figures, separators=(",", ":")).replace('{"spec"', '\n{"spec"')
    (ROOT / "Tests/Fixtures/small-float-figures.json").write_text(text + "\n")


if __name__ == "__main__":
    main()
