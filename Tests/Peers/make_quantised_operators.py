"""Makes Tests/Fixtures/operators-quantised.onnx and .npz: ONNX Runtime's own operators on codes (com.microsoft) in many
forms, and its outputs of them.

usage: make_quantised_operators.py      (pip install onnx onnxruntime numpy)

As make_operator_outputs.py: each node reads initializers alone, so that a test can compare them one by one.
"""
import numpy as np
import onnx
import onnxruntime
from onnx import helper as h

from make_operator_outputs import FIXTURES, F, I, Model

OURS = "com.microsoft"


class Quantised(Model):
    def codes(self, type, *shape):
        limits = np.iinfo(type)
        return self.random.integers(limits.min, limits.max, shape, type, endpoint=True)

    def narrow(self, *shape):
        """Weights that an instruction of 8-bit pairs cannot overflow on: its sums saturate on older processors."""
        return self.random.integers(-60, 60, shape, np.int8)

    def array(self, type, *shape, scale=0.02, zero=None):
        """Codes, their scale and their zero point."""
        limits = np.iinfo(type)
        middle = (int(limits.min) + int(limits.max) + 1) // 2
        return self.codes(type, *shape), np.array(scale, F), np.array(middle + 7 if zero is None else zero, type)

    def ours(self, operator, *inputs, **attributes):
        self.add(operator, *inputs, domain=OURS, **attributes)

    def write(self, name):
        infos = [h.make_empty_tensor_value_info(output) for output in self.outputs]
        graph = h.make_graph(self.nodes, "operators", [], infos, self.weights)
        sets = [h.make_opsetid("", self.version), h.make_opsetid(OURS, 1)]
        model = h.make_model(graph, opset_imports=sets, ir_version=8)
        options = onnxruntime.SessionOptions()
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
        session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
        results = dict(zip(self.outputs, session.run(self.outputs, {})))
        del model.graph.output[:]
        for output, array in results.items():
            kind = h.np_dtype_to_tensor_dtype(array.dtype)
            model.graph.output.append(h.make_tensor_value_info(output, kind, array.shape))
        onnx.save(model, FIXTURES / f"{name}.onnx")
        np.savez_compressed(FIXTURES / f"{name}.npz", **results)
        print(name, len(self.nodes), "nodes")


def products(m, type):
    result = m.array(type, scale=0.4)[1:]
    for turn_a, turn_b in ((0, 0), (1, 0), (0, 1), (1, 1)):
        a = m.array(type, *((9, 6) if turn_a else (6, 9)))
        b = m.narrow(*((5, 9) if turn_b else (9, 5))), np.array(0.03, F), np.array(0, np.int8)
        m.ours("QGemm", *a, *b, m.random.integers(-999, 999, 5, np.int32), *result, transA=turn_a, transB=turn_b)
    columns = m.floats(5, low=0.01, high=0.05)
    b = m.narrow(9, 5), columns, np.zeros(5, np.int8)
    m.ours("QGemm", *m.array(type, 6, 9), *b, m.random.integers(-999, 999, (6, 5), np.int32), *result, alpha=0.5)
    m.ours("QGemm", *m.array(type, 6, 9), *b, None, *result)
    m.ours("QGemm", *m.array(type, 6, 9), *b, m.random.integers(-999, 999, (1, 5), np.int32))
    m.add("QLinearMatMul", *m.array(type, 2, 6, 9), *b, *result)
    m.add("QLinearConv", *m.array(type, 1, 3, 7, 6), m.narrow(4, 3, 3, 3), m.floats(4, low=0.01, high=0.05),
          np.zeros(4, np.int8), *result, m.random.integers(-999, 999, 4, np.int32), pads=[1, 0, 1, 1])
    m.add("QLinearConv", *m.array(type, 1, 4, 6, 6), m.narrow(4, 1, 3, 3), np.array(0.02, F), np.array(0, np.int8),
          *result, group=4, strides=[2, 1])
    scales = np.array(0.01, F), columns
    for zeros in ((), (np.array(100, np.uint8), np.array(3, np.int8))):
        m.ours("MatMulIntegerToFloat", m.codes(np.uint8, 6, 9), m.narrow(9, 5), scales[0], scales[1], *zeros)
    m.ours("DynamicQuantizeMatMul", m.floats(6, 9), m.narrow(9, 5), columns, np.zeros(5, np.int8), m.floats(5))


