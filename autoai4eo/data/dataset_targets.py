"""The targets of a dataset: held in memory, or counted and read when needed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from autoai4eo.data.masks.pixel_sets import PixelSets
from autoai4eo.data.readers.base import Reader
from autoai4eo.data.readers.labels import by_name
from autoai4eo.data.target import Target

#: Kinds of target that are small enough to hold all targets in memory.
IN_MEMORY = ("class", "labels", "value")


@dataclass(frozen=True)
class Targets:
    """Targets of the N samples of a reader, of the reader's classes or of others.

    Attributes:
        target: what is to be predicted.
        values: targets of all samples; (N, 0) of kinds that are not held in memory.
        class_pixels: of masks, the pixels of each class, int64 (N, classes); else
            (N, 0).
        numbers: of masks, the class number here of each class number of the reader,
            int16 (reader's classes + 1,), the last for -1; None: the same.
        left_out: of masks, pixels that are ignored here; None: none.
    """

    target: Target
    values: np.ndarray
    class_pixels: np.ndarray
    numbers: np.ndarray | None = None
    left_out: PixelSets | None = None

    @classmethod
    def of(cls, reader: Reader) -> Targets:
        """Returns the targets of a reader."""
        count = len(reader.labels)
        nothing = np.empty((count, 0), np.int64)
        if reader.target.kind in IN_MEMORY:
            values = reader.read_targets(np.arange(count))
            return cls(reader.target, values, nothing)
        masks = reader.target.kind == "mask"
        pixels = reader.class_pixels if masks else nothing
        return cls(reader.target, np.empty((count, 0)), pixels)

    def read(self, reader: Reader, rows: np.ndarray) -> np.ndarray:
        """Reads the targets of some samples, in the order of ``rows``."""
        if self.target.kind in IN_MEMORY:
            return np.asarray(self.values[rows])
        rows, back = np.unique(rows, return_inverse=True)
        found = reader.read_targets(rows)
        found = found if self.numbers is None else self.numbers[found]
        if self.left_out is not None:
            for mask, row in zip(found, rows.tolist(), strict=True):
                if (pixels := self.left_out.of(row)) is not None:
                    mask[pixels] = -1
        return found[back]

    def known(self, rows: np.ndarray) -> np.ndarray:
        """Whether the targets of samples are known, bool (n,); see `Dataset.known`."""
        kind = self.target.kind
        if kind == "class":
            return np.asarray(self.values[rows] >= 0)
        if kind == "value":
            return np.asarray(np.isfinite(self.values[rows]).any(axis=1))
        if kind == "mask":
            return np.asarray(self.class_pixels[rows].any(axis=1))
        return np.full(len(rows), kind != "none")

    def counts(self, rows: np.ndarray) -> np.ndarray:
        """Counts classes in samples; see `Dataset.label_counts`."""
        kind, values = self.target.kind, self.values[rows]
        if kind == "none":
            return np.zeros(len(self.target.classes), np.int64)
        if kind == "class":
            return np.bincount(values[values >= 0], minlength=len(self.target.classes))
        if kind == "value":
            return np.asarray(np.isfinite(values).sum(axis=0))
        if kind == "mask":
            return np.asarray(self.class_pixels[rows].sum(axis=0))
        return np.asarray(values.sum(axis=0, dtype=np.int64))

    def with_classes(self, wanted: Sequence[str], path: str) -> Targets:
        """Returns the targets with these classes in this order, by name.

        Raises:
            UnknownClassError: samples have another class.
        """
        names, kind = self.target.classes, self.target.kind
        target = replace(self.target, classes=tuple(wanted))
        if kind == "mask":
            return self._masks_with(target, path)
        if kind == "class":
            found = by_name(self.values, names, wanted, path)
            return replace(self, target=target, values=found)
        if kind == "none":
            return replace(self, target=target)
        used = np.flatnonzero(self.values.any(axis=0))
        places = by_name(used, names, wanted, path)
        found = np.zeros((len(self.values), len(wanted)), self.values.dtype)
        found[:, places] = self.values[:, used]
        return replace(self, target=target, values=found)

    def _masks_with(self, target: Target, path: str) -> Targets:
        pixels, names = self.class_pixels, self.target.classes
        used = np.flatnonzero(pixels.any(axis=0))
        places = by_name(used, names, target.classes, path)
        numbers = np.full(len(names) + 1, -1, np.int16)
        numbers[used] = places
        counted = np.zeros((len(target.classes), len(pixels)), np.int64)
        np.add.at(counted, places, pixels.T[used])
        before = self.numbers
        return replace(
            self,
            target=target,
            class_pixels=np.ascontiguousarray(counted.T),
            numbers=numbers if before is None else numbers[before],
        )

    def with_ignored(
        self, reader: Reader, rows: np.ndarray, pixels: PixelSets
    ) -> Targets:
        """Returns masks in which more pixels are ignored; see `Dataset.with_ignored`.

        Args:
            reader: of the samples.
            rows: the sample's row for each number of `pixels`.
            pixels: to ignore.
        """
        height, width = self.target.shape
        left_out = PixelSets((height, width))
        counted = self.class_pixels.copy()
        for i, row in enumerate(rows.tolist()):
            before = None if self.left_out is None else self.left_out.of(row)
            more = pixels.of(i)
            if more is not None:
                mask = self.read(reader, rows[i : i + 1])[0][~more]
                counted[row] = np.bincount(mask[mask >= 0], minlength=counted.shape[1])
            union = [one for one in (before, more) if one is not None]
            if union:
                left_out.put(row, np.logical_or.reduce(union))
        return replace(self, class_pixels=counted, left_out=left_out)

    def renamed(self, names: Sequence[str]) -> Targets:
        """Returns the targets with other names of the same classes."""
        return replace(self, target=replace(self.target, classes=tuple(names)))

    def with_labels(self) -> Targets:
        """Returns the class of each sample as its only label."""
        found = self.values[:, None] == np.arange(len(self.target.classes))
        target = replace(
            self.target, kind="labels", shape=found.shape[1:], ignored=None
        )
        return replace(self, target=target, values=found.astype(np.uint8))
