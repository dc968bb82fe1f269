"""Writes Tests/Fixtures/plain-decode.safetensors: every code of the small floating-point types and its value.

usage: plain_decode.py OUT      (pip install ml_dtypes safetensors numpy)

`TYPE.values` (F32) holds the value of code i at i, as ml_dtypes has it.
"""
import sys

import ml_dtypes
import numpy as np
from safetensors.numpy import save_file

TYPES = {
    "F8_E4M3": ml_dtypes.float8_e4m3fn, "F8_E5M2": ml_dtypes.float8_e5m2,
    "F8_E4M3FNUZ": ml_dtypes.float8_e4m3fnuz, "F8_E5M2FNUZ": ml_dtypes.float8_e5m2fnuz,
    "F8_E8M0": ml_dtypes.float8_e8m0fnu, "F6_E3M2": ml_dtypes.float6_e3m2fn,
    "F6_E2M3": ml_dtypes.float6_e2m3fn, "F4": ml_dtypes.float4_e2m1fn,
}
save_file(
    {f"{name}.values": np.arange(256 if "8" in name[:2] else 64 if "6" in name[:2] else 16, dtype=np.uint8)
     .view(kind).astype(np.float32) for name, kind in TYPES.items()},
    sys.argv[1])
