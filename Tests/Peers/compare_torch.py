"""Compares what Lathe reads of PyTorch files with torch.load: names, shapes, types and every value, bit for bit.

    compare_torch.py LATHE MODEL …

What torch.load (or torch.jit.load, or pickle.load) gives is named as
Lathe promises: a dictionary's tensors path.key, a list's path.0, a module's by its state_dict(). A class that is not
installed is replaced by an empty one with the same state. Only for files that one trusts: torch.load runs them.
"""
import json
import pickle
import subprocess
import sys
import warnings
import zlib
from pathlib import Path

import numpy as np
import torch

warnings.filterwarnings("ignore")
TYPES = {
    torch.float64: "F64", torch.float32: "F32", torch.float16: "F16", torch.bfloat16: "BF16", torch.int64: "I64",
    torch.int32: "I32", torch.int16: "I16", torch.int8: "I8", torch.uint8: "U8", torch.uint16: "U16",
    torch.uint32: "U32", torch.uint64: "U64", torch.bool: "BOOL", torch.complex64: "C64", torch.complex128: "C128",
    torch.float8_e4m3fn: "F8_E4M3", torch.float8_e5m2: "F8_E5M2", torch.float8_e4m3fnuz: "F8_E4M3FNUZ",
    torch.float8_e5m2fnuz: "F8_E5M2FNUZ", torch.float8_e8m0fnu: "F8_E8M0",
}
NUMPY = {"f8": "F64", "f4": "F32", "f2": "F16", "i8": "I64", "i4": "I32", "i2": "I16", "i1": "I8", "u8": "U64",
         "u4": "U32", "u2": "U16", "u1": "U8", "b1": "BOOL", "c8": "C64", "c16": "C128"}


class Stub:
    """Stands for a class that is not installed."""

    def __init__(self, *arguments, **named):
        self.arguments = arguments

    def __setstate__(self, state):
        self.__dict__.update(state if isinstance(state, dict) else {"state": state})

    def __reduce__(self):
        return Stub, ()


class Unpickler(pickle.Unpickler):
    def find_class(self, module, name):
        try:
            return super().find_class(module, name)
        except Exception:
            return type(name, (Stub,), {"__module__": module})


class Pickle:
    """What torch.load takes for the pickle module."""
    __name__ = "pickle"
    Unpickler = Unpickler

    @staticmethod
    def load(file, **named):
        return Unpickler(file, **named).load()


def is_module(value):
    return isinstance(value, torch.nn.Module) or (
        isinstance(value, Stub) and {"_parameters", "_buffers", "_modules"} <= value.__dict__.keys())


def module_tensors(module, path):
    state = module.__dict__
    for name, value in state["_parameters"].items():
        yield from tensors(value, path + [name])
    for name, value in state["_buffers"].items():
        if name not in state.get("_non_persistent_buffers_set", ()):
            yield from tensors(value, path + [name])
    for name, child in state["_modules"].items():
        yield from tensors(child, path + [name])


def tensors(value, path):
    """(name, type, shape, bytes) of every tensor in a value."""
    name = ".".join(path)
    if isinstance(value, torch.Tensor):
        value = value.detach()
        if value.layout == torch.sparse_coo:
            parts = {"indices": value._indices(), "values": value._values()}
            return (yield from tensors(parts, path))
        if value.layout == torch.sparse_csr:
            parts = {"compressed_indices": value.crow_indices(), "plain_indices": value.col_indices(),
                     "values": value.values()}
            return (yield from tensors(parts, path))
        if value.is_quantized:
            if value.qscheme() == torch.per_channel_affine:
                yield from tensors({"scales": value.q_per_channel_scales(),
                                    "zero_points": value.q_per_channel_zero_points()}, path)
            value = value.int_repr()
        plain = value.contiguous().resolve_conj().resolve_neg()
        flat = plain.reshape(-1)
        data = flat.view(torch.uint8).numpy().tobytes() if flat.numel() else b""
        yield name, TYPES[value.dtype], list(value.shape), data
    elif isinstance(value, torch.jit.ScriptModule):
        for key, tensor in value.state_dict().items():
            yield from tensors(tensor, path + [key])
    elif is_module(value):
        yield from module_tensors(value, path)
    elif isinstance(value, np.ndarray):
        kind = value.dtype.str[1:]
        if kind in NUMPY:
            data = np.ascontiguousarray(value.astype(value.dtype.newbyteorder("<"))).tobytes()
            yield name, NUMPY[kind], list(value.shape), data
    elif isinstance(value, dict):
        for key, element in value.items():
            yield from tensors(element, path + [str(key)])
    elif isinstance(value, (list, tuple)):
        for index, element in enumerate(value):
            yield from tensors(element, path + [str(index)])
    elif isinstance(value, Stub) or type(value).__module__ not in ("builtins", "numpy", "torch"):
        for key, element in getattr(value, "__dict__", {}).items():
            yield from tensors(element, path + [key])


def load(path):
    path = Path(path)
    if path.is_dir() or path.name.endswith(".index.json"):
        folder = path if path.is_dir() else path.parent
        merged = {}
        for shard in sorted(folder.glob("pytorch_model*.bin")):
            merged.update(torch.load(shard, map_location="cpu", weights_only=False))
        return merged
    try:
        return torch.jit.load(path, map_location="cpu")
    except RuntimeError:
        pass
    try:
        return torch.load(path, map_location="cpu", weights_only=False, pickle_module=Pickle)
    except Exception as problem:
        try:
            with open(path, "rb") as file:
                return Unpickler(file, encoding="latin1").load()
        except Exception:
            raise problem


def compare(program, path):
    """What is different, as a list of lines."""
    run = subprocess.run([program, "inspect", path, "--json", "--header-only", "--checksums"], capture_output=True)
    if run.returncode != 0:
        return {}, [run.stderr.decode().strip()]
    head = json.loads(run.stdout)
    ours = {t["name"]: (t["dtype"], t["shape"], t["storedCrc32"]) for t in head["tensors"]}
    size = sum(t["bytes"] for t in head["tensors"])
    problems, seen = [], set()
    for name, *rest in tensors(load(path), []):
        name = name or Path(path).stem
        seen.add(name)
        if name not in ours:
            problems.append(f"{name}: {rest[0]} {rest[1]} is not listed")
        elif list(ours[name][:2]) != rest[:2]:
            problems.append(f"{name}: {ours[name][:2]} instead of {rest[:2]}")
        elif ours[name][2] != zlib.crc32(rest[2]):
            problems.append(f"{name}: other values")
    extra = [name for name in ours if name not in seen]
    return dict(head, tensors=len(ours), size=size, extra=extra), problems


def main():
    program, failed = sys.argv[1], False
    for path in sys.argv[2:]:
        try:
            head, problems = compare(program, path)
        except Exception as problem:
            head, problems = {}, [f"{type(problem).__name__}: {problem}"[:300]]
        print(f"{path}: {head.get('metadata', {}).get('form')}, {head.get('tensors')} tensors, "
              f"{head.get('parameters')} parameters, {head.get('size')} bytes, {len(problems)} differ, "
              f"{len(head.get('extra', []))} more than torch lists {head.get('extra', [])[:3]}")
        for problem in problems[:5]:
            print("   ", problem)
        failed = failed or bool(problems)
    sys.exit(failed)


if __name__ == "__main__":
    main()
