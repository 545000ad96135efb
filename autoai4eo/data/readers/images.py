"""Folders and zip files of images, one folder per class, read with rasterio.

Reads formats that contain their own pixels: JPEG, PNG, GeoTIFF, WebP, JPEG 2000, BMP,
GIF and SGI; none that may name other files. Pixels that a file declares missing
(nodata, a mask, transparency) are NaN.
"""

from __future__ import annotations

import warnings
import zipfile
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from autoai4eo.data.raster_files import is_utf8
from autoai4eo.data.readers.base import (
    DEFAULTS,
    InputSpec,
    ReadOptions,
    TargetsInMemory,
)
from autoai4eo.data.readers.image_bands import (
    EUROSAT_BANDS,
    band_of,
    colours_of,
    guessed_bands,
)
from autoai4eo.data.readers.image_files import Listing, classes_of, suffixes
from autoai4eo.data.readers.image_header import (
    Header,
    check_alike,
    describe_units,
    header_of,
    read_headers,
)
from autoai4eo.data.readers.image_store import ImageStore
from autoai4eo.data.readers.labels import by_name
from autoai4eo.data.readers.png import check_png
from autoai4eo.data.readers.radar import radar_bands
from autoai4eo.data.scenes.masks import declared_missing
from autoai4eo.data.sensors import (
    Band,
    canonical,
    sensor_of,
    unknown_bands,
)
from autoai4eo.data.target import Target
from autoai4eo.errors import UserError
from autoai4eo.text import counted

_SAMPLED = 16  # images are looked into where names are guessed
_DATA_FILES = {".h5", ".hdf5", ".npz", ".zip"}  # what open_dataset takes, too
_MOSTLY = 0.5  # of the pixels half transparent: no mask any more


def accepts(path: Path) -> bool:
    """Returns whether a path is a folder or a zip file."""
    if path.is_dir() or path.suffix.lower() == ".zip":
        return True
    return path.is_file() and zipfile.is_zipfile(path)


