"""Makes Tests/Fixtures/gradients.json and Tests/Fixtures/gradients: torch's gradients of the sample networks
and of the small transformers of Tests/Fixtures/transformers.

    python make_gradients.py        (after make_transformer_outputs.py)

Each entry has a direction for the outputs, drawn by a rule that the test repeats (see `direction`), and of each weight's
gradient its norm and its product with another such direction. encoder.onnx is a block of BERT's kind on token ids, as
torch exports it piece by piece: embeddings looked up, added and normalised, attention of two heads, GELU by erf, softmax at
the end; its second output is what stands for the tokens before they are pooled. operators.onnx has nodes whose gradients
are compared with differences.
"""
import json
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


def transformer(name, tokens):
    """⟨direction, outputs⟩ of one text: logits of all tokens, or an encoder's last hidden states."""
    config = t.AutoConfig.from_pretrained(FIXTURES / f"transformers/{name}")
    kind = getattr(t, config.architectures[0])
    model = kind.from_pretrained(FIXTURES / f"transformers/{name}", dtype=torch.float64, attn_implementation="eager").eval()
    result = model(torch.tensor([tokens]))
    y = result.logits if hasattr(result, "logits") else result.last_hidden_state
    (y * direction(y.numel(), 1).double().reshape(y.shape)).sum().backward()
    return {n: figures(w.grad, 0) for n, w in model.named_parameters() if w.grad is not None and w.dim() > 1}


if __name__ == "__main__":
    torch.set_num_threads(1)
    (FIXTURES / "gradients").mkdir(exist_ok=True)
    operators()
    expected = json.loads((FIXTURES / "transformers.json").read_text())
    tokens = expected["tokens"][:24]
    result = {"source": f"torch {torch.__version__.split('+')[0]}", "digits": digits(), "encoder": encoder(), "tokens": tokens,
              "transformers": {name: transformer(name, tokens) for name in sorted(expected["outputs"])}}
    (FIXTURES / "gradients.json").write_text(json.dumps(result).replace("}, \"", "},\n\"") + "\n")
