"""Compares tuned recipes with onnxruntime's dynamic quantiser: the file's size and top-1, both run by onnxruntime.

    compare_tuning.py LATHE

For each sample network a recipe is tuned for onnxruntime on calibration data, onnxruntime quantises the model by the
exported script, and runs it on test data. Ends with status 1 where the tuned file is no smaller, or answers fewer test
images right than the best of the quantiser's four (int8 or uint8, by tensor or channel).
"""
import os
import subprocess
import sys
import tempfile

import numpy as np
import onnxruntime
from onnxruntime.quantization import QuantType, quantize_dynamic

lathe = os.path.abspath(sys.argv[1])
failed = False


def top1(path, samples):
    """The share of images that the model at `path` takes for what they are."""
    data = np.load(samples)
    name = next(key for key in data.files if key != "labels")
    session = onnxruntime.InferenceSession(path)
    run = [session.run(None, {session.get_inputs()[0].name: data[name][i : i + 50]})[0]
           for i in range(0, len(data[name]), 50)]
    return float((np.concatenate(run).argmax(1) == data["labels"]).mean())


for model, data, budget in (("fashion-resnet", "fashion", "100kB"), ("digits-cnn", "digits", "26kB")):
    source, test = f"Samples/{model}.onnx", f"Samples/{data}-test.npz"
    with tempfile.TemporaryDirectory() as folder:
        dynamic = []
        for kind in (QuantType.QInt8, QuantType.QUInt8):
            for channels in (False, True):
                path = f"{folder}/dynamic.onnx"
                quantize_dynamic(source, path, weight_type=kind, per_channel=channels)
                dynamic.append((top1(path, test), -os.path.getsize(path)))
        best, size = max(dynamic)
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "check": True}
        subprocess.run([lathe, "tune", source, "--budget", budget, "--to", "onnxruntime", "--data",
                        f"Samples/{data}-calibration.npz", "-o", f"{folder}/r.json", "--no-cache"], **quiet)
        subprocess.run([lathe, "export", source, "--recipe", f"{folder}/r.json", "--to", "onnxruntime", "-o",
                        f"{folder}/out/"], **quiet)
        subprocess.run([sys.executable, f"{folder}/out/quantize.py", source, f"{folder}/tuned.onnx"], **quiet)
        own, own_size = top1(f"{folder}/tuned.onnx", test), os.path.getsize(f"{folder}/tuned.onnx")
    print(f"{model}: float {os.path.getsize(source)} bytes, {top1(source, test):.4f}; dynamic {-size}, {best:.4f}; "
          f"tuned {own_size}, {own:.4f}")
    failed |= own < best or own_size >= -size
sys.exit(failed)