class ImagesReader(TargetsInMemory):
    """See `Reader`. The one input is called ``image``.

    The headers of all images are read on opening. All images must have the same size,
    type, unit and bands; bands are matched by their names in the files. An alpha band
    is a mask. A table of colours is applied. Images outside of folders have no label.

    Args:
        path: of the folder or zip file.
        options: folders are matched to its ``class_names`` by name. With ``alpha``
            among its ``bands``, or one for each band of the file, an alpha band is a
            band. ``class_level`` is the level of folders that are the classes, from 1;
            None: the first with several.

    Raises:
        UserError: no images, images that cannot be read or are not alike, classes that
            are not known.
    """

    chunk_rows = 1
    whole = False

    def __init__(
        self,
        path: Path,
        options: ReadOptions = DEFAULTS,
    ) -> None:
        class_names, bands = options.class_names, options.bands
        self.path = str(path)
        self._store = ImageStore(path)
        listing = self._store.list()
        self.names: Sequence[str] = listing.names
        if not self.names:
            more = f" ({'; '.join(listing.notes)})" if listing.notes else ""
            raise UserError(
                f"{path}: expected images ({', '.join(suffixes())}) in one folder per "
                f"class, found none{more}{_data_file_in(path)}"
            )
        found: Sequence[str | None] = [None] * len(self.names)
        notes: Sequence[str] = ()
        if options.kind != "none":
            found, notes = classes_of(
                self.names,
                options.class_level,
                class_names,
                self.path,
                not path.is_dir(),
            )
        for name in found:
            if name is not None and not is_utf8(name):
                raise UserError(
                    f"{path}: expected folders whose names are text in UTF-8, as they "
                    f"name the classes, found {name}; rename it"
                )
        self.targets, classes = _labels(found, class_names, self.path)
        kind = "class" if (self.targets >= 0).any() else "none"
        self.target = Target(kind, classes, ignored=-1 if kind == "class" else None)
        self.groups: Mapping[str, np.ndarray] = {}
        with self._store.gdal():
            self._headers = self._read_headers(listing, bands)
            more_notes = self._set_up(bands)
        self.notes = (*listing.notes, *notes, *more_notes)

    @property
    def pixel_bytes(self) -> int:
        """See `Reader`."""
        return self._dtype.itemsize

    def _read_headers(
        self, listing: Listing, bands: Sequence[str] | None
    ) -> list[Header]:
        def read(names: Sequence[str], alpha_is_a_band: bool) -> Sequence[Header]:
            return self._store.each(
                names, partial(header_of, alpha_is_a_band=alpha_is_a_band)
            )

        self._takes_alpha = False
        headers: dict[str, Header] = {}
        asked = [canonical(name) for name in bands or ()]
        takes_alpha = any(name.casefold() in ("alpha", "a") for name in asked)
        if not takes_alpha:
            headers = read_headers(
                listing, self.path, partial(read, alpha_is_a_band=False)
            )
            first = next(iter(headers.values()))
            takes_alpha = first.alpha > 0 and len(asked) == len(first.bands) + 1
        if takes_alpha:
            headers = read_headers(
                listing, self.path, partial(read, alpha_is_a_band=True), "alpha"
            )
        self._takes_alpha = takes_alpha
        check_alike(headers, self.path)
        kinds: dict[Header, Header] = {}  # few, which a copy for a worker has once
        return [kinds.setdefault(header, header) for header in headers.values()]

    def _set_up(self, asked: Sequence[str] | None) -> list[str]:
        """Bands, type and the one input, from the headers; gives notes."""
        first = self._headers[0]
        kinds = {np.dtype(header.dtype) for header in self._headers}
        plain = len(kinds) == 1 and not any(h.missing for h in self._headers)
        kind = kinds.pop()
        exact = plain and kind != np.float64
        self._dtype = kind if exact else np.dtype(np.float32)
        notes = []
        if first.named:
            bands = tuple(band_of(str(name), first.kind) for name in first.bands)
        else:
            bands = guessed_bands(len(first.bands), first.kind)
        self.inputs: tuple[InputSpec, ...] = (self._spec(bands),)
        bands, radar_notes = radar_bands(bands, self._share_below_zero, "image")
        notes += radar_notes
        self.inputs = (self._spec(bands),)
        given = asked is not None and len(asked) == len(bands)
        if first.named or given:
            pass
        elif bands == EUROSAT_BANDS:
            notes.append(self._check_eurosat())
        elif bands != unknown_bands(len(bands)):
            notes.append(
                f"{counted(len(bands), 'band')} without names, taken for "
                f"{' '.join(b.name for b in bands)}; --bands gives other names"
            )
        if number := sum(header.alpha > 0 for header in self._headers):
            self._check_alpha()
            notes.append(
                f"{number:,} of {len(self.names):,} images have an alpha band: it is a "
                "mask (transparent pixels are missing), not a band; name it with "
                "--bands to take it for one"
            )
        if number := sum(header.palette for header in self._headers):
            notes.append(
                f"{number:,} of {len(self.names):,} images have a table of colours: "
                "they are read as their colours R G B"
            )
        if set(first.units) - {(1.0, 0.0, "")}:
            notes.append(
                f"the images declare {describe_units(first.units)}, which is not "
                "applied: values are taken as they lie in the files"
            )
        return notes

    def _spec(self, bands: tuple[Band, ...]) -> InputSpec:
        first = self._headers[0]
        size = first.height, first.width
        return InputSpec("image", sensor_of(bands), bands, *size, named=first.named)

    def _share_below_zero(self, band: int) -> float | None:
        """See `radar_bands`."""
        pixels = self.read(np.array(self._some()), ["image"])["image"][..., band]
        values = pixels[np.isfinite(pixels)]
        return float((values < 0).mean()) if len(values) else None

    def _some(self) -> list[int]:
        step = max(1, len(self.names) // _SAMPLED)
        return list(range(0, len(self.names), step))[:_SAMPLED]

    def _check_eurosat(self) -> str:
        """A note on 13 bands that are taken for EuroSAT's.

        Raises:
            UserError: their values are others.
        """
        rows = np.array(self._some())
        pixels = self.read(rows, ["image"])["image"].reshape(-1, len(EUROSAT_BANDS))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)  # a band without values
            medians = np.nanmedian(pixels.astype(np.float64), axis=0)
        cirrus = [b.name for b in EUROSAT_BANDS].index("B10")
        order = " ".join(b.name for b in EUROSAT_BANDS)
        others = np.delete(medians, cirrus)
        if medians[cirrus] > np.nanmin(others):
            raise UserError(
                f"{self.path}: expected names of the 13 bands, found none, and values "
                f"that are not in EuroSAT's order ({order}): its B10 is always the "
                f"darkest, here it is band {int(np.nanargmin(medians)) + 1} (median "
                f"{np.nanmin(medians):g}, band {cirrus + 1} {medians[cirrus]:g}); name "
                "them in the order of the files, such as --bands "
                "B01,B02,B03,B04,B05,B06,B07,B08,B8A,B09,B10,B11,B12"
            )
        return (
            f"13 bands without names, taken for EuroSAT's ({order}); --bands names "
            "them otherwise"
        )

    def _check_alpha(self) -> None:
        """Refuses an alpha band that holds measurements, as GDAL's default makes one.

        Raises:
            UserError: it has many values.
        """
        for row in self._some():
            header = self._headers[row]
            if not header.alpha or np.dtype(header.dtype).kind not in "iu":
                continue
            with self._store.open(self.names[row]) as image:
                values = image.read(header.alpha)
            between = (values > 0) & (values < np.iinfo(header.dtype).max)
            if between.mean() > _MOSTLY:
                raise UserError(
                    f"{self.path}: expected an alpha band of opaque and transparent "
                    f"pixels, found values from {values.min()} to {values.max()} in "
                    f"band {header.alpha} of {self.names[row]}, as a measurement has; "
                    f"name all {len(header.bands) + 1} bands in their order to take it "
                    "for a band (--bands R,G,B,B08), or write the files without it"
                )

    def read(self, rows: np.ndarray, names: Sequence[str]) -> dict[str, np.ndarray]:
        """See `Reader.read`. Missing values are NaN.

        Raises:
            UserError: an image that has changed or cannot be read.
        """
        spec = self.inputs[0]
        pixels = np.empty((len(rows), *spec.shape), self._dtype)
        with self._store.gdal():
            for i, row in enumerate(rows):
                pixels[i] = self._pixels(int(row))
        return {spec.name: pixels}

    def _pixels(self, row: int) -> np.ndarray:
        """One image (height, width, bands), bands in the order of the first image."""
        name, header, first = self.names[row], self._headers[row], self._headers[0]
        with self._store.open(name) as image:
            if image.driver == "PNG":
                check_png(self._store.content(name))
            if header_of(image, self._takes_alpha) != header:
                raise UserError(
                    f"{self.path}: expected {name} as it was on opening, found another "
                    "image; leave the files alone while they are used"
                )
            if header.palette:
                values = colours_of(image, self._dtype)
            else:
                numbers = [n for n in image.indexes if n != header.alpha]
                if first.named:
                    place = dict(zip(header.bands, numbers, strict=True))
                    numbers = [place[name] for name in first.bands]
                values = image.read(numbers)
                missing = self._missing(image, header, numbers, values)
                values = values.astype(self._dtype, copy=False)
                if missing is not None:
                    values[missing] = np.nan
        return np.moveaxis(values, 0, -1)

    def _missing(
        self, image: Any, header: Header, numbers: list[int], values: np.ndarray
    ) -> np.ndarray | None:
        """Where an image declares that there is no measurement, as its values."""
        if not header.missing:
            return None
        alpha = [header.alpha] if header.alpha else []
        return declared_missing(image, values, numbers, alpha, None)

    def coordinates(self) -> np.ndarray | None:
        """See `Reader.coordinates`; the centres of the images, if georeferenced."""
        return self._store.centres(self.names)


def _labels(
    found: Sequence[str | None], wanted: Sequence[str] | None, path: str
) -> tuple[np.ndarray, tuple[str, ...]]:
    names = sorted({name for name in found if name is not None})
    place = {name: i for i, name in enumerate(names)}
    labels = np.array([-1 if f is None else place[f] for f in found], dtype=np.int64)
    if wanted is None:
        return labels, tuple(names)
    return by_name(labels, names, wanted, path), tuple(wanted)


def _data_file_in(folder: Path) -> str:
    """Returns advice to give a file of the folder that is data of its own."""
    every = sorted(folder.iterdir()) if folder.is_dir() else []
    named = [path for path in every if path.suffix.lower() in _DATA_FILES]
    files = [path for path in named if path.is_file()]
    return f"; give the file {files[0]} instead of its folder" if files else ""
