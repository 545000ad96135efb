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
from autoai4eo.data.target import Target


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


@dataclass(frozen=True)
class ReadOptions:
    """How a source is read; see the arguments of `open_dataset`.

    A reader ignores what makes no difference for its form.
    """

    class_names: tuple[str, ...] | None = None
    bands: tuple[str, ...] | None = None
    class_level: int | None = None
    unlabelled: bool = False
    allow_remote: bool = False
    kind: str | None = None


DEFAULTS = ReadOptions()


class Reader(Protocol):
    """Samples as they lie in files or arrays.

    A reader is made once, by the process that opens the data, and reads everything but
    pixels then. It is pickled into worker processes, where it opens its files anew.

    Attributes:
        path: where they lie, for messages.
        inputs: all inputs, with all their bands.
        target: what is to be predicted for a sample; of the kind ``none`` where no
            sample has a label.
        groups: by name, what samples belong together, (N,) each; the one that leaks
            most between parts of the data comes first.
        notes: sentences about what was found wrong on opening.
        chunk_rows: so many neighbouring samples are stored together and are best read
            together; 1 where every order costs the same.
        whole: whether a small data set is best read at once and not bit by bit.
        pixel_bytes: of one value as it is read.
        names: what each sample is called (its file), or None.
        class_names: those of the target.
        labels: int64 (N,), the class of each sample of a target of the kind ``class``,
            -1 where it has none; -1 throughout for every other kind.
    """

    path: str
    inputs: tuple[InputSpec, ...]
    target: Target
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

    @property
    def class_names(self) -> tuple[str, ...]:
        """See above."""

    @property
    def labels(self) -> np.ndarray:
        """See above."""

    def read(self, rows: np.ndarray, names: Sequence[str]) -> dict[str, np.ndarray]:
        """Pixels (n, H, W, C) of the inputs ``names``, in the data type of the file.

        ``rows`` is strictly increasing. Float64 comes back as float32, and so does
        what has missing values, which are NaN.
        """

    def read_targets(self, rows: np.ndarray) -> np.ndarray:
        """Targets of some samples, (n, *target.shape).

        Args:
            rows: int64 (n,), in any order.

        Returns:
            ``class``: int64 (n,), -1 where there is none; ``labels``: uint8
            (n, classes) of 0 and 1; ``value``: float32 (n, values), NaN where one is
            not known; ``none``: int64 (n,) of -1.
        """

    def coordinates(self) -> np.ndarray | None:
        """Longitude and latitude of the samples, float64 (N, 2), where known."""


class TargetsInMemory:
    """The part of a `Reader` that has to do with targets, where they fit into memory.

    Attributes:
        target: what is to be predicted.
        targets: of all samples, see `Reader.read_targets`.
    """

    target: Target
    targets: np.ndarray

    def read_targets(self, rows: np.ndarray) -> np.ndarray:
        """See `Reader.read_targets`."""
        return np.asarray(self.targets[rows])

    @property
    def class_names(self) -> tuple[str, ...]:
        """See `Reader`."""
        return self.target.classes

    @property
    def labels(self) -> np.ndarray:
        """See `Reader`."""
        if self.target.kind == "class":
            return self.targets
        return np.full(len(self.targets), -1, dtype=np.int64)
