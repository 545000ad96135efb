"""Reads HDF5 files in the layout of So2Sat LCZ42: ``sen1``, ``sen2`` and ``label``.

``label`` or ``mask`` may be a class for each pixel, (N, H, W), and ``image`` an input.

Zhu et al. 2020, doi:10.1109/MGRS.2020.2964708. One of the two inputs may be missing;
any numbers of bands and classes are possible. The file's attribute ``inputs`` names
other inputs; ``synthetic`` says that no pixel was measured. Cities and places are read
from the file itself or from that of the fourth version beside it, see `so2sat_places`.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from autoai4eo.data.input_names import input_names
from autoai4eo.data.lcz42 import LCZ42_SEN1_BANDS, LCZ42_SEN2_BANDS
from autoai4eo.data.readers import hdf5, so2sat_places
from autoai4eo.data.readers.base import (
    DEFAULTS,
    InputSpec,
    ReadOptions,
    guess_told,
)
from autoai4eo.data.readers.hdf5_links import check_sources, own_folders
from autoai4eo.data.readers.hdf5_masks import mask_name, masks_in, read_masks
from autoai4eo.data.readers.hdf5_pixels import (
    chunk_rows,
    may_be_missing,
    read_rows,
    share_below_zero,
)
from autoai4eo.data.readers.hdf5_targets import (
    content_of,
    names_told,
    strings,
    targets_in,
)
from autoai4eo.data.readers.mask_targets import TargetsOrMasks, is_mask
from autoai4eo.data.readers.radar import radar_bands
from autoai4eo.data.readers.targets import VALUES
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

INPUTS = ("sen1", "sen2", "image")
USUAL_BANDS: dict[tuple[str, int], tuple[Band, ...]] = {
    ("sen1", 8): LCZ42_SEN1_BANDS,
    ("sen1", 2): SENTINEL1_DB.bands,
    ("sen2", 10): LCZ42_SEN2_BANDS,
    ("sen2", 4): SENTINEL2.pick("B02", "B03", "B04", "B08"),
}
COORDINATES = (("lon", "lat"), ("longitude", "latitude"))


def accepts(path: Path) -> bool:
    """Returns whether a file has the content or the name of an HDF5 file."""
    return path.is_file() and (
        path.suffix.lower() in (".h5", ".hdf5", ".hdf", ".he5") or h5py.is_hdf5(path)
    )


class So2SatReader(TargetsOrMasks):
    """See `Reader`. Each process opens the file once, at the first read.

    Raises:
        UserError: the file is not HDF5, is cut off, or has another layout.
    """

    whole = True
    pixel_bytes = 4

    def __init__(self, path: Path, options: ReadOptions = DEFAULTS) -> None:
        self.path = str(path)
        self._folders = None if options.allow_remote else own_folders(self.path)
        self.names: Sequence[str] | None = None
        self._file: h5py.File | None = None
        self._opened_by = 0
        self._nodata: dict[str, np.ndarray] = {}
        self._mask: str | None = None
        self.notes: tuple[str, ...] = ()
        with hdf5.whole(self.path):
            self._look(self._open(), options)

    def _look(self, file: h5py.File, options: ReadOptions) -> None:
        found = {name: hdf5.item(file, name, self._folders) for name in file}
        said = str(file.attrs.get("synthetic", ""))  # see `data.synthetic`
        self.is_synthetic = said not in ("", "0", "False")
        names = _inputs_told(file)
        self.inputs = tuple(self._spec(found[n], n, found) for n in names if n in found)
        if not self.inputs:
            wanted = " or ".join(names).replace(" or image", ", or image")
            raise UserError(
                f"{self.path}: expected the data sets {wanted}, and label or mask, "
                f"found {', '.join(found) or 'none'}; see the So2Sat LCZ42 layout"
            )
        samples = len(found[self.inputs[0].name])
        self._mask = mask_name(found, options.kind, self.path)
        self.chunk_rows = max(chunk_rows(found[s.name]) for s in self.inputs)
        if self._mask is not None:
            each = self._each_mask(found, options)
            masks, notes = masks_in(
                file, found, self._mask, self.inputs, options, self._folders, each
            )
            self.use_masks(masks)
        else:
            self.target, self.targets, notes = targets_in(
                file, found, samples, options, self._folders
            )
            if options.kind is None and is_mask(found.get("mask")):
                notes.append(
                    "there are both label and mask: label is the target; kind='mask' "
                    "selects the other"
                )
        self.notes += (*notes, *map(guess_told, filter(_is_guess, self.inputs)))
        for spec in self.inputs:
            if len(found[spec.name]) != len(self.targets):
                what = "values" if self.target.kind == "value" else "labels"
                raise UserError(
                    f"{self.path}: expected as many {what} as images, found "
                    f"{len(self.targets)} {what} and {len(found[spec.name])} images in "
                    f"{spec.name}; write the file anew"
                )
        self.groups: Mapping[str, np.ndarray] = self._groups(file, found)
        self.places = so2sat_places.windows(
            self.path, found.get("window"), self.groups.get("scene"), self._folders
        )
        self._places = so2sat_places.file_of(self.path)
        if self._places is not None and "city" not in self.groups:
            cities = so2sat_places.cities(self._places, samples, self._folders)
            if cities is not None:
                self.groups = {"city": cities, **self.groups}

    def _each_mask(
        self, found: Mapping[str, Any], options: ReadOptions
    ) -> Iterator[np.ndarray]:
        """Looks at each mask, see `TargetsOrMasks.look_at_masks`."""
        data = found[str(self._mask)]
        names = [s.name for s in self.inputs]
        some = [n for n in options.inputs or () if n in names] or names
        may_miss = [n for n in some if may_be_missing(found[n], self._nodata[n])]
        yield from self.look_at_masks(data.shape[1:3], len(data), may_miss)

    def _open(self) -> h5py.File:
        # a forked process must not share a handle
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
        # several arrays with a number for each sample, and one sample, must fit into
        # memory
        check_size(self.path, 64 * shape[0], f"class numbers of {name}")
        check_size(self.path, 4 * math.prod(shape[1:]), f"a sample of {name}")
        names = names_told(
            data.file, found, f"{name}_bands", name, "bands", self._folders
        )
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
        self._note_values(data, name)
        bands, notes = radar_bands(
            bands, lambda i: share_below_zero(data, self._nodata[name], i), name
        )
        for note in notes:
            self._note(note)
        levels = strings(data.file.attrs.get(f"{name}_level")) or []
        return InputSpec(
            name,
            sensor_of(bands),
            bands,
            shape[1],
            shape[2],
            level=level_in(levels),
            named=names is not None,
        )

    def _note_values(self, data: h5py.Dataset, name: str) -> None:
        """Adds notes about declared and missing values."""
        values = np.unique(self._nodata[name][np.isfinite(self._nodata[name])])
        if len(values):
            missing = ", ".join(f"{value:g}" for value in values)
            self._note(f"{name}: {missing} is declared missing and read as NaN")
        if declared := ", ".join(hdf5.unapplied(data)):
            self._note(f"{name}: the file declares {declared}, which is not applied")
        if share := hdf5.unwritten(data):
            self._note(
                f"{name}: {share:.1%} of it was never written and is read as "
                f"{np.ravel(data.fillvalue)[0]:g}; write the file anew"
            )

    def _note(self, note: str) -> None:
        self.notes += (f"{self.path}: {note}",)

    def _groups(
        self, file: h5py.File, found: Mapping[str, Any]
    ) -> dict[str, np.ndarray]:
        total = len(self.targets)
        targets = {"label", "mask", "class_names", *VALUES, "value_names"}
        groups = {}
        for name, data in [*found.items(), *file.attrs.items()]:
            shape = getattr(data, "shape", ())
            if name in targets or shape[:1] != (total,) or name.endswith("_bands"):
                continue
            if name.lower() in ("label", "labels", "class", "classes", "y"):
                self._note(f"{name} is not used; labels must be a data set named label")
                continue
            if len(shape) > 1:
                continue
            if isinstance(data, h5py.Dataset):
                data = content_of(self.path, data, self._folders)
            values = np.asarray(data)
            if values.dtype.kind in "iuSO":
                groups[name] = np.array(strings(values) or values)
        return groups

    def read(self, rows: np.ndarray, names: Sequence[str]) -> dict[str, np.ndarray]:
        """See `Reader.read`. Pixels declared missing become NaN.

        Raises:
            UserError: these pixels are damaged.
        """
        with hdf5.whole(self.path):
            file = self._open()
            found = {n: hdf5.item(file, n, self._folders) for n in names}
            read = {n: read_rows(found[n], rows, self._nodata[n]) for n in names}
        return self.on_mask_grid(read)

    def stored_masks(self, rows: np.ndarray) -> np.ndarray:
        """See `TargetsOrMasks.stored_masks`.

        Raises:
            UserError: these masks are damaged.
        """
        with hdf5.whole(self.path):
            data = hdf5.item(self._open(), str(self._mask), self._folders)
            return read_masks(data, rows)

    def coordinates(self) -> np.ndarray | None:
        """See `Reader.coordinates`; from data sets ``lon`` and ``lat``.

        Without these, from the file of places beside this one.
        """
        with hdf5.whole(self.path):
            file = self._open()
            for pair in COORDINATES:
                if not set(pair) <= set(file):
                    continue
                found = [hdf5.item(file, n, self._folders) for n in pair]
                if all(
                    getattr(d, "shape", ()) == self.targets.shape[:1] for d in found
                ):
                    values = [content_of(self.path, d, self._folders) for d in found]
                    return np.stack(values, axis=1).astype(np.float64)
        if self._places is None:
            return None
        size = (self.inputs[0].height, self.inputs[0].width)
        count = len(self.targets)
        return so2sat_places.coordinates(self._places, count, size, self._folders)


def _inputs_told(file: h5py.File) -> Sequence[str]:
    """Returns the names of the inputs, from the attribute ``inputs`` if it is there."""
    names = strings(file.attrs.get("inputs"))
    if names is None:
        return INPUTS
    made, _ = input_names(names, file.filename)
    other = [name for name, plain in made.items() if name != plain]
    if other or len(made) < len(names):
        raise UserError(
            f"{file.filename}: expected names of letters, digits and _, each once, in "
            f"the attribute inputs, found {', '.join(names)}; rename the data sets"
        )
    return names


def _is_guess(spec: InputSpec) -> bool:
    """Returns whether the bands were guessed from their number, outside of So2Sat."""
    layout = len(LCZ42_SEN1_BANDS if spec.name == "sen1" else LCZ42_SEN2_BANDS)
    nameless = spec.bands == unknown_bands(len(spec.bands))
    return not spec.named and not nameless and len(spec.bands) != layout
