"""Trains the digits CNN and writes digits-cnn.onnx, digits-cnn.safetensors and digits-test.npz.

Data: scikit-learn's copy of UCI optdigits (1,797 grey images of 8 x 8, CC BY 4.0).
Split, stratified by class with fixed seeds: 20 % test (never seen here except to be
written out), and of the rest 15 % validation, which alone picks the epoch that is kept.
Pixels run from 0 to 16; the network takes pixel / 16.
"""
from pathlib import Path

import numpy as np
import onnx
import torch
import torch.nn as nn
import torch.nn.functional as F
from safetensors.torch import save_file
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

OUT = Path(__file__).resolve().parent.parent
EPOCHS, BATCH, SEED = 60, 32, 1


class DigitsCNN(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 32, 3, padding=1)
        self.relu1 = nn.ReLU()
        self.conv2 = nn.Conv2d(32, 32, 3, padding=1)
        self.relu2 = nn.ReLU()
        self.pool2 = nn.MaxPool2d(2)
        self.conv3 = nn.Conv2d(32, 64, 3, padding=1)
        self.relu3 = nn.ReLU()
        self.pool3 = nn.MaxPool2d(2)
        self.flatten = nn.Flatten()
        self.fc1 = nn.Linear(256, 64)
        self.relu4 = nn.ReLU()
        self.fc2 = nn.Linear(64, 10)

    def forward(self, x):                                   # (N, 1, 8, 8)
        x = self.relu1(self.conv1(x))                       # (N, 32, 8, 8)
        x = self.pool2(self.relu2(self.conv2(x)))           # (N, 32, 4, 4)
        x = self.pool3(self.relu3(self.conv3(x)))           # (N, 64, 2, 2)
        x = self.relu4(self.fc1(self.flatten(x)))           # (N, 64)
        return self.fc2(x)                                  # (N, 10)


def read_parts():
    """The training, validation and test images as (input, labels): F32 [N, 1, 8, 8], I64 [N]."""
    digits = load_digits()
    x = (digits.images / 16).astype(np.float32)[:, None]
    y = digits.target.astype(np.int64)
    x, xt, y, yt = train_test_split(x, y, test_size=0.2, stratify=y, random_state=0)
    x, xv, y, yv = train_test_split(x, y, test_size=0.15, stratify=y, random_state=0)
    return (x, y), (xv, yv), (xt, yt)


def shifted(x, generator):
    """Each image moved by -1, 0 or 1 pixel in each direction, zeros moving in."""
    padded = F.pad(x, (1, 1, 1, 1))
    dy, dx = torch.randint(0, 3, (2, len(x)), generator=generator).tolist()
    return torch.stack([padded[i, :, a:a + 8, b:b + 8] for i, (a, b) in enumerate(zip(dy, dx))])


def accuracy(model, x, y):
    model.eval()
    with torch.no_grad():
        return (model(x).argmax(1) == y).float().mean().item()


def train(x, y, xv, yv):
    torch.manual_seed(SEED)
    generator = torch.Generator().manual_seed(SEED)
    model = DigitsCNN()
    optimiser = torch.optim.AdamW(model.parameters(), lr=2e-3, weight_decay=0.02)
    steps = EPOCHS * (len(x) // BATCH)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps)
    best, best_loss = None, float("inf")
    for epoch in range(EPOCHS):
        model.train()
        order = torch.randperm(len(x), generator=generator)
        for i in range(len(x) // BATCH):
            pick = order[i * BATCH:(i + 1) * BATCH]
            loss = F.cross_entropy(model(shifted(x[pick], generator)), y[pick])
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
        model.eval()
        with torch.no_grad():
            validation = F.cross_entropy(model(xv), yv).item()
        if validation < best_loss:
            best, best_loss = {k: v.clone() for k, v in model.state_dict().items()}, validation
            print(f"epoch {epoch + 1}: validation loss {validation:.4f}, "
                  f"accuracy {accuracy(model, xv, yv):.4f}", flush=True)
    model.load_state_dict(best)
    return model.eval()


def main():
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    (x, y), (xv, yv), (xt, yt) = read_parts()
    np.savez(OUT / "digits-test.npz", input=xt, labels=yt)
    model = train(*map(torch.from_numpy, (x, y, xv, yv)))

    save_file(model.state_dict(), OUT / "digits-cnn.safetensors", {"format": "pt"})
    path = OUT / "digits-cnn.onnx"
    torch.onnx.export(model, (torch.zeros(1, 1, 8, 8),), str(path), dynamo=False, opset_version=17,
                      input_names=["input"], output_names=["logits"],
                      dynamic_axes={"input": {0: "batch"}, "logits": {0: "batch"}})
    onnx.checker.check_model(str(path), full_check=True)
    print(f"{len(x)} training, {len(xv)} validation, {len(xt)} test images; "
          f"{sum(p.numel() for p in model.parameters())} parameters")


if __name__ == "__main__":
    main()
