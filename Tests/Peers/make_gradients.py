"""Makes Tests/Fixtures/gradients.json and Tests/Fixtures/gradients: torch's gradients of the sample networks
and of the small transformers of Tests/Fixtures/transformers.

    python make_gradients.py [PART …]     (after make_transformer_outputs.py; all, or those: digits, encoder, operators,
                                          nodes, losses, network, transformers or one of their names)

Each entry has a direction for the outputs, drawn by a rule that the test repeats (see `direction`), and of each weight's
gradient its norm and its product with another such direction. encoder.onnx is a block of BERT's kind on token ids, as
torch exports it piece by piece: embeddings looked up, added and normalised, attention of two heads, GELU by erf, softmax at
the end; its second output is what stands for the tokens before they are pooled. operators.onnx has nodes whose gradients
are compared with differences, nodes.onnx such as torch computes too: of each input that has a gradient its figures.
convolutions.onnx is a network of grouped, depthwise, dilated and transposed convolutions, whose loss against itself with
other weights is compared (KL divergence with a temperature, and cross entropy).
"""
import json
import sys
from pathlib import Path

import numpy as np
import onnx
import torch
import torch.nn.functional as F
import transformers as t
from onnx import TensorProto as T
from onnx import helper as h
from onnx import numpy_helper
from safetensors.torch import load_file

ROOT = Path(__file__).resolve().parents[2]
FIXTURES = ROOT / "Tests/Fixtures"


def direction(count, seed):
    """Numbers between −1 and 1 that are the same everywhere: (i · 7919 + seed · 104729) mod 2003."""
    i = torch.arange(count, dtype=torch.int64)
    return (((i * 7919 + seed * 104729) % 2003).double() / 1001 - 1).float()


def figures(gradient, seed):
    flat = gradient.double().flatten()
    return [float(f"{flat.norm():.6g}"), float(f"{(flat * direction(flat.numel(), seed).double()).sum():.6g}")]


def digits():
    weights = {k: v.double().requires_grad_() for k, v in load_file(ROOT / "Samples/digits-cnn.safetensors").items()}
    x = torch.from_numpy(np.load(ROOT / "Samples/digits-test.npz")["input"][:6]).double().requires_grad_()
    y = F.relu(F.conv2d(x, weights["conv1.weight"], weights["conv1.bias"], padding=1))
    y = F.max_pool2d(F.relu(F.conv2d(y, weights["conv2.weight"], weights["conv2.bias"], padding=1)), 2)
    y = F.max_pool2d(F.relu(F.conv2d(y, weights["conv3.weight"], weights["conv3.bias"], padding=1)), 2)
    y = F.relu(F.linear(y.flatten(1), weights["fc1.weight"], weights["fc1.bias"]))
    y = F.linear(y, weights["fc2.weight"], weights["fc2.bias"])
    (y * direction(y.numel(), 1).double().reshape(y.shape)).sum().backward()
    return {"input": figures(x.grad, 0)} | {name: figures(w.grad, 0) for name, w in weights.items()}


VOCABULARY, HIDDEN, HEADS, INNER, LENGTH, CLASSES = 20, 12, 2, 24, 5, 4


