"""Makes Tests/Fixtures/operators-VERSION.onnx and .npz: one model that holds every operator that Lathe runs, in
many forms, and onnxruntime's outputs of it.

usage: make_operator_outputs.py      (pip install onnx onnxruntime numpy)

Each node reads initializers alone and makes outputs of its own, so that a test can compare them one by one.
"""
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto as T
from onnx import helper as h
from onnx import numpy_helper

FIXTURES = Path(__file__).resolve().parents[1] / "Fixtures"
F, I = np.float32, np.int64


class Model:
    def __init__(self, version):
        self.version, self.nodes, self.weights, self.outputs = version, [], [], []
        self.random = np.random.default_rng(version)

    def floats(self, *shape, low=-2.0, high=2.0):
        return self.random.uniform(low, high, shape).astype(F)

    def add(self, operator, *inputs, outputs=1, **attributes):
        names = []
        for array in inputs:
            if array is None:
                names.append("")
                continue
            names.append(f"w{len(self.weights)}")
            self.weights.append(numpy_helper.from_array(np.asarray(array), names[-1]))
        made = [f"{operator}.{len(self.nodes)}" + (f".{i}" if i else "") for i in range(outputs)]
        self.nodes.append(h.make_node(operator, names, made, name=made[0], **attributes))
        self.outputs += made

    def write(self):
        values = [h.make_empty_tensor_value_info(name) for name in self.outputs]
        graph = h.make_graph(self.nodes, "operators", [], values, self.weights)
        model = h.make_model(graph, opset_imports=[h.make_opsetid("", self.version)], ir_version=8)
        model = onnx.shape_inference.infer_shapes(model)
        types = {v.name: v for v in model.graph.value_info} | {v.name: v for v in model.graph.output}
        del model.graph.output[:]
        model.graph.output.extend(types[name] for name in self.outputs)
        options = onnxruntime.SessionOptions()
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
        session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
        results = dict(zip(self.outputs, session.run(self.outputs, {})))
        onnx.save(model, FIXTURES / f"operators-{self.version}.onnx")
        np.savez_compressed(FIXTURES / f"operators-{self.version}.npz", **results)
        print(self.version, len(self.nodes), "nodes")


