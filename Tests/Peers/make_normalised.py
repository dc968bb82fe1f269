"""Writes small networks whose first operators tell of their images, into Tests/Fixtures/normalised, with the statistics of
the images in expected.json: a convolution with a BatchNormalization behind it, whose running mean and variance are those of
its outputs on images drawn here; a BatchNormalization of the input; constants that are subtracted and divided by, channels
last; whole numbers; and no images.

    python make_normalised.py [FOLDER]
"""

import json
import os
import sys

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

rng = np.random.default_rng(11)
F = TensorProto.FLOAT
MEANS = [0.5, -1.0, 2.0]
make = helper.make_node


def field(count, side, correlation):
    z = rng.standard_normal((count, side, side))
    rest = np.sqrt(1 - correlation ** 2)
    for i in range(1, side):
        z[:, i] = correlation * z[:, i - 1] + rest * z[:, i]
    for i in range(1, side):
        z[:, :, i] = correlation * z[:, :, i - 1] + rest * z[:, :, i]
    return z


def images(count, side):
    """Three channels: a smooth grey part, and rougher ones of each."""
    grey = field(count, side, 0.95)
    own = [0.6, 0.3, 1.2]
    return np.stack([MEANS[c] + 0.8 * grey + own[c] * field(count, side, 0.7) for c in range(3)], 1).astype(np.float32)


def convolve(x, w, b, stride, pad):
    x = np.pad(x, ((0, 0), (0, 0), (pad, pad), (pad, pad)))
    windows = np.lib.stride_tricks.sliding_window_view(x, w.shape[2:], (2, 3))[:, :, ::stride, ::stride]
    return np.einsum("ncyxij,ocij->noyx", windows, w, optimize=True) + b[:, None, None]


def save(folder, name, nodes, shape, weights, extra=(), kind=F):
    """A classifier of two classes behind the nodes, which end in `features`, channels first."""
    nodes = nodes + [make("GlobalAveragePool", ["features"], ["pooled"]), make("Flatten", ["pooled"], ["flat"]),
                     make("Gemm", ["flat", "fc.weight"], ["logits"], transB=1)]
    channels = weights.pop("channels")
    weights["fc.weight"] = rng.standard_normal((2, channels)).astype(np.float32)
    graph = helper.make_graph(
        nodes, name, [helper.make_tensor_value_info("input", kind, shape)],
        [helper.make_tensor_value_info("logits", F, ["batch", 2])] + list(extra),
        [numpy_helper.from_array(w, k) for k, w in weights.items()])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    onnx.checker.check_model(model)
    onnx.save(model, os.path.join(folder, name + ".onnx"))


def normalisation(value, out, mean, variance):
    weights = {"bn.scale": np.ones(len(mean), np.float32), "bn.shift": np.zeros(len(mean), np.float32),
               "bn.mean": mean.astype(np.float32), "bn.variance": variance.astype(np.float32)}
    return make("BatchNormalization", [value] + list(weights), [out]), weights


def main(folder):
    os.makedirs(folder, exist_ok=True)
    x = images(3000, 16)
    w = (rng.standard_normal((12, 3, 3, 3)) / 5).astype(np.float32)
    b = rng.standard_normal(12).astype(np.float32)
    y = convolve(x, w, b, 2, 1)
    mean, variance = y.mean((0, 2, 3)), y.var((0, 2, 3))
    node, weights = normalisation("convolved", "features", mean, variance)
    weights.update({"conv.weight": w, "conv.bias": b, "channels": 12})
    nodes = [make("Conv", ["input", "conv.weight", "conv.bias"], ["convolved"], strides=[2, 2], pads=[1, 1, 1, 1]), node]
    convolved = helper.make_tensor_value_info("convolved", F, ["batch", 12, 8, 8])
    save(folder, "convolution", nodes, ["batch", 3, 16, 16], weights, [convolved])
    # Steps that no picture has, on which a product overflows.
    wide = make("Conv", ["input", "conv.weight", "conv.bias"], ["convolved"], dilations=[2**62, 2**62])
    save(folder, "wide", [wide, node], ["batch", 3, 16, 16], weights | {"channels": 12}, [convolved])

    node, weights = normalisation("input", "features", np.array([10.0]), np.array([9.0]))
    save(folder, "input", [node], ["batch", 1, 8, 8], weights | {"channels": 1})

    shift, scale = np.array([120.0, 110.0, 100.0], np.float32), np.array([60.0, 50.0, 40.0], np.float32)
    nodes = [make("Sub", ["input", "shift"], ["centred"]), make("Div", ["centred", "scale"], ["scaled"]),
             make("Transpose", ["scaled"], ["features"], perm=[0, 3, 1, 2])]
    save(folder, "channels-last", nodes, ["batch", 8, 8, 3], {"shift": shift, "scale": scale, "channels": 3})

    nodes = [make("Cast", ["input"], ["features"], to=F)]
    save(folder, "bytes", nodes, ["batch", 1, 8, 8], {"channels": 1}, kind=TensorProto.UINT8)
    with open(os.path.join(folder, "expected.json"), "w") as file:
        json.dump({"mean": mean.astype(float).round(6).tolist(), "variance": variance.astype(float).round(6).tolist(),
                   "channelMeans": MEANS, "channelsLast": {"mean": shift.tolist(), "deviation": scale.tolist()}}, file)


if __name__ == "__main__":
    default = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "Fixtures", "normalised")
    main(sys.argv[1] if len(sys.argv) > 1 else default)
