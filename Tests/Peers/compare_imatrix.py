"""Compares `lathe sensitivity --imatrix` with the sums that llama.cpp itself makes of the same text.

    compare_imatrix.py LATHE [MODEL.gguf TEXT.txt]

llama-imatrix sums the squares of what goes into each product with a weight, token by token, over windows of the context.
So does this script: it runs the model by llama.cpp with the callback that llama-imatrix uses, on the same windows, and
compares the means of squares, column by column. llama.cpp rounds activations to half precision before a product with such
weights, Lathe does not: they agree to a few thousandths. Ends with status 1 above 1 % in a layer's mean, or where a layer
is missing.

Needs cffi, gguf, numpy and the package llama-cpp-py-sync; LIBLLAMA names another library of its llama.cpp. Left out where
there is none.
"""
import os
import subprocess
import sys
import tempfile

import numpy as np

try:
    from cffi import FFI
    from llama_cpp_py_sync._cffi_bindings import ffi, get_lib
except ImportError:
    print("left out: llama-cpp-py-sync is not there")
    sys.exit(0)
import gguf

# ggml.h's tensor.
own = FFI()
own.cdef("""
struct ggml_tensor {
  int type; void * buffer; int64_t ne[4]; size_t nb[4]; int op; int32_t op_params[16]; int32_t flags;
  struct ggml_tensor * src[10]; struct ggml_tensor * view_src; size_t view_offs; void * data; char name[64]; void * extra;
};
const char * ggml_op_desc(const struct ggml_tensor * t);
""")
if "LIBLLAMA" in os.environ:
    folder = os.path.dirname(os.environ["LIBLLAMA"])
    base = own.dlopen(f"{folder}/libggml-base.so.0", own.RTLD_NOW | own.RTLD_GLOBAL)
    others = [ffi.dlopen(f"{folder}/{name}", ffi.RTLD_NOW | ffi.RTLD_GLOBAL)
              for name in ("libggml-cpu.so.0", "libggml.so.0")]
    llama = ffi.dlopen(os.environ["LIBLLAMA"])
else:
    import llama_cpp_py_sync
    llama = get_lib()
    base = own.dlopen(os.path.join(os.path.dirname(llama_cpp_py_sync.__file__), "libggml-base.so.0"))
lathe = os.path.abspath(sys.argv[1])
model, text = sys.argv[2:4] or ("Samples/shakespeare-llama-f16.gguf", "Samples/shakespeare-calibration.txt")
CONTEXT, WINDOWS = 256, 8
quiet = ffi.callback("void(enum ggml_log_level, const char *, void *)", lambda level, words, data: None)
llama.llama_log_set(quiet, ffi.NULL)
llama.llama_backend_init()
sums, counts = {}, {}


@ffi.callback("bool(struct ggml_tensor *, bool, void *)")
def collect(pointer, ask, data):
    tensor = own.cast("struct ggml_tensor *", int(ffi.cast("uintptr_t", pointer)))
    if own.string(base.ggml_op_desc(tensor)) != b"MUL_MAT":
        return not ask
    weight, inputs = own.string(tensor.src[0].name).decode(), tensor.src[1]
    if not weight.endswith(".weight") or inputs.type != 0:
        return not ask
    if not ask:
        shape = [inputs.ne[1] * inputs.ne[2] * inputs.ne[3], inputs.ne[0]]
        values = np.frombuffer(own.buffer(inputs.data, 4 * shape[0] * shape[1]), np.float32).reshape(shape).astype(float)
        sums[weight] = sums.get(weight, 0) + (values**2).sum(0)
        counts[weight] = counts.get(weight, 0) + shape[0]
    return True


file = llama.llama_model_load_from_file(model.encode(), llama.llama_model_default_params())
parameters = llama.llama_context_default_params()
parameters.n_ctx = parameters.n_batch = parameters.n_ubatch = CONTEXT
parameters.cb_eval = collect
context = llama.llama_init_from_model(file, parameters)
vocabulary = llama.llama_model_get_vocab(file)
whole = open(text, "rb").read()
tokens = ffi.new("llama_token[]", len(whole) + 8)
count = llama.llama_tokenize(vocabulary, whole, len(whole), tokens, len(whole) + 8, True, False)
part = whole
with tempfile.TemporaryDirectory() as folder:
    # As much of the text as the windows hold, so that both see the same.
    low, high = 0, len(whole)
    while low < high:
        middle = (low + high + 1) // 2
        found = llama.llama_tokenize(vocabulary, whole, middle, tokens, len(whole) + 8, True, False)
        low, high = (middle, high) if found < WINDOWS * CONTEXT + CONTEXT // 2 else (low, middle - 1)
    part = whole[:low]
    count = llama.llama_tokenize(vocabulary, part, len(part), tokens, len(whole) + 8, True, False)
    with open(f"{folder}/text.txt", "wb") as out:
        out.write(part)
    subprocess.run([lathe, "sensitivity", model, "--data", f"{folder}/text.txt", "--context", str(CONTEXT), "--imatrix",
                    f"{folder}/i.gguf", "--no-cache"], check=True, stderr=subprocess.DEVNULL)
    fields = {tensor.name: np.array(tensor.data).reshape(-1) for tensor in gguf.GGUFReader(f"{folder}/i.gguf").tensors}
for window in range(count // CONTEXT):
    llama.llama_memory_clear(llama.llama_get_memory(context), True)
    batch = llama.llama_batch_init(CONTEXT, 0, 1)
    batch.n_tokens = CONTEXT
    for place in range(CONTEXT):
        batch.token[place] = tokens[window * CONTEXT + place]
        batch.pos[place], batch.n_seq_id[place], batch.seq_id[place][0], batch.logits[place] = place, 1, 0, 1
    if llama.llama_vocab_get_add_bos(vocabulary):
        batch.token[0] = llama.llama_vocab_bos(vocabulary)
    assert llama.llama_decode(context, batch) == 0
    llama.llama_batch_free(batch)
worst, failed = 0.0, False
for name in sorted(key[: -len(".in_sum2")] for key in fields if key.endswith(".in_sum2")):
    if name not in sums:
        print(f"{name}: llama.cpp multiplies by no such weight")
        failed = True
        continue
    mine = fields[f"{name}.in_sum2"] / fields[f"{name}.counts"][0]
    theirs = sums[name] / counts[name]
    difference = float(np.abs(mine - theirs).sum() / theirs.sum())
    worst = max(worst, difference)
print(f"{os.path.basename(model)}: {len(sums)} weights, {count // CONTEXT} windows, mean squares of inputs differ by at most "
      f"{worst:.2e} of a layer's")
sys.exit(failed or worst > 1e-2)
