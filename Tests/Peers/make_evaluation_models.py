"""Writes small networks whose inputs are no plain batches, data for them, and onnxruntime's outputs, into
Tests/Fixtures/evaluation: a state and a scalar beside the samples, samples along the second axis, an output that is no
list of classes, whole inputs a sample.

    python make_evaluation_models.py ../Fixtures/evaluation
"""

import os
import sys

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

rng = np.random.default_rng(7)
F = TensorProto.FLOAT


def normal(*shape):
    return rng.normal(size=shape).astype(np.float32)


def save(folder, name, nodes, inputs, outputs, weights, data, given):
    graph = helper.make_graph(
        nodes, name, [helper.make_tensor_value_info(*x) for x in inputs],
        [helper.make_tensor_value_info(*x) for x in outputs], [numpy_helper.from_array(w, k) for k, w in weights.items()])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    onnx.checker.check_model(model)
    path = os.path.join(folder, name)
    onnx.save(model, path + ".onnx")
    np.savez(path + ".npz", **data)
    session = onnxruntime.InferenceSession(path + ".onnx", providers=["CPUExecutionProvider"])
    names = [x.name for x in session.get_outputs()]
    np.savez(path + "-expected.npz", **dict(zip(names, given(session))))


def main(folder):
    os.makedirs(folder, exist_ok=True)
    # A step of a recurrent network: samples, a state (2, batch, 3), a rate.
    x, state, labels = normal(7, 4), normal(2, 1, 3), np.array([0, 1, 2, 0, 1, 2, 0])
    make = helper.make_node
    nodes = [
        make("MatMul", ["input", "w"], ["product"]),
        make("ReduceSum", ["state", "first"], ["memory"], keepdims=0),
        make("Cast", ["sr"], ["rate"], to=F),
        make("Div", ["rate", "standard"], ["share"]),
        make("Mul", ["memory", "share"], ["weighted"]),
        make("Add", ["product", "weighted"], ["output"]),
        make("Add", ["state", "share"], ["stateN"]),
    ]
    inputs = [("input", F, ["batch", 4]), ("state", F, [2, "batch", 3]), ("sr", TensorProto.INT64, [])]
    outputs = [("output", F, ["batch", 3]), ("stateN", F, [2, "batch", 3])]
    weights = {"w": normal(4, 3), "first": np.array([0]), "standard": np.array(16000, np.float32)}
    sr = np.array(8000)

    def with_state(session):
        output, after = session.run(None, {"input": x, "state": np.repeat(state, 7, 1), "sr": sr})
        # Lathe keeps samples along the first axis.
        return output, np.moveaxis(after, 1, 0)

    save(folder, "state", nodes, inputs, outputs, weights,
         {"input": x, "state": state, "sr": sr, "labels": labels}, with_state)

    # The same without names for what is free, as silero-vad has it.
    unnamed = [("input", F, [None, 4]), ("state", F, [2, None, 3]), ("sr", TensorProto.INT64, [])]
    save(folder, "state-unnamed", nodes, unnamed, [("output", F, [None, 3]), ("stateN", F, [None, None, None])], weights,
         {"input": x, "state": state, "sr": sr, "labels": labels}, with_state)

    # Time before the batch.
    series = normal(5, 6, 4)
    nodes = [make("MatMul", ["series", "w"], ["steps"]), make("ReduceMean", ["steps", "first"], ["scores"], keepdims=0)]
    save(folder, "time-first", nodes, [("series", F, ["time", "batch", 4])],
         [("scores", F, ["batch", 3]), ("steps", F, ["time", "batch", 3])],
         {"w": normal(4, 3), "first": np.array([0])}, {"series": series, "labels": np.array([0, 1, 2, 2, 1, 0])},
         lambda s: (lambda r: (r[0], np.moveaxis(r[1], 1, 0)))(s.run(None, {"series": series})))

    # Boxes a sample: no list of classes; and a list beside it.
    x = normal(6, 4)
    nodes = [
        make("MatMul", ["x", "w"], ["flat"]), make("Reshape", ["flat", "shape"], ["boxes"]),
        make("ReduceMax", ["boxes", "last"], ["classes"], keepdims=0)
    ]
    save(folder, "detector", nodes, [("x", F, ["N", 4])], [("boxes", F, ["N", 5, 3]), ("classes", F, ["N", 5])],
         {"w": normal(4, 15), "shape": np.array([0, 5, 3]), "last": np.array([2])},
         {"x": x, "labels": np.array([0, 1, 2, 3, 4, 0])}, lambda s: s.run(None, {"x": x}))

    # A whole input a sample: the network knows no batch.
    x, gain = normal(4, 3, 2), normal(4)
    nodes = [make("Mul", ["x", "gain"], ["scaled"]), make("ReduceSum", ["scaled", "first"], ["y"], keepdims=0)]
    save(folder, "whole", nodes, [("x", F, [3, 2]), ("gain", F, [])], [("y", F, [2])], {"first": np.array([0])},
         {"x": x, "gain": gain},
         lambda s: [np.stack([s.run(None, {"x": a, "gain": np.array(b)})[0] for a, b in zip(x, gain)])])

    # Codes that a whole batch shares: what a sample gives depends on its neighbours.
    x = normal(6, 4) * np.array([[1], [3], [9], [1], [3], [9]], np.float32)
    nodes = [
        make("DynamicQuantizeLinear", ["x"], ["codes", "scale", "zero"]),
        make("DequantizeLinear", ["codes", "scale", "zero"], ["y"])
    ]
    save(folder, "dynamic", nodes, [("x", F, ["N", 4])], [("y", F, ["N", 4])], {}, {"x": x},
         lambda s: [np.concatenate([s.run(None, {"x": row[None]})[0] for row in x])])


main(sys.argv[1])
