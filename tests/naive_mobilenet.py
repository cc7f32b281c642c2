"""MobileNetV2 by definition, in numpy loops, and random weights; no code of visq."""

from __future__ import annotations

import numpy as np

STRIDES = [1, 2, 1, 2, 1, 1, 2, 1, 1, 1, 1, 1, 1, 2, 1, 1, 1]
CHANNELS = [16, 24, 24, 32, 32, 32, 64, 64, 64, 64, 96, 96, 96, 160, 160, 160, 320]
TAPS = [0, 2, 5, 9, 12, 15, 16]


def random_trunk(seed=0):
    """Weights of the right names and shapes, float16, with biases far from zero."""
    rng = np.random.default_rng(seed)
    weights = {}

    def add(name, out, into, kernel):
        scale = 1.6 / (into * kernel**2) ** 0.5
        weights[f"{name}.weight"] = (scale * rng.normal(size=(out, into, kernel, kernel))).astype(np.float16)
        weights[f"{name}.bias"] = (0.5 * rng.normal(size=out)).astype(np.float16)

    add("stem.c", 32, 3, 3)
    channels = 32
    for k, out in enumerate(CHANNELS):
        wide = channels if k == 0 else 6 * channels
        if k:
            add(f"blocks.{k}.l.0.c", wide, channels, 1)
        add(f"blocks.{k}.l.{min(k, 1)}.c", wide, 1, 3)
        add(f"blocks.{k}.l.{min(k, 1) + 1}.c", out, wide, 1)
        channels = out
    add("head.c", 1280, 320, 1)
    return weights


def features(weights, pixels, *, symmetric=False):
    """float64 [2704] of one picture uint8 [h, w, 3]."""
    x = pixels.astype(float).transpose(2, 0, 1) / 127.5 - 1
    conv = {
        k[:-7]: (v.astype(float), weights[k[:-6] + "bias"].astype(float))
        for k, v in weights.items()
        if "weight" in k
    }
    x = relu6(spatial(x, *conv["stem.c"], 2, False, symmetric))
    means, stds = [], []
    for k, stride in enumerate(STRIDES):
        y = x
        if k:
            y = relu6(pointwise(y, *conv[f"blocks.{k}.l.0.c"]))
        y = relu6(spatial(y, *conv[f"blocks.{k}.l.{min(k, 1)}.c"], stride, True, symmetric))
        y = pointwise(y, *conv[f"blocks.{k}.l.{min(k, 1) + 1}.c"])
        x = x + y if stride == 1 and len(x) == len(y) else y
        if k in TAPS:
            means.append(x.mean((1, 2)))
            stds.append(x.std((1, 2)))
    means.append(relu6(pointwise(x, *conv["head.c"])).mean((1, 2)))
    return np.concatenate(means + stds)


def relu6(x):
    return np.minimum(np.maximum(x, 0), 6)


def pointwise(x, weight, bias):
    return np.einsum("oi,ihw->ohw", weight[:, :, 0, 0], x) + bias[:, None, None]


def spatial(x, weight, bias, stride, depthwise, symmetric):
    """3 x 3 convolution; TensorFlow's SAME: ceil(n / stride) outputs, the odd pixel of padding comes last."""
    _, h, w = x.shape
    rows, columns = -(-h // stride), -(-w // stride)
    padded = np.zeros((len(x), h + 4, w + 4))
    top, left = (max((o - 1) * stride + 3 - n, 0) // 2 for o, n in ((rows, h), (columns, w)))
    if symmetric:
        top = left = 1
    padded[:, top : top + h, left : left + w] = x
    out = np.zeros((len(weight), rows, columns))
    for r in range(rows):
        for c in range(columns):
            patch = padded[:, r * stride : r * stride + 3, c * stride : c * stride + 3]
            if depthwise:
                out[:, r, c] = (weight[:, 0] * patch).sum((1, 2))
            else:
                out[:, r, c] = np.einsum("oikl,ikl->o", weight, patch)
    return out + bias[:, None, None]
