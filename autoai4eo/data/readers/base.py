"""The interface of readers, which every `Dataset` uses.

A reader is one file in this folder and one entry in `opening.READERS`. It reads one
form of stored samples, and has nothing to do with shuffling, splits, batches or
training.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from autoai4eo.data.masks.tiles import TILE, TilePlaces
from autoai4eo.data.sensors import Band
from autoai4eo.data.target import Target
from autoai4eo.text import counted


@dataclass(frozen=True)
class InputSpec:
    """One input of a dataset: patches of (height, width, bands) of one sensor.

    ``level`` is the processing level given by the files, ``L1C`` or ``L2A``; ``named``
    is whether the files name the bands, which are guessed otherwise.
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


def guess_told(spec: InputSpec) -> str:
    """Returns the note that the names of an input's bands were guessed."""
    return (
        f"{spec.name}: {counted(len(spec.bands), 'band')} without names, taken for "
        f"{' '.join(b.name for b in spec.bands)}; the attribute {spec.name}_bands, or "
        "--bands, gives other names"
    )


@dataclass(frozen=True)
class ReadOptions:
    """Options of reading; see the arguments of `open_dataset`.

    A reader ignores options that do not apply to its form.
    """

    class_names: tuple[str, ...] | None = None
    bands: tuple[str, ...] | None = None
    class_level: int | None = None
    unlabelled: bool = False
    allow_remote: bool = False
    kind: str | None = None
    class_values: tuple[int, ...] | None = None
    ignored: frozenset[int] = frozenset()
    tile: int = TILE
    tile_stride: int | None = None
    inputs: tuple[str, ...] | None = None


DEFAULTS = ReadOptions()


class Reader(Protocol):
    """Samples stored in files or arrays.

    The process that opens the data makes one reader, which then reads everything except
    pixels. It is pickled into worker processes, where it opens its files again.

    Attributes:
        path: of the file or folder, for messages.
        inputs: all inputs, with all their bands.
        target: the target of a sample; of the kind ``none`` if no sample has a label.
        groups: by name, the group of each sample, (N,); the group that leaks most
            between parts of the data comes first.
        notes: sentences about problems that were found on opening.
        chunk_rows: number of neighbouring samples that are stored together and best
            read together; 1 if every order costs the same.
        whole: whether a small data set is best read at once rather than in parts.
        pixel_bytes: bytes of one value as it is read.
        is_synthetic: whether the files say that no pixel was measured.
        places: of samples that are tiles of scenes; None: they are none.
        names: name of each sample (its file), or None.
        class_names: names of the target's classes.
        labels: int64 (N,), the class of each sample for a target of the kind
            ``class``, -1 if it has none; -1 for all samples of every other kind.
        class_pixels: for a target of the kind ``mask``, the pixels of each class in
            each sample, int64 (N, classes); other kinds: (N, 0).
    """

    path: str
    inputs: tuple[InputSpec, ...]
    target: Target
    groups: Mapping[str, np.ndarray]
    notes: tuple[str, ...]
    chunk_rows: int
    whole: bool
    is_synthetic: bool

    @property
    def pixel_bytes(self) -> int:
        """See above."""

    @property
    def places(self) -> TilePlaces | None:
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

    @property
    def class_pixels(self) -> np.ndarray:
        """See above."""

    def read(self, rows: np.ndarray, names: Sequence[str]) -> dict[str, np.ndarray]:
        """Reads pixels (n, H, W, C) of the inputs ``names``, in the file's data type.

        ``rows`` is strictly increasing. Float64, and data with missing values (NaN),
        become float32.
        """

    def read_targets(self, rows: np.ndarray) -> np.ndarray:
        """Reads the targets of some samples, (n, *target.shape).

        Args:
            rows: int64 (n,), in any order.

        Returns:
            ``class``: int64 (n,), -1 if there is none; ``labels``: uint8 (n, classes)
            of 0 and 1; ``value``: float32 (n, values), NaN if unknown; ``mask``: int16
            (n, H, W), -1 if unknown; ``none``: int64 (n,) of -1.
        """

    def coordinates(self) -> np.ndarray | None:
        """Returns longitude and latitude of the samples, float64 (N, 2), or None."""


class TargetsInMemory:
    """The part of a `Reader` that handles targets, if these fit into memory.

    Attributes:
        target: the target of a sample.
        targets: targets of all samples, see `Reader.read_targets`.
        places, is_synthetic: see `Reader`.
    """

    target: Target
    targets: np.ndarray
    places: TilePlaces | None = None
    is_synthetic = False

    def read_targets(self, rows: np.ndarray) -> np.ndarray:
        """See `Reader.read_targets`."""
        return np.asarray(self.targets[rows])

    @property
    def class_pixels(self) -> np.ndarray:
        """See `Reader`."""
        return np.empty((len(self.targets), 0), np.int64)

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
