"""Outputs that are too large to hold for a whole data set: those of masks."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Protocol

import numpy as np

from autoai4eo.data.dataset import Dataset
from autoai4eo.data.target import Target

_AT_ONCE = 4096  # samples whose scores are computed at once, at most
_BYTES = 64 * 2**20  # of outputs that are in memory at once


class Outputs(Protocol):
    """What a network predicts for N samples: an array (N, …), or `LazyOutputs`."""

    def __len__(self) -> int:
        """Returns the number of samples."""

    def __getitem__(self, rows: np.ndarray, /) -> np.ndarray:
        """Returns the outputs of samples, float32 (n, …), by their rows, int (n,)."""


class LazyOutputs:
    """See `Outputs`. They are predicted whenever they are read, and not kept.

    Args:
        dataset: N samples.
        predict: returns the outputs of a data set, float32 (n, …).
    """

    def __init__(
        self, dataset: Dataset, predict: Callable[[Dataset], np.ndarray]
    ) -> None:
        self._dataset, self._predict = dataset, predict

    def __len__(self) -> int:
        return len(self._dataset)

    def __getitem__(self, rows: np.ndarray, /) -> np.ndarray:
        return self._predict(self._dataset.subset(rows))


def in_parts(rows: np.ndarray, target: Target) -> list[np.ndarray]:
    """Returns rows of samples in parts whose outputs fit well into memory."""
    pixels = math.prod(target.shape) if target.kind == "mask" else 1
    fit = _BYTES // (4 * pixels * max(1, len(target.classes)))
    size = min(_AT_ONCE, max(1, fit))
    return np.split(rows, np.arange(size, len(rows), size))
