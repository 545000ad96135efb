"""Writes patches into an HDF5 file in So2Sat's layout, block by block."""

from __future__ import annotations

import errno
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

import h5py
import numpy as np

_CHUNK_BYTES = 2**20
IGNORED = -1  # class of a pixel of a mask that lies in no polygon
#: Names of data sets and attributes that an input cannot have.
TAKEN = (
    *("label", "class_names", "value", "values", "value_names", "polygon", "scene"),
    *("lon", "lat", "window", "inputs", "origin"),
)


class PatchFile:
    """An HDF5 file of patches; a context manager.

    Each input is a data set, float32 (N, size, size, bands), with its bands as an
    attribute ``NAME_bands``. ``label`` is one-hot, uint8 (N, classes), or of
    masks int16 (N, size, size), whose attribute ``ignored`` is `IGNORED`; ``polygon``
    and ``scene`` are groups; ``lon`` and ``lat`` are of the centres; ``window`` (N, 2)
    is the first row and column in the scene. The attribute ``synthetic`` says that
    scenes were generated.

    Attributes:
        samples: number of patches so far.
        classes_seen: class numbers of their polygons.
        is_synthetic: whether a scene was generated; set before `finish`.

    Args:
        path: of the file.
        inputs: names of the bands of each input.
        size: height and width of a patch.
    """

    def __init__(
        self, path: Path, inputs: Mapping[str, Sequence[str]], size: int
    ) -> None:
        self._file = h5py.File(path, "w")
        self._inputs = inputs
        self._size = size
        self._columns: dict[str, list[np.ndarray]] = {}
        self.samples = 0
        self.classes_seen: set[int] = set()
        self.is_synthetic = False
        for name, bands in inputs.items():
            self._make(name, (size, size, len(bands)), "f4")

    def __enter__(self) -> PatchFile:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            self._file.close()
        except RuntimeError as cause:  # h5py's error where the disk is full
            raise OSError(errno.EIO, str(cause)) from cause

    def _make(self, name: str, shape: tuple[int, ...], kind: str) -> None:
        rows = _CHUNK_BYTES // (np.dtype(kind).itemsize * int(np.prod(shape)))
        self._file.create_dataset(
            name,
            (0, *shape),
            kind,
            maxshape=(None, *shape),
            chunks=(max(1, rows), *shape),
        )

    def append(
        self,
        pixels: Mapping[str, np.ndarray],
        columns: Mapping[str, np.ndarray],
        classes: np.ndarray,
    ) -> None:
        """Adds patches.

        Args:
            pixels: of each input, float32 (n, size, size, bands); and ``label`` of
                masks, int16 (n, size, size).
            columns: of each patch, (n, …), which are kept in memory until `finish`.
            classes: class number of the polygon of each patch, (n,).
        """
        number = len(next(iter(pixels.values())))
        for name, values in pixels.items():
            if name not in self._file:
                self._make(name, values.shape[1:], values.dtype.str)
                self._file[name].attrs["ignored"] = IGNORED
            data = self._file[name]
            data.resize(self.samples + number, axis=0)
            data[self.samples :] = values
        for name, values in columns.items():
            self._columns.setdefault(name, []).append(values)
        self.samples += number
        self.classes_seen |= set(classes.tolist())

    def finish(
        self, class_names: Sequence[str], levels: Mapping[str, str], origin: Any
    ) -> None:
        """Writes everything that is not pixels.

        Args:
            class_names: in the order of the columns of ``label``.
            levels: of processing, of the inputs where it is known.
            origin: what the patches were made of, for JSON.
        """
        for name, parts in self._columns.items():
            values = np.concatenate(parts)
            if values.dtype.kind == "U":
                values = np.char.encode(values, "utf-8")
            self._file.create_dataset(name, data=values)
        attributes = self._file.attrs
        for name, bands in self._inputs.items():
            attributes[f"{name}_bands"] = list(bands)
        for name, level in levels.items():
            attributes[f"{name}_level"] = level
        attributes["class_names"] = list(class_names)
        if self.is_synthetic:
            attributes["synthetic"] = "cut from generated scenes: no measurement"
        attributes["inputs"] = json.dumps(list(self._inputs))
        attributes["origin"] = json.dumps(origin)
