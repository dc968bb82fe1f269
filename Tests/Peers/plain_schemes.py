"""Integer quantisation written from its formulas in numpy, with none of Lathe's code.

Weights come as a 2-D float32 array of rows and columns; a scale covers the whole tensor, a
row ("channel"), or N neighbouring columns of a row ("group"). Scales are float16.
"""
import numpy as np

f32 = np.float32


def blocks(weight, granularity):
    """The weights as one row a scale, or None where N does not divide the columns."""
    if granularity == "tensor":
        return weight.reshape(1, -1)
    if granularity == "channel":
        return weight
    size = int(granularity.removeprefix("group="))
    return weight.reshape(-1, size) if weight.shape[1] % size == 0 else None


def half(x):
    return np.minimum(x, f32(65504)).astype(np.float16).astype(f32)


def quantise(block, bits, symmetric):
    """Codes, scales, zero points (None if symmetric) and reconstruction of an array of blocks."""
    if symmetric:
        top = 2 ** (bits - 1) - 1
        scale = half(np.abs(block).max(axis=1, keepdims=True) / f32(top))
        inverse = np.divide(f32(1), scale, where=scale > 0, out=np.zeros_like(scale))
        codes = np.clip(np.rint(block * inverse), -top, top)
        return codes.astype(int), scale, None, scale * codes.astype(f32)
    top = 2 ** bits - 1
    low = np.minimum(f32(0), block.min(axis=1, keepdims=True))
    high = np.maximum(f32(0), block.max(axis=1, keepdims=True))
    scale = half((high - low) / f32(top))
    divisor = np.where(scale > 0, scale, f32(1))
    zero = np.clip(np.rint(-low / divisor), 0, top)
    codes = np.clip(np.rint(block / divisor) + zero, 0, top)
    return codes.astype(int), scale, zero.astype(int), scale * (codes - zero).astype(f32)


def relative_error(reconstruction, weight):
    w = weight.astype(np.float64).ravel()
    return float(np.sum((reconstruction.astype(np.float64).ravel() - w) ** 2) / np.sum(w * w))


def without_least(weight, ratio):
    """round(ratio * n) weights of least magnitude set to zero; equal magnitudes go in index order."""
    flat = weight.ravel().copy()
    flat[np.argsort(np.abs(flat), kind="stable")[:round(ratio * flat.size)]] = 0
    return flat.reshape(weight.shape)


def without_below(weight, threshold):
    return np.where(np.abs(weight) < f32(threshold), f32(0), weight)
