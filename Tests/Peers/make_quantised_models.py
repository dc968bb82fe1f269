"""Makes Tests/Fixtures/quantised: small networks as onnxruntime's quantizer writes them (quantize_static in the QOperator
format and quantize_dynamic), with an input and onnxruntime's outputs; and outputs of the same networks with other
weights in the place of some codes.

usage: make_quantised_models.py      (pip install onnx onnxruntime numpy)

NAME.npz holds `x` (the input), `y` (the output), for each replaced weight its numbers by the tensor's name, and
`replaced` (the output with them). For that the node on codes is written as one on Floats: DequantizeLinear of its input,
Conv, MatMul or Gemm with the numbers, the bias as a number, and QuantizeLinear where codes come out.
"""
import tempfile
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto as T
from onnx import helper as h
from onnx import numpy_helper
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_dynamic, quantize_static

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "Tests" / "Fixtures" / "quantised"
U8, S8 = QuantType.QUInt8, QuantType.QInt8
random = np.random.default_rng(7)
N = h.make_node


def floats(*shape):
    inputs = np.prod(shape[1:]) if len(shape) > 1 else 100
    return (random.normal(size=shape) / np.sqrt(inputs)).astype(np.float32)


def apart(filters):
    """Without what all filters have in common, so that the scores lie close together."""
    return filters - filters.mean(0, keepdims=True) - filters.mean(1, keepdims=True)


def network(nodes, weights, x, y):
    graph = h.make_graph(
        nodes, "network", [h.make_tensor_value_info("x", T.FLOAT, x)], [h.make_tensor_value_info("y", T.FLOAT, y)],
        [numpy_helper.from_array(np.asarray(array), name) for name, array in weights.items()])
    return onnx.shape_inference.infer_shapes(h.make_model(graph, opset_imports=[h.make_opsetid("", 17)], ir_version=8))


def perceptron():
    return network(
        [N("Gemm", ["x", "w1", "b1"], ["a"], "first", transB=1), N("Relu", ["a"], ["r"]),
         N("Gemm", ["r", "w2", "b2"], ["y"], "second", alpha=0.5)],
        dict(w1=floats(24, 16), b1=floats(24), w2=floats(24, 10), b2=floats(10)), ["n", 16], ["n", 10])


def transformer(d=16):
    """A block: attention of one head, layer norms, Gelu written out."""
    return network(
        [N("LayerNormalization", ["x", "g1", "c1"], ["n1"]),
         N("MatMul", ["n1", "wq"], ["q0"], "query"), N("Add", ["q0", "bq"], ["q"]),
         N("MatMul", ["n1", "wk"], ["k"], "key"), N("MatMul", ["n1", "wv"], ["v"], "value"),
         N("Transpose", ["k"], ["kt"], perm=[0, 2, 1]), N("MatMul", ["q", "kt"], ["s"]), N("Mul", ["s", "c"], ["t"]),
         N("Softmax", ["t"], ["p"]), N("MatMul", ["p", "v"], ["o0"]), N("MatMul", ["o0", "wo"], ["o1"], "output"),
         N("Add", ["o1", "bo"], ["o"]), N("Add", ["x", "o"], ["x1"]), N("LayerNormalization", ["x1", "g2", "c2"], ["n2"]),
         N("MatMul", ["n2", "wu"], ["u0"], "up"), N("Add", ["u0", "bu"], ["u"]), N("Div", ["u", "root"], ["e0"]),
         N("Erf", ["e0"], ["e1"]), N("Add", ["e1", "one"], ["e2"]), N("Mul", ["u", "e2"], ["e3"]),
         N("Mul", ["e3", "half"], ["e"]), N("MatMul", ["e", "wd"], ["d0"], "down"), N("Add", ["d0", "bd"], ["d"]),
         N("Add", ["x1", "d"], ["y"])],
        dict(g1=1 + floats(d), c1=floats(d), wq=floats(d, d), bq=floats(d), wk=floats(d, d), wv=floats(d, d),
             c=np.float32(0.25), wo=floats(d, d), bo=floats(d), g2=1 + floats(d), c2=floats(d), wu=floats(d, 32),
             bu=floats(32), root=np.float32(2**0.5), one=np.float32(1), half=np.float32(0.5), wd=floats(32, d),
             bd=floats(d)),
        ["n", 8, d], ["n", 8, d])