def both(m):
    """What all operator sets have in the same form."""
    x = m.floats(2, 6, 7, 5)
    m.add("Conv", x, m.floats(4, 6, 3, 3), m.floats(4), pads=[1, 0, 2, 1], strides=[2, 1])
    m.add("Conv", x, m.floats(4, 3, 3, 2), group=2, dilations=[2, 1])
    m.add("Conv", x, m.floats(6, 1, 3, 3), m.floats(6), group=6, auto_pad="SAME_UPPER", strides=[2, 2])
    m.add("Conv", x, m.floats(5, 6, 1, 1), m.floats(5))
    m.add("Conv", x, m.floats(5, 6, 1, 1), strides=[2, 2])
    m.add("Conv", x, m.floats(2, 6, 4, 4), auto_pad="SAME_LOWER")
    m.add("Conv", m.floats(2, 3, 11), m.floats(4, 3, 5), m.floats(4), pads=[4, 1], dilations=[2])
    m.add("ConvTranspose", x, m.floats(6, 2, 3, 3), m.floats(2), strides=[2, 3], pads=[1, 0, 0, 1], output_padding=[1, 2])
    m.add("ConvTranspose", x, m.floats(6, 2, 2, 2), group=2, dilations=[2, 1])
    m.add("ConvTranspose", m.floats(1, 3, 6), m.floats(3, 2, 4), strides=[2], pads=[1, 2])
    for turn_a, turn_b in ((0, 0), (1, 0), (0, 1), (1, 1)):
        a, b = m.floats(*((5, 3) if turn_a else (3, 5))), m.floats(*((4, 5) if turn_b else (5, 4)))
        m.add("Gemm", a, b, m.floats(4), transA=turn_a, transB=turn_b, alpha=0.5, beta=1.5)
    m.add("Gemm", m.floats(3, 5), m.floats(5, 4), m.floats(3, 1))
    m.add("MatMul", m.floats(3, 5), m.floats(5, 4))
    m.add("MatMul", m.floats(2, 3, 5), m.floats(5, 4))
    m.add("MatMul", m.floats(2, 1, 3, 5), m.floats(4, 5, 2))
    m.add("MatMul", m.floats(5), m.floats(2, 5, 4))
    m.add("MatMul", m.floats(2, 4, 5), m.floats(5))
    for operator in "Add Sub Mul Div".split():
        m.add(operator, m.floats(2, 3, 4), m.floats(2, 3, 4, low=0.5))
        m.add(operator, m.floats(2, 3, 4), m.floats(3, 1, low=0.5))
        m.add(operator, m.floats(4), m.floats(5, 1, 1, low=0.5))
        m.add(operator, np.array([-7, 7, 9], I), np.array([2], I))
    m.add("Pow", m.floats(3, 4, low=0.1), np.array(2.0, F))
    m.add("Min", m.floats(3, 4), m.floats(4), m.floats(3, 1))
    m.add("Max", m.floats(3, 4), m.floats(4))
    m.add("Sum", m.floats(3, 4), m.floats(4), m.floats(1))
    m.add("PRelu", m.floats(2, 3, 4), m.floats(3, 1))
    for operator in "Relu Sigmoid Tanh LeakyRelu Elu HardSigmoid Exp Abs Neg Floor Ceil Erf Softplus Reciprocal".split():
        m.add(operator, m.floats(3, 7, low=-9, high=9))
    m.add("LeakyRelu", m.floats(5), alpha=0.3)
    m.add("Sqrt", m.floats(5, low=0))
    m.add("Log", m.floats(5, low=0.1))
    y = m.floats(2, 3, 9, 8)
    for operator in "MaxPool", "AveragePool":
        m.add(operator, y, kernel_shape=[3, 2], strides=[2, 2], pads=[1, 0, 1, 1])
        m.add(operator, y, kernel_shape=[3, 3], strides=[3, 2], ceil_mode=1)
        m.add(operator, y, kernel_shape=[3, 2], auto_pad="SAME_UPPER", strides=[2, 2])
        m.add(operator, m.floats(2, 3, 9), kernel_shape=[4], strides=[2])
    m.add("MaxPool", y, kernel_shape=[2, 3], dilations=[2, 2])
    m.add("AveragePool", y, kernel_shape=[3, 3], pads=[1, 1, 1, 1], count_include_pad=1)
    m.add("GlobalAveragePool", y)
    m.add("GlobalMaxPool", y)
    m.add("BatchNormalization", y, m.floats(3), m.floats(3), m.floats(3), m.floats(3, low=0.1), epsilon=1e-3)
    m.add("Flatten", y)
    m.add("Flatten", y, axis=3)
    m.add("Flatten", y, axis=0)
    m.add("Reshape", y, np.array([0, -1, 8], I))
    m.add("Transpose", y)
    m.add("Transpose", y, perm=[0, 2, 3, 1])
    m.add("Transpose", np.arange(6, dtype=I).reshape(2, 3))
    m.add("Concat", m.floats(2, 3, 4), m.floats(2, 1, 4), m.floats(2, 2, 4), axis=1)
    m.add("Concat", np.array([1], I), np.array([2, 3], I), axis=-1)
    m.add("Identity", m.floats(3))
    m.add("Shape", y)
    m.add("Size", y)
    m.add("Gather", m.floats(5, 3), np.array([[0, 4], [-1, 2]], I))
    m.add("Gather", m.floats(2, 5, 3), np.array([3, 1], I), axis=1)
    m.add("Gather", np.array([7, 8, 9], I), np.array(1, I))
    m.add("Slice", y, np.array([1, -2], I), np.array([9, 0], I), np.array([2, 3], I), np.array([3, -2], I))
    m.add("Slice", y, np.array([0], I), np.array([2**62], I))
    m.add("Expand", m.floats(3, 1), np.array([2, 1, 4], I))
    m.add("Tile", m.floats(2, 3), np.array([2, 2], I))
    m.add("Pad", m.floats(2, 3), np.array([1, 0, 2, 3], I), np.array(1.5, F))
    m.add("Pad", m.floats(3, 4), np.array([1, 2, 2, 3], I), mode="reflect")
    m.add("Pad", m.floats(3, 4), np.array([1, 0, 0, 2], I), mode="edge")
    m.add("Clip", m.floats(9), np.array(-0.5, F), np.array(0.7, F))
    m.add("Clip", m.floats(9), None, np.array(0.7, F))
    for kind in (T.INT64, T.BOOL, T.FLOAT16):
        m.add("Cast", m.floats(7), to=kind)
    m.add("Cast", np.array([-1, 0, 3], I), to=T.FLOAT)
    m.add("ConstantOfShape", np.array([2, 3], I), value=h.make_tensor("v", T.FLOAT, [1], [2.5]))
    m.add("Equal", np.array([1, 2, 3], I), np.array([3, 2, 1], I))
    m.add("Less", m.floats(5), m.floats(5))
    m.add("Greater", m.floats(5), m.floats(1))
    m.add("Not", np.array([True, False]))
    m.add("And", np.array([True, False]), np.array([[True], [False]]))
    m.add("Or", np.array([True, False]), np.array([[True], [False]]))
    m.add("Where", np.array([[True], [False]]), m.floats(3), m.floats(2, 3))
    m.add("Range", np.array(2, I), np.array(11, I), np.array(4, I))
    m.add("ArgMax", np.array([[1, 3, 3], [5, 2, 5]], F), axis=1, keepdims=0)
    m.add("ArgMax", np.array([[1, 3, 3], [5, 2, 5]], F), axis=0)
    for operator in "Softmax", "LogSoftmax":
        m.add(operator, m.floats(2, 3, 4, low=-30, high=30))
        m.add(operator, m.floats(2, 3, 4), axis=1)


