"""Small networks whose weights are quantised in forms that exporters write, and what onnxruntime makes of them.

    python3 Tests/Peers/make_onnx_forms.py     (numpy, onnx, onnxruntime, safetensors)

Writes Tests/Fixtures/onnx-forms/NAME.onnx and expected.safetensors, whose tensors are NAME/x (the input), NAME/y (onnxruntime's
output), NAME/weight/LAYER (the numbers that a layer's codes stand for, outputs by inputs, by numpy), NAME/other/LAYER (the same
of other codes under the same scales) and NAME/replaced (onnxruntime's output with those).
"""
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto as T
from onnx import helper as h
from onnx import numpy_helper
from safetensors.numpy import save_file

FOLDER = Path(__file__).resolve().parents[2] / "Tests" / "Fixtures" / "onnx-forms"
random = np.random.default_rng(31)
N = h.make_node
expected = {}


def write(name, nodes, parts, x, y_shape, codes, numbers):
    """`codes` maps a tensor's name to its codes; `numbers` gives each layer's matrix for such codes."""
    made = {}
    for kind in ("weight", "other"):
        chosen = codes if kind == "weight" else {
            n: (u8 if c.dtype == np.uint8 else i8)(*c.shape) for n, c in codes.items()}
        kinds = T.INT64 if x.dtype == np.int64 else T.FLOAT
        graph = h.make_graph(
            nodes, name, [h.make_tensor_value_info("x", kinds, x.shape)],
            [h.make_tensor_value_info("y", T.FLOAT, y_shape)],
            [numpy_helper.from_array(np.asarray(a), n) for n, a in (parts | chosen).items()])
        opsets = [h.make_opsetid("", 17), h.make_opsetid("com.microsoft", 1)]
        model = h.make_model(graph, opset_imports=opsets, ir_version=8)
        options = onnxruntime.SessionOptions()
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
        session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
        made[kind] = session.run(None, {"x": x})[0]
        if kind == "weight":
            onnx.save(model, FOLDER / f"{name}.onnx")
        for layer, matrix in numbers(chosen).items():
            expected[f"{name}/{kind}/{layer}"] = np.ascontiguousarray(matrix, np.float32)
    expected[f"{name}/x"] = x.astype(np.int32) if x.dtype == np.int64 else x
    expected[f"{name}/y"], expected[f"{name}/replaced"] = made["weight"], made["other"]


def i8(*shape):
    # Seven bits: onnxruntime's integer products saturate sums of two larger ones on some processors.
    return random.integers(-63, 64, shape).astype(np.int8)


def u8(*shape):
    return random.integers(0, 256, shape).astype(np.uint8)


def scales(*shape):
    return (random.random(shape) * .02 + .005).astype(np.float32)


def f32(*shape):
    return random.standard_normal(shape).astype(np.float32)


ids = np.array([[3, 0, 11, 7]], np.int64)

# A table of codes whose rows are dequantised once they are looked up (onnxruntime's quantizer on Gather).
table, s, z = u8(12, 8), scales(), np.uint8(131)
write("gather-dequantize", [N("Gather", ["t", "x"], ["g"], name="words"), N("DequantizeLinear", ["g", "s", "z"], ["y"])],
      {"s": s, "z": z}, ids, [1, 4, 8], {"t": table},
      lambda c: {"words": (c["t"].astype(np.float32) - 131) * s})

# The same by Cast, Sub and Mul: a scale a column; and a scale a row, which is looked up as the codes are.
columns, zeros = scales(8), random.integers(-9, 9, 8).astype(np.float32)
write("gather-cast-mul", [
    N("Gather", ["t", "x"], ["g"], name="words"), N("Cast", ["g"], ["f"], to=T.FLOAT), N("Sub", ["f", "z"], ["d"]),
    N("Mul", ["s", "d"], ["y"])], {"s": columns, "z": zeros}, ids, [1, 4, 8], {"t": i8(12, 8)},
    lambda c: {"words": (c["t"] - zeros) * columns})
rows = scales(12, 1)
write("gather-rows", [
    N("Gather", ["t", "x"], ["g"], name="words"), N("Cast", ["g"], ["f"], to=T.FLOAT),
    N("Gather", ["s", "x"], ["r"], name="steps"), N("Mul", ["f", "r"], ["y"])], {"s": rows}, ids, [1, 4, 8],
    {"t": i8(12, 8)}, lambda c: {"words": c["t"] * rows})

