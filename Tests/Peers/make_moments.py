"""Makes Tests/Fixtures/moments.json: Σ x² of what torch gives the layers of small models, by the weights' names.

    python make_moments.py        (after make_transformer_outputs.py)

Of each the rows, and the norm of the sums and their product with a rule's numbers (see make_gradients.py).
"""
import json

import numpy as np
import torch
import torch.nn.functional as F
import transformers as t
from safetensors.torch import load_file

from make_gradients import FIXTURES, ROOT, figures


def entry(rows):
    """Rows of inputs, (count, columns)."""
    return [len(rows), *figures(rows.double().square().sum(0), 0)]


def digits():
    w = {k: v.double() for k, v in load_file(ROOT / "Samples/digits-cnn.safetensors").items()}
    x = torch.from_numpy(np.load(ROOT / "Samples/digits-test.npz")["input"]).double()
    found = {}

    def convolution(x, name):
        windows = F.unfold(x, 3, padding=1)
        found[f"{name}.weight"] = entry(windows.transpose(1, 2).reshape(-1, windows.shape[1]))
        return F.relu(F.conv2d(x, w[f"{name}.weight"], w[f"{name}.bias"], padding=1))

    def linear(x, name):
        found[f"{name}.weight"] = entry(x)
        return F.linear(x, w[f"{name}.weight"], w[f"{name}.bias"])

    y = F.max_pool2d(convolution(convolution(x, "conv1"), "conv2"), 2)
    y = F.max_pool2d(convolution(y, "conv3"), 2)
    linear(F.relu(linear(y.flatten(1), "fc1")), "fc2")
    return found


def transformer(name, texts):
    config = t.AutoConfig.from_pretrained(FIXTURES / f"transformers/{name}")
    model = getattr(t, config.architectures[0]).from_pretrained(
        FIXTURES / f"transformers/{name}", dtype=torch.float64, attn_implementation="eager").eval()
    found = {}
    for module_name, module in model.named_modules():
        if isinstance(module, torch.nn.Linear):
            module.register_forward_hook(
                lambda m, x, y, name=module_name: found.setdefault(name, []).append(x[0].flatten(0, -2)))
    with torch.no_grad():
        for text in texts:
            model(torch.tensor([text]))
    return {f"{n}.weight": entry(torch.cat(x)) for n, x in found.items() if "pooler" not in n}


if __name__ == "__main__":
    torch.set_num_threads(1)
    tokens = json.loads((FIXTURES / "transformers.json").read_text())["tokens"]
    texts = [tokens[:20], tokens[20:]]
    result = {"source": f"torch {torch.__version__.split('+')[0]}", "digits": digits(), "texts": texts,
              "transformers": {name: transformer(name, texts) for name in ("llama", "phi3", "gemma2", "bert")}}
    (FIXTURES / "moments.json").write_text(json.dumps(result).replace("}, \"", "},\n\"") + "\n")
