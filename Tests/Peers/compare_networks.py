"""Compares Lathe's outputs of ONNX models with onnxruntime's, on the same seeded random inputs, and their speeds.

usage: compare_networks.py BENCHMARKS MODEL.onnx …     (pip install onnxruntime numpy safetensors)

BENCHMARKS is .build/release/benchmarks. For each model: the largest difference of any output, absolute and relative to
the output's largest number, and the seconds of the fastest of some runs, one thread each on the same processor.
"""
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import onnxruntime
from safetensors.numpy import load_file

TYPES = {
    "tensor(float)": np.float32, "tensor(int64)": np.int64, "tensor(int32)": np.int32, "tensor(uint8)": np.uint8,
    "tensor(double)": np.float64, "tensor(float16)": np.float16, "tensor(bool)": np.bool_, "tensor(int16)": np.int16,
}
# What a free extent is where the name of its input does not say more: batch, then others by rank.
FORMS = [
    {2: [1, 512], 3: [1, 64, 64], 4: [1, 3, 320, 320]}, {4: [1, 3, 48, 320]}, {4: [1, 3, 32, 320]},
    {4: [1, 48, 48, 3]}, {4: [1, 1, 64, 160]},
]
NAMED = {"sr": np.array(16000, np.int64)}


def inputs_for(session, extents):
    random = np.random.default_rng(7)
    given = {}
    for entry in session.get_inputs():
        shape = []
        for axis, extent in enumerate(entry.shape):
            free = extents.get(len(entry.shape), [8] * len(entry.shape))[axis]
            shape.append(extent if isinstance(extent, int) and extent > 0 else free)
        if entry.name == "state":
            shape[1] = 1
        if entry.name == "waveforms":
            shape = [1, 32000]
        kind = TYPES[entry.type]
        if entry.name in NAMED:
            given[entry.name] = NAMED[entry.name]
        elif "len" in entry.name:
            width = next((v.shape[-1] for v in given.values() if v.ndim > 1), 512)
            given[entry.name] = np.full(shape, width, kind)
        elif np.issubdtype(kind, np.floating):
            given[entry.name] = random.normal(0, 0.5, shape).astype(kind)
        else:
            given[entry.name] = random.integers(0, 100, shape).astype(kind)
    return given


def compare(program, path, scratch):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 4
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    for form in FORMS:
        # Free extents are guessed: a model that refuses one form may take the next.
        try:
            given = inputs_for(session, form)
            expected = session.run(None, given)
            break
        except Exception:
            if form is FORMS[-1]:
                raise
    runs = 5
    best = 1e9
    for _ in range(runs):
        start = time.perf_counter()
        session.run(None, given)
        best = min(best, time.perf_counter() - start)
    np.savez(scratch / "inputs.npz", **given)
    answer = subprocess.run(
        [program, "run-network", path, scratch / "inputs.npz", scratch / "outputs.safetensors", str(runs)],
        capture_output=True, text=True, cwd=Path(__file__).resolve().parents[2])
    if answer.returncode != 0:
        return answer.stdout.strip().splitlines()[-1:] or answer.stderr[-200:]
    seconds = float(next(line.split()[1] for line in answer.stdout.splitlines() if line.startswith("seconds ")))
    found = load_file(scratch / "outputs.safetensors")
    absolute = relative = 0.0
    for output, array in zip(session.get_outputs(), expected):
        array = np.asarray(array)
        ours = found[output.name]
        if ours.shape != array.shape:
            return f"{output.name}: shape {ours.shape}, onnxruntime {array.shape}"
        if array.size == 0:
            continue
        difference = np.abs(ours.astype(np.float64) - array.astype(np.float64))
        difference[np.isnan(ours) & np.isnan(array.astype(np.float64))] = 0
        absolute = max(absolute, float(difference.max()))
        relative = max(relative, float(difference.max() / max(1e-30, np.abs(array.astype(np.float64)).max())))
    return (f"largest difference {absolute:.2g}, of the largest number {relative:.2g}; {seconds * 1e3:.2f} ms, "
            f"onnxruntime {best * 1e3:.2f} ms: {best / seconds:.2f}×")


def main():
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    program = str(Path(sys.argv[1]).resolve())
    with tempfile.TemporaryDirectory() as scratch:
        for path in sys.argv[2:]:
            try:
                result = compare(program, str(Path(path).resolve()), Path(scratch))
            except Exception as error:  # A model that onnxruntime does not take as it is: said, not hidden.
                result = f"left out: {str(error).splitlines()[0][:160]}"
            print(f"{Path(path).name}: {result}", flush=True)


main()
