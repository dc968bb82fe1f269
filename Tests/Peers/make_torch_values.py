"""Makes Tests/Fixtures/pytorch-values.json: what torch reads in the files of Tests/Fixtures/pytorch.

For each file a list of [name, type, shape, values]: the values' bytes, in C order and little-endian, in hexadecimal.
"""
import json
import sys
from pathlib import Path

FIXTURES = Path(__file__).resolve().parents[1] / "Fixtures"
sys.path.insert(0, str(Path(__file__).resolve().parent))
from compare_torch import load, tensors  # noqa: E402


def main():
    expected = {}
    for path in sorted(FIXTURES.glob("pytorch/*")):
        entries = [[name or path.stem, kind, shape, data.hex()] for name, kind, shape, data in tensors(load(path), [])]
        expected[path.name] = sorted(entries)
    text = ",\n".join(f"{json.dumps(name)}: [\n" + ",\n".join(map(json.dumps, entries)) + "]"
                      for name, entries in expected.items())
    (FIXTURES / "pytorch-values.json").write_text("{\n" + text + "\n}\n")
    print(len(expected), "files,", sum(map(len, expected.values())), "tensors")


if __name__ == "__main__":
    main()
