"""HDF5 files in the layout of So2Sat LCZ42: ``sen1``, ``sen2`` and ``label``.

Zhu et al. 2020, doi:10.1109/MGRS.2020.2964708. Either of the two inputs may be
missing; the numbers of bands and of classes are free.
"""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from autoai4eo.data.lcz42 import LCZ42_CLASSES, LCZ42_SEN1_BANDS, LCZ42_SEN2_BANDS
from autoai4eo.data.readers import hdf5
from autoai4eo.data.readers.base import InputSpec
from autoai4eo.data.readers.hdf5_links import check_sources, own_folders
from autoai4eo.data.readers.labels import read_labels
from autoai4eo.data.scenes.files import level_in
from autoai4eo.data.sensors import (
    SENTINEL1_DB,
    SENTINEL2,
    Band,
    band,
    sensor_of,
    unknown_bands,
)
from autoai4eo.errors import UserError
from autoai4eo.files import check_size

INPUTS = ("sen1", "sen2")
USUAL_BANDS: dict[tuple[str, int], tuple[Band, ...]] = {
    ("sen1", 8): LCZ42_SEN1_BANDS,
    ("sen1", 2): SENTINEL1_DB.bands,
    ("sen2", 10): LCZ42_SEN2_BANDS,
    ("sen2", 4): SENTINEL2.pick("B02", "B03", "B04", "B08"),
}
SKIP_BYTES = 128 * 1024  # reading over so much costs less than one more call
RUN_BYTES = 64 * 2**20  # at most so much is read at once
#: Whether radar is in decibels is seen in so many finite values, of so many places.
ENOUGH_VALUES, ENOUGH_PLACES = 4096, 16
PLACE_ROWS = 8
#: Interpolation and the removal of noise leave a few intensities below zero.
NEGATIVE_SHARE = 0.05
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

    def __init__(
        self,
        path: Path,
        class_names: Sequence[str] | None = None,
        allow_remote: bool = False,
    ) -> None:
        self.path = str(path)
        self._folders = None if allow_remote else own_folders(self.path)
        self.names: Sequence[str] | None = None
        self._file: h5py.File | None = None
        self._opened_by = 0
        self._nodata: dict[str, np.ndarray] = {}
        self.notes: tuple[str, ...] = ()
        with hdf5.whole(self.path):
            self._look(self._open(), class_names)

    def _look(self, file: h5py.File, class_names: Sequence[str] | None) -> None:
        found = {name: hdf5.item(file, name, self._folders) for name in file}
        self.inputs = tuple(
            self._spec(found[n], n, found) for n in INPUTS if n in found
        )
        if not self.inputs:
            raise UserError(
                f"{self.path}: expected the data sets sen1 or sen2, and label, found "
                f"{', '.join(found) or 'none'}; see the So2Sat LCZ42 layout"
            )
        self.labels, self.class_names, notes = self._classes(found, class_names)
        self.notes += (*notes, *map(_guess, filter(_is_guess, self.inputs)))
        for spec in self.inputs:
            if len(found[spec.name]) != len(self.labels):
                raise UserError(
                    f"{self.path}: expected as many labels as images, found "
                    f"{len(self.labels)} labels and {len(found[spec.name])} images in "
                    f"{spec.name}; write the file anew"
                )
        self.groups: Mapping[str, np.ndarray] = self._groups(file, found)
        self.chunk_rows = max(_chunk_rows(found[s.name]) for s in self.inputs)

    def _open(self) -> h5py.File:
        # A handle must not be shared with a forked process.
        if self._file is None or self._opened_by != os.getpid():
            self._file = hdf5.open_hdf5(self.path)
            self._opened_by = os.getpid()
        return self._file

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_file": None}

    def _spec(
        self, data: h5py.Dataset, name: str, found: Mapping[str, Any]
    ) -> InputSpec:
        shape: tuple[int, ...] = getattr(data, "shape", ()) or ()
        if isinstance(data, h5py.Dataset):
            check_sources(data, self._folders)
        if len(shape) != 4 or data.dtype.kind not in "biuf":
            raise UserError(
                f"{self.path}: expected {name} as numbers of shape (N, height, width, "
                f"bands), found {shape}; write the file anew"
            )
        if 0 in shape:
            raise UserError(
                f"{self.path}: expected {name} with samples, pixels and bands, found "
                f"the shape {shape}"
            )
        # a class number for each sample, and one sample, are read at once
        # several arrays of a number for each sample
        check_size(self.path, 64 * shape[0], f"class numbers of {name}")
        check_size(self.path, 4 * math.prod(shape[1:]), f"a sample of {name}")
        names = self._told(f"{name}_bands", data.file, found, name, "bands")
        if names is not None and len(set(names)) < len(names):
            raise UserError(
                f"{self.path}: expected each band of {name} once, found "
                f"{', '.join(names)}; correct {name}_bands"
            )
        if names is None:
            bands = USUAL_BANDS.get((name, shape[3]), unknown_bands(shape[3]))
        elif len(names) == shape[3]:
            bands = tuple(band(n) for n in names)
        else:
            raise UserError(
                f"{self.path}: expected {shape[3]} names in the attribute "
                f"{name}_bands, one per band of {name}, found {len(names)}"
            )
        self._nodata[name] = hdf5.declared_nodata(data)
        self._tell(data, name)
        if any(b.quantity == "decibel" for b in bands):
            bands = self._told_apart(bands, data, name)
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

    def _classes(
        self, found: Mapping[str, Any], wanted: Sequence[str] | None
    ) -> tuple[np.ndarray, tuple[str, ...], list[str]]:
        """Class indices, class names and notes; -1 throughout without labels."""
        file = found[self.inputs[0].name].file
        names = self._told("class_names", file, found, "label", "class_names")
        if "label" not in found:
            samples = len(found[self.inputs[0].name])
            without = np.full(samples, -1, dtype=np.int64)
            return without, tuple(wanted or names or ()), []
        data = found["label"]
        if not isinstance(data, h5py.Dataset) or data.shape is None:
            raise UserError(
                f"{self.path}: expected label as a data set of numbers or names, found "
                f"{'a group' if isinstance(data, h5py.Group) else 'an empty one'}"
            )
        labels = self._labels(data)
        many = labels.ndim == 2 and labels.shape[1] == len(LCZ42_CLASSES)
        if not many and labels.ndim == 1 and labels.dtype.kind in "biu":
            many = labels.max(initial=0) == len(LCZ42_CLASSES) - 1
        if names is None and wanted is None and many:
            names = list(LCZ42_CLASSES)
        return read_labels(labels, names, wanted, self.path)

    def _told(
        self,
        name: str,
        file: h5py.File,
        found: Mapping[str, Any],
        data: str,
        short: str,
    ) -> list[str] | None:
        """Names that a file tells: its attribute, its data set or that of the data.

        Args:
            name: of the file's attribute or data set, such as ``sen2_bands``.
            file: open.
            found: what lies in it, by name.
            data: name of the data set that they belong to.
            short: name of that data set's attribute, such as ``bands``.

        Raises:
            UserError: they are no text.
        """
        places = [file.attrs.get(name)]
        if isinstance(found.get(name), h5py.Dataset):
            places.append(self._values(found[name]))
        if isinstance(found.get(data), h5py.Dataset):
            places += [found[data].attrs.get(name), found[data].attrs.get(short)]
        for told in places:
            if told is None:
                continue
            names = _strings(told)
            if names is None or not all(names):
                raise UserError(
                    f"{self.path}: expected {name} as names with commas between them "
                    "or a list of text, found something else; correct it"
                )
            return names
        return None

    def _tell(self, data: h5py.Dataset, name: str) -> None:
        """Notes what the file says of its numbers, and what it lacks."""
        values = np.unique(self._nodata[name][np.isfinite(self._nodata[name])])
        if len(values):
            told = ", ".join(f"{value:g}" for value in values)
            self._note(f"{name}: declared missing is {told}; it is read as NaN")
        if told := ", ".join(hdf5.unapplied(data)):
            self._note(f"{name}: the file says {told}, which is not applied")
        if share := hdf5.unwritten(data):
            self._note(
                f"{name}: {share:.1%} of it was never written and is read as "
                f"{np.ravel(data.fillvalue)[0]:g}; write the file anew"
            )

    def _note(self, note: str) -> None:
        self.notes += (f"{self.path}: {note}",)

    def _told_apart(
        self, bands: tuple[Band, ...], data: h5py.Dataset, name: str
    ) -> tuple[Band, ...]:
        """Bands called VV and VH are decibels only where values are below zero."""
        columns = [i for i, b in enumerate(bands) if b.quantity == "decibel"]
        called = " and ".join(bands[i].name for i in columns)
        share = _share_below_zero(data, self._nodata[name], columns)
        if share is None:
            self._note(
                f"{name}: {called} have no finite value to tell decibels from "
                "intensity by; decibels are assumed"
            )
        if share is None or share > NEGATIVE_SHARE:
            return bands
        self._note(
            f"{name}: {called} are taken for intensity, {1 - share:.0%} of their "
            "values are not below zero; decibels would be"
        )
        return tuple(
            Band(b.name, b.wavelength, "intensity") if b.quantity == "decibel" else b
            for b in bands
        )

    def _groups(
        self, file: h5py.File, found: Mapping[str, Any]
    ) -> dict[str, np.ndarray]:
        total = len(self.labels)
        groups = {}
        for name, data in [*found.items(), *file.attrs.items()]:
            if name == "label" or getattr(data, "shape", ()) != (total,):
                continue
            if name.endswith("_bands") or name == "class_names":
                continue
            if name.lower() in ("label", "labels", "class", "classes", "y"):
                self._note(f"{name} is not used; labels are a data set called label")
                continue
            values = self._values(data) if isinstance(data, h5py.Dataset) else data
            if values.dtype.kind in "iuSO":
                groups[name] = np.array(_strings(values) or values)
        return groups

    def read(self, rows: np.ndarray, names: Sequence[str]) -> dict[str, np.ndarray]:
        """See `Reader.read`. Pixels that are declared missing are NaN.

        Raises:
            UserError: the file is damaged there.
        """
        with hdf5.whole(self.path):
            file = self._open()
            found = {n: hdf5.item(file, n, self._folders) for n in names}
            return {n: _read(found[n], rows, self._nodata[n]) for n in names}

    def coordinates(self) -> np.ndarray | None:
        """See `Reader.coordinates`; from data sets ``lon`` and ``lat``."""
        with hdf5.whole(self.path):
            file = self._open()
            for pair in COORDINATES:
                if not set(pair) <= set(file):
                    continue
                found = [hdf5.item(file, n, self._folders) for n in pair]
                if all(getattr(d, "shape", ()) == self.labels.shape for d in found):
                    values = [self._values(data) for data in found]
                    return np.stack(values, axis=1).astype(np.float64)
        return None

    def _labels(self, data: h5py.Dataset) -> np.ndarray:
        """Labels; class numbers that are declared missing are -1."""
        values = self._values(data)
        if values.ndim == 2 and values.shape[1] == 1:
            values = values[:, 0]
        if values.ndim == 1 and values.dtype.kind in "iuf":
            for missing in hdf5.declared_nodata(data)[:, 0]:
                values = np.where(values == missing, -1, values.astype(np.float64))
        return values

    def _values(self, data: h5py.Dataset) -> np.ndarray:
        """All of a data set that is not of pixels."""
        check_sources(data, self._folders)
        size = (data.size or 0) * data.dtype.itemsize
        check_size(self.path, size, f"a data set {str(data.name).lstrip('/')}")
        with hdf5.reading(data):
            return np.asarray(data[()])


