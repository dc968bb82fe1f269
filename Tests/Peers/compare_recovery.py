"""Error feedback against llm-compressor's GPTQ: the sample language model, the same calibration windows, the same bits.

usage: compare_recovery.py LATHE FOLDER      (pip install torch llmcompressor)

Both quantise all linear layers but the head in symmetric groups of 128; what llm-compressor makes is written as a model
of plain numbers, and Lathe scores both on text that took no part. FOLDER gets the files.
"""

import json
import shutil
import subprocess
import sys
from pathlib import Path


import torch
from datasets import Dataset
from llmcompressor import oneshot
from llmcompressor.modifiers.gptq import GPTQModifier
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM, AutoTokenizer

MODEL = "Samples/shakespeare-llama"
CALIBRATION = "Samples/shakespeare-calibration.txt"
TEST = "Samples/shakespeare-test.txt"
WINDOW = 256
lathe, folder = sys.argv[1], Path(sys.argv[2])


def run(*arguments):
    found = subprocess.run([lathe, *arguments], capture_output=True, text=True)
    if found.returncode:
        sys.exit(found.stderr)
    return found.stdout


def scores(model, *choice):
    """Perplexity, and the KL divergence from the uncompressed model where a choice was made."""
    found = json.loads(run("evaluate", str(model), *choice, "--data", TEST, "--context", str(WINDOW), "--json"))
    figures = {metric["name"]: metric["value"] for metric in found["metrics"]}
    return figures["perplexity"], figures.get("KL divergence")


def divergence(changed):
    """The same of the peer's model: the second half of each window, as Lathe scores it."""
    original = AutoModelForCausalLM.from_pretrained(MODEL, dtype=torch.float32).eval()
    tokenizer = AutoTokenizer.from_pretrained(MODEL)
    tokens = tokenizer(Path(TEST).read_text(), add_special_tokens=False)["input_ids"]
    total, count = 0.0, 0
    for first in range(0, len(tokens) - WINDOW + 1, WINDOW):
        window = torch.tensor([tokens[first:first + WINDOW]])
        with torch.no_grad():
            p = original(window).logits[0, WINDOW // 2:-1].log_softmax(-1)
            q = changed(window).logits[0, WINDOW // 2:-1].log_softmax(-1)
        total += (p.exp() * (p - q)).sum().item()
        count += len(p)
    return total / count


def windows():
    tokens = AutoTokenizer.from_pretrained(MODEL)(Path(CALIBRATION).read_text(), add_special_tokens=False)["input_ids"]
    count = min(128, len(tokens) // WINDOW)
    return [tokens[i * WINDOW:(i + 1) * WINDOW] for i in range(count)]


def peer(bits, order):
    samples = Dataset.from_list([{"input_ids": w, "attention_mask": [1] * WINDOW} for w in windows()])
    weights = {"num_bits": bits, "type": "int", "symmetric": True, "strategy": "group", "group_size": 128}
    recipe = GPTQModifier(
        config_groups={"group_0": {"targets": ["Linear"], "weights": {**weights, "actorder": order}}}, ignore=["lm_head"])
    model = AutoModelForCausalLM.from_pretrained(MODEL, dtype=torch.float32)
    model = oneshot(
        model=model, recipe=recipe, dataset=samples, num_calibration_samples=len(samples), max_seq_length=WINDOW,
        tokenizer=AutoTokenizer.from_pretrained(MODEL))
    own = load_file(f"{MODEL}/model.safetensors")
    made = {name: value.detach() for name, value in model.state_dict().items()}
    out = folder / f"peer-{bits}-{order}"
    shutil.rmtree(out, ignore_errors=True)
    shutil.copytree(MODEL, out)
    changed = 0
    for name, value in own.items():
        if name in made and made[name].shape == value.shape:
            changed += not torch.equal(made[name].float(), value.float())
            own[name] = made[name].float().contiguous()
    save_file(own, str(out / "model.safetensors"))
    print(f"llm-compressor changed {changed} of {len(own)} tensors", file=sys.stderr)
    return scores(out)[0], divergence(AutoModelForCausalLM.from_pretrained(out, dtype=torch.float32).eval())


folder.mkdir(parents=True, exist_ok=True)
kept = ["--set", "*embed*=keep", "--set", "*lm_head*=keep"]
print(f"uncompressed: perplexity {scores(MODEL)[0]:.3f}")
for bits in (4, 3, 2):
    scheme = f"int{bits},group=128,symmetric-full"
    recipe = str(folder / f"own-{bits}.json")
    run("recover", MODEL, "--set", f"*={scheme},by=gptq", *kept, "--data", CALIBRATION, "--context", str(WINDOW), "-o", recipe)
    rows = {"nearest": scores(MODEL, "--set", f"*={scheme}", *kept), "Lathe": scores(MODEL, "--recipe", recipe)}
    for order in ("static", None):
        rows[f"llm-compressor, order {order}"] = peer(bits, order)
    for name, (figure, distance) in rows.items():
        print(f"{bits} bits, {name}: perplexity {figure:.3f}, KL divergence {distance:.5f}", flush=True)
