"""Where the windows of a scene begin, for maps and for training patches alike."""

from __future__ import annotations

import numpy as np


def first_pixel(cell: int, stride: int, window: int) -> int:
    """Returns where the window of a cell begins, in scene pixels.

    The cells are `stride` pixels long; the window is centred on its cell: it begins at
    the centre of the cell minus half the window, rounded down.

    Args:
        cell: number of the cell, from 0, along an axis.
        stride: length of a cell in pixels.
        window: length of the window in pixels.
    """
    return (2 * cell * stride + stride - window) // 2


def has_enough(valid: np.ndarray) -> bool:
    """Returns whether at least half of a window has data.

    Args:
        valid: which of its pixels have, bool (height, width).
    """
    return bool(2 * np.count_nonzero(valid) >= valid.size)