def encoder():
    """The model in ONNX, and the same in torch."""
    random = np.random.default_rng(3)
    shapes = {"words": (VOCABULARY, HIDDEN), "places": (LENGTH, HIDDEN), "norm0.weight": (HIDDEN,), "norm0.bias": (HIDDEN,),
              **{f"{n}.weight": (HIDDEN, HIDDEN) for n in ("query", "key", "value", "out")},
              "query.bias": (HIDDEN,), "out.bias": (HIDDEN,), "norm1.weight": (HIDDEN,), "norm1.bias": (HIDDEN,),
              "up.weight": (HIDDEN, INNER), "up.bias": (INNER,), "down.weight": (INNER, HIDDEN),
              "head.weight": (CLASSES, HIDDEN), "head.bias": (CLASSES,)}
    w = {name: random.normal(0, 0.5, shape).astype(np.float32) for name, shape in shapes.items()}
    nodes, constants = [], {}

    def node(operator, *inputs, **attributes):
        name = f"{operator.lower()}{len(nodes)}"
        nodes.append(h.make_node(operator, list(inputs), [name], name=name, **attributes))
        return name

    def constant(name, array):
        constants[name] = np.asarray(array)
        return name

    shape = constant("split", np.array([0, 0, HEADS, HIDDEN // HEADS], np.int64))
    merged = constant("merge", np.array([0, 0, HIDDEN], np.int64))
    x = node("Add", node("Gather", "words", "input"), "places")
    x = node("LayerNormalization", x, "norm0.weight", "norm0.bias", axis=-1)

    def heads(value, order):
        return node("Transpose", node("Reshape", value, shape), perm=order)

    q = heads(node("Add", node("MatMul", x, "query.weight"), "query.bias"), [0, 2, 1, 3])
    k = heads(node("MatMul", x, node("Transpose", "key.weight", perm=[1, 0])), [0, 2, 3, 1])
    v = heads(node("MatMul", x, "value.weight"), [0, 2, 1, 3])
    scores = node("Div", node("MatMul", q, k), constant("root", np.array((HIDDEN // HEADS) ** 0.5, np.float32)))
    mixed = node("Transpose", node("MatMul", node("Softmax", scores, axis=-1), v), perm=[0, 2, 1, 3])
    added = node("Add", node("MatMul", node("Reshape", mixed, merged), "out.weight"), "out.bias")
    x = node("LayerNormalization", node("Add", x, added), "norm1.weight", "norm1.bias", axis=-1)
    u = node("Add", node("MatMul", x, "up.weight"), "up.bias")
    gelu = node("Mul", node("Mul", u, node("Add", node("Erf", node("Div", u, constant("two", np.array(2 ** 0.5, np.float32)))),
                                           constant("one", np.array(1, np.float32)))),
                constant("half", np.array(0.5, np.float32)))
    nodes.append(h.make_node("Add", [x, node("MatMul", gelu, "down.weight")], ["states"], name="states"))
    pooled = node("ReduceMean", "states", constant("axis", np.array([1], np.int64)), keepdims=0)
    z = node("Gemm", pooled, "head.weight", "head.bias", transB=1)
    nodes.append(h.make_node("Softmax", [z], ["output"], name="softmax", axis=-1))
    graph = h.make_graph(
        nodes, "encoder", [h.make_tensor_value_info("input", T.INT64, ["batch", LENGTH])],
        [h.make_tensor_value_info("output", T.FLOAT, ["batch", CLASSES]),
         h.make_tensor_value_info("states", T.FLOAT, ["batch", LENGTH, HIDDEN])],
        [numpy_helper.from_array(array, name) for name, array in {**w, **constants}.items()])
    model = h.make_model(graph, opset_imports=[h.make_opsetid("", 18)], ir_version=8)
    onnx.checker.check_model(model)
    onnx.save(model, FIXTURES / "gradients/encoder.onnx")

    np.savez_compressed(FIXTURES / "gradients/texts.npz",
                        input=random.integers(0, VOCABULARY, (40, LENGTH)).astype(np.int64))

    p = {name: torch.from_numpy(array).double().requires_grad_() for name, array in w.items()}
    tokens = (torch.arange(4 * LENGTH) * 7 % VOCABULARY).reshape(4, LENGTH)
    x = F.layer_norm(p["words"][tokens] + p["places"], (HIDDEN,), p["norm0.weight"], p["norm0.bias"], 1e-5)

    def split(value):
        return value.reshape(len(tokens), LENGTH, HEADS, -1).transpose(1, 2)

    q, k, v = (split(y) for y in (x @ p["query.weight"] + p["query.bias"], x @ p["key.weight"].T, x @ p["value.weight"]))
    mixed = torch.softmax(q @ k.transpose(2, 3) / (HIDDEN // HEADS) ** 0.5, -1) @ v
    x = x + mixed.transpose(1, 2).reshape(len(tokens), LENGTH, HIDDEN) @ p["out.weight"] + p["out.bias"]
    x = F.layer_norm(x, (HIDDEN,), p["norm1.weight"], p["norm1.bias"], 1e-5)
    x = x + F.gelu(x @ p["up.weight"] + p["up.bias"]) @ p["down.weight"]
    y = torch.softmax(F.linear(x.mean(1), p["head.weight"], p["head.bias"]), -1)
    (y * direction(y.numel(), 1).double().reshape(y.shape)).sum().backward()
    return {name: figures(w.grad, 0) for name, w in p.items()}


def operators():
    """Nodes that read initializers alone: what other fixtures have no node of, or too few."""
    random = np.random.default_rng(5)
    nodes, weights, outputs = [], [], []

    def floats(*shape, low=-2.0, high=2.0):
        return random.uniform(low, high, shape).astype(np.float32)

    def add(operator, *arrays, domain="", outputs_=1, **attributes):
        names = []
        for array in arrays:
            names.append("" if array is None else f"w{len(weights)}")
            if array is not None:
                weights.append(numpy_helper.from_array(np.asarray(array), names[-1]))
        made = [f"y{len(nodes)}.{i}" for i in range(outputs_)]
        nodes.append(h.make_node(operator, names, made, name=made[0], domain=domain, **attributes))
        outputs.extend(made)

    for operator in "Selu Celu Softsign Mish Swish ThresholdedRelu Shrink Sin Cos Tan Sinh Cosh Asinh Atan HardSwish".split():
        add(operator, floats(3, 5, low=-1.4, high=1.4))
    for operator in "Asin Acos Atanh".split():
        add(operator, floats(3, 5, low=-0.8, high=0.8))
    add("Acosh", floats(3, 5, low=1.5, high=3))
    add("Gelu", floats(3, 5))
    add("Gelu", floats(3, 5), approximate="tanh")
    add("Pow", floats(3, 5, low=0.2), floats(5))
    add("Mean", floats(3, 5), floats(5), floats(1, 5))
    for name in "ReduceL1 ReduceL2 ReduceSumSquare ReduceLogSumExp ReduceMax ReduceMin ReduceMean".split():
        add(name, floats(3, 4, 5), np.array([0, 2], np.int64), keepdims=0)
    add("ReduceLogSum", floats(3, 4, 5, low=0.3), np.array([1], np.int64))
    add("LpNormalization", floats(3, 4, 5), axis=1)
    add("LpNormalization", floats(3, 4, 5), axis=-1, p=1)
    add("LRN", floats(2, 7, 3, 3), size=4, alpha=0.7, beta=0.6)
    add("InstanceNormalization", floats(2, 3, 4, 4), floats(3), floats(3))
    add("GroupNormalization", floats(2, 6, 4), floats(6), floats(6), num_groups=3)
    add("RMSNormalization", floats(2, 3, 5), floats(5))
    add("LayerNormalization", floats(2, 3, 5), floats(3, 5), floats(3, 5), axis=1)
    add("GatherElements", floats(3, 4), np.array([[0, 2, 1, 1]], np.int64))
    add("GatherND", floats(3, 4, 2), np.array([[0, 2], [1, 1], [0, 2]], np.int64))
    add("Compress", floats(3, 4), np.array([True, False, True]), axis=0)
    add("ReverseSequence", floats(4, 3), np.array([1, 3, 4], np.int64))
    add("Trilu", floats(4, 4))
    add("DepthToSpace", floats(1, 8, 2, 3), blocksize=2)
    add("SpaceToDepth", floats(1, 2, 4, 6), blocksize=2)
    for mode in "nearest", "linear", "cubic":
        for scales in (1, 1, 2, 1.5), (1, 1, 0.5, 3):
            add("Resize", floats(1, 2, 4, 6), None, np.array(scales, np.float32), mode=mode)
    add("Resize", floats(1, 2, 4, 6), None, None, np.array([1, 2, 7, 3], np.int64), mode="linear",
        coordinate_transformation_mode="align_corners")
    add("Conv", floats(1, 2, 4, 5, 3), floats(3, 2, 2, 3, 1), floats(3), strides=[1, 2, 1], pads=[1, 0, 0, 0, 1, 1])
    add("Conv", floats(2, 6, 9), floats(6, 1, 3), group=6, dilations=[2], pads=[2, 2])
    add("ConvTranspose", floats(1, 4, 3, 4), floats(4, 3, 3, 2), floats(6), group=2, strides=[2, 1], pads=[1, 0, 0, 1])
    add("AveragePool", floats(1, 2, 7, 6), kernel_shape=[3, 2], strides=[2, 2], pads=[1, 1, 1, 1], count_include_pad=1)
    add("Upsample", floats(1, 2, 3, 3), np.array([1, 1, 2, 2], np.float32), mode="linear")
    for equation, *shapes in (("bij,bjk->bik", (2, 3, 4), (2, 4, 2)), ("...i,ij->...j", (2, 3, 4), (4, 2)), ("ij->i", (3, 4)),
                              ("bhid,bhjd->bhij", (2, 2, 3, 4), (2, 1, 5, 4)), ("i,j,ij", (3,), (4,), (3, 4))):
        add("Einsum", *(floats(*shape) for shape in shapes), equation=equation)
    add("CumSum", floats(3, 4), np.array(1, np.int64))
    add("CumSum", floats(3, 4), np.array(0, np.int64), exclusive=1, reverse=1)
    add("ScatterElements", floats(3, 4), np.array([[0, 2, 1]], np.int64), floats(1, 3))
    add("ScatterND", floats(4, 3), np.array([[1], [3]], np.int64), floats(2, 3))
    micro = "com.microsoft"
    add("Gelu", floats(3, 5), domain=micro)
    add("QuickGelu", floats(3, 5), domain=micro)
    add("FastGelu", floats(3, 5), domain=micro)
    add("FastGelu", floats(3, 5), floats(5), domain=micro)
    add("BiasGelu", floats(3, 5), floats(5), domain=micro)
    add("SkipLayerNormalization", floats(2, 3, 5), floats(2, 3, 5), floats(5), floats(5), floats(5), domain=micro)
    add("SkipSimplifiedLayerNormalization", floats(2, 3, 5), floats(2, 3, 5), floats(5), domain=micro)
    add("SimplifiedLayerNormalization", floats(2, 3, 5), floats(5), axis=-1)
    add("MatMulNBits", floats(2, 3, 32), random.integers(0, 256, (5, 2, 8)).astype(np.uint8), floats(10), None, None,
        floats(5), domain=micro, K=32, N=5, bits=4, block_size=16)
    graph = h.make_graph(nodes, "operators", [], [h.make_empty_tensor_value_info(name) for name in outputs], weights)
    model = h.make_model(graph, opset_imports=[h.make_opsetid("", 24), h.make_opsetid(micro, 1)], ir_version=10)
    onnx.save(model, FIXTURES / "gradients/operators.onnx")


def torch_nodes():
    """Nodes on initializers, and torch's gradients of each one's first output along the direction."""
    random = np.random.default_rng(11)
    nodes, weights, found = [], [], {}

    def floats(*shape, low=-2.0, high=2.0):
        return random.uniform(low, high, shape).astype(np.float32)

    def add(operator, function, *arrays, domain="", outputs_=1, **attributes):
        names = []
        for array in arrays:
            names.append("" if array is None else f"w{len(weights)}")
            if array is not None:
                weights.append(numpy_helper.from_array(np.asarray(array), names[-1]))
        own = f"{operator.lower()}{len(nodes)}"
        made = [own] + [f"{own}.{i}" for i in range(1, outputs_)]
        nodes.append(h.make_node(operator, names, made, name=own, domain=domain, **attributes))
        tensors = [None if a is None else torch.from_numpy(np.asarray(a)) for a in arrays]
        tensors = [a.double().requires_grad_() if a is not None and a.is_floating_point() else a for a in tensors]
        y = function(*tensors)
        (y * direction(y.numel(), 1).double().reshape(y.shape)).sum().backward()
        found[own] = {str(i): figures(a.grad, 0) for i, a in enumerate(tensors) if a is not None and a.grad is not None}

    def conv(function, **more):
        return lambda x, w, b=None: function(x, w, b, **more)

    add("Conv", conv(F.conv2d, groups=2, padding=1), floats(2, 4, 6, 5), floats(6, 2, 3, 3), floats(6),
        group=2, pads=[1, 1, 1, 1])
    add("Conv", conv(F.conv2d, groups=4, stride=2, padding=1), floats(2, 4, 7, 6), floats(8, 1, 3, 3), floats(8),
        group=4, strides=[2, 2], pads=[1, 1, 1, 1])
    add("Conv", conv(F.conv2d, groups=4, padding=2, dilation=2), floats(1, 4, 7, 6), floats(4, 1, 3, 3), floats(4),
        group=4, dilations=[2, 2], pads=[2, 2, 2, 2])
    add("Conv", conv(F.conv2d, stride=(2, 1), dilation=(1, 2)), floats(2, 3, 7, 8), floats(4, 3, 3, 2), None,
        strides=[2, 1], dilations=[1, 2])
    add("Conv", lambda x, w, b: F.conv2d(F.pad(x, (0, 2, 1, 0)), w, b), floats(1, 2, 5, 5), floats(3, 2, 3, 3), floats(3),
        pads=[1, 0, 0, 2])
    add("Conv", conv(F.conv1d, groups=3, padding=2, stride=2), floats(2, 6, 9), floats(9, 2, 4), floats(9),
        group=3, pads=[2, 2], strides=[2])
    add("Conv", conv(F.conv3d, groups=2), floats(1, 4, 4, 4, 3), floats(4, 2, 2, 3, 2), floats(4), group=2)
    add("ConvTranspose", conv(F.conv_transpose2d, stride=2, padding=1, output_padding=1),
        floats(2, 3, 4, 5), floats(3, 4, 3, 3), floats(4), strides=[2, 2], pads=[1, 1, 1, 1], output_padding=[1, 1])
    add("ConvTranspose", conv(F.conv_transpose2d, groups=2, stride=(2, 1)),
        floats(2, 4, 4, 5), floats(4, 3, 2, 3), floats(6), group=2, strides=[2, 1])
    add("ConvTranspose", conv(F.conv_transpose2d, groups=4, dilation=2),
        floats(1, 4, 3, 4), floats(4, 1, 3, 3), None, group=4, dilations=[2, 2])
    add("ConvTranspose", conv(F.conv_transpose1d, stride=3), floats(2, 3, 5), floats(3, 2, 4), floats(2), strides=[3])
    add("Gemm", lambda a, b, c: 0.5 * a.T @ b.T + 2 * c, floats(4, 3), floats(5, 4), floats(5),
        transA=1, transB=1, alpha=0.5, beta=2.0)
    add("MatMul", torch.matmul, floats(2, 1, 3, 4), floats(5, 4, 6))
    add("MatMul", torch.matmul, floats(4), floats(2, 4, 3))
    add("Einsum", lambda a, b: torch.einsum("bij,bkj->bik", a, b), floats(2, 3, 4), floats(2, 5, 4),
        equation="bij,bkj->bik")
    add("MaxPool", lambda x: F.max_pool2d(x, 3, 2, 1), floats(2, 3, 7, 6), kernel_shape=[3, 3], strides=[2, 2],
        pads=[1, 1, 1, 1])
    add("AveragePool", lambda x: F.avg_pool2d(x, 3, 2, 1, count_include_pad=False), floats(2, 3, 7, 6),
        kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1])
    add("AveragePool", lambda x: F.avg_pool2d(x, 3, 1, 1, count_include_pad=True), floats(2, 3, 5, 6),
        kernel_shape=[3, 3], pads=[1, 1, 1, 1], count_include_pad=1)
    add("GlobalAveragePool", lambda x: x.mean((2, 3), keepdim=True), floats(2, 3, 5, 6))
    add("GlobalMaxPool", lambda x: x.amax((2, 3), keepdim=True), floats(2, 3, 5, 6))
    add("BatchNormalization", lambda x, s, b, m, v: F.batch_norm(x, m.detach(), v.detach(), s, b, False, 0.1, 1e-3),
        floats(3, 4, 5), floats(4), floats(4), floats(4), floats(4, low=0.3), epsilon=1e-3)
    add("LayerNormalization", lambda x, s, b: F.layer_norm(x, (4, 5), s, b, 1e-4), floats(3, 4, 5), floats(4, 5),
        floats(4, 5), axis=1, epsilon=1e-4)
    add("InstanceNormalization", lambda x, s, b: F.instance_norm(x, None, None, s, b), floats(2, 3, 4, 4), floats(3),
        floats(3))
    add("GroupNormalization", lambda x, s, b: F.group_norm(x, 3, s, b), floats(2, 6, 4), floats(6), floats(6),
        num_groups=3)
    add("RMSNormalization", lambda x, s: F.rms_norm(x, (5,), s, 1e-5), floats(2, 3, 5), floats(5), epsilon=1e-5)
    add("LRN", lambda x: F.local_response_norm(x, 3, 0.7, 0.6, 1.0), floats(2, 7, 3, 3), size=3, alpha=0.7, beta=0.6,
        bias=1.0)
    add("Softmax", lambda x: torch.softmax(x, 1), floats(2, 4, 3), axis=1)
    add("LogSoftmax", lambda x: torch.log_softmax(x, -1), floats(2, 4, 3), axis=-1)
    for operator, function in {
            "Relu": F.relu, "Sigmoid": torch.sigmoid, "Tanh": torch.tanh, "Erf": torch.erf, "Softplus": F.softplus,
            "Softsign": F.softsign, "Selu": F.selu, "Mish": F.mish, "HardSwish": F.hardswish, "Exp": torch.exp,
            "Sin": torch.sin, "Cos": torch.cos, "Atan": torch.atan, "Gelu": F.gelu}.items():
        add(operator, function, floats(3, 5))
    add("Gelu", lambda x: F.gelu(x, approximate="tanh"), floats(3, 5), approximate="tanh")
    add("LeakyRelu", lambda x: F.leaky_relu(x, 0.2), floats(3, 5), alpha=0.2)
    add("Elu", lambda x: F.elu(x, 0.7), floats(3, 5), alpha=0.7)
    add("Celu", lambda x: F.celu(x, 0.7), floats(3, 5), alpha=0.7)
    add("HardSigmoid", lambda x: torch.clamp(0.3 * x + 0.4, 0, 1), floats(3, 5), alpha=0.3, beta=0.4)
    add("PRelu", lambda x, s: F.prelu(x, s.flatten()), floats(2, 3, 4), floats(3, 1))
    add("Clip", lambda x, low, high: torch.clamp(x, low.detach(), high.detach()), floats(4, 5),
        np.float32(-0.5), np.float32(1))
    add("Log", torch.log, floats(3, 5, low=0.2))
    add("Sqrt", torch.sqrt, floats(3, 5, low=0.2))
    add("Pow", torch.pow, floats(3, 5, low=0.2), floats(5))
    for operator, function in {"Add": torch.add, "Sub": torch.sub, "Mul": torch.mul}.items():
        add(operator, function, floats(2, 3, 4), floats(3, 1))
    add("Div", torch.div, floats(2, 1, 4), floats(3, 4, low=0.5))
    add("Where", torch.where, random.integers(0, 2, (3, 4)).astype(bool), floats(3, 4), floats(4))
    axes = np.array([0, 2], np.int64)
    add("ReduceMean", lambda x, _: x.mean((0, 2)), floats(3, 4, 5), axes, keepdims=0)
    add("ReduceSum", lambda x, _: x.sum((0, 2)), floats(3, 4, 5), axes, keepdims=0)
    add("ReduceL2", lambda x, _: x.norm(dim=(0, 2)), floats(3, 4, 5), axes, keepdims=0)
    add("ReduceLogSumExp", lambda x, _: x.logsumexp((0, 2)), floats(3, 4, 5), axes, keepdims=0)
    add("Gather", lambda x, i: x[:, i], floats(3, 4), np.array([[0, 2], [2, 1]], np.int64), axis=1)
    add("Transpose", lambda x: x.permute(2, 0, 1), floats(2, 3, 4), perm=[2, 0, 1])
    add("Concat", lambda a, b: torch.cat([a, b], 1), floats(2, 3), floats(2, 4), axis=1)
    add("Slice", lambda x, *_: x[1:4:2], floats(5, 3), np.array([1], np.int64), np.array([4], np.int64),
        np.array([0], np.int64), np.array([2], np.int64))
    add("Pad", lambda x, _: F.pad(x, (2, 1, 0, 1), mode="constant"), floats(3, 4), np.array([0, 2, 1, 1], np.int64))
    add("Expand", lambda x, _: x.expand(2, 3, 4), floats(3, 1), np.array([2, 3, 4], np.int64))
    graph = h.make_graph(
        nodes, "nodes", [],
        [h.make_tensor_value_info(name, T.FLOAT, None) for node in nodes for name in node.output], weights)
    onnx.save(h.make_model(graph, opset_imports=[h.make_opsetid("", 24)], ir_version=10),
              FIXTURES / "gradients/nodes.onnx")
    return found


def losses():
    """Of rows of numbers by the rule, a teacher's and a student's: the loss in all its forms, and the student's slopes."""
    width = 7

    def rows(seed, factor):
        return (factor * direction(3 * width, seed).double()).reshape(3, width)

    teacher, student, targets, labels = rows(3, 4), rows(4, 3), rows(5, 2), torch.tensor([2, 0, 6])

    def gradient(loss):
        s = student.clone().requires_grad_()
        value = loss(s)
        value.sum().backward()
        return {"losses": [float(f"{v:.9g}") for v in value], "gradients": [float(f"{v:.9g}") for v in s.grad.flatten()]}

    def logits(temperature, alpha):
        def loss(s):
            kl = F.kl_div(F.log_softmax(s / temperature, -1), F.log_softmax(teacher / temperature, -1),
                          reduction="none", log_target=True).sum(-1)
            return alpha * temperature ** 2 * kl + (1 - alpha) * F.cross_entropy(s, labels, reduction="none")
        return dict(gradient(loss), temperature=temperature, alpha=alpha)

    def numbers(alpha):
        return dict(gradient(lambda s: alpha * F.mse_loss(s, teacher, reduction="none").mean(-1) + (1 - alpha)
                             * F.mse_loss(s, targets, reduction="none").mean(-1)), alpha=alpha)

    return {"width": width, "labels": labels.tolist(),
            "logits": [logits(*one) for one in [(1.0, 1.0), (3.0, 1.0), (2.0, 0.4), (1.0, 0.0)]],
            "numbers": [numbers(alpha) for alpha in (1.0, 0.3)],
            "embeddings": [gradient(lambda s: 1 - F.cosine_similarity(s, teacher, -1))]}


def network():
    """A network whose convolutions are of every kind, and the gradients of its loss with weights that were moved."""
    random = np.random.default_rng(21)
    shapes = {"first": (8, 2, 3, 3), "grouped": (8, 4, 3, 3), "depthwise": (8, 1, 3, 3), "dilated": (6, 8, 3, 3),
              "transposed": (6, 4, 3, 3), "transposed-groups": (4, 3, 2, 2), "head": (5, 6)}
    w = {name: random.normal(0, 1.2 / np.prod(shape[1:]) ** 0.5, shape).astype(np.float32)
         for name, shape in shapes.items()}
    bias = random.normal(0, 0.3, 8).astype(np.float32)
    slope = random.uniform(0.1, 0.4, (8, 1, 1)).astype(np.float32)
    x = random.normal(0, 1, (6, 2, 8, 7)).astype(np.float32)
    labels = random.integers(0, 5, 6)
    np.savez_compressed(FIXTURES / "gradients/convolutions.npz", input=x, labels=labels)

    def node(operator, inputs, output, **attributes):
        return h.make_node(operator, inputs, [output], name=output, **attributes)

    nodes = [
        node("Conv", ["input", "first", "bias"], "a", pads=[1, 1, 1, 1]), node("Relu", ["a"], "b"),
        node("Conv", ["b", "grouped"], "c", group=2, strides=[2, 2], pads=[1, 1, 1, 1]),
        node("PRelu", ["c", "slope"], "d"), node("Conv", ["d", "depthwise"], "e", group=8, pads=[1, 1, 1, 1]),
        node("Sigmoid", ["e"], "f"), node("Conv", ["f", "dilated"], "g", dilations=[2, 2], pads=[2, 2, 2, 2]),
        node("Relu", ["g"], "i"),
        node("ConvTranspose", ["i", "transposed"], "j", strides=[2, 2], pads=[1, 1, 1, 1], output_padding=[1, 0]),
        node("Relu", ["j"], "k"), node("ConvTranspose", ["k", "transposed-groups"], "l", group=2),
        node("GlobalAveragePool", ["l"], "m"), node("Flatten", ["m"], "n"),
        node("Gemm", ["n", "head"], "output", transB=1)]
    weights = [numpy_helper.from_array(a, n) for n, a in {**w, "bias": bias, "slope": slope}.items()]
    graph = h.make_graph(nodes, "convolutions", [h.make_tensor_value_info("input", T.FLOAT, ["batch", 2, 8, 7])],
                         [h.make_tensor_value_info("output", T.FLOAT, ["batch", 5])], weights)
    model = h.make_model(graph, opset_imports=[h.make_opsetid("", 18)], ir_version=8)
    onnx.checker.check_model(model)
    onnx.save(model, FIXTURES / "gradients/convolutions.onnx")

    def run(p):
        y = F.relu(F.conv2d(torch.from_numpy(x).double(), p["first"], torch.from_numpy(bias).double(), padding=1))
        y = F.prelu(F.conv2d(y, p["grouped"], stride=2, padding=1, groups=2),
                    torch.from_numpy(slope).double().flatten())
        y = torch.sigmoid(F.conv2d(y, p["depthwise"], padding=1, groups=8))
        y = F.relu(F.conv2d(y, p["dilated"], padding=2, dilation=2))
        y = F.relu(F.conv_transpose2d(y, p["transposed"], stride=2, padding=1, output_padding=(1, 0)))
        y = F.conv_transpose2d(y, p["transposed-groups"], groups=2)
        return y.mean((2, 3)) @ p["head"].T

    plain = {name: torch.from_numpy(a).double() for name, a in w.items()}
    moved = {name: (a + 0.2 * direction(a.numel(), 6).double().reshape(a.shape)).requires_grad_()
             for name, a in plain.items()}
    temperature, alpha = 2.0, 0.6
    s, t = run(moved), run(plain)
    loss = alpha * temperature ** 2 * F.kl_div(
        F.log_softmax(s / temperature, -1), F.log_softmax(t / temperature, -1), reduction="batchmean", log_target=True)
    loss = loss + (1 - alpha) * F.cross_entropy(s, torch.from_numpy(labels))
    loss.backward()
    return {"loss": float(f"{loss.item():.9g}"), "temperature": temperature, "alpha": alpha,
            "gradients": {name: figures(a.grad, 0) for name, a in moved.items()}}


def unstacked(name, gradient, stored):
    """The gradient of a stack of experts in the form in which the file has them: by the names of its tensors."""
    if name in stored or f"{name}.weight" in stored:
        return {name: gradient}
    place, leaf = name.rsplit(".", 1)
    old = place.replace(".mlp.", ".block_sparse_moe.")
    words = {"gate": "gate_proj", "up": "up_proj", "down": "down_proj"}
    if any(key.startswith(old + ".") for key in stored) and old != place:
        place, words = old, {"gate": "w1", "up": "w3", "down": "w2"}
    if leaf == "weight":
        return {f"{place}.{leaf}": gradient}
    found = {}
    for number, own in enumerate(gradient):
        parts = zip(["gate", "up"], own.chunk(2)) if leaf == "gate_up_proj" else [("down", own)]
        found |= {f"{place}.{number}.{words[word]}.weight": part for word, part in parts}
    return found


def transformer(name, tokens):
    """⟨direction, outputs⟩ of one text: logits of all tokens, or an encoder's last hidden states."""
    config = t.AutoConfig.from_pretrained(FIXTURES / f"transformers/{name}")
    kind = getattr(t, config.architectures[0])
    model = kind.from_pretrained(FIXTURES / f"transformers/{name}", dtype=torch.float64, attn_implementation="eager").eval()
    if any("experts" in n for n, _ in model.named_parameters()):
        model.set_experts_implementation("eager")
    result = model(torch.tensor([tokens]))
    y = result.logits if hasattr(result, "logits") else result.last_hidden_state
    (y * direction(y.numel(), 1).double().reshape(y.shape)).sum().backward()
    stored = load_file(FIXTURES / f"transformers/{name}/model.safetensors").keys()
    found = {}
    for n, w in model.named_parameters():
        if w.grad is not None and w.dim() > 1:
            found |= unstacked(n, w.grad, stored) if "expert" in n or "mlp.gate." in n else {n: w.grad}
    return {n: figures(gradient, 0) for n, gradient in found.items()}


if __name__ == "__main__":
    torch.set_num_threads(1)
    (FIXTURES / "gradients").mkdir(exist_ok=True)
    expected = json.loads((FIXTURES / "transformers.json").read_text())
    tokens = expected["tokens"][:24]
    wanted = sys.argv[1:]
    path = FIXTURES / "gradients.json"
    kept = json.loads(path.read_text()) if wanted else {}
    versions = {torch.__version__.split("+")[0], *kept.get("source", "torch ")[6:].split(", ")} - {""}
    result = {"source": f"torch {', '.join(sorted(versions))}"}
    if not wanted or "operators" in wanted:
        operators()
    for part, make in {"digits": digits, "encoder": encoder, "nodes": torch_nodes, "losses": losses,
                       "network": network}.items():
        result[part] = make() if not wanted or part in wanted else kept[part]
    result["tokens"] = tokens
    whole = not wanted or "transformers" in wanted
    result["transformers"] = {
        name: transformer(name, tokens) if whole or name in wanted else kept["transformers"][name]
        for name in sorted(expected["outputs"])}
    path.write_text(json.dumps(result).replace("}, \"", "},\n\"") + "\n")
