"""Makes Tests/Fixtures/shakespeare-llama-transformers.json from Samples/ with transformers' LlamaForCausalLM.

The token ids of the test text's first window, the negative log likelihoods over its non-overlapping
windows of 256 tokens (255 predicted in each, the last short window left out), and the logits at the
first window's last position: for the F16 weights computed in float32, and for a copy whose every
2-D weight is replaced by its int4 symmetric group=32 reconstruction.
"""
import json
import math
from importlib.metadata import version
from pathlib import Path

import torch
from tokenizers import Tokenizer
from transformers import LlamaForCausalLM

from plain_schemes import blocks, quantise

ROOT = Path(__file__).resolve().parents[2]
FOLDER, WINDOW = ROOT / "Samples/shakespeare-llama", 256


@torch.no_grad()
def outputs(model, windows):
    losses, last = [], None
    for part in windows.split(16):
        logits = model(part).logits
        last = logits[0, -1] if last is None else last
        losses.append(torch.nn.functional.cross_entropy(
            logits[:, :-1].transpose(1, 2), part[:, 1:], reduction="none").double().mean(1))
    losses = torch.cat(losses)
    return {"perplexity": math.exp(losses.mean()), "windowLosses": [round(v, 8) for v in losses.tolist()],
            "lastLogits": [float(f"{v:.7g}") for v in last.tolist()]}


@torch.no_grad()
def quantise_all(model):
    for weight in model.parameters():
        if weight.dim() == 2:
            block = blocks(weight.numpy(), "group=32")
            weight.copy_(torch.from_numpy(quantise(block, 4, symmetric=True)[3]).view_as(weight))


def main():
    torch.set_num_threads(1)
    ids = Tokenizer.from_file(str(FOLDER / "tokenizer.json")).encode(
        (ROOT / "Samples/shakespeare-test.txt").read_text()).ids
    windows = torch.tensor(ids[:len(ids) // WINDOW * WINDOW]).view(-1, WINDOW)
    model = LlamaForCausalLM.from_pretrained(FOLDER, dtype=torch.float32).eval()
    result = {"source": f"transformers {version('transformers')}", "tokens": len(ids), "windows": len(windows),
              "firstWindow": windows[0].tolist(), "original": outputs(model, windows)}
    quantise_all(model)
    result.update(scheme="int4,group=32,symmetric", quantised=outputs(model, windows))
    text = json.dumps(result).replace(', "original', ',\n"original').replace(', "quantised', ',\n"quantised')
    (ROOT / "Tests/Fixtures/shakespeare-llama-transformers.json").write_text(text + "\n")
    print(result["original"]["perplexity"], result["quantised"]["perplexity"])


if __name__ == "__main__":
    main()
