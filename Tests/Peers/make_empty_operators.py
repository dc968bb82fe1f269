"""Writes Tests/Fixtures/empty-operators.bin: what onnxruntime gives for operators on arrays that have an axis of 0.

Packed as make_node_tests.py packs: for each case its name, its model, its inputs and outputs as TensorProtos. Cases that
onnxruntime refuses are listed on standard error and left out (it aborts on LSTM and GRU, which are not asked).

    python make_empty_operators.py ../Fixtures/empty-operators.bin
"""

import struct
import sys

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

F, I = np.float32, np.int64
f = lambda *shape: np.zeros(shape, F) + 0.5
i = lambda *values: np.array(values, I)


def cases():
    for op in ["Add", "Sub", "Mul", "Div", "Pow", "Equal", "Less", "Max", "Min", "Sum", "PRelu"]:
        yield op, {}, [f(0, 3), f(1, 3)]
        yield op + "", {}, [f(2, 0), f(1)]
    for op in ["Relu", "Sigmoid", "Tanh", "Exp", "Abs", "Neg", "Erf", "Sqrt", "Floor", "Sign", "IsNaN", "Identity", "Elu",
               "HardSwish", "Softplus", "Gelu"]:
        yield op, {}, [f(0, 3)]
    yield "Clip", {}, [f(0, 3), np.array(0, F), np.array(1, F)]
    yield "Cast", {"to": TensorProto.INT64}, [f(3, 0)]
    yield "Where", {}, [np.zeros((0, 3), bool), f(1, 3), f(1)]
    yield "MatMul", {}, [f(0, 3), f(3, 4)]
    yield "MatMul", {}, [f(2, 0), f(0, 4)]
    yield "MatMul", {}, [f(0, 2, 3), f(3, 4)]
    yield "MatMul", {}, [f(2, 3), f(3, 0)]
    yield "Gemm", {}, [f(0, 3), f(3, 4), f(4)]
    yield "Gemm", {}, [f(2, 0), f(0, 4), f(4)]
    yield "Gemm", {"transB": 1}, [f(1, 0), f(4, 0), f(4)]
    yield "Einsum", {"equation": "ij,jk->ik"}, [f(0, 3), f(3, 4)]
    yield "Einsum", {"equation": "ij,jk->ik"}, [f(2, 0), f(0, 4)]
    yield "Conv", {}, [f(0, 2, 5, 5), f(3, 2, 3, 3), f(3)]
    yield "ConvTranspose", {}, [f(0, 2, 5, 5), f(2, 3, 3, 3)]
    for op in ["MaxPool", "AveragePool", "LpPool"]:
        yield op, {"kernel_shape": [2, 2]}, [f(0, 2, 5, 5)]
    for op in ["GlobalAveragePool", "GlobalMaxPool"]:
        yield op, {}, [f(0, 2, 5, 5)]
    yield "BatchNormalization", {}, [f(0, 2, 5), f(2), f(2), f(2), f(2)]
    yield "InstanceNormalization", {}, [f(0, 2, 5), f(2), f(2)]
    yield "LayerNormalization", {}, [f(0, 4), f(4), f(4)]
    yield "Softmax", {"axis": 1}, [f(0, 4)]
    yield "Softmax", {"axis": 1}, [f(4, 0)]
    yield "LogSoftmax", {"axis": 0}, [f(0, 4)]
    yield "Hardmax", {"axis": 1}, [f(0, 4)]
    yield "LRN", {"size": 3}, [f(0, 4, 2, 2)]
    yield "LpNormalization", {"axis": 1}, [f(0, 4)]
    yield "Concat", {"axis": 0}, [f(0, 3), f(2, 3)]
    yield "Concat", {"axis": 1}, [f(2, 0), f(2, 3)]
    yield "Gather", {"axis": 0}, [f(3, 4), np.zeros((0, 2), I)]
    yield "Gather", {"axis": 1}, [f(0, 4), i(1, 2)]
    yield "GatherElements", {"axis": 0}, [f(3, 4), np.zeros((0, 4), I)]
    yield "GatherND", {}, [f(3, 4), np.zeros((0, 2), I)]
    yield "GatherND", {}, [f(3, 0), np.zeros((2, 1), I)]
    yield "ScatterElements", {"axis": 0}, [f(3, 4), np.zeros((0, 4), I), f(0, 4)]
    yield "ScatterND", {}, [f(3, 4), np.zeros((0, 1), I), f(0, 4)]
    yield "Slice", {}, [f(4, 3), i(2), i(2), i(0)]
    yield "Slice", {}, [f(0, 3), i(0), i(9), i(0), i(2)]
    yield "Slice", {}, [f(4, 3), i(3), i(-9), i(0), i(-(2**63))]
    yield "Slice", {}, [f(4, 3), i(0), i(2**63 - 1), i(0), i(2**63 - 1)]
    yield "Split", {"axis": 0, "@outputs": 2}, [f(0, 3), i(0, 0)]
    yield "Split", {"axis": 1, "@outputs": 2}, [f(0, 3), i(1, 2)]
    yield "Tile", {}, [f(2, 3), i(0, 2)]
    yield "Tile", {}, [f(0, 3), i(2, 2)]
    yield "Pad", {}, [f(0, 3), i(1, 0, 1, 0)]
    yield "Pad", {}, [f(2, 3), i(-1, 0, -1, 0)]
    yield "Reshape", {}, [f(0, 3), i(3, -1)]
    yield "Reshape", {"allowzero": 1}, [f(0, 3), i(3, 0, 2)]
    yield "Transpose", {"perm": [1, 0]}, [f(0, 3)]
    yield "Flatten", {"axis": 1}, [f(0, 3, 2)]
    yield "Squeeze", {}, [f(0, 1, 2), i(1)]
    yield "Unsqueeze", {}, [f(0, 2), i(0)]
    yield "Expand", {}, [f(1, 3), i(0, 3)]
    yield "Shape", {}, [f(0, 3)]
    yield "Size", {}, [f(0, 3)]
    yield "ConstantOfShape", {}, [i(0, 3)]
    yield "Range", {}, [np.array(0, F), np.array(-1e30, F), np.array(1, F)]
    yield "Range", {}, [np.array(5, I), np.array(5, I), np.array(1, I)]
    for op in ["ReduceSum", "ReduceProd", "ReduceL1", "ReduceL2", "ReduceSumSquare", "ReduceLogSum", "ReduceMean",
               "ReduceMax", "ReduceMin", "ReduceLogSumExp"]:
        yield op, {}, [f(0, 3), i(1)]
        yield op, {}, [f(0, 3), i(0)]
    yield "ArgMax", {"axis": 1}, [f(0, 3)]
    yield "ArgMin", {"axis": 1, "keepdims": 0}, [f(0, 3)]
    yield "TopK", {"axis": 1, "@outputs": 2}, [f(0, 3), i(2)]
    yield "TopK", {"axis": 1, "@outputs": 2}, [f(2, 3), i(0)]
    yield "NonZero", {}, [f(0, 3)]
    yield "Unique", {"@outputs": 4}, [f(0)]
    yield "NonMaxSuppression", {}, [f(1, 0, 4), f(1, 2, 0), i(3)]
    yield "OneHot", {"axis": -1}, [np.zeros((0,), I), i(3), f(2)]
    yield "Compress", {"axis": 0}, [f(3, 2), np.zeros(3, bool)]
    yield "CumSum", {}, [f(0, 3), i(0)]
    yield "Trilu", {}, [f(0, 3)]
    yield "EyeLike", {}, [f(0, 3)]
    yield "ReverseSequence", {}, [f(0, 2), i(0, 0)]
    yield "DepthToSpace", {"blocksize": 2}, [f(0, 4, 2, 2)]
    yield "SpaceToDepth", {"blocksize": 2}, [f(0, 1, 4, 4)]
    yield "Resize", {"mode": "nearest"}, [f(0, 1, 2, 2), None, np.array([1, 1, 2, 2], F)]
    yield "QuantizeLinear", {}, [f(0, 3), np.array(0.1, F), np.array(0, np.uint8)]
    yield "DequantizeLinear", {}, [np.zeros((0, 3), np.uint8), np.array(0.1, F), np.array(0, np.uint8)]
    yield "MatMulInteger", {}, [np.zeros((0, 3), np.uint8), np.zeros((3, 2), np.uint8)]


