"""Makes Tests/Fixtures/formats: small files of every form that each format has, written by its own library (or, where
that does not write a form any more, by hand after its description), and expected.json:

    {file: {"format", "tensors": {name: [dtype, shape, crc]}, "layers": {name: [packing, [rows, columns], crc]}}}

crc is zlib's CRC-32 of the numbers as little-endian float32 in C order (null for complex numbers), as the format's
library decodes them; for a packed layer, of what the library that packs so unpacks.
"""
import json
import struct
import sys
import zlib
from pathlib import Path

import numpy as np

from model_values import values

OUT = Path(__file__).resolve().parents[1] / "Fixtures/formats"
DECODE = Path(__file__).resolve().parents[1] / "Fixtures/ggml-decode.safetensors"
expected = {}


def crc(array):
    if np.iscomplexobj(array):
        return None
    with np.errstate(all="ignore"):
        return zlib.crc32(np.ascontiguousarray(array).astype("<f4").tobytes())


def note(name, kind, layers=None):
    """Records what the format's library reads in a file."""
    found = values(str(OUT / name), kind)
    expected[name] = {
        "format": kind, "tensors": {n: [d, list(a.shape), crc(a)] for n, (d, a) in found.items()},
        "layers": {n: [p, list(a.shape), crc(a)] for n, (p, a) in (layers or {}).items()}}


def random(*shape, seed=1):
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


# --- safetensors ------------------------------------------------------------------------------------------------

