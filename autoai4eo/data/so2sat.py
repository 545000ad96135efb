"""HDF5 files in the layout of So2Sat LCZ42: ``sen1``, ``sen2`` and ``label``.

Zhu et al. 2020, doi:10.1109/MGRS.2020.2964708. Either of the two inputs may be
missing; the numbers of bands and of classes are free.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from autoai4eo.data.labels import read_labels
from autoai4eo.data.lcz42 import LCZ42_CLASSES, LCZ42_SEN1_BANDS, LCZ42_SEN2_BANDS
from autoai4eo.data.reader import InputSpec
from autoai4eo.data.scene_files import level_in
from autoai4eo.data.sensors import (
    SENTINEL1_DB,
    SENTINEL2,
    Band,
    band,
    sensor_of,
    unknown_bands,
)
from autoai4eo.errors import UserError

INPUTS = ("sen1", "sen2")
USUAL_BANDS: dict[tuple[str, int], tuple[Band, ...]] = {
    ("sen1", 8): LCZ42_SEN1_BANDS,
    ("sen1", 2): SENTINEL1_DB.bands,
    ("sen2", 10): LCZ42_SEN2_BANDS,
    ("sen2", 4): SENTINEL2.pick("B02", "B03", "B04", "B08"),
}
SKIP_BYTES = 128 * 1024  # reading over so much costs less than one more call
RUN_BYTES = 64 * 2**20  # at most so much is read at once
COORDINATES = (("lon", "lat"), ("longitude", "latitude"))


def accepts(path: Path) -> bool:
    """Whether the file begins as HDF5 does, or is called as if it did."""
    return path.is_file() and (
        path.suffix.lower() in (".h5", ".hdf5", ".hdf", ".he5") or h5py.is_hdf5(path)
    )


class So2SatReader:
    """See `Reader`. The file is opened once per process, when first read.

    Raises:
        UserError: the file is not HDF5, cut off, or not in this layout.
    """

    whole = True
    pixel_bytes = 4

    def __init__(self, path: Path, class_names: Sequence[str] | None = None) -> None:
        self.path = str(path)
        self.names: Sequence[str] | None = None
        self._file: h5py.File | None = None
        self._opened_by = 0
        file = self._open()
        self.inputs = tuple(self._spec(file[n], n) for n in INPUTS if n in file)
        if not self.inputs:
            raise UserError(
                f"{path}: expected the data sets sen1 or sen2, and label, found "
                f"{', '.join(file) or 'none'}; see the So2Sat LCZ42 layout"
            )
        self.labels, self.class_names, notes = self._labels(file, class_names)
        self.notes = (*notes, *map(_guess, filter(_is_guess, self.inputs)))
        for spec in self.inputs:
            if len(file[spec.name]) != len(self.labels):
                raise UserError(
                    f"{path}: expected as many labels as images, found "
                    f"{len(self.labels)} labels and {len(file[spec.name])} images in "
                    f"{spec.name}; write the file anew"
                )
        self.groups: Mapping[str, np.ndarray] = self._groups(file)
        self.chunk_rows = max(_chunk_rows(file[s.name]) for s in self.inputs)

    def _open(self) -> h5py.File:
        # A handle must not be shared with a forked process.
        if self._file is None or self._opened_by != os.getpid():
            self._file = open_hdf5(self.path)
            self._opened_by = os.getpid()
        return self._file

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_file": None}

    def _spec(self, data: h5py.Dataset, name: str) -> InputSpec:
        shape: tuple[int, ...] = getattr(data, "shape", ())
        if len(shape) != 4 or data.dtype.kind not in "biuf":
            raise UserError(
                f"{self.path}: expected {name} as numbers of shape (N, height, width, "
                f"bands), found {shape}; write the file anew"
            )
        names = _strings(data.file.attrs.get(f"{name}_bands"))
        if names is None:
            bands = USUAL_BANDS.get((name, shape[3]), unknown_bands(shape[3]))
        elif len(names) == shape[3]:
            bands = tuple(band(n) for n in names)
        else:
            raise UserError(
                f"{self.path}: expected {shape[3]} names in the attribute "
                f"{name}_bands, one per band of {name}, found {len(names)}"
            )
        if any(b.quantity == "decibel" for b in bands):
            bands = _told_apart(bands, data)
        told = _strings(data.file.attrs.get(f"{name}_level")) or []
        return InputSpec(
            name,
            sensor_of(bands),
            bands,
            shape[1],
            shape[2],
            level=level_in(told),
            named=names is not None,
        )

    def _labels(
        self, file: h5py.File, wanted: Sequence[str] | None
    ) -> tuple[np.ndarray, tuple[str, ...], list[str]]:
        """Class indices, class names and notes; -1 throughout without labels."""
        names = _strings(file.attrs.get("class_names"))
        if "label" not in file:
            samples = len(file[self.inputs[0].name])
            without = np.full(samples, -1, dtype=np.int64)
            return without, tuple(wanted or names or ()), []
        labels = file["label"][()]
        many = labels.ndim == 2 and labels.shape[1] == len(LCZ42_CLASSES)
        if not many and labels.ndim == 1 and labels.dtype.kind in "biu":
            many = labels.max(initial=-1) + 1 == len(LCZ42_CLASSES)
        if names is None and wanted is None and many:
            names = list(LCZ42_CLASSES)
        return read_labels(labels, names, wanted, self.path)

    def _groups(self, file: h5py.File) -> dict[str, np.ndarray]:
        total = len(self.labels)
        groups = {}
        for name, data in [*file.items(), *file.attrs.items()]:
            if name == "label" or getattr(data, "shape", ()) != (total,):
                continue
            if name.endswith("_bands") or name == "class_names":
                continue
            values = np.asarray(data[()])
            if values.dtype.kind in "iuSO":
                groups[name] = np.array(_strings(values) or values)
        return groups

    def read(self, rows: np.ndarray, names: Sequence[str]) -> dict[str, np.ndarray]:
        """See `Reader.read`.

        Raises:
            UserError: the file is damaged there.
        """
        file = self._open()
        try:
            return {name: _read(file[name], rows) for name in names}
        except OSError as cause:
            raise UserError(
                f"{self.path}: cannot read samples {rows[0]} to {rows[-1]}, the file "
                f"is damaged or cut off ({_first_line(cause)}); copy it again"
            ) from cause

    def coordinates(self) -> np.ndarray | None:
        """See `Reader.coordinates`; from data sets ``lon`` and ``lat``."""
        file = self._open()
        for pair in COORDINATES:
            if all(n in file and file[n].shape == self.labels.shape for n in pair):
                return np.stack([file[n][()] for n in pair], axis=1).astype(np.float64)
        return None


def open_hdf5(path: str) -> h5py.File:
    """Open for reading.

    Raises:
        UserError: not HDF5, or cut off.
    """
    if os.path.getsize(path) == 0 or not h5py.is_hdf5(path):
        raise UserError(
            f"{path}: expected an HDF5 file, found {os.path.getsize(path):,} bytes of "
            "something else; check the path, or copy the file again"
        )
    try:
        return h5py.File(path, "r")
    except OSError as cause:
        raise UserError(
            f"{path}: expected a whole HDF5 file, found one that is cut off or damaged "
            f"({_first_line(cause)}); copy it again"
        ) from cause


def _first_line(cause: Exception) -> str:
    return str(cause).splitlines()[0]


def _strings(values: Any) -> list[str] | None:
    """Text of an attribute or data set (bytes, str or a comma-separated line)."""
    if values is None:
        return None
    if isinstance(values, bytes | str):
        text = values.decode() if isinstance(values, bytes) else values
        return [part.strip() for part in text.split(",")]
    array = np.asarray(values)
    if array.dtype.kind not in "SOU":
        return None
    return [v.decode() if isinstance(v, bytes) else str(v) for v in array]


def _is_guess(spec: InputSpec) -> bool:
    """Whether bands were named by their number alone, and not by So2Sat's layout."""
    layout = len(LCZ42_SEN1_BANDS if spec.name == "sen1" else LCZ42_SEN2_BANDS)
    nameless = spec.bands == unknown_bands(len(spec.bands))
    return not spec.named and not nameless and len(spec.bands) != layout


