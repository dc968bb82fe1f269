"""Makes Tests/Fixtures/importances/: how much inputs matter, in the three forms, for Samples/shakespeare-llama-f16.gguf.

`imatrix.gguf` is written by gguf-py with the names and types of llama.cpp's imatrix tool, `imatrix.dat` with struct in
its older form, `norms.npz` by numpy. `figures.json` has the weighted error sum E[x^2] (w' - w)^2 / sum E[x^2] w^2 of
int4,group=32 and of Wanda's half from numpy.
"""
import json
import struct
from pathlib import Path

import gguf
import numpy as np

from plain_schemes import quantise

ROOT = Path(__file__).resolve().parents[2]
NAMES = ["blk.0.attn_k.weight", "blk.1.ffn_down.weight"]
CALLS = 7


def main():
    folder = ROOT / "Tests/Fixtures/importances"
    folder.mkdir(exist_ok=True)
    found = {t.name: t.data for t in gguf.GGUFReader(ROOT / "Samples/shakespeare-llama-f16.gguf").tensors}
    weights = {name: found[name].astype(np.float32) for name in NAMES}
    rng = np.random.default_rng(12)
    squares = {name: np.exp(rng.normal(0, 1.5, w.shape[1])).astype(np.float32) for name, w in weights.items()}

    writer = gguf.GGUFWriter(folder / "imatrix.gguf", "")
    writer.add_type("imatrix")
    writer.add_array("imatrix.datasets", ["a play"])
    writer.add_uint32("imatrix.chunk_count", CALLS)
    writer.add_uint32("imatrix.chunk_size", 512)
    for name, square in squares.items():
        writer.add_tensor(name + ".in_sum2", (square * np.float32(CALLS)).reshape(1, -1))
        writer.add_tensor(name + ".counts", np.array([[CALLS]], np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()

    with open(folder / "imatrix.dat", "wb") as file:
        file.write(struct.pack("<i", len(squares)))
        for name, square in squares.items():
            file.write(struct.pack("<i", len(name)) + name.encode() + struct.pack("<ii", CALLS, len(square)))
            file.write((square * np.float32(CALLS)).astype("<f4").tobytes())
        file.write(struct.pack("<ii", CALLS, 6) + b"a play")

    np.savez(folder / "norms.npz", **{name: np.sqrt(square) for name, square in squares.items()})

    figures = []
    for name, w in weights.items():
        e = squares[name].astype(np.float64)
        rounded = quantise(w.reshape(-1, 32), 4, True)[3].reshape(w.shape)
        pruned = w.copy()
        order = np.argsort(np.abs(w) * np.sqrt(squares[name]), axis=1, kind="stable")
        np.put_along_axis(pruned, order[:, :w.shape[1] // 2], 0, axis=1)
        wide = w.astype(np.float64)
        for spec, form in (("int4,group=32", rounded), ("keep,sparsity=wanda:0.5", pruned)):
            difference = form.astype(np.float64) - wide
            figures.append({"name": name, "spec": spec,
                            "weighted": float((e * difference ** 2).sum() / (e * wide ** 2).sum()),
                            "plain": float((difference ** 2).sum() / (wide ** 2).sum())})
    (folder / "figures.json").write_text(json.dumps(figures, indent=1) + "\n")


if __name__ == "__main__":
    main()
