"""Keeps a small data set in memory after it was read once."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any

import numpy as np

from autoai4eo.data.readers.base import Reader

_MASKS = ""  # name under which masks are kept, which no input has
CACHE_BYTES = 384 * 2**20  # all of EuroSAT RGB (27,000 images, 316 MiB as uint8)


class CachedReader:
    """A reader that remembers what it has read, in the data type of the file.

    Images are decoded when they are requested; a file that is best read ``whole`` is
    read at once. A copy in another process starts empty.
    """

    chunk_rows = 1
    whole = False

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self.path = reader.path
        self.inputs = reader.inputs
        self.target = reader.target
        self.groups = reader.groups
        self.names = reader.names
        self.notes = reader.notes
        self.pixel_bytes = reader.pixel_bytes
        self.places = reader.places
        self.is_synthetic = reader.is_synthetic
        self._forget()

    def _forget(self) -> None:
        self._pixels: dict[str, np.ndarray] = {}
        self._known: dict[str, np.ndarray] = {}
        self._lock = threading.Lock()

    def __getstate__(self) -> dict[str, Any]:
        state = dict(self.__dict__)
        for name in ("_pixels", "_known", "_lock"):
            del state[name]
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._forget()

    def read(self, rows: np.ndarray, names: Sequence[str]) -> dict[str, np.ndarray]:
        """See `Reader.read`."""
        with self._lock:
            for name in names:
                self._fill(rows, name)
        return {name: self._pixels[name][rows] for name in names}

    def read_targets(self, rows: np.ndarray) -> np.ndarray:
        """See `Reader.read_targets`. Masks are remembered, as pixels are."""
        if self.target.kind != "mask":
            return self._reader.read_targets(rows)
        with self._lock:
            self._fill(np.unique(rows), _MASKS)
        return self._pixels[_MASKS][rows]

    @property
    def class_names(self) -> tuple[str, ...]:
        """See `Reader`."""
        return self._reader.class_names

    @property
    def labels(self) -> np.ndarray:
        """See `Reader`."""
        return self._reader.labels

    @property
    def class_pixels(self) -> np.ndarray:
        """See `Reader`."""
        return self._reader.class_pixels

    def _fill(self, rows: np.ndarray, name: str) -> None:
        total = len(self.labels)
        known = self._known.setdefault(name, np.zeros(total, dtype=bool))
        if self._reader.whole:
            rows = np.arange(total)
        missing = rows[~known[rows]]
        if len(missing) == 0 and name in self._pixels:
            return
        if name == _MASKS:
            found = self._reader.read_targets(missing)
        else:
            found = self._reader.read(missing, [name])[name]
        if len(missing) == total:
            self._pixels[name] = found
        else:
            if name not in self._pixels:
                self._pixels[name] = np.empty((total, *found.shape[1:]), found.dtype)
            self._pixels[name][missing] = found
        known[missing] = True

    def coordinates(self) -> np.ndarray | None:
        """See `Reader.coordinates`."""
        return self._reader.coordinates()


def worth_keeping(reader: Reader) -> bool:
    """Returns whether all pixels of the reader fit into `CACHE_BYTES`."""
    values = sum(int(np.prod(spec.shape)) for spec in reader.inputs)
    sample = values * reader.pixel_bytes
    if reader.target.kind == "mask":
        sample += 2 * int(np.prod(reader.target.shape))
    return sample * len(reader.labels) <= CACHE_BYTES