def _guess(spec: InputSpec) -> str:
    return (
        f"{spec.name}: {len(spec.bands)} bands without names are taken for "
        f"{' '.join(b.name for b in spec.bands)}; the attribute {spec.name}_bands, or "
        "--bands, names them otherwise"
    )


def _told_apart(bands: tuple[Band, ...], data: h5py.Dataset) -> tuple[Band, ...]:
    """Bands called VV and VH are decibels only where a pixel is below zero."""
    if len(data) == 0 or np.nanmin(data[: min(8, len(data))]) < 0:
        return bands
    return tuple(
        Band(b.name, b.wavelength, "intensity") if b.quantity == "decibel" else b
        for b in bands
    )


def _chunk_rows(data: h5py.Dataset) -> int:
    # Rows stored one after the other are read in blocks all the same.
    return max(2, data.chunks[0]) if data.chunks else 2


def _runs(rows: np.ndarray, chunk: int, row_bytes: int) -> list[tuple[int, int]]:
    """Cut sorted rows where a new read is cheaper than reading over the gap."""
    skip = max(chunk, SKIP_BYTES // row_bytes)
    longest = max(1, RUN_BYTES // (row_bytes * chunk)) * chunk
    new = (np.diff(rows) > skip) | (np.diff(rows // longest) > 0)
    edges = [0, *(np.flatnonzero(new) + 1).tolist(), len(rows)]
    return list(pairwise(edges))


def _read(data: h5py.Dataset, rows: np.ndarray) -> np.ndarray:
    kind = data.dtype.newbyteorder("=")
    if kind.kind == "f":
        kind = np.dtype(np.float32)
    out = np.empty((len(rows), *data.shape[1:]), kind)
    if len(rows) == 0:
        return out
    row_bytes = data.dtype.itemsize * int(np.prod(data.shape[1:]))
    for start, stop in _runs(rows, _chunk_rows(data), row_bytes):
        low, high = int(rows[start]), int(rows[stop - 1]) + 1
        if high - low == stop - start and data.dtype == kind:
            _read_run(data, low, out[start:stop])
        else:
            out[start:stop] = data[low:high][rows[start:stop] - low]
    return out


def _read_run(data: h5py.Dataset, low: int, out: np.ndarray) -> None:
    # As `read_direct` does, without 0.1 ms of selection in Python.
    place = data.id.get_space()
    place.select_hyperslab((low, 0, 0, 0), out.shape)
    data.id.read(h5py.h5s.create_simple(out.shape), place, out)
