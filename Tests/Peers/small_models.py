"""Writes the small models of Tests/Fixtures/models, each with the writer of its format.

usage: small_models.py FOLDER      (pip install gguf onnx safetensors numpy)

Tensors hold the numbers 0, 1, 2, … in the order of their shape, so that a test knows what it must read.
"""
import sys
from pathlib import Path

import gguf
import numpy as np
import onnx
from onnx import TensorProto as T
from onnx import helper as h
from safetensors.numpy import save_file

OUT = Path(sys.argv[1])


def counted(*shape, dtype=np.float32):
    return np.arange(np.prod(shape, dtype=int), dtype=dtype).reshape(shape)


def numpy_files():
    arrays = {
        "plain": counted(3, 5), "fortran": np.asfortranarray(counted(3, 5)),
        "fortran3": np.asfortranarray(counted(2, 3, 4)), "big": counted(4, 3, dtype=">f4"),
        "double": counted(7, dtype=np.float64), "half": counted(9, dtype=np.float16),
        "labels": counted(6, dtype=np.int64), "bigints": counted(6, dtype=">i4"), "flags": np.array([True, False]),
        "scalar": np.float32(2.5), "none": np.zeros((0, 4), np.float32),
    }
    np.savez(OUT / "stored.npz", **arrays)
    np.savez_compressed(OUT / "deflated.npz", **arrays)
    np.save(OUT / "fortran.npy", np.asfortranarray(counted(4, 6)))
    np.save(OUT / "objects.npy", np.array([{"a": 1}], dtype=object), allow_pickle=True)


def gguf_file():
    writer = gguf.GGUFWriter(OUT / "small.gguf", "llama")
    writer.add_uint8("a.u8", 200)
    writer.add_int64("a.i64", -5)
    writer.add_float64("a.f64", 0.25)
    writer.add_bool("a.bool", True)
    writer.add_array("a.names", [f"token {i}" for i in range(20)])
    writer.add_array("a.ints", [1, 2, 3])
    writer.add_tensor("token_embd.weight", counted(4, 64).astype(np.float16))
    writer.add_tensor("blk.3.attn_q.weight", gguf.quantize(counted(2, 64), gguf.GGMLQuantizationType.Q8_0),
                      raw_dtype=gguf.GGMLQuantizationType.Q8_0)
    writer.add_tensor("blk.3.attn_q.bias", counted(2))
    writer.add_tensor("blk.3.ffn_up_exps.weight", counted(2, 3, 4))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def onnx_files():
    def raw(name, array):
        return onnx.numpy_helper.from_array(array, name)

    typed = [
        h.make_tensor("t.float", T.FLOAT, [2, 3], counted(6)),
        h.make_tensor("t.double", T.DOUBLE, [3], [0.0, 1.0, 2.0]),
        h.make_tensor("t.half", T.FLOAT16, [3], [0.0, 1.0, 2.0]),
        h.make_tensor("t.bfloat", T.BFLOAT16, [3], [0.0, 1.0, 2.0]),
        h.make_tensor("t.int64", T.INT64, [4], [0, -1, 2, 1 << 40]),
        h.make_tensor("t.int8", T.INT8, [3], [-1, 0, 127]),
        h.make_tensor("t.int4", T.INT4, [3], [-8, 7, 3]),
        h.make_tensor("t.uint64", T.UINT64, [2], [0, 9]),
        h.make_tensor("t.text", T.STRING, [1], [b"word"]),
    ]
    weights = [
        raw("conv.weight", counted(4, 2, 3, 3)), raw("conv.bias", counted(4)), raw("norm.g", counted(4)),
        raw("norm.b", counted(4)), raw("norm.m", counted(4)), raw("norm.v", counted(4)),
        raw("up.weight", counted(4, 2, 2, 2)), raw("mm", counted(5, 3)), raw("mm_bias", counted(3)),
        raw("shape", np.array([-1, 5], np.int64)), raw("gemm.weight", counted(3, 6)),
        raw("tied.weight", counted(6, 6)),
    ]
    nodes = [
        h.make_node("Conv", ["x", "conv.weight", "conv.bias"], ["c"], name="/conv/Conv", pads=[1, 1, 1, 1]),
        h.make_node("BatchNormalization", ["c", "norm.g", "norm.b", "norm.m", "norm.v"], ["n"], name="/norm"),
        h.make_node("ConvTranspose", ["n", "up.weight"], ["u"], name="/up/ConvTranspose"),
        h.make_node("Constant", [], ["five"], value=h.make_tensor("five", T.FLOAT, [], [5.0])),
        h.make_node("Reshape", ["u", "shape"], ["r"], name="/reshape"),
        h.make_node("MatMul", ["r", "mm"], ["m"], name="/layers.2/mm/MatMul"),
        h.make_node("Add", ["m", "mm_bias"], ["a"], name="/layers.2/mm/Add"),
        h.make_node("Gemm", ["a", "gemm.weight"], ["g"]),
        h.make_node("Gemm", ["g", "tied.weight"], ["t1"], name="/one", transB=1),
        h.make_node("Gemm", ["t1", "tied.weight"], ["y"], name="/two", transB=1),
    ]
    graph = h.make_graph(
        nodes, "small", [h.make_tensor_value_info("x", T.FLOAT, ["batch", 2, 8, 8])],
        [h.make_tensor_value_info("y", T.FLOAT, None)], weights + typed)
    model = h.make_model(graph, opset_imports=[h.make_opsetid("", 17)], ir_version=8)
    onnx.save(model, OUT / "small.onnx")

    big = h.make_graph(
        [h.make_node("Gemm", ["x", "w"], ["y"], name="fc", transB=1)], "external",
        [h.make_tensor_value_info("x", T.FLOAT, [1, 16])], [h.make_tensor_value_info("y", T.FLOAT, [1, 8])],
        [raw("w", counted(8, 16))])
    onnx.save(
        h.make_model(big, opset_imports=[h.make_opsetid("", 17)], ir_version=8), OUT / "external.onnx",
        save_as_external_data=True, all_tensors_to_one_file=True, location="external.bin", size_threshold=0)


def safetensors_file():
    save_file({"h.5.attn.c_attn.weight": counted(4, 6), "h.5.attn.c_attn.bias": counted(6),
               "h.5.ln_1.weight": counted(4).astype(np.float16), "steps": counted(3, dtype=np.int64)},
              OUT / "small.safetensors", {"format": "pt"})


OUT.mkdir(parents=True, exist_ok=True)
numpy_files()
gguf_file()
onnx_files()
safetensors_file()
