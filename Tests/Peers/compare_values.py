"""Compares what `lathe inspect` reads with the library of each model's format: names, shapes, types, and every value
bit for bit (by the CRC-32 of its bytes where the library keeps the type, and of its numbers as float32).

    compare_values.py LATHE MODEL …

Prints a line a model; ends with status 1 if any differs, or does not open.
"""
import json
import subprocess
import sys
import zlib

import numpy as np

from model_values import values


def compare(lathe, path):
    run = subprocess.run([lathe, "inspect", path, "--json", "--header-only", "--checksums"], capture_output=True)
    if run.returncode != 0:
        return f"exit status {run.returncode}: {run.stderr.decode().strip()}", False
    report = json.loads(run.stdout)
    expected = values(path, report["format"])
    found = {t["name"]: t for t in report["tensors"]}
    problems = [f"missing {n}" for n in expected if n not in found] + [f"extra {n}" for n in found if n not in expected]
    for name, (dtype, array) in expected.items():
        tensor = found.get(name)
        if tensor is None:
            continue
        if tensor["dtype"] != dtype or tensor["shape"] != list(array.shape):
            problems.append(f"{name}: {tensor['dtype']} {tensor['shape']}, {dtype} {list(array.shape)} expected")
            continue
        if array.nbytes == tensor["bytes"]:
            plain = np.ascontiguousarray(array.astype(array.dtype.newbyteorder("<")))
            if tensor["storedCrc32"] != zlib.crc32(plain.tobytes()):
                problems.append(f"{name}: bytes differ")
        if not np.iscomplexobj(array):
            with np.errstate(all="ignore"):
                crc = zlib.crc32(np.ascontiguousarray(array).astype("<f4").tobytes())
            if tensor["crc32"] != crc:
                problems.append(f"{name}: values differ")
    summary = (f"{report['format']}, {len(report['tensors'])} tensors, {len(report['layers'])} layers, "
               f"{report['parameters']} parameters")
    return summary + (": all equal" if not problems else f": {len(problems)} differ: {problems[:3]}"), not problems


def main():
    good = True
    for path in sys.argv[2:]:
        try:
            text, same = compare(sys.argv[1], path)
        except Exception as error:
            text, same = f"the peer fails: {type(error).__name__}: {error}", False
        print(f"{path}: {text}", flush=True)
        good = good and same
    sys.exit(not good)


main()