def elementwise(m, type):
    result = m.array(type, scale=0.03, zero=4)[1:]
    for operator in "QLinearAdd", "QLinearMul":
        m.ours(operator, *m.array(type, 2, 3, 8), *m.array(type, 2, 3, 8, scale=0.01), *result)
        m.ours(operator, *m.array(type, 2, 3, 8), *m.array(type, 3, 1, scale=0.05), *result)
        m.ours(operator, *m.array(type, 1), *m.array(type, 40), *result)
    m.ours("QLinearLeakyRelu", *m.array(type, 60), *result)
    m.ours("QLinearLeakyRelu", *m.array(type, 60), *result, alpha=0.3)
    low = np.iinfo(type).min
    unit = np.array(1 / 256, F), np.array(low, type)
    m.ours("QLinearSigmoid", *m.array(type, 60, scale=0.06), *unit)
    for axis in (-1, 1):
        m.ours("QLinearSoftmax", *m.array(type, 2, 5, 12, scale=0.03), *unit, axis=axis, opset=13)
        m.ours("QLinearSoftmax", *m.array(type, 2, 5, 12, scale=0.03), *unit, axis=axis, opset=11)
    choice = m.random.integers(0, 2, (3, 8)).astype(bool)
    m.ours("QLinearWhere", choice, *m.array(type, 2, 3, 8), *m.array(type, 8, scale=0.01), *result)


def spatial(m, type):
    result = m.array(type, scale=0.015)[1:]
    x = m.array(type, 2, 3, 9, 8)
    m.ours("QLinearAveragePool", *x, *result, kernel_shape=[3, 2], strides=[2, 2], pads=[1, 0, 1, 1])
    m.ours("QLinearAveragePool", *x, *result, kernel_shape=[3, 3], pads=[1, 1, 1, 1], count_include_pad=1)
    m.ours("QLinearAveragePool", *x, *result, kernel_shape=[3, 3], strides=[2, 2], ceil_mode=1)
    m.ours("QLinearGlobalAveragePool", *x, *m.array(type, scale=0.004)[1:])
    m.ours("QLinearConcat", *result, *x, *m.array(type, 2, 1, 9, 8, scale=0.01), *m.array(type, 2, 2, 9, 8), axis=1)
    m.add("MaxPool", x[0], kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1])
    m.add("Pad", x[0], np.array([0, 0, 1, 2, 0, 0, 0, 1], I), x[2])
    scales = np.array([1, 1, 2, 2], F)
    m.add("Resize", x[0], None, scales, mode="nearest")


def blocks(m):
    """Weights of a few bits in blocks along K; the last block of a row may be short, and a zero point's byte half full."""
    n = 6
    for bits in (4, 8):
        for block, k in ((16, 40), (32, 64), (64, 80), (128, 256), (256, 300), (32, 33)):
            count = -(-k // block)
            codes = m.codes(np.uint8, n, count, block * bits // 8)
            scales = m.floats(n * count, low=0.001, high=0.03)
            zeros = m.codes(np.uint8, n * -(-count * bits // 8))
            sizes = dict(K=k, N=n, bits=bits, block_size=block)
            m.ours("MatMulNBits", m.floats(2, 3, k), codes, scales, **sizes)
            m.ours("MatMulNBits", m.floats(4, k), codes, scales, zeros, **sizes)
    m.ours("MatMulNBits", m.floats(1, k), codes, scales, zeros, None, m.floats(n), **sizes)


if __name__ == "__main__":
    m = Quantised(17)
    for type in (np.uint8, np.int8):
        products(m, type)
        elementwise(m, type)
        spatial(m, type)
    blocks(m)
    m.write("operators-quantised")