def convolutions():
    return network(
        [N("Conv", ["x", "w1", "b1"], ["a"], "stem", pads=[1, 1, 1, 1]), N("LeakyRelu", ["a"], ["l"]),
         N("Conv", ["l", "w2"], ["b"], "grouped", pads=[1, 1, 1, 1], group=4), N("Sigmoid", ["b"], ["s"]),
         N("Mul", ["s", "b"], ["m"]), N("Concat", ["m", "l"], ["c"], axis=1),
         N("MaxPool", ["c"], ["mp"], kernel_shape=[2, 2], strides=[2, 2]),
         N("AveragePool", ["mp"], ["ap"], kernel_shape=[2, 2], pads=[0, 0, 1, 1]),
         N("Resize", ["ap", "", "scales"], ["rs"], mode="nearest"), N("Pad", ["rs", "pads"], ["pd"]),
         N("Split", ["pd"], ["s1", "s2"], axis=1), N("Add", ["s1", "s2"], ["ad"]),
         N("Conv", ["ad", "w3", "b3"], ["d"], "last"), N("GlobalAveragePool", ["d"], ["g"]),
         N("Flatten", ["g"], ["f"]), N("Softmax", ["f"], ["y"])],
        dict(w1=2 * floats(8, 3, 3, 3), b1=floats(8), w2=floats(8, 2, 3, 3), scales=np.array([1, 1, 2, 2], np.float32),
             pads=np.array([0, 0, 1, 1, 0, 0, 1, 1], np.int64), w3=apart(floats(6, 8, 1, 1)), b3=floats(6)),
        ["n", 3, 12, 12], ["n", 6])


def recurrent():
    return network(
        [N("Transpose", ["x"], ["xt"], perm=[1, 0, 2]),
         N("LSTM", ["xt", "w", "r", "b"], ["o", "s"], "lstm", hidden_size=8, direction="bidirectional"),
         N("ReduceMean", ["s"], ["m"], axes=[0], keepdims=0), N("MatMul", ["m", "wo"], ["y"], "head")],
        dict(w=floats(2, 32, 6), r=floats(2, 32, 8), b=floats(2, 64), wo=floats(8, 4)), ["n", 5, 6], ["n", 4])


class Batches(CalibrationDataReader):
    def __init__(self, name, batches):
        self.batches = iter([{name: batch} for batch in batches])

    def get_next(self):
        return next(self.batches, None)


def run(model, x):
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    return session.run(None, {session.get_inputs()[0].name: x})[0]


def coarse(weights, scale):
    """Two-bit numbers: multiples of half the largest, and not those that any 8-bit code stands for."""
    step = np.abs(weights).max() / 2 + 1e-3
    return (np.clip(np.round(weights / step), -2, 1) * step).astype(np.float32)


