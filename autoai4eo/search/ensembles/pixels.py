"""The pixels of masks by which the members of an ensemble are selected.

The outputs of many networks for all pixels do not fit into memory together, and the
mean intersection over union of 200,000 pixels differs little from that of all.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import keras
import numpy as np

from autoai4eo.data.dataset import Dataset
from autoai4eo.learning import evaluation
from autoai4eo.learning.lazy_outputs import in_parts

PIXELS = 200_000


@dataclass(frozen=True)
class PixelSample:
    """Known pixels of masks, in the order of reading.

    Attributes:
        dataset: N samples with masks.
        numbers: of the pixels among all of the data set, int64 (n,).
        targets: their classes, each as a mask of one pixel, (n, 1, 1).
    """

    dataset: Dataset
    numbers: np.ndarray
    targets: np.ndarray

    @classmethod
    def of(cls, dataset: Dataset) -> PixelSample:
        """Returns pixels drawn at random; all known ones if they are few."""
        known = int(dataset.class_pixels.sum())
        rng = np.random.default_rng(0)
        chosen = np.sort(rng.choice(known, min(known, PIXELS), replace=False))
        size = math.prod(dataset.target.shape)
        numbers, targets, passed = [], [], 0
        for rows in in_parts(np.arange(len(dataset)), dataset.target):
            flat = dataset.read_targets(rows).ravel()
            there = np.flatnonzero(flat >= 0)
            first, last = np.searchsorted(chosen, [passed, passed + len(there)])
            mine = there[chosen[first:last] - passed]
            passed += len(there)
            numbers.append(mine + rows[0] * size)
            targets.append(flat[mine])
        return cls(
            dataset, np.concatenate(numbers), np.concatenate(targets)[:, None, None]
        )

    def outputs(self, network: keras.Model, batch_size: int) -> np.ndarray:
        """Returns what a network predicts for them, float32 (n, 1, 1, classes)."""
        size, target = math.prod(self.dataset.target.shape), self.dataset.target
        some = []
        for rows in in_parts(np.arange(len(self.dataset)), target):
            begin, end = rows[0] * size, (rows[-1] + 1) * size
            first, last = np.searchsorted(self.numbers, [begin, end])
            part = self.dataset.subset(rows)
            found = evaluation.outputs(network, part, batch_size)
            flat = found.reshape(-1, found.shape[-1])
            some.append(flat[self.numbers[first:last] - begin])
        return np.concatenate(some)[:, None, None]
