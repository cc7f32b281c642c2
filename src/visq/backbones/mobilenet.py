"""The shape of MobileNetV2 1.0 and of the grid of cells its layers are read by. Numbers only."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

# Inverted residual blocks 0..16: output channels and stride (Sandler et al. 2018, arXiv 1801.04381, table 2).
BLOCKS = (
    (16, 1),
    *((24, 2), (24, 1)),
    *((32, 2), (32, 1), (32, 1)),
    *((64, 2), (64, 1), (64, 1), (64, 1)),
    *((96, 1), (96, 1), (96, 1)),
    *((160, 2), (160, 1), (160, 1)),
    (320, 1),
)
STEM_CHANNELS, HEAD_CHANNELS, EXPANSION = 32, 1280, 6
TAPS = (0, 2, 5, 9, 12, 15, 16)
"""Blocks whose outputs are pooled, after the addition where there is one."""

SPREAD_TAPS = (0, 2, 5, 9, 12)
"""Taps finer than the grid: a cell of theirs also has a standard deviation."""

GRID = 7
N_CELLS = GRID * GRID
"""Cells of a picture, in raster order."""

N_CELL_MEANS = sum(BLOCKS[k][0] for k in TAPS)
N_CELL_CHANNELS = N_CELL_MEANS + sum(BLOCKS[k][0] for k in SPREAD_TAPS)
"""Numbers of a cell: 712 means, then 232 standard deviations."""

VARIANCE_FLOOR = 1e-3
"""Added to a cell's variance before its root, whose slope at 0 would make rounding errors large."""


def same_padding(size: int, stride: int) -> tuple[int, int]:
    """Pixels before and after that TensorFlow's SAME puts around a 3 x 3 convolution.

    Example:
        >>> same_padding(320, 2), same_padding(5, 2), same_padding(10, 1)
        ((0, 1), (1, 1), (1, 1))
    """
    total = max((-(-size // stride) - 1) * stride + 3 - size, 0)
    return total // 2, total - total // 2


def cell_means(side: int) -> NDArray[np.float32]:
    """float32 [GRID, side]: row k averages the pixels of the k-th of GRID stretches of a side.

    Where GRID does not divide the side, neighbours overlap by a pixel, as in torch's `AdaptiveAvgPool2d`;
    written as a matrix, which every runtime multiplies alike.

    Example:
        >>> cell_means(10)[:2, :4].tolist()
        [[0.5, 0.5, 0.0, 0.0], [0.0, 0.5, 0.5, 0.0]]
    """
    cells = np.zeros((GRID, side), np.float32)
    for cell in range(GRID):
        first, last = cell * side // GRID, -(-(cell + 1) * side // GRID)
        cells[cell, first:last] = 1.0 / (last - first)
    return cells