def make_safetensors():
    import ml_dtypes as m
    rng = np.random.default_rng(2)
    x = random(3, 8)
    arrays = {"F64": x.astype(np.float64), "F32": x, "F16": x.astype(np.float16), "BF16": x.astype(m.bfloat16),
              "F8_E4M3": x.astype(m.float8_e4m3fn), "F8_E5M2": x.astype(m.float8_e5m2),
              "F8_E8M0": np.abs(x).astype(m.float8_e8m0fnu), "BOOL": x > 0, "C64": (x + 1j * x).astype(np.complex64)}
    for kind in "I8 I16 I32 I64 U8 U16 U32 U64".split():
        info = np.iinfo(kind.replace("I", "int").replace("U", "uint"))
        arrays[kind] = rng.integers(info.min, info.max, (3, 8), info.dtype, endpoint=True)
    tensors = {f"t.{k}": {"dtype": k, "shape": list(a.shape), "data": a.tobytes()} for k, a in arrays.items()}
    for kind, width in (("F4", 4), ("F6_E2M3", 6), ("F6_E3M2", 6)):
        data = rng.integers(0, 256, 24 * width // 8, np.uint8)
        tensors[f"t.{kind}"] = {"dtype": kind, "shape": [3, 8], "data": data.tobytes()}
    tensors["scalar"] = {"dtype": "F32", "shape": [], "data": np.float32(2.5).tobytes()}
    tensors["none"] = {"dtype": "F32", "shape": [0, 4], "data": b""}
    # By hand, after the format's description: the library's writers take only what numpy and torch know.
    head, data = {"__metadata__": {"format": "pt"}}, b""
    for name, t in tensors.items():
        head[name] = {"dtype": t["dtype"], "shape": t["shape"], "data_offsets": [len(data), len(data) + len(t["data"])]}
        data += t["data"]
    head = json.dumps(head).encode()
    head += b" " * (-len(head) % 8)
    data = struct.pack("<Q", len(head)) + head + data
    (OUT / "dtypes.safetensors").write_bytes(data)
    note("dtypes.safetensors", "safetensors")

    folder = OUT / "shards"
    folder.mkdir(exist_ok=True)
    from safetensors.numpy import save_file
    parts = [{"model.embed_tokens.weight": random(8, 4), "model.norm.weight": random(4)},
             {"model.layers.0.mlp.up_proj.weight": random(6, 4)}]
    places = {}
    for i, part in enumerate(parts):
        name = f"model-{i + 1:05}-of-00002.safetensors"
        save_file(part, folder / name, {"format": "pt"})
        places.update({tensor: name for tensor in part})
    (folder / "model.safetensors.index.json").write_text(
        json.dumps({"metadata": {"total_size": 240}, "weight_map": places}))
    (folder / "config.json").write_text(json.dumps(
        {"architectures": ["LlamaForCausalLM"], "tie_word_embeddings": True, "hidden_size": 4}))
    note("shards", "safetensors")


# --- GGUF -------------------------------------------------------------------------------------------------------

def gguf_writer(name, **options):
    import gguf
    writer = gguf.GGUFWriter(str(OUT / name), "llama", **options)
    writer.add_block_count(1)
    writer.add_array("tokenizer.ggml.tokens", ["a", "b", "c"])
    writer.add_array("a.floats", [0.5, 1.5])
    return writer


def finish(writer):
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def make_gguf():
    import gguf
    from gguf import GGMLQuantizationType as Type
    from safetensors.numpy import load_file
    blocks = load_file(DECODE)
    kinds = sorted({n.split("/")[0] for n in blocks})

    writer = gguf_writer("types.gguf")
    for kind in kinds:
        writer.add_tensor(f"blk.0.{kind.lower()}.weight", blocks[f"{kind}/real.bytes"][:1], raw_dtype=Type[kind])
    for dtype in (np.float64, np.float32, np.float16, np.int8, np.int16, np.int32, np.int64):
        writer.add_tensor(f"t.{np.dtype(dtype).name}", (random(2, 3) * 50).astype(dtype))
    finish(writer)
    note("types.gguf", "gguf")

    # Big-endian: the writer turns plain numbers; blocks are turned field by field, as gguf_convert_endian does.
    wide = {"Q4_0": [0], "Q8_0": [0], "Q4_K": [0, 2], "Q6_K": [208]}
    writer = gguf_writer("big-endian.gguf", endianess=gguf.GGUFEndian.BIG)
    writer.add_tensor("token_embd.weight", random(4, 32))
    writer.add_tensor("t.half", random(4, 32).astype(np.float16))
    turned = {}
    for kind, places in wide.items():
        data = blocks[f"{kind}/real.bytes"][:1].copy()
        turned[f"blk.0.{kind.lower()}.weight"] = (kind, blocks[f"{kind}/real.values"][:1])
        size = gguf.GGML_QUANT_SIZES[Type[kind]][1]
        view = data.reshape(-1, size)
        for place in places:
            view[:, place:place + 2] = view[:, place:place + 2][:, ::-1]
        writer.add_tensor(f"blk.0.{kind.lower()}.weight", data, raw_dtype=Type[kind])
    finish(writer)
    expected["big-endian.gguf"] = {"format": "gguf", "layers": {}, "tensors": {
        "token_embd.weight": ["F32", [4, 32], crc(random(4, 32))],
        "t.half": ["F16", [4, 32], crc(random(4, 32).astype(np.float16))],
        **{n: [k, list(a.shape), crc(a)] for n, (k, a) in turned.items()}}}

    # Version 1, by hand: counts, lengths and extents of 32 bits (the reference writes it no more).
    def text(value):
        return struct.pack("<I", len(value)) + value.encode()
    one, two = random(3, 4), random(5)
    head = b"GGUF" + struct.pack("<III", 1, 2, 2)
    head += text("general.architecture") + struct.pack("<I", 8) + text("llama")
    head += text("a.list") + struct.pack("<III", 9, 5, 2) + struct.pack("<ii", 7, -8)
    head += text("one.weight") + struct.pack("<IIIIQ", 2, 4, 3, 0, 0)
    head += text("two") + struct.pack("<IIIQ", 1, 5, 0, 64)
    head += b"\0" * (-len(head) % 32)
    (OUT / "version-1.gguf").write_bytes(head + one.tobytes().ljust(64, b"\0") + two.tobytes().ljust(32, b"\0"))
    expected["version-1.gguf"] = {"format": "gguf", "layers": {}, "tensors": {
        "one.weight": ["F32", [3, 4], crc(one)], "two": ["F32", [5], crc(two)]}}

    writer = gguf_writer("split.gguf", split_max_tensors=2)
    for i in range(5):
        writer.add_tensor(f"blk.{i}.attn_q.weight", random(2, 32, seed=i))
    finish(writer)
    note("split-00001-of-00003.gguf", "gguf")


# --- ONNX -------------------------------------------------------------------------------------------------------

def make_onnx():
    import onnx
    from onnx import TensorProto as T
    from onnx import helper as h
    from onnx import numpy_helper
    x = random(3, 5)

    tensors = []
    reals = [T.FLOAT, T.DOUBLE, T.FLOAT16, T.BFLOAT16, T.FLOAT8E4M3FN, T.FLOAT8E5M2, T.FLOAT8E4M3FNUZ,
             T.FLOAT8E5M2FNUZ, T.FLOAT4E2M1, T.COMPLEX64, T.COMPLEX128]
    whole = [T.INT8, T.INT16, T.INT32, T.INT64, T.UINT8, T.UINT16, T.UINT32, T.UINT64, T.BOOL, T.INT4, T.UINT4]
    for kind in reals + [27, 28]:
        tensors.append(h.make_tensor(f"typed.{kind}", kind, x.shape, x.flatten().tolist()))
    tensors.append(h.make_tensor("typed.24", 24, x.shape, np.abs(x).flatten().tolist()))
    small = np.arange(15).reshape(3, 5) % 8
    for kind in whole:
        tensors.append(h.make_tensor(f"typed.{kind}", kind, x.shape, (small % 2 if kind == T.BOOL else small).flatten()))
    for kind, top in ((25, 4), (26, 2)):
        tensors.append(h.make_tensor(f"typed.{kind}", kind, x.shape, (small % top).flatten()))
    for tensor in list(tensors):
        array = numpy_helper.to_array(tensor)
        raw = numpy_helper.from_array(array, tensor.name.replace("typed", "raw"))
        assert raw.data_type == tensor.data_type, tensor.name
        tensors.append(raw)
    graph = h.make_graph([], "types", [], [], tensors)
    onnx.save(h.make_model(graph, opset_imports=[h.make_opsetid("", 21)], ir_version=10), OUT / "types.onnx")
    note("types.onnx", "onnx")

    # Constants in every attribute, graphs in nodes, local functions, sparse initializers.
    def constant(name, **value):
        return h.make_node("Constant", [], [name], **value)
    then = h.make_graph([constant("w", value=numpy_helper.from_array(random(5, 5), "")),
                         h.make_node("MatMul", ["x", "w"], ["then"], name="then/MatMul")],
                        "then", [], [h.make_tensor_value_info("then", T.FLOAT, None)])
    other = h.make_graph([h.make_node("MatMul", ["x", "v"], ["else"], name="else/MatMul")], "else", [],
                         [h.make_tensor_value_info("else", T.FLOAT, None)],
                         [numpy_helper.from_array(random(5, 5, seed=3), "v")])
    body = h.make_graph(
        [h.make_node("Identity", ["cond"], ["again"]), h.make_node("MatMul", ["h", "u"], ["h2"], name="loop/MatMul")],
        "body", [h.make_tensor_value_info(n, T.FLOAT, None) for n in ("i", "cond", "h")],
        [h.make_tensor_value_info(n, T.FLOAT, None) for n in ("again", "h2")],
        [numpy_helper.from_array(random(5, 5, seed=4), "u")])
    linear = h.make_function(
        "local", "Linear", ["a", "weight"], ["b"],
        [constant("k", value_floats=[1.0, 2.0, 3.0, 4.0, 5.0]),
         h.make_node("Transpose", ["weight"], ["t"]), h.make_node("MatMul", ["a", "t"], ["m"], name="inner"),
         h.make_node("Add", ["m", "k"], ["b"])], [h.make_opsetid("", 21)])
    sparse = h.make_sparse_tensor(numpy_helper.from_array(np.float32([1, 2]), "sparse"),
                                  numpy_helper.from_array(np.int64([3, 9]), ""), [4, 4])
    nodes = [
        constant("weight", value=numpy_helper.from_array(random(4, 5, seed=5), "anything")),
        constant("f", value_float=0.5), constant("i", value_int=7), constant("ints", value_ints=[1, -2]),
        h.make_node("If", ["c"], ["s"], name="if", then_branch=then, else_branch=other),
        h.make_node("Loop", ["n", "c", "s"], ["l"], name="loop", body=body),
        h.make_node("Linear", ["l", "fc.weight"], ["y0"], domain="local", name="call"),
        h.make_node("Gemm", ["y0", "weight"], ["y"], name="gemm", transB=1)]
    graph = h.make_graph(nodes, "nested", [h.make_tensor_value_info("x", T.FLOAT, [1, 5]),
                                           h.make_tensor_value_info("c", T.BOOL, []),
                                           h.make_tensor_value_info("n", T.INT64, [])],
                         [h.make_tensor_value_info("y", T.FLOAT, None)],
                         [numpy_helper.from_array(random(5, 5, seed=6), "fc.weight")], sparse_initializer=[sparse])
    model = h.make_model(graph, opset_imports=[h.make_opsetid("", 21), h.make_opsetid("local", 1)], ir_version=10,
                         functions=[linear])
    onnx.save(model, OUT / "nested.onnx")
    note("nested.onnx", "onnx")
    make_quantised_onnx(onnx, h, T, numpy_helper)


def make_quantised_onnx(onnx, h, T, numpy_helper):
    """Weights behind DequantizeLinear and in integer operators; their values by the operators' definitions."""
    rng = np.random.default_rng(7)
    initializers, nodes, layers = [], [], {}

    def tensor(name, array, kind=None):
        if kind is None:
            initializers.append(numpy_helper.from_array(array, name))
        else:
            initializers.append(h.make_tensor(name, kind, array.shape, array.flatten()))

    def quantised(name, shape, axis, block, kind, scale_shape, low, high):
        codes = rng.integers(low, high, shape).astype(np.int64)
        scale = (rng.random(scale_shape) + 0.5).astype(np.float32)
        zero = rng.integers(low, high, scale_shape).astype(np.int64)
        tensor(f"{name}.q", codes, kind)
        tensor(f"{name}.s", scale)
        tensor(f"{name}.z", zero, kind)
        attributes = {"axis": axis} if axis is not None else {}
        if block:
            attributes["block_size"] = block
        nodes.append(h.make_node("DequantizeLinear", [f"{name}.q", f"{name}.s", f"{name}.z"], [f"{name}.w"],
                                 **attributes))
        if block:
            wide = [np.repeat(a, block, axis)[tuple(slice(n) for n in shape)] for a in (scale, zero)]
        elif axis is None or not scale_shape:
            wide = [scale, zero]
        else:
            wide = [a.reshape([-1 if i == axis else 1 for i in range(len(shape))]) for a in (scale, zero)]
        return (codes - wide[1]).astype(np.float32) * wide[0]

    w = quantised("conv", (4, 3, 2, 2), 0, 0, T.INT8, (4,), -127, 127)
    nodes.append(h.make_node("Conv", ["x", "conv.w"], ["c"], name="conv"))
    layers["conv"] = ("ONNX int8 channel", w.reshape(4, -1))
    w = quantised("mm", (12, 6), 1, 0, T.UINT8, (6,), 0, 255)
    nodes.append(h.make_node("MatMul", ["m", "mm.w"], ["m1"], name="mm"))
    layers["mm"] = ("ONNX uint8 channel", w.T)
    w = quantised("all", (12, 6), None, 0, T.INT8, (), -127, 127)
    nodes.append(h.make_node("MatMul", ["m", "all.w"], ["m2"], name="all"))
    layers["all"] = ("ONNX int8", w.T)
    w = quantised("blocks", (16, 6), 0, 4, T.INT4, (4, 6), -8, 7)
    nodes.append(h.make_node("MatMul", ["m", "blocks.w"], ["m3"], name="blocks"))
    layers["blocks"] = ("ONNX int4 g4", w.T)
    w = quantised("gemm", (6, 16), 1, 4, T.UINT4, (6, 4), 0, 15)
    nodes.append(h.make_node("Gemm", ["m", "gemm.w"], ["m4"], name="gemm", transB=1))
    layers["gemm"] = ("ONNX uint4 g4", w)

    codes = rng.integers(-127, 127, (5, 3, 1, 1)).astype(np.int8)
    scale = (rng.random(5) + 0.5).astype(np.float32)
    tensor("q.w", codes)
    tensor("q.s", scale)
    tensor("q.z", np.zeros(5, np.int8))
    nodes.append(h.make_node("QLinearConv", ["x8", "a", "b", "q.w", "q.s", "q.z", "d", "e"], ["q"], name="qconv"))
    layers["qconv"] = ("ONNX int8 channel", codes.reshape(5, 3) * scale[:, None])

    codes = rng.integers(-127, 127, (8, 3)).astype(np.int8)
    tensor("dyn.weight_quantized", codes)
    tensor("dyn.weight_scale", np.float32([0.25]))
    tensor("dyn.weight_zero_point", np.int8([3]))
    nodes.append(h.make_node("MatMulInteger", ["x8", "dyn.weight_quantized", "xz", "dyn.weight_zero_point"], ["di"],
                             name="dynamic"))
    layers["dynamic"] = ("ONNX int8", (codes.astype(np.float32) - 3).T * np.float32(0.25))

    for name, zeros in (("nbits", True), ("nbits0", False)):
        n, k, block = 3, 40, 16
        codes = rng.integers(0, 16, (n, 48)).astype(np.uint8)
        blob = (codes[:, 0::2] | codes[:, 1::2] << 4).reshape(n, 3, 8)
        scale = (rng.random(n * 3) + 0.5).astype(np.float32)
        zero = rng.integers(0, 16, (n, 4)).astype(np.uint8)
        zero[:, 3] = 0
        tensor(f"{name}.b", blob)
        tensor(f"{name}.s", scale)
        inputs = ["x", f"{name}.b", f"{name}.s"]
        if zeros:
            tensor(f"{name}.z", (zero[:, 0::2] | zero[:, 1::2] << 4).flatten())
            inputs.append(f"{name}.z")
        nodes.append(h.make_node("MatMulNBits", inputs, [f"{name}.y"], name=name, domain="com.microsoft", K=k, N=n,
                                 bits=4, block_size=block))
        point = np.repeat(zero[:, :3], block, 1) if zeros else 8
        wide = (codes.astype(np.float32) - point) * np.repeat(scale.reshape(n, 3), block, 1)
        layers[name] = ("ONNX int4 g16", wide[:, :k])
    graph = h.make_graph(nodes, "quantised", [], [], initializers)
    onnx.save(h.make_model(graph, opset_imports=[h.make_opsetid("", 21), h.make_opsetid("com.microsoft", 1)],
                           ir_version=10), OUT / "quantised.onnx")
    note("quantised.onnx", "onnx", layers)


# --- NumPy ------------------------------------------------------------------------------------------------------

def make_numpy():
    rng = np.random.default_rng(8)
    arrays = {}
    for kind in "float16 float32 float64 int8 int16 int32 int64 uint8 uint16 uint32 uint64 bool complex64".split():
        array = (rng.standard_normal((3, 4, 5)) * 50).astype(kind)
        arrays[kind] = array
        if kind not in ("bool", "int8", "uint8", "complex64"):
            arrays[f"{kind}.big"] = array.astype(array.dtype.newbyteorder(">"))
        arrays[f"{kind}.fortran"] = np.asfortranarray(array)
    arrays["scalar"], arrays["none"] = np.float64(0.5), np.zeros((0, 3), np.float32)
    arrays["folder/name.weight"] = random(2, 3)
    np.savez(OUT / "stored.npz", **arrays)
    np.savez_compressed(OUT / "deflated.npz", **arrays)
    np.save(OUT / "fortran.npy", np.asfortranarray(random(4, 6)))
    for name in ("stored.npz", "deflated.npz"):
        note(name, "npz")
    note("fortran.npy", "npy")


def main():
    OUT.mkdir(parents=True, exist_ok=True)
    make_safetensors()
    make_gguf()
    make_onnx()
    make_numpy()
    from packed_checkpoints import make_packed
    make_packed(OUT, note, random)
    (OUT / "expected.json").write_text(json.dumps(expected, indent=1) + "\n")
    print(len(expected), "files")


if __name__ == "__main__":
    main()
