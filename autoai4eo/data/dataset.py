"""A dataset: samples, their bands and their targets, read when needed."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from autoai4eo.data.band_choice import chosen_bands
from autoai4eo.data.dataset_targets import Targets
from autoai4eo.data.masks.classes import UNNAMED
from autoai4eo.data.masks.pixel_sets import PixelSets
from autoai4eo.data.masks.reopening import renamed
from autoai4eo.data.masks.tiles import TilePlaces
from autoai4eo.data.readers.base import InputSpec, Reader, guess_told
from autoai4eo.data.readers.labels import check_renamed
from autoai4eo.data.sensors import band, sensor_of
from autoai4eo.errors import UnknownInputError, UserError
from autoai4eo.text import counted

__all__ = ["Dataset", "InputSpec"]

FINGERPRINT_ROWS = 4

_BANDS_SHOWN = 13  # as many as Sentinel-2 has


class Dataset:
    """An immutable view of the samples of a reader; `open_dataset` makes one.

    Attributes:
        path: of the file or folder.
        inputs: name, sensor, bands and size of each input.
        target: the kind of target and its classes.
        targets: targets of all samples, see `Target`: (N,) for the kind ``class``,
            (N, classes) for ``labels``, (N, values) for ``value``; (N, 0) for other
            kinds, which `read_targets` reads.
        class_pixels: of masks, the pixels of each class in each sample, int64
            (N, classes); (N, 0) for other kinds.
        groups: by name (``city``, ``parent``, …), the group of each sample, (N,).
        names: name of each sample (its file), or None.
        notes: sentences about problems that were found on opening.
        is_synthetic: whether the files say that no pixel was measured.
        opened: how masks were opened, see `autoai4eo.data.masks.reopening`; else {}.
    """

    def __init__(
        self,
        reader: Reader,
        rows: np.ndarray | None = None,
        inputs: tuple[InputSpec, ...] | None = None,
        columns: Mapping[str, list[int]] | None = None,
        notes: tuple[str, ...] = (),
        told: Targets | None = None,
        opened: Mapping[str, Any] | None = None,
        named: Mapping[str, np.ndarray] | None = None,
    ) -> None:
        self._reader = reader
        self._rows = np.arange(len(reader.labels)) if rows is None else rows
        self._columns = dict(columns or {})
        self.path = reader.path
        self.inputs = reader.inputs if inputs is None else inputs
        self._told = told or Targets.of(reader)
        self.target = self._told.target
        self.targets: np.ndarray = self._told.values[self._rows]
        self.class_pixels: np.ndarray = self._told.class_pixels[self._rows]
        self._named = dict(named or {})  # groups by name, of every sample of the reader
        every = {**self._named, **reader.groups}
        self.groups = {k: v[self._rows] for k, v in every.items()}
        self.notes = notes
        self.is_synthetic = reader.is_synthetic
        self.opened = dict(opened or {})

    def __len__(self) -> int:
        return len(self._rows)

    def __repr__(self) -> str:
        parts = [counted(len(self), "sample")]
        if self.num_classes:
            parts.append(counted(self.num_classes, self.target.noun))
        for spec in self.inputs:
            bands = " ".join(band.name for band in spec.bands[:_BANDS_SHOWN])
            more = " …" if len(spec.bands) > _BANDS_SHOWN else ""
            parts.append(
                f"{spec.name} {spec.height}×{spec.width} pixels, {len(spec.bands)} "
                f"bands ({bands}{more})"
            )
        return f"Dataset({self.path}: {'; '.join(parts)})"

    @property
    def class_names(self) -> tuple[str, ...]:
        """The name of each class; for the kind ``value``, of each number."""
        return self.target.classes

    @property
    def labels(self) -> np.ndarray:
        """The class of each sample, int64 (N,).

        -1 if it is unknown, and for all samples if the target is of another kind than
        ``class``.
        """
        if self.target.kind == "class":
            return self.targets
        return np.full(len(self), -1, dtype=np.int64)

    @property
    def known(self) -> np.ndarray:
        """Whether the target of each sample is known, bool (N,).

        For the kind ``value`` one known number is enough, for a ``mask`` one pixel.
        """
        return self._told.known(self._rows)

    @property
    def num_classes(self) -> int:
        """Number of classes, including those without a sample."""
        return len(self.class_names)

    @property
    def names(self) -> list[str] | None:
        """Name of each sample (its file), or None."""
        names = self._reader.names
        return None if names is None else [names[int(row)] for row in self._rows]

    @property
    def order_is_free(self) -> bool:
        """Whether reading in any order costs the same."""
        return self.chunk_rows == 1

    @property
    def chunk_rows(self) -> int:
        """Number of neighbouring samples that are stored together."""
        return self._reader.chunk_rows

    def read(self, indices: np.ndarray | Sequence[int]) -> dict[str, np.ndarray]:
        """Reads the pixels of samples, float32 (n, H, W, C) per input.

        They have the order of ``indices``, although files are read in their own order.

        Raises:
            UserError: the file is damaged.
        """
        rows = self._rows[np.asarray(indices, dtype=np.int64)]
        back = None
        if (np.diff(rows) <= 0).any():
            rows, back = np.unique(rows, return_inverse=True)
        found = self._reader.read(rows, [spec.name for spec in self.inputs])
        pixels = {}
        for name, values in found.items():
            columns = self._columns.get(name)
            if columns is not None:
                values = values[..., columns]
            if back is not None:
                values = values[back]
            pixels[name] = values.astype(np.float32, copy=False)
        return pixels

    def read_targets(self, indices: np.ndarray | Sequence[int]) -> np.ndarray:
        """Reads the targets of samples, see `Target`, in the order of ``indices``."""
        rows = self._rows[np.asarray(indices, dtype=np.int64)]
        return self._told.read(self._reader, rows)

    def in_file_order(self, indices: np.ndarray) -> np.ndarray:
        """Returns ``indices`` in the order of their samples in the file."""
        return indices[np.argsort(self._rows[indices], kind="stable")]

    def blocks(self, samples: int) -> list[np.ndarray]:
        """Returns all indices in file order, in blocks of about ``samples``.

        Samples that are stored together are in one block, so reading block by block
        reads every part of the file once.
        """
        order = self.in_file_order(np.arange(len(self)))
        chunk = self._rows[order] // self.chunk_rows
        first = np.searchsorted(chunk, chunk)
        cuts = np.flatnonzero(np.diff(first // max(1, samples))) + 1
        return np.split(order, cuts) if len(order) else []

    def sample_bytes(self) -> int:
        """Returns the bytes of one sample's pixels as float32."""
        return 4 * sum(int(np.prod(spec.shape)) for spec in self.inputs)

    @property
    def places(self) -> TilePlaces | None:
        """Where samples that are tiles of scenes lie in these; None: they are none."""
        found = self._reader.places
        return None if found is None else found.of(self._rows)

    def coordinates(self) -> np.ndarray | None:
        """Returns longitude and latitude of the samples, float64 (N, 2), or None."""
        found = self._reader.coordinates()
        return None if found is None else found[self._rows]

    @property
    def rows(self) -> np.ndarray:
        """The number of each sample in the file or folder, int64 (N,)."""
        return self._rows

    def at_rows(self, rows: np.ndarray) -> Dataset:
        """Returns the samples with these numbers in the file or folder, see `rows`.

        Raises:
            UserError: there are fewer samples.
        """
        if len(rows) and not 0 <= rows.min() <= rows.max() < len(self._reader.labels):
            raise UserError(
                f"{self.path}: expected {rows.max() + 1:,} samples or more, found "
                f"{len(self._reader.labels):,}; give the data that were there before"
            )
        return self._with(rows=np.asarray(rows, np.int64))

    def subset(self, indices: np.ndarray | Sequence[int]) -> Dataset:
        """Returns the dataset of these samples (indices or a boolean mask)."""
        return self._with(rows=self._rows[np.asarray(indices)])

    def with_group(self, name: str, groups: np.ndarray) -> Dataset:
        """Returns the dataset with the group of each sample, (N,), first of all."""
        every = np.zeros(len(self._reader.labels), groups.dtype)
        every[self._rows] = groups
        return self._with(named={name: every, **self._named})

    def with_classes(self, wanted: Sequence[str]) -> Dataset:
        """Returns the dataset with these classes (or values) in this order, by name.

        Raises:
            UnknownClassError: the dataset has samples of another class.
        """
        return self._with(told=self._told.with_classes(wanted, self.path))

    def with_ignored(self, pixels: PixelSets) -> Dataset:
        """Returns masks in which these pixels are ignored, by the number of the sample.

        Reads the masks of these samples.
        """
        told = self._told.with_ignored(self._reader, self._rows, pixels)
        return self._with(told=told)

    def rename_classes(self, names: Sequence[str]) -> Dataset:
        """Returns the dataset with names for its classes, in their order.

        Raises:
            UserError: the source names its classes, or they are not so many.
        """
        before = self.class_names
        check_renamed(before, names, self.path)
        told = self._told.renamed(names)
        opened = renamed(self.opened, dict(zip(before, names, strict=True)))
        notes = tuple(note for note in self.notes if not note.endswith(UNNAMED))
        return self._with(told=told, opened=opened, notes=notes)

    def with_labels(self) -> Dataset:
        """Returns the dataset with the class of each sample as its only label."""
        return self._with(told=self._told.with_labels())

    def select(self, names: Sequence[str]) -> Dataset:
        """Returns the dataset with these inputs only, in the order given.

        Raises:
            UnknownInputError: the dataset has no input of that name.
        """
        known = {spec.name: spec for spec in self.inputs}
        for name in names:
            if name not in known:
                raise UnknownInputError(self.path, name, list(known))
        return self._with(inputs=tuple(known[name] for name in names))

    def select_bands(
        self, bands: Mapping[str, Sequence[str]] | Sequence[str]
    ) -> Dataset:
        """Returns the dataset with these bands only, in the order given.

        A plain list applies to every input; inputs without any of its bands are left
        out.

        Raises:
            UserError: a band is missing.
        """
        known = {spec.name: spec for spec in self.inputs}
        inputs, columns = [], {}
        for name, picked in chosen_bands(self.inputs, bands, self.path).items():
            before = self._columns.get(name, list(range(len(known[name].bands))))
            columns[name] = [before[i] for i in picked]
            some = tuple(known[name].bands[i] for i in picked)
            inputs.append(replace(known[name], bands=some))
        return self._with(inputs=tuple(inputs), columns=columns)

    def name_bands(self, name: str, bands: Sequence[str]) -> Dataset:
        """Returns the dataset with the bands of the input ``name`` called ``bands``."""
        found = tuple(band(b) for b in bands)
        inputs = tuple(
            replace(spec, bands=found, sensor=sensor_of(found), named=True)
            if spec.name == name
            else spec
            for spec in self.inputs
        )
        guesses = [guess_told(spec) for spec in self.inputs if spec.name == name]
        notes = tuple(note for note in self.notes if note not in guesses)
        return self._with(inputs=inputs, notes=notes)

    def _with(self, **changes: Any) -> Dataset:
        """Returns a copy with some constructor arguments changed."""
        now = {
            "rows": self._rows,
            "inputs": self.inputs,
            "columns": self._columns,
            "notes": self.notes,
            "told": self._told,
            "opened": self.opened,
            "named": self._named,
        }
        return Dataset(self._reader, **{**now, **changes})

    def label_counts(self) -> np.ndarray:
        """Returns the samples per class, int64 (classes,).

        For the kind ``value``, the samples in which each number is known; for a
        ``mask``, the pixels of each class in all samples together.
        """
        return self._told.counts(self._rows)

    def fingerprint(self) -> str:
        """Returns 16 hexadecimal digits that are the same for equal data.

        Hashes sizes, targets (of masks, the pixels of each class), bands, class names
        and, to be fast, only the pixels and masks of the first, middle and last few
        samples. The path does not matter.
        """
        what: list[Any] = [len(self), self.class_names]
        what += [
            (s.name, s.shape, [(b.name, b.quantity) for b in s.bands])
            for s in self.inputs
        ]
        digest = hashlib.sha256(repr(what).encode())
        digest.update(np.ascontiguousarray(self.targets).tobytes())
        digest.update(np.ascontiguousarray(self.class_pixels).tobytes())
        few = min(FINGERPRINT_ROWS, len(self))
        for start in (0, (len(self) - few) // 2, len(self) - few):
            rows = np.arange(start, start + few)
            pixels = self.read(rows)
            for spec in self.inputs:
                digest.update(np.ascontiguousarray(pixels[spec.name]).tobytes())
            if self.target.kind == "mask":
                digest.update(self.read_targets(rows).tobytes())
        return digest.hexdigest()[:16]
