"""What a model file holds, read by the library that its format belongs to.

values(path) -> {name: (dtype as Lathe names it, numpy array)}; arrays of small floats, bfloat16 and ggml's blocks come
as float32. Formats: safetensors (a file, an index, a folder), GGUF (split files too), ONNX, PyTorch, NumPy.
"""
import json
import os
import re
import struct
import sys

import numpy as np

SAFETENSORS = {"F64": "<f8", "F32": "<f4", "F16": "<f2", "I64": "<i8", "I32": "<i4", "I16": "<i2", "I8": "i1",
               "U64": "<u8", "U32": "<u4", "U16": "<u2", "U8": "u1", "BOOL": "?"}


def small_floats():
    import ml_dtypes as m
    return {"BF16": m.bfloat16, "F8_E4M3": m.float8_e4m3fn, "F8_E5M2": m.float8_e5m2, "F8_E8M0": m.float8_e8m0fnu,
            "F8_E4M3FNUZ": m.float8_e4m3fnuz, "F8_E5M2FNUZ": m.float8_e5m2fnuz}


def bits(data, width, count):
    """Codes of `width` bits, the lowest bits of the bytes first."""
    stream = np.unpackbits(np.frombuffer(data, np.uint8), bitorder="little")[:count * width].reshape(count, width)
    return (stream.astype(np.int64) << np.arange(width)).sum(1)


def packed_floats(data, name, count):
    import ml_dtypes as m
    kinds = {"F4": (m.float4_e2m1fn, 4), "F6_E2M3": (m.float6_e2m3fn, 6), "F6_E3M2": (m.float6_e3m2fn, 6)}
    kind, width = kinds[name]
    return bits(data, width, count).astype(np.uint8).view(kind).astype(np.float32)


def safetensors_file(path):
    with open(path, "rb") as file:
        head = json.loads(file.read(struct.unpack("<Q", file.read(8))[0]))
        start = file.tell()
        found = {}
        for name, entry in head.items():
            if name == "__metadata__":
                continue
            low, high = entry["data_offsets"]
            file.seek(start + low)
            data, dtype, shape = file.read(high - low), entry["dtype"], entry["shape"]
            if dtype in SAFETENSORS:
                array = np.frombuffer(data, SAFETENSORS[dtype])
            elif dtype in ("F4", "F6_E2M3", "F6_E3M2"):
                array = packed_floats(data, dtype, int(np.prod(shape)))
            elif dtype == "C64":
                array = np.frombuffer(data, "<c8")
            else:
                array = np.frombuffer(data, small_floats()[dtype]).astype(np.float32)
            found[name] = (dtype, array.reshape(shape))
    # The format's own library must agree on names and shapes.
    from safetensors import safe_open
    with safe_open(path, "np") as peer:
        assert set(peer.keys()) == set(found)
        for name in peer.keys():
            assert list(peer.get_slice(name).get_shape()) == head[name]["shape"]
    return found


def safetensors(path):
    if os.path.isdir(path):
        names = sorted(os.listdir(path))
        index = [n for n in names if n.endswith(".safetensors.index.json")]
        path = os.path.join(path, index[0] if index else [n for n in names if n.endswith(".safetensors")][0])
    if not path.endswith(".json"):
        return safetensors_file(path)
    places = json.load(open(path))["weight_map"]
    found = {}
    for shard in sorted(set(places.values())):
        inside = safetensors_file(os.path.join(os.path.dirname(path), shard))
        found.update({name: value for name, value in inside.items() if places[name] == shard})
    return found


def gguf(path):
    from gguf import GGUFReader
    from gguf.quants import dequantize
    plain = {"F32", "F16", "F64", "I8", "I16", "I32", "I64"}
    match = re.match(r"(.*)-\d{5}-of-(\d{5})\.gguf$", path)
    paths = [f"{match[1]}-{i + 1:05}-of-{match[2]}.gguf" for i in range(int(match[2]))] if match else [path]
    found = {}
    for part in paths:
        for t in GGUFReader(part).tensors:
            shape = [int(x) for x in reversed(t.shape)]
            name = t.tensor_type.name
            array = t.data if name in plain else dequantize(t.data, t.tensor_type)
            found[t.name] = (name, np.asarray(array).reshape(shape))
    return found


