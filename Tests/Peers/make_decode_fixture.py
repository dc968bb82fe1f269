"""Makes Tests/Fixtures/ggml-decode.safetensors from Tests/Fixtures/ggml/ with gguf-py.

The first 2 rows (of 1024 weights) of the inputs `real` and `edge` in every block type that gguf-py
dequantises: `TYPE/input.bytes`, U8 [2, bytes a row], and `TYPE/input.values`, F32 [2, 1024]. A type
that exists with an importance matrix only is taken from there.
"""
from importlib.metadata import version
from pathlib import Path

import gguf
import numpy as np
from gguf import GGMLQuantizationType as Type
from safetensors.numpy import load_file, save_file

FIXTURES = Path(__file__).resolve().parents[1] / "Fixtures"
TYPES = ("Q4_0 Q4_1 Q5_0 Q5_1 Q8_0 Q2_K Q3_K Q4_K Q5_K Q6_K IQ4_NL IQ4_XS TQ1_0 TQ2_0 MXFP4 NVFP4 "
         "IQ1_S IQ1_M IQ2_XXS IQ2_XS IQ2_S IQ3_XXS IQ3_S").split()
ROWS, COLUMNS = 2, 1024


def main():
    expected = load_file(FIXTURES / "ggml/expected.safetensors")
    tensors = {}
    for name in TYPES:
        block, size = gguf.GGML_QUANT_SIZES[Type[name]]
        for source in ("real", "edge"):
            data = expected.get(f"{name}/{source}", expected.get(f"{name}+imatrix/{source}"))
            data = data.reshape(-1, COLUMNS // block * size)[:ROWS]
            with np.errstate(all="ignore"):
                values = gguf.quants.dequantize(data, Type[name]).astype(np.float32)
            assert values.shape == (ROWS, COLUMNS)
            if not np.isfinite(values).all():
                print(f"{name}/{source}: {np.count_nonzero(~np.isfinite(values))} values not finite")
            tensors[f"{name}/{source}.bytes"] = np.ascontiguousarray(data)
            tensors[f"{name}/{source}.values"] = np.ascontiguousarray(values)
    save_file(tensors, FIXTURES / "ggml-decode.safetensors", {"source": f"gguf {version('gguf')}"})
    print(len(TYPES), "types,", len(tensors), "tensors")


if __name__ == "__main__":
    main()
