"""What a reader offers: the one small interface behind every `Dataset`.

A reader is one file in this folder and one entry in `opening.READERS`. It knows the
form in which samples lie at a path; it does not know of shuffling, splits, batches or
training.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from autoai4eo.data.sensors import Band


@dataclass(frozen=True)
class InputSpec:
    """One input of a dataset: patches of (height, width, bands) of one sensor.

    ``level`` is the processing level that the files tell, ``L1C`` or ``L2A``; ``named``
    is whether they tell the names of the bands, which are guessed otherwise.
    """

    name: str
    sensor: str
    bands: tuple[Band, ...]
    height: int
    width: int
    level: str | None = None
    named: bool = True

    @property
    def shape(self) -> tuple[int, int, int]:
        """(height, width, number of bands)."""
        return (self.height, self.width, len(self.bands))


class Reader(Protocol):
    """Samples as they lie in files or arrays.

    Attributes:
        path: where they lie, for messages.
        inputs: all inputs, with all their bands.
        class_names: one per class.
        labels: int64 (N,), the class of each sample, -1 where it has none.
        groups: by name, what samples belong together, (N,) each.
        names: what each sample is called (its file), or None.
        notes: sentences about what was found wrong on opening.
        chunk_rows: so many neighbouring samples are stored together and are best read
            together; 1 where every order costs the same.
        whole: whether a small data set is best read at once and not bit by bit.
        pixel_bytes: of one value as it is read.
    """

    path: str
    inputs: tuple[InputSpec, ...]
    class_names: tuple[str, ...]
    labels: np.ndarray
    groups: Mapping[str, np.ndarray]
    notes: tuple[str, ...]
    chunk_rows: int
    whole: bool

    @property
    def pixel_bytes(self) -> int:
        """See above."""

    @property
    def names(self) -> Sequence[str] | None:
        """See above."""

    def read(self, rows: np.ndarray, names: Sequence[str]) -> dict[str, np.ndarray]:
        """Pixels (n, H, W, C) of the inputs ``names``, in the data type of the file.

        ``rows`` is strictly increasing. Float64 comes back as float32, and so does
        what has missing values, which are NaN.
        """

    def coordinates(self) -> np.ndarray | None:
        """Longitude and latitude of the samples, float64 (N, 2), where known."""
