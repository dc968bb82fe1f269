"""Makes Tests/Fixtures/ggml-figures.json from Samples/shakespeare-llama-f16.gguf with gguf-py.

For three F16 tensors' first 8 rows and each type that gguf-py quantises exactly as ggml does:
the SHA-256 of the quantised bytes, row after row, their number, and the relative squared error
t2 = |w' - w|^2 / |w|^2 of gguf-py's dequantised values, in float64.
"""
import hashlib
import json
from importlib.metadata import version
from pathlib import Path

import gguf
import numpy as np
from gguf import GGMLQuantizationType as Type

from plain_schemes import relative_error

ROOT = Path(__file__).resolve().parents[2]
TENSORS = ["blk.1.ffn_down.weight", "blk.0.attn_k.weight", "token_embd.weight"]
TYPES = [Type.Q8_0, Type.Q4_0, Type.Q4_1, Type.Q5_0, Type.Q5_1]
ROWS = 8


def main():
    found = {t.name: t.data for t in gguf.GGUFReader(ROOT / "Samples/shakespeare-llama-f16.gguf").tensors}
    figures = []
    for name in TENSORS:
        weight = found[name][:ROWS].astype(np.float32)
        for kind in TYPES:
            data = gguf.quants.quantize(weight, kind)
            figures.append({"tensor": name, "rows": ROWS, "columns": weight.shape[1], "type": kind.name,
                            "bytes": data.nbytes, "sha256": hashlib.sha256(data.tobytes()).hexdigest(),
                            "t2": relative_error(gguf.quants.dequantize(data, kind), weight)})
    lines = ",\n".join(json.dumps(figure) for figure in figures)
    (ROOT / "Tests/Fixtures/ggml-figures.json").write_text(
        '{"source": "gguf %s", "figures": [\n%s\n]}\n' % (version("gguf"), lines))


if __name__ == "__main__":
    main()
