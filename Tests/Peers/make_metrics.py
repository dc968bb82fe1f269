"""Makes Tests/Fixtures/metrics.json and Tests/Fixtures/images: what scikit-learn, numpy and Pillow say.

- Precision, recall, F1 and confusion of random labels and predictions, by scikit-learn.
- KL divergence, cosine and mean squared difference of random logits, by numpy in double.
- A photo-like picture as PNG and JPEG, and what Pillow makes of it at another size (its antialiased bilinear filter, in
  floats, without rounding in between).
"""

import json
from pathlib import Path

import numpy as np
from PIL import Image
from sklearn.metrics import confusion_matrix, precision_recall_fscore_support

FIXTURES = Path(__file__).resolve().parents[1] / "Fixtures"


def classification(rng):
    labels = rng.integers(0, 6, 200)
    predictions = np.where(rng.random(200) < 0.7, labels, rng.integers(0, 5, 200))
    labels[labels == 4] = 3  # a class that is predicted and has no label
    precision, recall, f1, support = precision_recall_fscore_support(
        labels, predictions, labels=list(range(6)), zero_division=0)
    macro = precision_recall_fscore_support(labels, predictions, average="macro", zero_division=0)
    return {
        "labels": labels.tolist(), "predictions": predictions.tolist(),
        "confusion": confusion_matrix(labels, predictions, labels=list(range(6))).tolist(),
        "precision": precision.tolist(), "recall": recall.tolist(), "f1": f1.tolist(), "support": support.tolist(),
        "macro": [float(value) for value in macro[:3]]}


def comparison(rng):
    p, q = rng.normal(0, 3, (8, 10)).astype(np.float32), rng.normal(0, 3, (8, 10)).astype(np.float32)

    def log_softmax(x):
        x = x.astype(np.float64)
        return x - np.log(np.exp(x - x.max(1, keepdims=True)).sum(1, keepdims=True)) - x.max(1, keepdims=True)

    lp, lq = log_softmax(p), log_softmax(q)
    a, b = p.astype(np.float64), q.astype(np.float64)
    return {
        "other": p.tolist(), "own": q.tolist(), "divergence": (np.exp(lp) * (lp - lq)).sum(1).tolist(),
        "cosine": ((a * b).sum(1) / np.linalg.norm(a, axis=1) / np.linalg.norm(b, axis=1)).tolist(),
        "squaredError": ((a - b) ** 2).mean(1).tolist()}


def images(rng):
    folder = FIXTURES / "images"
    for name in ("circle", "square"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    y, x = np.mgrid[0:46, 0:74]
    picture = np.stack([x * 3, y * 5, 128 + 100 * np.sin(x / 5) * np.cos(y / 7)], -1) + rng.normal(0, 4, (46, 74, 3))
    picture = np.clip(picture, 0, 255).round().astype(np.uint8)
    Image.fromarray(picture).save(folder / "circle" / "one.png")
    Image.fromarray(picture).save(folder / "square" / "two.jpg", quality=95)
    answers = {}
    for name, box in (("whole", (0, 0, 74, 46)), ("middle", (74 / 2 - 23 * 0.8, 23 - 23 * 0.8, 74 / 2 + 23 * 0.8, 23 + 23 * 0.8))):
        size = (20, 12) if name == "whole" else (16, 16)
        planes = [Image.fromarray(picture[..., c].astype(np.float32), "F").resize(size, Image.BILINEAR, box=box)
                  for c in range(3)]
        answers[name] = np.stack([np.asarray(plane) for plane in planes], -1).ravel().round(3).tolist()
    return answers


if __name__ == "__main__":
    rng = np.random.default_rng(31)
    answers = {"classification": classification(rng), "comparison": comparison(rng), "images": images(rng)}
    (FIXTURES / "metrics.json").write_text(json.dumps(answers) + "\n")
