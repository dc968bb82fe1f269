"""Trains the Fashion-MNIST ResNet; writes fashion-resnet.onnx, fashion-test.npz and fashion-calibration.npz.

Data: Zalando Research's Fashion-MNIST (70,000 grey images of 28 x 28 in ten classes, MIT), given as
the folder of its four .gz files. Debian carries it:

    apt install dataset-fashion-mnist
    python train_fashion.py /usr/share/datasets/fashion-mnist

Split: of the 60,000 training images 500 of each class take no part in training; 512 of these are
the calibration images. Nothing is chosen on them: the weights kept are those after the last epoch.
Of the 10,000 test images 100 of each class are written out. Pixels run from 0 to 255; the network
takes pixel / 255.
"""
import gzip
import sys
from pathlib import Path

import numpy as np
import onnx
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.nn.utils.fusion import fuse_conv_bn_eval

OUT = Path(__file__).resolve().parent.parent
EPOCHS, BATCH, PEAK_RATE, SEED = 10, 128, 0.1, 1
HELD_OUT, CALIBRATION, TEST = 5000, 512, 1000


def convolution(channels, kernels, size, stride=1):
    return nn.Conv2d(channels, kernels, size, stride, padding=size // 2, bias=False)


class Stage(nn.Module):
    """One residual block, whose shortcut is a 1 x 1 convolution; a stride of 2 halves height and width."""

    def __init__(self, channels, kernels, stride):
        super().__init__()
        self.conv1, self.norm1 = convolution(channels, kernels, 3, stride), nn.BatchNorm2d(kernels)
        self.conv2, self.norm2 = convolution(kernels, kernels, 3), nn.BatchNorm2d(kernels)
        self.shortcut, self.norm = convolution(channels, kernels, 1, stride), nn.BatchNorm2d(kernels)

    def forward(self, x):
        y = F.relu(self.norm1(self.conv1(x)))
        return F.relu(self.norm2(self.conv2(y)) + self.norm(self.shortcut(x)))


class FashionResNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem, self.norm = convolution(1, 32, 3, 2), nn.BatchNorm2d(32)
        self.stage1, self.stage2, self.stage3 = Stage(32, 32, 1), Stage(32, 64, 2), Stage(64, 64, 2)
        self.pool, self.flatten = nn.AdaptiveAvgPool2d(1), nn.Flatten()
        self.fc = nn.Linear(64, 10)

    def forward(self, x):                                   # (N, 1, 28, 28)
        x = F.relu(self.norm(self.stem(x)))                 # (N, 32, 14, 14)
        x = self.stage1(x)                                  # (N, 32, 14, 14)
        x = self.stage2(x)                                  # (N, 64, 7, 7)
        x = self.stage3(x)                                  # (N, 64, 4, 4)
        return self.fc(self.flatten(self.pool(x)))          # (N, 10)


def fold(model):
    """Takes each normalisation into the convolution before it, which so gains a bias."""
    pairs = [(model, "stem", "norm")]
    for stage in (model.stage1, model.stage2, model.stage3):
        pairs += [(stage, "conv1", "norm1"), (stage, "conv2", "norm2"), (stage, "shortcut", "norm")]
    for owner, convolution, norm in pairs:
        setattr(owner, convolution, fuse_conv_bn_eval(getattr(owner, convolution), getattr(owner, norm)))
        setattr(owner, norm, nn.Identity())
    return model


def read_part(folder, name):
    """A part's images and labels: U8 [N, 1, 28, 28], I64 [N]."""
    def idx(kind, header):
        with gzip.open(Path(folder) / f"{name}-{kind}-ubyte.gz") as file:
            return np.frombuffer(file.read(), np.uint8)[header:]
    return idx("images-idx3", 16).reshape(-1, 1, 28, 28), idx("labels-idx1", 8).astype(np.int64)


def drawn(labels, count, seed):
    """Positions of count images, as many of each class as can be (the lowest classes one more), in random order."""
    generator = np.random.default_rng(seed)
    of_class = [generator.permutation(np.flatnonzero(labels == c))[:(count + 9 - c) // 10] for c in range(10)]
    return generator.permutation(np.concatenate(of_class))


def scaled(images):
    return images.astype(np.float32) / 255


def moved(x, generator):
    """Each image moved by -2 … 2 pixels in each direction, zeros moving in, and half of them mirrored."""
    n = len(x)
    dy, dx = torch.randint(0, 5, (2, n, 1), generator=generator)
    rows, columns = dy + torch.arange(28), dx + torch.arange(28)             # (N, 28)
    mirrored = torch.rand(n, 1, generator=generator) < 0.5
    columns = torch.where(mirrored, columns.flip(1), columns)
    padded = F.pad(x, (2, 2, 2, 2))
    return padded[torch.arange(n)[:, None, None], 0, rows[:, :, None], columns[:, None]][:, None]


@torch.no_grad()
def correct(model, x, y):
    model.eval()
    return sum(int((model(a).argmax(1) == b).sum()) for a, b in zip(x.split(500), y.split(500)))


def train(x, y, xh, yh):
    torch.manual_seed(SEED)
    generator = torch.Generator().manual_seed(SEED)
    model = FashionResNet().to(memory_format=torch.channels_last)
    optimiser = torch.optim.SGD(model.parameters(), lr=PEAK_RATE, momentum=0.9, nesterov=True, weight_decay=5e-4)
    batches = len(x) // BATCH
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, PEAK_RATE, total_steps=EPOCHS * batches)
    for epoch in range(EPOCHS):
        model.train()
        order = torch.randperm(len(x), generator=generator)
        for pick in order[:batches * BATCH].split(BATCH):
            loss = F.cross_entropy(model(moved(x[pick], generator)), y[pick])
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
        print(f"epoch {epoch + 1}: {correct(model, xh, yh)} of {len(xh)} held-out images right", flush=True)
    return model.to(memory_format=torch.contiguous_format).eval()


def write_onnx(model, path):
    torch.onnx.export(model, (torch.zeros(1, 1, 28, 28),), str(path), dynamo=False, opset_version=17,
                      input_names=["input"], output_names=["logits"],
                      dynamic_axes={"input": {0: "batch"}, "logits": {0: "batch"}})
    onnx.checker.check_model(str(path), full_check=True)


def write_images(name, images, labels):
    np.savez_compressed(OUT / name, input=scaled(images), labels=labels)


def main():
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    images, labels = read_part(sys.argv[1], "train")
    test_images, test_labels = read_part(sys.argv[1], "t10k")
    held_out, tested = drawn(labels, HELD_OUT, seed=0), drawn(test_labels, TEST, seed=0)
    calibrated = held_out[drawn(labels[held_out], CALIBRATION, seed=1)]
    write_images("fashion-test.npz", test_images[tested], test_labels[tested])
    write_images("fashion-calibration.npz", images[calibrated], labels[calibrated])
    rest = np.setdiff1d(np.arange(len(labels)), held_out)
    parts = (images[rest], labels[rest], images[held_out], labels[held_out])
    model = train(*(torch.from_numpy(scaled(p) if p.ndim == 4 else p) for p in parts))
    model = fold(model)
    write_onnx(model, OUT / "fashion-resnet.onnx")
    xt, yt = torch.from_numpy(scaled(test_images)), torch.from_numpy(test_labels)
    print(f"{len(rest)} training images; {sum(p.numel() for p in model.parameters())} parameters; "
          f"{correct(model, xt, yt)} of {len(xt)} test images right, "
          f"{correct(model, xt[tested], yt[tested])} of the {len(tested)} in fashion-test.npz")


if __name__ == "__main__":
    main()