def _strings(values: Any) -> list[str] | None:
    """Text of an attribute or data set (bytes, str or a comma-separated line)."""
    if values is None:
        return None
    if isinstance(values, bytes | str):
        text = _text(values).strip()
        if text[:1] + text[-1:] == "[]":  # a list as Python or JSON writes it
            text = text[1:-1].replace("'", "").replace('"', "")
        return [" ".join(part.split()) for part in text.split(",")]
    if isinstance(values, h5py.Empty):
        return None
    array = np.asarray(values)
    if array.dtype.kind not in "SOU" or array.ndim > 1:
        return None
    return [" ".join(_text(v).split()) for v in np.atleast_1d(array)]


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


def _text(value: Any) -> str:
    """UTF-8, or what every sequence of bytes is: Latin-1."""
    if not isinstance(value, bytes):
        return str(value)
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value.decode("latin-1")


def _share_below_zero(
    data: h5py.Dataset, nodata: np.ndarray, columns: Sequence[int]
) -> float | None:
    """Of finite values from all over a data set; None where it has none."""
    count = below = 0
    starts = np.arange(0, len(data), PLACE_ROWS)
    for place, start in enumerate(np.random.default_rng(0).permutation(starts)):
        if place >= ENOUGH_PLACES and count >= ENOUGH_VALUES:
            break
        rows = np.arange(start, min(start + PLACE_ROWS, len(data)))
        values = _read(data, rows, nodata)[..., columns]
        values = values[np.isfinite(values)]
        count += len(values)
        below += int(np.count_nonzero(values < 0))
    return below / count if count else None


