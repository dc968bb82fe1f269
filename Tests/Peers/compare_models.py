"""Compares `lathe inspect --json` with numpy on any model: names, shapes, statistics, and t² of every width.

    compare_models.py LATHE MODEL …

The weights are read by the peers' own libraries (safetensors, gguf, onnx); the formulas are those of
plain_schemes.py. Prints the largest relative difference a figure; ends with status 1 above 1e-6. Only the first
2,000,000 numbers of a row-major weight are compared for t² (whole rows), the statistics over all.
"""
import json
import subprocess
import sys

import numpy as np

from plain_schemes import blocks, quantise, relative_error

LIMIT = 1e-6


def tensors_of(path, kind):
    """name -> float or integer array, as the peer's library reads it."""
    if kind == "safetensors":
        from safetensors import safe_open
        import glob, os
        files = [path] if os.path.isfile(path) else sorted(glob.glob(path + "/*.safetensors"))
        found = {}
        for file in files:
            with safe_open(file, "np") as f:
                found.update({name: f.get_tensor(name) for name in f.keys()})
        return found
    if kind == "gguf":
        from gguf import GGUFReader
        from gguf.quants import dequantize
        return {t.name: dequantize(t.data, t.tensor_type).reshape([int(x) for x in reversed(t.shape)])
                for t in GGUFReader(path).tensors}
    import onnx
    from onnx import numpy_helper
    return {t.name: numpy_helper.to_array(t) for t in onnx.load(path).graph.initializer}


def matrix(layer, array, kind):
    """The weight as output channels by inputs."""
    if kind == "gguf":
        return array.reshape(-1, array.shape[-1])
    if kind == "onnx" and layer["operator"] == "MatMul":
        return None if array.ndim != 2 else np.ascontiguousarray(array.T)
    if kind == "onnx" and layer["operator"] not in ("Conv",):
        return None
    return array.reshape(array.shape[0], -1)


def difference(a, b):
    return 0.0 if a == b else abs(a - b) / max(abs(a), abs(b))


def main():
    lathe, worst = sys.argv[1], 0.0
    for path in sys.argv[2:]:
        report = json.loads(subprocess.run([lathe, "inspect", path, "--json"], check=True, capture_output=True).stdout)
        kind = report["format"]
        arrays = tensors_of(path, kind)
        shapes = {t["name"]: t["shape"] for t in report["tensors"]}
        missing = [n for n in arrays if n not in shapes or list(arrays[n].shape) != shapes[n]]
        print(f"{path}: {kind}, {len(arrays)} tensors, {len(missing)} names or shapes differ {missing[:3]}")
        seen = {}
        for layer in report["layers"]:
            array = arrays.get(layer["weight"])
            if array is None or "statistics" not in layer or array.size == 0:
                continue
            wide = array.astype(np.float64)
            s = layer["statistics"]
            expected = {"min": wide.min(), "max": wide.max(), "std": wide.std(), "zeros": float((wide == 0).sum())}
            if array.size > 1 and wide.std() > 1e-12 * abs(wide.mean()):
                expected["kurtosis"] = ((wide - wide.mean()) ** 4).mean() / wide.var() ** 2
            for name, value in expected.items():
                seen[name] = max(seen.get(name, 0), difference(float(value), float(s[name])))
            rows = matrix(layer, array.astype(np.float32), kind) if "relativeErrors" in s else None
            if rows is None or rows.size > 2_000_000:
                continue
            for key, errors in s["relativeErrors"].items():
                granularity, symmetry = key.rsplit(",", 1)
                runs = blocks(rows, granularity)
                for bits, error in zip(range(2, 9), errors):
                    value = relative_error(quantise(runs, bits, symmetry == "symmetric")[3], rows)
                    seen["t2"] = max(seen.get("t2", 0), difference(value, error))
        print("   largest relative differences:", {k: f"{v:.1e}" for k, v in seen.items()})
        worst = max([worst, *seen.values()]) if not missing else 1.0
    sys.exit(worst > LIMIT)


main()