# Codes cast and multiplied before products: a scale an output, turned or not, one for all; and a scale after the product.
x = f32(3, 8)
out, middle, turned, last = scales(1, 10), scales(), scales(6, 1), scales(5)
write("cast-mul", [
    N("Cast", ["a"], ["af"], to=T.FLOAT), N("Mul", ["af", "as"], ["aw"]), N("MatMul", ["x", "aw"], ["h0"], name="first"),
    N("Cast", ["b"], ["bf"], to=T.FLOAT), N("Sub", ["bf", "bz"], ["bd"]), N("Mul", ["bs", "bd"], ["bw"]),
    N("Gemm", ["h0", "bw", "bias"], ["h1"], name="second", transB=1),
    N("Cast", ["c"], ["cf"], to=T.FLOAT), N("Mul", ["cf", "cs"], ["cw"]), N("Transpose", ["cw"], ["ct"], perm=[1, 0]),
    N("MatMul", ["h1", "ct"], ["h2"], name="third"),
    N("Cast", ["d"], ["df"], to=T.FLOAT), N("MatMul", ["h2", "df"], ["h3"], name="fourth"), N("Mul", ["h3", "ds"], ["y"])],
    {"as": out, "bs": middle, "bz": np.float32(120), "bias": f32(7), "cs": turned, "ds": last}, x, [3, 5],
    {"a": i8(8, 10), "b": u8(7, 10), "c": i8(6, 7), "d": i8(6, 5)},
    lambda c: {"first": (c["a"] * out).T, "second": (c["b"].astype(np.float32) - 120) * middle, "third": c["c"] * turned,
               "fourth": (c["d"] * last).T})

# A filter, and codes that are made numbers for an operator without weights.
filters = scales(4, 1, 1, 1)
added = scales(4)
write("cast-conv", [
    N("Cast", ["k"], ["kf"], to=T.FLOAT), N("Mul", ["kf", "ks"], ["kw"]), N("Conv", ["x", "kw"], ["h"], name="conv"),
    N("DequantizeLinear", ["p", "ps", "pz"], ["pw"], axis=0, name="place"), N("Add", ["h", "pw"], ["y"])],
    {"ks": filters, "ps": added, "pz": np.zeros(4, np.int8)}, f32(1, 2, 6, 6), [1, 4, 4, 4],
    {"k": i8(4, 2, 3, 3), "p": i8(4, 4)},
    lambda c: {"conv": (c["k"] * filters).reshape(4, -1), "place": c["p"] * added[:, None]})

# A product of integers whose scale stands behind it, under names of its own.
step = scales(6)
write("integer-product", [
    N("DynamicQuantizeLinear", ["x"], ["q", "qs", "qz"]),
    N("MatMulInteger", ["q", "w", "qz"], ["i"], name="product"), N("Cast", ["i"], ["f"], to=T.FLOAT),
    N("Mul", ["qs", "ws"], ["both"]), N("Mul", ["f", "both"], ["y"])], {"ws": step}, x, [3, 6], {"w": i8(8, 6)},
    lambda c: {"product": (c["w"] * step).T})

# Recurrent layers: one scale a direction, and one an output of each.
for name, count in (("lstm-directions", 1), ("lstm-outputs", 20)):
    s, r = scales(2, count), scales(2, count)
    shape = (2,) if count == 1 else (2, 20)
    # onnxruntime takes no other zero points.
    zero = np.zeros(shape, np.int8)

    def matrices(c, s=s, r=r):
        both = {"lstm": c["w"] * s[:, None], "lstm.R": c["r"] * r[:, None]}
        return {n: m.transpose(0, 2, 1).reshape(40, -1) for n, m in both.items()}

    write(name, [N("DynamicQuantizeLSTM", ["x", "w", "r", "b", "", "", "", "", "ws", "wz", "rs", "rz"], ["y"], name="lstm",
                   domain="com.microsoft", direction="bidirectional", hidden_size=5)],
          {"b": f32(2, 40) * .1, "ws": s.reshape(shape), "rs": r.reshape(shape), "wz": zero, "rz": zero}, f32(4, 1, 6),
          [4, 2, 1, 5], {"w": i8(2, 6, 20), "r": i8(2, 5, 20)}, matrices)

# A table of four bits in blocks, two codes a byte, low ones first; zero points packed alike, and left out (8).
steps, points = scales(12, 4), random.integers(0, 256, (12, 2)).astype(np.uint8)


def nibbles(packed):
    return np.stack([packed & 15, packed >> 4], -1).reshape(packed.shape[0], -1).astype(np.float32)


for name, parts in (("gather-blocks", {"s": steps}), ("gather-blocks-zeros", {"s": steps, "z": points})):
    zero = nibbles(points) if "z" in parts else np.full((12, 4), 8, np.float32)
    write(name, [N("GatherBlockQuantized", ["t", "x", *parts], ["y"], name="words", domain="com.microsoft", bits=4, block_size=16)],
          parts, ids, [1, 4, 64], {"t": u8(12, 32)},
          lambda c, zero=zero: {"words": (nibbles(c["t"]) - np.repeat(zero, 16, 1)) * np.repeat(steps, 16, 1)})

save_file(expected, FOLDER / "expected.safetensors")
print(len(expected), "tensors")
