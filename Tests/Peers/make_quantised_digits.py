"""Makes Tests/Fixtures/digits-qdq.onnx: the digits network as onnxruntime quantises it, with DequantizeLinear in front
of each int8 weight.
"""

from pathlib import Path

import numpy as np
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static

ROOT = Path(__file__).resolve().parents[2]


class Images(CalibrationDataReader):
    def __init__(self):
        images = np.load(ROOT / "Samples" / "digits-test.npz")["input"]
        self.batches = iter([{"input": images[i : i + 20]} for i in range(0, 100, 20)])

    def get_next(self):
        return next(self.batches, None)


if __name__ == "__main__":
    quantize_static(
        ROOT / "Samples" / "digits-cnn.onnx", ROOT / "Tests" / "Fixtures" / "digits-qdq.onnx", Images(),
        quant_format=QuantFormat.QDQ, per_channel=True, weight_type=QuantType.QInt8)
