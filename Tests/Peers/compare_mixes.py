"""Compares tuned GGUF files with llama.cpp's own mixes of the same size, by llama.cpp's own measure.

    compare_mixes.py LATHE [MODEL.gguf CALIBRATION.txt TEST.txt]

llama.cpp quantises the model to Q3_K_M and Q4_K_M; Lathe tunes it on the calibration text to no more bytes and writes a
GGUF; both are run by llama.cpp on the test text. The figure is llama-perplexity's KL divergence from the float model: over
windows of 256 tokens, of the second half. Once without an importance matrix, once with one (Lathe's, of the calibration
text) on both sides. Ends with status 1 where a tuned file is larger or diverges more.

Needs cffi, gguf, numpy and the package llama-cpp-py-sync; LIBLLAMA names another library of its llama.cpp. Left out where
there is none.
"""
import os
import subprocess
import sys
import tempfile

import numpy as np

try:
    from llama_cpp_py_sync._cffi_bindings import ffi, get_lib
except ImportError:
    print("left out: llama-cpp-py-sync is not there")
    sys.exit(0)
import gguf

if "LIBLLAMA" in os.environ:
    folder = os.path.dirname(os.environ["LIBLLAMA"])
    others = [ffi.dlopen(f"{folder}/{name}", ffi.RTLD_NOW | ffi.RTLD_GLOBAL)
              for name in ("libggml-base.so.0", "libggml-cpu.so.0", "libggml.so.0")]
    llama = ffi.dlopen(os.environ["LIBLLAMA"])
else:
    llama = get_lib()
lathe = os.path.abspath(sys.argv[1])
model, calibration, test = sys.argv[2:5] or (
    "Samples/shakespeare-llama-f16.gguf", "Samples/shakespeare-calibration.txt", "Samples/shakespeare-test.txt")
CONTEXT, WINDOWS = 256, 16
quiet = ffi.callback("void(enum ggml_log_level, const char *, void *)", lambda level, text, data: None)
llama.llama_log_set(quiet, ffi.NULL)
llama.llama_backend_init()


def quantise(path, kind, importances):
    parameters = llama.llama_model_quantize_default_params()
    parameters.nthread, parameters.ftype = 2, kind
    kept = []
    if importances:
        entries = ffi.new("struct llama_model_imatrix_data[]", len(importances) + 1)
        for entry, (name, values) in zip(entries, importances.items()):
            text, data = ffi.new("char[]", name.encode()), ffi.new("float[]", values.tolist())
            kept += [text, data]
            entry.name, entry.data, entry.size = text, data, len(values)
        kept.append(entries)
        parameters.imatrix = entries
    status = llama.llama_model_quantize(model.encode(), path.encode(), ffi.new("llama_model_quantize_params *", parameters))
    assert status == 0, path


def log_probabilities(path):
    """Of the scored positions of all windows, by llama.cpp."""
    file = llama.llama_model_load_from_file(path.encode(), llama.llama_model_default_params())
    assert file != ffi.NULL, path
    parameters = llama.llama_context_default_params()
    parameters.n_ctx = parameters.n_batch = parameters.n_ubatch = CONTEXT
    context = llama.llama_init_from_model(file, parameters)
    vocabulary = llama.llama_model_get_vocab(file)
    size = llama.llama_vocab_n_tokens(vocabulary)
    text = open(test, "rb").read()
    tokens = ffi.new("llama_token[]", len(text) + 8)
    count = llama.llama_tokenize(vocabulary, text, len(text), tokens, len(text) + 8, True, False)
    found = []
    for window in range(min(WINDOWS, count // CONTEXT)):
        llama.llama_memory_clear(llama.llama_get_memory(context), True)
        batch = llama.llama_batch_init(CONTEXT, 0, 1)
        batch.n_tokens = CONTEXT
        for place in range(CONTEXT):
            batch.token[place] = tokens[window * CONTEXT + place]
            batch.pos[place], batch.n_seq_id[place], batch.seq_id[place][0], batch.logits[place] = place, 1, 0, 1
        if llama.llama_vocab_get_add_bos(vocabulary):
            batch.token[0] = llama.llama_vocab_bos(vocabulary)
        assert llama.llama_decode(context, batch) == 0
        logits = np.frombuffer(ffi.buffer(llama.llama_get_logits(context), 4 * CONTEXT * size), np.float32)
        logits = logits.reshape(CONTEXT, size)[CONTEXT // 2 : CONTEXT - 1].astype(np.float64)
        top = logits.max(1, keepdims=True)
        found.append(logits - top - np.log(np.exp(logits - top).sum(1, keepdims=True)))
        llama.llama_batch_free(batch)
    llama.llama_free(context)
    llama.llama_model_free(file)
    return np.concatenate(found)


def run(*words):
    subprocess.run([lathe, *words, "--no-cache"], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


failed = False
with tempfile.TemporaryDirectory() as folder:
    whole = log_probabilities(model)
    data = ["--data", calibration, "--context", str(CONTEXT)]
    run("sensitivity", model, *data, "--imatrix", f"{folder}/i.gguf")
    fields = {tensor.name: tensor.data.reshape(-1) for tensor in gguf.GGUFReader(f"{folder}/i.gguf").tensors}
    matrix = {name[: -len(".in_sum2")]: values / fields[name.replace(".in_sum2", ".counts")][0]
              for name, values in fields.items() if name.endswith(".in_sum2")}
    run("sensitivity", model, *data, "-o", f"{folder}/s.json")
    for name, kind in (("Q3_K_M", 12), ("Q4_K_M", 15)):
        for weighed in (False, True):
            quantise(f"{folder}/theirs.gguf", kind, matrix if weighed else None)
            size = os.path.getsize(f"{folder}/theirs.gguf")
            importance = ["--importance", f"{folder}/i.gguf"] if weighed else []
            run("tune", model, "--budget", f"{size}B", "--to", "gguf", *data, "--sensitivity", f"{folder}/s.json", *importance,
                "-o", f"{folder}/r.json")
            run("export", model, "--recipe", f"{folder}/r.json", "--to", "gguf", *importance, "-o", f"{folder}/ours.gguf")
            own_size = os.path.getsize(f"{folder}/ours.gguf")
            divergences = []
            for path in ("theirs", "ours"):
                other = log_probabilities(f"{folder}/{path}.gguf")
                divergences.append((np.exp(whole) * (whole - other)).sum(1))
            theirs, ours = (one.mean() for one in divergences)
            error = (divergences[1] - divergences[0]).std() / len(divergences[0]) ** 0.5
            print(f"{os.path.basename(model)}, {name}{', with an importance matrix' if weighed else ''}: {size} bytes, "
                  f"KL {theirs:.5f}; tuned {own_size}, {ours:.5f} ({ours / theirs:.2f}; paired difference ± {error:.5f})")
            failed |= ours > theirs or own_size > size
sys.exit(failed)