def model(op, attributes, inputs):
    attributes = dict(attributes)
    count = attributes.pop("@outputs", 1)
    names = ["" if value is None else f"x{k}" for k, value in enumerate(inputs)]
    outputs = [f"y{k}" for k in range(count)]
    node = helper.make_node(op, names, outputs, **attributes)
    given = [
        helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(value.dtype), list(value.shape))
        for name, value in zip(names, inputs) if value is not None
    ]
    graph = helper.make_graph([node], "empty", given, [helper.make_empty_tensor_value_info(y) for y in outputs])
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18 if op != "Gelu" else 20)], ir_version=9)
    inferred = onnx.shape_inference.infer_shapes(made)
    del made.graph.output[:]
    made.graph.output.extend(inferred.graph.output)
    return made


def blob(data):
    return struct.pack("<I", len(data)) + data


def listed(items):
    return struct.pack("<I", len(items)) + b"".join(blob(item) for item in items)


def main(path):
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    packed = []
    for number, (op, attributes, inputs) in enumerate(cases()):
        try:
            made = model(op, attributes, inputs)
            session = onnxruntime.InferenceSession(made.SerializeToString(), options, providers=["CPUExecutionProvider"])
            given = {f"x{k}": value for k, value in enumerate(inputs) if value is not None}
            outputs = session.run(None, given)
        except Exception as error:
            print(f"{op} {[None if x is None else x.shape for x in inputs]}: {str(error).splitlines()[0][:150]}", file=sys.stderr)
            continue
        tensors = lambda values: [numpy_helper.from_array(x).SerializeToString() for x in values]
        name = f"{op}-{number}".encode()
        packed.append(
            blob(name) + blob(made.SerializeToString()) + listed(tensors(list(given.values()))) + listed(tensors(outputs)))
    with open(path, "wb") as file:
        file.write(struct.pack("<I", len(packed)) + b"".join(packed))
    print(f"{len(packed)} cases, onnxruntime {onnxruntime.__version__}", file=sys.stderr)


main(sys.argv[1])
