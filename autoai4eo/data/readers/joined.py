"""Joins two data sets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from autoai4eo.data.dataset import Dataset
from autoai4eo.data.masks.tiles import TilePlaces
from autoai4eo.data.readers.base import TargetsInMemory


def joined(first: Dataset, second: Dataset) -> Dataset:
    """Returns the samples of one data set, then those of another with its inputs."""
    return Dataset(_Joined(first, second))


class _Joined(TargetsInMemory):
    def __init__(self, first: Dataset, second: Dataset) -> None:
        self._parts = (first, second)
        self.path = f"{first.path} and {second.path}"
        self.inputs = first.inputs
        self.target = first.target
        self.targets = np.concatenate([part.targets for part in self._parts])
        self.groups: Mapping[str, np.ndarray] = {
            name: np.concatenate([part.groups[name] for part in self._parts])
            for name in first.groups
            if name in second.groups
        }
        self.places = _joined_places(first, second)
        self.notes: tuple[str, ...] = ()
        self.chunk_rows = max(part.chunk_rows for part in self._parts)
        self.whole = False
        self.is_synthetic = first.is_synthetic or second.is_synthetic
        self.pixel_bytes = 4  # a dataset reads float32

    def read_targets(self, rows: np.ndarray) -> np.ndarray:
        """See `Reader.read_targets`."""
        if self.target.kind != "mask":
            return super().read_targets(rows)
        first, second = self._parts
        found = np.empty((len(rows), *self.target.shape), np.int16)
        early = rows < len(first)
        found[early] = first.read_targets(rows[early])
        found[~early] = second.read_targets(rows[~early] - len(first))
        return found

    @property
    def class_pixels(self) -> np.ndarray:
        """See `Reader`."""
        return np.concatenate([part.class_pixels for part in self._parts])

    @property
    def names(self) -> Sequence[str] | None:
        names = [part.names for part in self._parts]
        if names[0] is None or names[1] is None:
            return None
        return names[0] + names[1]

    def read(self, rows: np.ndarray, names: Sequence[str]) -> dict[str, np.ndarray]:
        first, second = self._parts
        cut = int(np.searchsorted(rows, len(first)))
        found = [
            first.select(names).read(rows[:cut]),
            second.select(names).read(rows[cut:] - len(first)),
        ]
        return {name: np.concatenate([part[name] for part in found]) for name in names}

    def coordinates(self) -> np.ndarray | None:
        places = [part.coordinates() for part in self._parts]
        if places[0] is None or places[1] is None:
            return None
        return np.concatenate([places[0], places[1]])


def _joined_places(first: Dataset, second: Dataset) -> TilePlaces | None:
    if first.places is None or second.places is None:
        return None
    return TilePlaces(
        np.concatenate([first.places.scenes, second.places.scenes]),
        np.concatenate([first.places.grounds, second.places.grounds]),
        np.concatenate([first.places.first, second.places.first]),
    )
