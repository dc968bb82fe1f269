"""Prints the image classifiers' accuracy and the Shakespeare model's perplexity from the files in Samples/.

Accuracy: onnxruntime on all of digits-test.npz and of fashion-test.npz, top-1.
Perplexity: the F16 weights of shakespeare-llama/ computed in float32; shakespeare-test.txt is
encoded whole, without a start token, and cut into non-overlapping windows of 256 tokens, the last
short one left out; in each window the first token is given and 255 are predicted; the perplexity
is exp of the mean negative log likelihood of all predicted tokens.
With --transformers it also compares the logits with those of transformers' LlamaForCausalLM,
loaded from the folder and from the GGUF.
"""
import math
import sys
from pathlib import Path

import numpy as np
import onnxruntime
import torch
from safetensors.torch import load_file
from tokenizers import Tokenizer

import llama

SAMPLES = Path(__file__).resolve().parent.parent


def images(model, data):
    test = np.load(SAMPLES / data)
    session = onnxruntime.InferenceSession(SAMPLES / model, providers=["CPUExecutionProvider"])
    logits = session.run(None, {"input": test["input"]})[0]
    correct = int((logits.argmax(1) == test["labels"]).sum())
    print(f"{model}: {correct} of {len(logits)} test images right, accuracy {correct / len(logits):.4f}")


def shakespeare():
    model = llama.Llama().eval()
    state = load_file(SAMPLES / "shakespeare-llama/model.safetensors")
    model.load_state_dict({name: tensor.float() for name, tensor in state.items()})
    tokenizer = Tokenizer.from_file(str(SAMPLES / "shakespeare-llama/tokenizer.json"))
    ids = torch.tensor(tokenizer.encode((SAMPLES / "shakespeare-test.txt").read_text()).ids)
    losses = llama.window_losses(model, ids).double()
    predicted = ids[:losses.shape[0] * llama.CONTEXT].view(-1, llama.CONTEXT)[:, 1:].flatten().tolist()
    size = sum(len(tokenizer.id_to_token(i)) for i in predicted)        # byte level: one character a byte
    print(f"shakespeare-llama: {losses.shape[0]} windows, {losses.numel()} predicted tokens, {size} bytes")
    print(f"perplexity {math.exp(losses.mean()):.4f} per token, "
          f"{losses.mean():.5f} nats per token, {losses.sum() / math.log(2) / size:.4f} bits per byte")
    return model, ids


def against_transformers(model, ids):
    from transformers import LlamaForCausalLM
    windows = ids[:4 * llama.CONTEXT].view(4, -1)
    with torch.no_grad():
        ours = model(windows)
        for name, arguments in (("folder", {}), ("GGUF", {"gguf_file": "shakespeare-llama-f16.gguf"})):
            path = SAMPLES if arguments else SAMPLES / "shakespeare-llama"
            theirs = LlamaForCausalLM.from_pretrained(path, dtype=torch.float32, **arguments).eval()(windows).logits
            print(f"transformers, {name}: largest difference of a logit {(ours - theirs).abs().max():.2e} "
                  f"(largest logit {ours.abs().max():.1f})")


if __name__ == "__main__":
    torch.set_num_threads(1)
    images("digits-cnn.onnx", "digits-test.npz")
    images("fashion-resnet.onnx", "fashion-test.npz")
    checked = shakespeare()
    if "--transformers" in sys.argv:
        against_transformers(*checked)