def onnx(path):
    """Initializers and Constant nodes of all graphs, as numpy_helper has them."""
    import onnx as peer
    from onnx import TensorProto as T
    names = {T.FLOAT: "F32", T.DOUBLE: "F64", T.FLOAT16: "F16", T.BFLOAT16: "BF16", T.INT64: "I64", T.INT32: "I32",
             T.INT16: "I16", T.INT8: "I8", T.UINT64: "U64", T.UINT32: "U32", T.UINT16: "U16", T.UINT8: "U8",
             T.BOOL: "BOOL", T.FLOAT8E4M3FN: "F8_E4M3", T.FLOAT8E5M2: "F8_E5M2", T.FLOAT8E4M3FNUZ: "F8_E4M3FNUZ",
             T.FLOAT8E5M2FNUZ: "F8_E5M2FNUZ", T.INT4: "I4", T.UINT4: "U4", T.FLOAT4E2M1: "F4", T.COMPLEX64: "C64",
             T.COMPLEX128: "C128", 24: "F8_E8M0", 25: "U2", 26: "I2", 27: "F6_E2M3", 28: "F6_E3M2"}
    found = {}

    def add(name, tensor, base, path):
        if tensor.data_type == T.STRING:
            return
        array = peer.numpy_helper.to_array(tensor, base_dir=base)
        if names[tensor.data_type][0] in "FB" and names[tensor.data_type] not in ("F64", "F32", "F16", "BOOL"):
            array = array.astype(np.float32)
        if names[tensor.data_type] in ("I4", "U4", "I2", "U2"):
            array = array.astype(np.int8)
        if name in found:
            name = path + name
        found[name] = (names[tensor.data_type], array)

    def nodes(nodes, base, path):
        for node in nodes:
            inner = f"{path}{node.name or (list(node.output) + [node.op_type])[0]}/"
            for attribute in node.attribute:
                if attribute.type == peer.AttributeProto.GRAPH:
                    graph(attribute.g, base, f"{inner}{attribute.name}/")
                if node.op_type != "Constant":
                    continue
                value = peer.helper.get_attribute_value(attribute)
                if attribute.name == "value":
                    add(node.output[0], value, base, path)
                elif attribute.name in ("value_float", "value_floats"):
                    found[node.output[0]] = ("F32", np.array(value, np.float32))
                elif attribute.name in ("value_int", "value_ints"):
                    found[node.output[0]] = ("I64", np.array(value, np.int64))

    def graph(graph, base, path):
        # In the order of the fields in the file: nodes, then initializers.
        nodes(graph.node, base, path)
        for tensor in graph.initializer:
            add(tensor.name, tensor, base, path)
        for tensor in graph.sparse_initializer:
            add(tensor.values.name, tensor.values, base, path)
            found[tensor.values.name + ".indices"] = ("I64", peer.numpy_helper.to_array(tensor.indices))

    model = peer.load(path, load_external_data=False)
    graph(model.graph, os.path.dirname(path), "")
    for function in model.functions:
        nodes(function.node, os.path.dirname(path), f"{function.name}/")
    return found


def numpy(path):
    if path.endswith(".npy"):
        arrays = {os.path.basename(path)[:-4]: np.load(path)}
    else:
        arrays = dict(np.load(path))
    kinds = {"float64": "F64", "float32": "F32", "float16": "F16", "bool": "BOOL", "complex64": "C64",
             "complex128": "C128"}
    return {name: (kinds.get(a.dtype.name) or a.dtype.name.replace("uint", "U").replace("int", "I"), a)
            for name, a in arrays.items()}


def values(path, kind):
    return {"safetensors": safetensors, "gguf": gguf, "onnx": onnx, "npy": numpy, "npz": numpy}[kind](path)


if __name__ == "__main__":
    for name, (dtype, array) in values(sys.argv[2], sys.argv[1]).items():
        print(name, dtype, list(array.shape))