def _chunk_rows(data: h5py.Dataset) -> int:
    # Rows stored one after the other are read in blocks all the same.
    rows = int(data.chunks[0]) if data.chunks else 2
    sample = data.dtype.itemsize * math.prod(data.shape[1:])
    return max(2, min(rows, RUN_BYTES // max(1, sample)))


def _runs(rows: np.ndarray, chunk: int, row_bytes: int) -> list[tuple[int, int]]:
    """Cut sorted rows where a new read is cheaper than reading over the gap."""
    skip = max(chunk, SKIP_BYTES // row_bytes)
    longest = max(1, RUN_BYTES // (row_bytes * chunk)) * chunk
    new = (np.diff(rows) > skip) | (np.diff(rows // longest) > 0)
    edges = [0, *(np.flatnonzero(new) + 1).tolist(), len(rows)]
    return list(pairwise(edges))


def _read(data: h5py.Dataset, rows: np.ndarray, nodata: np.ndarray) -> np.ndarray:
    """Rows of a data set, in its own type; NaN, in float32, where it is missing."""
    kind = data.dtype.newbyteorder("=")
    if kind.kind == "f" or len(nodata):
        kind = np.dtype(np.float32)
    out = np.empty((len(rows), *data.shape[1:]), kind)
    if len(rows) == 0:
        return out
    row_bytes = data.dtype.itemsize * int(np.prod(data.shape[1:]))
    with hdf5.reading(data, f"samples {rows[0]} to {rows[-1]} of "):
        for start, stop in _runs(rows, _chunk_rows(data), row_bytes):
            low, high = int(rows[start]), int(rows[stop - 1]) + 1
            if high - low == stop - start and data.dtype == kind:
                _read_run(data, low, out[start:stop])
                found = out[start:stop]
            else:
                found = data[low:high][rows[start:stop] - low]
                out[start:stop] = found
            for values in nodata:
                out[start:stop][found == values] = np.nan
    return out


def _read_run(data: h5py.Dataset, low: int, out: np.ndarray) -> None:
    # As `read_direct` does, without 0.1 ms of selection in Python.
    place = data.id.get_space()
    place.select_hyperslab((low, 0, 0, 0), out.shape)
    data.id.read(h5py.h5s.create_simple(out.shape), place, out)
