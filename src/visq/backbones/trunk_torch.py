"""MobileNetV2 in torch, from uint8 pixels to a grid of visual tokens. Knows no question and no data set.

Layers and names of the tensors are those of `visq.training.trunk_onnx`: TensorFlow's SAME padding, folded
normalisation, ReLU6 after expand and depthwise, taps taken after the addition.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 (everybody's name for it)

from visq.backbones.mobilenet import (
    BLOCKS,
    EXPANSION,
    SPREAD_TAPS,
    STEM_CHANNELS,
    TAPS,
    VARIANCE_FLOOR,
    cell_means,
    same_padding,
)


class Conv(nn.Module):
    """A convolution with TensorFlow's SAME padding and, where asked, ReLU6."""

    def __init__(self, into: int, out: int, kernel: int, stride: int = 1, groups: int = 1, relu: bool = True):
        super().__init__()
        self.c = nn.Conv2d(into, out, kernel, stride, groups=groups)
        self.stride, self.kernel, self.relu = stride, kernel, relu

    def forward(self, x: Tensor) -> Tensor:
        """[n, into, h, w] to [n, out, h / stride, w / stride], rounded up."""
        if self.kernel == 3:
            x = F.pad(x, (*same_padding(x.shape[3], self.stride), *same_padding(x.shape[2], self.stride)))
        x = self.c(x)
        return F.relu6(x) if self.relu else x


class Block(nn.Module):
    """An inverted residual: expand, depthwise, project."""

    def __init__(self, into: int, out: int, stride: int, expansion: int):
        super().__init__()
        wide = into * expansion
        layers = [Conv(into, wide, 1)] if expansion > 1 else []
        layers += [Conv(wide, wide, 3, stride, groups=wide), Conv(wide, out, 1, relu=False)]
        self.l = nn.ModuleList(layers)
        self.adds = stride == 1 and into == out

    def forward(self, x: Tensor) -> Tensor:
        """[n, into, h, w] to [n, out, h / stride, w / stride], rounded up."""
        y = x
        for layer in self.l:
            y = layer(y)
        return x + y if self.adds else y


class Trunk(nn.Module):
    """Pixels to a grid of means and standard deviations of seven layers.

    Shapes:
        pixels: float [n, 3, h, w], RGB, -1..1.
        returns: float32 [n, N_CELLS, N_CELL_CHANNELS], cells in raster order.
    """

    def __init__(self) -> None:
        super().__init__()
        self.stem = Conv(3, STEM_CHANNELS, 3, stride=2)
        blocks, channels = [], STEM_CHANNELS
        for k, (out, stride) in enumerate(BLOCKS):
            blocks.append(Block(channels, out, stride, EXPANSION if k else 1))
            channels = out
        self.blocks = nn.ModuleList(blocks)

    def forward(self, pixels: Tensor) -> Tensor:
        """Cells of pictures, float [n, 3, h, w] in -1..1."""
        x = self.stem(pixels.contiguous(memory_format=torch.channels_last))
        means, spreads = [], []
        for k, block in enumerate(self.blocks):
            x = block(x)
            if k in TAPS:
                full = x.float()
                mean = pooled(full)
                means.append(mean)
                if k in SPREAD_TAPS:
                    spreads.append(((pooled(full * full) - mean * mean).clamp_min(0) + VARIANCE_FLOOR).sqrt())
        return torch.cat([*means, *spreads], dim=1).flatten(2).transpose(1, 2)


def pooled(x: Tensor) -> Tensor:
    """Mean over the cells of a GRID x GRID grid: [n, c, h, w] -> [n, c, GRID, GRID]."""
    rows, columns = (torch.from_numpy(cell_means(side)).to(x) for side in x.shape[2:])
    return torch.einsum("gh,nchw,kw->ncgk", rows, x, columns)
