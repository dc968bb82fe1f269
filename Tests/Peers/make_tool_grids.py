"""Makes Tests/Fixtures/tool-grids.json: what MLX and onnxruntime themselves make of weights in Samples/.

Rows of the file, the tensor, the SPEC that says what the tool did, t2 = |w' - w|^2 / |w|^2 with w' = codes, scales and zero
points (or biases) as the tool stores them, multiplied out in double, and the bytes of those arrays. onnxruntime's
quantize_data works row by row here, as TensorQuantOverrides with an axis makes it do. `compressed-tensors` is the equation
of its `calculate_qparams`: scale = max|w| / ((2^b - 1) / 2), codes from -2^(b-1) on.
"""
import json
from pathlib import Path

import gguf
import mlx.core as mx
import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from onnxruntime.quantization import QuantType
from onnxruntime.quantization.matmul_nbits_quantizer import MatMulNBitsQuantizer, RTNWeightOnlyQuantConfig
from onnxruntime.quantization.quant_utils import quantize_data

ROOT = Path(__file__).resolve().parents[2]
FILES = {"fc1.weight": "digits-cnn.onnx", "conv2.weight": "digits-cnn.onnx",
         "blk.0.attn_k.weight": "shakespeare-llama-f16.gguf", "blk.1.ffn_down.weight": "shakespeare-llama-f16.gguf"}


def weights():
    found = {t.name: numpy_helper.to_array(t) for t in onnx.load(ROOT / "Samples/digits-cnn.onnx").graph.initializer}
    reader = gguf.GGUFReader(ROOT / "Samples/shakespeare-llama-f16.gguf")
    found |= {t.name: t.data for t in reader.tensors}
    return {name: found[name].reshape(found[name].shape[0], -1) for name in FILES}


def t2(made, w):
    w = w.astype(np.float64)
    return float(((made - w) ** 2).sum() / (w ** 2).sum())


def with_mlx(w):
    scale = "" if w.dtype == np.float16 else ",scale=fp32"
    for bits in (2, 3, 4, 5, 6, 8):
        for group in (32, 64, 128):
            if w.shape[1] % group:
                continue
            codes, scales, biases = mx.quantize(mx.array(w), group_size=group, bits=bits)
            wide = [part.astype(mx.float32) for part in (scales, biases)]
            made = np.array(mx.dequantize(codes, *wide, group_size=group, bits=bits)).astype(np.float64)
            size = codes.nbytes + scales.nbytes + biases.nbytes
            yield f"int{bits},group={group},edge{scale}", t2(made, w), size


def floats_with_mlx(w):
    for spec, mode, group, bits in (("ocp-mxfp4,exponent=above", "mxfp4", 32, 4), ("ocp-mxfp8,exponent=above", "mxfp8", 32, 8),
                                    ("nvidia-nvfp4,tensor-scale=none", "nvfp4", 16, 4)):
        if w.shape[1] % group:
            continue
        codes, scales = mx.quantize(mx.array(w), group_size=group, bits=bits, mode=mode)
        made = mx.dequantize(codes, scales, group_size=group, bits=bits, mode=mode).astype(mx.float32)
        yield spec, t2(np.array(made).astype(np.float64), w), codes.nbytes + scales.nbytes


def with_onnxruntime(w):
    w = w.astype(np.float32)
    for bits in (4, 8, 16):
        for affine in (False, True):
            kind = QuantType[("QUInt" if affine else "QInt") + str(bits)].tensor_type
            rows = [quantize_data(row, kind, not affine)[-3:] for row in w]
            made = np.stack([(codes.astype(np.float64) - float(zero)) * np.float64(scale) for zero, scale, codes in rows])
            grid = "affine" if affine else "symmetric-full" if bits == 4 else "symmetric"
            yield f"int{bits},channel,{grid},scale=fp32", t2(made, w), None


def with_products(w):
    w = w.astype(np.float32)
    value = lambda name, width: helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, width])
    for bits in (4, 8):
        for group in (16, 32, 64):
            for affine in (False, True):
                if w.shape[1] % (2 * group):
                    continue
                graph = helper.make_graph(
                    [helper.make_node("MatMul", ["x", "w"], ["y"], name="n")], "g", [value("x", w.shape[1])],
                    [value("y", w.shape[0])], [numpy_helper.from_array(w.T.copy(), "w")])
                model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)
                choice = {"bits": bits, "group_size": group, "scheme": "asym" if affine else "sym"}
                quantizer = MatMulNBitsQuantizer(
                    model, algo_config=RTNWeightOnlyQuantConfig(customized_weight_config={"n": choice}))
                quantizer.process()
                parts = {t.name: numpy_helper.to_array(t) for t in quantizer.model.model.graph.initializer}
                packed, scales, *zeros = [parts[name] for name in quantizer.model.model.graph.node[0].input[1:] if name]
                unpack = lambda bytes: np.stack([bytes & 15, bytes >> 4], -1) if bits == 4 else bytes
                codes = unpack(packed.reshape(w.shape[0], -1)).reshape(w.shape[0], -1, group).astype(np.float64)
                zero = np.full(codes.shape[:2], 2.0 ** (bits - 1))
                if zeros:
                    zero = unpack(zeros[0].reshape(w.shape[0], -1)).reshape(w.shape[0], -1)[:, :zero.shape[1]]
                made = (codes - zero[:, :, None]) * scales.reshape(w.shape[0], -1, 1).astype(np.float64)
                size = packed.nbytes + scales.nbytes + sum(z.nbytes for z in zeros)
                grid = "affine" if affine else "symmetric-full"
                yield f"int{bits},group={group},{grid},scale=fp32", t2(made.reshape(w.shape), w), size


def with_compressed_tensors(w):
    kind = "" if w.dtype == np.float16 else ",scale=fp32"
    for bits in (2, 4, 8):
        scale = (np.abs(w.astype(np.float32)).max(1, keepdims=True) / np.float32((2 ** bits - 1) / 2)).astype(w.dtype)
        codes = np.clip(np.rint(w.astype(np.float32) / scale.astype(np.float32)), -2 ** (bits - 1), 2 ** (bits - 1) - 1)
        yield f"int{bits},channel,symmetric-full{kind}", t2(codes.astype(np.float64) * scale.astype(np.float64), w), None


def main():
    tools = {"mlx": with_mlx, "mlx floats": floats_with_mlx, "onnxruntime": with_onnxruntime, "MatMulNBits": with_products,
             "compressed-tensors": with_compressed_tensors}
    rows = [
        {"tool": tool, "file": FILES[name], "name": name, "spec": spec, "t2": error, "bytes": size}
        for name, w in weights().items() for tool, made in tools.items() for spec, error, size in made(w)]
    path = ROOT / "Tests/Fixtures/tool-grids.json"
    path.write_text("[\n" + ",\n".join(json.dumps(row) for row in rows) + "\n]\n")
    print(len(rows), "rows")


main()
