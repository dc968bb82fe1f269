"""Puts a BatchNormalization behind a network's first convolution that changes nothing: with the mean and variance of the
convolution's outputs on given data, as if it had never been folded away.

    python unfold_normalisation.py MODEL.onnx DATA.npz OUT.onnx
"""

import sys

import numpy as np
import onnx
from onnx import helper, numpy_helper
from onnx.reference import ReferenceEvaluator


def main(path, data, out):
    model = onnx.load(path)
    graph = model.graph
    index = next(i for i, node in enumerate(graph.node) if node.op_type == "Conv")
    convolution = graph.node[index]
    value = convolution.output[0]
    head = helper.make_model(
        helper.make_graph([convolution], "head", list(graph.input), [helper.make_empty_tensor_value_info(value)],
                          list(graph.initializer)), opset_imports=model.opset_import, ir_version=model.ir_version)
    (y,) = ReferenceEvaluator(head).run(None, {"input": np.load(data)["input"][:256]})
    mean, variance = y.mean((0, 2, 3)), y.var((0, 2, 3))
    weights = {"scale": np.sqrt(variance + 1e-5), "shift": mean, "mean": mean, "variance": variance}
    for node in graph.node:
        node.input[:] = [value + "/normalised" if name == value else name for name in node.input]
    names = ["first_normalisation." + key for key in weights]
    graph.node.insert(index + 1, helper.make_node(
        "BatchNormalization", [value] + names, [value + "/normalised"], name="/first_normalisation"))
    graph.initializer.extend(
        numpy_helper.from_array(w.astype(np.float32), name) for name, w in zip(names, weights.values()))
    onnx.checker.check_model(model)
    onnx.save(model, out)


if __name__ == "__main__":
    main(*sys.argv[1:])
