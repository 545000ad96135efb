"""Costs of the networks of many cells at once; `blocks.cells.nasbench` counts one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Self

import numpy as np

from autoai4eo.blocks.cells.nasbench import Convolution, Stacks

_CONV3X3, _CONV1X1 = 0, 1  # places in `networks.cell.OPERATIONS`


@dataclass(frozen=True)
class Shape:
    """The network around a cell; by default that of EO HW-NAS without its classes.

    Attributes:
        channels, stacks, cells: see `Stacks`.
        size: rows and columns of the input.
        bands: of the input.
        classes: outputs of the linear layer; 0: there is none.
    """

    channels: int = 128
    stacks: int = 3
    cells: int = 3
    size: int = 32
    bands: int = 10
    classes: int = 0

    @classmethod
    def of(cls, about: Mapping[str, Any]) -> Self:
        """Returns the shape that a database tells of; the default where it does not."""
        known = {name: about[name] for name in asdict(cls()) if name in about}
        return cls(**known)


def costs(
    matrices: np.ndarray, kinds: np.ndarray, shape: Shape
) -> tuple[np.ndarray, np.ndarray]:
    """Returns multiply-adds and trainable parameters of each network, int64 (n,).

    Args:
        matrices, kinds: of cells, see `networks.canonical.padded`.
        shape: of the network around them.
    """
    stem = Convolution(3, shape.bands, shape.channels)
    macs = np.full(len(matrices), shape.size**2 * stem.macs, np.int64)
    params = np.full(len(matrices), stem.params, np.int64)
    stacks = Stacks(shape.channels, shape.stacks, shape.cells)
    for rows, columns, before, after in stacks.places(shape.size, shape.size):
        weights, channels = _convolutions(matrices, kinds, before, after)
        macs += rows * columns * weights
        params += weights + 2 * channels
    inner = shape.channels * 2 ** (shape.stacks - 1) * shape.classes
    return macs + inner, params + inner + shape.classes


def _convolutions(
    matrices: np.ndarray, kinds: np.ndarray, before: int, after: int
) -> tuple[np.ndarray, np.ndarray]:
    """Returns weights and channels, summed over the convolutions of each cell, (n,)."""
    last = matrices.shape[1] - 1
    ends = matrices[:, 1:last, last].astype(np.int64)
    number = np.maximum(ends.sum(axis=1, keepdims=True), 1)
    place = ends.cumsum(axis=1) - 1
    channels = ends * (after // number + (place < after % number))
    for v in range(last - 1, 0, -1):
        following = (channels * matrices[:, v, 1:last]).max(axis=1)
        channels[:, v - 1] = np.where(ends[:, v - 1], channels[:, v - 1], following)
    from_input = matrices[:, 0, 1:last] * channels
    size = 9 * (kinds == _CONV3X3) + (kinds == _CONV1X1)
    whole = matrices[:, 0, last].astype(np.int64) * after
    weights = before * (from_input.sum(axis=1) + whole)
    weights += (size * channels**2).sum(axis=1)
    return weights, (from_input + (size > 0) * channels).sum(axis=1) + whole
