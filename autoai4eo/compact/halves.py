"""The two halves of the training data of a compact search."""

from __future__ import annotations

from typing import Any

import keras

from autoai4eo.callers import either
from autoai4eo.data.augmentation import Augmentation
from autoai4eo.data.dataset import Dataset
from autoai4eo.data.groups import coarsest
from autoai4eo.data.splits import split
from autoai4eo.data.stream import Batches
from autoai4eo.errors import UserError
from autoai4eo.learning.registry import task_of

_FEWEST = 2  # batches of each half


class Halves(keras.utils.PyDataset):
    """Pairs of batches: one of the half for the weights, one of that for the logits.

    Whole groups (cities, parents) lie in one half, where the data have groups: cells
    are then chosen for places that their weights have not seen.

    Args:
        dataset: labelled samples.
        batch_size: samples in each batch of a pair.
        seed: of the halves and of the order.
        augmentation: of both halves.

    Raises:
        UserError: a half has fewer than two batches.
    """

    def __init__(
        self,
        dataset: Dataset,
        batch_size: int,
        seed: int,
        augmentation: Augmentation | None,
    ) -> None:
        super().__init__()
        halves = split(dataset, (0.5, 0.5), group=coarsest(dataset), seed=seed)
        least = min(len(half) for half in halves)
        if least < _FEWEST * batch_size:
            raise UserError(
                f"{dataset.path}: expected {_FEWEST} batches of {batch_size} samples "
                "or more in each half of the training data, found a half of "
                f"{least} samples; give more data, or a smaller "
                + either("--search-batch-size", "batch_size")
            )
        encode = task_of(dataset.target).encode
        self._batches = [
            Batches(
                half,
                batch_size,
                shuffle=True,
                seed=seed + which,
                augmentation=augmentation,
                encode=encode,
            )
            for which, half in enumerate(halves)
        ]

    def __len__(self) -> int:
        # whole batches only: the statistics of a small one are noise
        return min(b.samples // b.batch_size for b in self._batches)

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        pairs = [batches[index] for batches in self._batches]
        return tuple(x for x, _ in pairs), tuple(y for _, y in pairs)

    def on_epoch_end(self) -> None:
        """Changes to the order of the next epoch."""
        for batches in self._batches:
            batches.on_epoch_end()

    def go_to(self, epoch: int) -> None:
        """Changes to the order of this epoch, counted from 0."""
        for batches in self._batches:
            batches.go_to(epoch)
