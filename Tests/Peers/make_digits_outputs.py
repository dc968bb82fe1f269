"""Makes Tests/Fixtures/digits-cnn-onnxruntime.json from Samples/digits-cnn.onnx and digits-test.npz.

onnxruntime's logits of the first 64 test images and its score on all of them: for the model as
it is, and for a copy whose weights (all but conv1, whose 9 columns no group of 32 divides) are
replaced by their int4 symmetric group=32 reconstruction.
"""
import json
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from onnx import numpy_helper

from plain_schemes import blocks, quantise

ROOT = Path(__file__).resolve().parents[2]
QUANTISED = ["conv2.weight", "conv3.weight", "fc1.weight", "fc2.weight"]


def quantised(model):
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    for tensor in copy.graph.initializer:
        if tensor.name in QUANTISED:
            weight = numpy_helper.to_array(tensor)
            rows = weight.reshape(weight.shape[0], -1)
            new = quantise(blocks(rows, "group=32"), 4, symmetric=True)[3].reshape(weight.shape)
            tensor.CopyFrom(numpy_helper.from_array(new, tensor.name))
    return copy


def outputs(model, images, labels):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(model.SerializeToString(), options,
                                           providers=["CPUExecutionProvider"])
    logits = session.run(None, {"input": images})[0]
    losses = np.log(np.exp(logits.astype(np.float64)).sum(1)) - logits[np.arange(len(labels)), labels]
    correct = int((logits.argmax(1) == labels).sum())
    return {"images": len(labels), "correct": correct, "accuracy": correct / len(labels),
            "meanCrossEntropy": float(losses.mean()),
            "logits": [[float(f"{v:.9g}") for v in row] for row in logits[:64]]}


def main():
    model = onnx.load(ROOT / "Samples/digits-cnn.onnx")
    test = np.load(ROOT / "Samples/digits-test.npz")
    result = {"source": f"onnxruntime {onnxruntime.__version__}",
              "original": outputs(model, test["input"], test["labels"]),
              "quantisedWeights": QUANTISED, "scheme": "int4,group=32,symmetric",
              "quantised": outputs(quantised(model), test["input"], test["labels"])}
    text = json.dumps(result).replace('"logits": [[', '"logits": [\n[').replace("], [", "],\n[")
    (ROOT / "Tests/Fixtures/digits-cnn-onnxruntime.json").write_text(text + "\n")
    for name in ("original", "quantised"):
        print(name, result[name]["correct"], "of", result[name]["images"], result[name]["meanCrossEntropy"])


if __name__ == "__main__":
    main()