def old():
    m = Model(12)
    both(m)
    m.add("Squeeze", m.floats(1, 3, 1), axes=[0, -1])
    m.add("Unsqueeze", m.floats(3, 2), axes=[0, 3])
    m.add("ReduceMean", m.floats(2, 3, 4), axes=[1, -1])
    m.add("ReduceMean", m.floats(2, 3, 4), axes=[1], keepdims=0)
    m.add("ReduceSum", m.floats(2, 3, 4))
    m.add("Split", m.floats(5, 3), outputs=2, split=[2, 3])
    m.add("Dropout", m.floats(4))
    m.write()


def new():
    m = Model(18)
    both(m)
    m.add("Squeeze", m.floats(1, 3, 1), np.array([0, -1], I))
    m.add("Squeeze", m.floats(1, 3, 1))
    m.add("Unsqueeze", m.floats(3, 2), np.array([0, 3], I))
    m.add("ReduceMean", m.floats(2, 3, 4), np.array([1, -1], I))
    m.add("ReduceMean", m.floats(2, 3, 4), np.array([0], I), keepdims=0)
    m.add("ReduceMax", m.floats(2, 3, 4), np.array([2], I))
    m.add("ReduceMin", m.floats(2, 3, 4))
    m.add("ReduceSum", m.floats(2, 3, 4), noop_with_empty_axes=1)
    m.add("Split", m.floats(5, 3), np.array([1, 4], I), outputs=2)
    m.add("Split", m.floats(5, 3), outputs=2, num_outputs=2)
    m.add("LayerNormalization", m.floats(2, 3, 8), m.floats(8), m.floats(8))
    m.add("LayerNormalization", m.floats(2, 3, 8), m.floats(3, 8), axis=1, epsilon=1e-2)
    m.add("HardSwish", m.floats(9, low=-5, high=5))
    m.add("Shape", m.floats(2, 3, 4, 5), start=1, end=-1)
    m.add("LessOrEqual", m.floats(5), m.floats(5))
    m.add("GreaterOrEqual", m.floats(5), m.floats(5))
    m.add("Constant", value_floats=[1.0, 2.0])
    m.add("Constant", value_int=7)
    m.write()


if __name__ == "__main__":
    old()
    new()