class Replacement:
    """A quantised network with numbers in the place of codes, as a network that onnxruntime can run."""

    def __init__(self, model):
        self.model = onnx.ModelProto.FromString(model.SerializeToString())
        self.graph = self.model.graph
        self.arrays = {t.name: numpy_helper.to_array(t) for t in self.graph.initializer}
        self.numbers, self.nodes, self.gone = {}, [], set()
        for node in self.graph.node:
            if node.output[0] not in self.gone:
                self.nodes += self.replaced(node) or [node]
        del self.graph.node[:]
        self.graph.node.extend(self.nodes)

    def constant(self, array, name):
        self.graph.initializer.append(numpy_helper.from_array(np.asarray(array, np.float32), name))
        return name

    def weight(self, name, scale, zero, axis, rank):
        """The numbers that a weight's codes stand for, made coarse; and its scales, along their axis."""
        along = [1] * rank
        along[axis] = -1
        steps = scale.reshape(along) if scale.ndim else scale
        offset = zero.astype(np.int32).reshape(along) if zero.ndim else np.int32(zero)
        self.numbers[name] = coarse((self.arrays[name].astype(np.int32) - offset).astype(np.float32) * steps, steps)
        return self.constant(self.numbers[name], name + "_numbers")

    def replaced(self, node):
        name, get = node.op_type, lambda i: self.arrays.get(node.input[i]) if i < len(node.input) else None
        attributes = {a.name: h.get_attribute_value(a) for a in node.attribute}
        to, made = node.output[0], []
        if name in ("QLinearConv", "QLinearMatMul", "QGemm") and get(3) is not None:
            turned = name == "QLinearConv" or attributes.get("transB")
            weight = self.weight(node.input[3], get(4), get(5), 0 if turned else -1, get(3).ndim)
            made = [N("DequantizeLinear", node.input[:3], [to + "_x"])]
            inputs = [to + "_x", weight]
            place = {"QLinearConv": 8, "QGemm": 6}.get(name)
            if place and get(place) is not None:
                # The bias counts in units of both scales (QGemm's with alpha), and Gemm adds it after alpha.
                unit = get(1) * get(4) * attributes.get("alpha", 1)
                inputs.append(self.constant(get(place) * unit, to + "_bias"))
            kind = {"QLinearConv": "Conv", "QLinearMatMul": "MatMul", "QGemm": "Gemm"}[name]
            made.append(N(kind, inputs, [to + "_y"], **attributes))
            scales = node.input[7:9] if name == "QGemm" else node.input[6:8]
            return made + [N("QuantizeLinear", [to + "_y", *scales], [to])]
        if name in ("ConvInteger", "MatMulInteger"):
            scale_name = node.input[1].removesuffix("_quantized") + "_scale"
            cast, = [n for n in self.graph.node if to in n.input]
            scaled, = [n for n in self.graph.node if cast.output[0] in n.input]
            scales, = [n for n in self.graph.node if n.output[0] in scaled.input and n.op_type == "Mul"]
            x_scale, = [i for i in scales.input if i not in self.arrays]
            weight = self.weight(
                node.input[1], self.arrays[scale_name], get(3), 0 if name == "ConvInteger" else -1, get(1).ndim)
            self.gone |= {cast.output[0], scaled.output[0]}
            return [N("DequantizeLinear", [node.input[0], x_scale, node.input[2]], [to + "_x"]),
                    N(name.removesuffix("Integer"), [to + "_x", weight], [scaled.output[0]], **attributes)]
        return None


def make(name, model, batches, how, weights, activations=U8, channel=False, replaces=False):
    """Quantises; the last of the batches is the input, the others are what ranges are found on."""
    with tempfile.TemporaryDirectory() as folder:
        plain, made = f"{folder}/plain.onnx", f"{folder}/made.onnx"
        onnx.save(model, plain)
        # Weights of 7 bits: the sums of 8-bit products saturate on some processors otherwise.
        if how == "static":
            quantize_static(
                plain, made, Batches(model.graph.input[0].name, batches[:-1]), quant_format=QuantFormat.QOperator,
                per_channel=channel, activation_type=activations, weight_type=weights, reduce_range=True)
        else:
            quantize_dynamic(plain, made, per_channel=channel, weight_type=weights, reduce_range=True)
        found = onnx.load(made)
    x = batches[-1]
    arrays = {"x": x, "y": run(found, x)}
    if replaces:
        other = Replacement(found)
        arrays |= other.numbers
        arrays["replaced"] = run(other.model, x)
    onnx.save(found, FOLDER / f"{name}.onnx")
    np.savez_compressed(FOLDER / f"{name}.npz", **arrays)
    print(name, sorted({node.op_type for node in found.graph.node}))


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    for name, model, shape in (
            ("perceptron", perceptron(), (12, 16)), ("transformer", transformer(), (3, 8, 16)),
            ("convolutions", convolutions(), (4, 3, 12, 12))):
        batches = [random.normal(size=shape).astype(np.float32) for _ in range(5)]
        make(f"{name}-u8", model, batches, "static", S8, replaces=True)
        make(f"{name}-s8-channel", model, batches, "static", S8, activations=S8, channel=True, replaces=True)
        make(f"{name}-dynamic", model, batches, "dynamic", S8, channel=True, replaces=True)
        make(f"{name}-dynamic-u8", model, batches, "dynamic", U8)
    make("recurrent-dynamic", recurrent(), [random.normal(size=(3, 5, 6)).astype(np.float32)], "dynamic", S8)
    digits = onnx.load(ROOT / "Samples" / "digits-cnn.onnx")
    images = np.split(np.load(ROOT / "Samples" / "digits-test.npz")["input"][:120], 6)
    make("digits", digits, images, "static", S8, channel=True)
    make("digits-dynamic", digits, images, "dynamic", S8)
