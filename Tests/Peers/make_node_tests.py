"""Packs small node tests of the ONNX project into Tests/Fixtures/onnx-node-tests.bin.

usage: make_node_tests.py [FOLDER]      (Debian's libonnx-testdata, or backend/test/data/node of the onnx sources)

The tests are the ONNX project's own (https://github.com/onnx/onnx, Apache License 2.0): a model of one or a few nodes,
inputs, and the outputs of onnx's reference implementation. Taken are the smallest of each kind that are about numbers.
The file: a u32 of how many; for each test its name, its model, and lists of its input and output TensorProtos, where
bytes are preceded by their count and lists by their length, u32 little-endian.
"""
import re
import struct
import sys
from pathlib import Path

FOLDER = Path(sys.argv[1] if len(sys.argv) > 1 else "/usr/share/libonnx-testdata/data/node")
TARGET = Path(__file__).resolve().parents[1] / "Fixtures/onnx-node-tests.bin"
LARGEST, PER_KIND = 9000, 7
LEFT_OUT = re.compile(
    r"sequence|optional|string|strnorm|bernoulli|random|training|adagrad|adam|momentum|nesterov|gradient|tfidf|"
    r"dropout_default_mask_ratio|_STRING|STRING_|loop13|loop16|identity_opt|expanded|dropout_training|training_dropout|"
    r"BFLOAT16|_if_opt|_if_seq|downsample_scales.*align_corners"
)

if not FOLDER.exists():
    sys.exit(print(f"left as it is: there is no {FOLDER}"))


def blob(data):
    return struct.pack("<I", len(data)) + data


def numbered(folder, kind):
    files, number = [], 0
    while (path := folder / f"test_data_set_0/{kind}_{number}.pb").exists():
        files.append(path.read_bytes())
        number += 1
    return files


tests = []
for folder in sorted(FOLDER.iterdir()):
    if LEFT_OUT.search(folder.name):
        continue
    model, inputs, outputs = (folder / "model.onnx").read_bytes(), numbered(folder, "input"), numbered(folder, "output")
    size = len(model) + sum(map(len, inputs + outputs))
    if size <= LARGEST:
        tests.append((size, folder.name, model, inputs, outputs))
kinds, chosen = {}, []
for size, name, model, inputs, outputs in sorted(tests):
    kind = name.split("_")[1]
    kinds[kind] = kinds.get(kind, 0) + 1
    if kinds[kind] <= PER_KIND:
        chosen.append((name, model, inputs, outputs))
chosen.sort()
packed = struct.pack("<I", len(chosen))
for name, model, inputs, outputs in chosen:
    packed += blob(name.encode()) + blob(model)
    for files in (inputs, outputs):
        packed += struct.pack("<I", len(files)) + b"".join(map(blob, files))
TARGET.write_bytes(packed)
print(len(chosen), "tests,", len(packed), "bytes")
