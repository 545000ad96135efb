"""Folders and zip files of images, one folder per class, read with rasterio.

JPEG, PNG and GeoTIFF. What counts as a class is the name of the folder an image lies
in; folders above it, as EuroSAT's zip has one, do not matter.
"""

from __future__ import annotations

import os
import threading
import warnings
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from autoai4eo.data.labels import check_classes
from autoai4eo.data.reader import InputSpec
from autoai4eo.data.sensors import (
    RGB,
    SENTINEL2,
    Band,
    band,
    sensor_of,
    unknown_bands,
)
from autoai4eo.errors import UserError

SUFFIXES = (".jpg", ".jpeg", ".png", ".tif", ".tiff")
# Helber et al. 2019, doi:10.1109/JSTARS.2019.2918242: EuroSAT's files end with B8A.
EUROSAT_BANDS = SENTINEL2.pick(
    *(f"B{i:02d}" for i in range(1, 13)),
    "B8A",
)
LOOKED_AT_ON_OPENING = 128


def accepts(path: Path) -> bool:
    """Whether it is a folder or a zip file."""
    return path.is_dir() or path.suffix.lower() == ".zip" or zipfile.is_zipfile(path)


class ImagesReader:
    """See `Reader`. The one input is called ``image``.

    Size and bands are those of the first image. Some images over the whole range are
    looked at on opening, the others when they are read.

    Raises:
        UserError: no images, one class only, images of unequal size.
    """

    chunk_rows = 1
    whole = False

    def __init__(self, path: Path, class_names: Sequence[str] | None = None) -> None:
        self.path = str(path)
        self._zip: zipfile.ZipFile | None = None
        self._opened_by = 0
        self._lock = threading.Lock()
        self.names: Sequence[str] = sorted(self._list(path))
        if not self.names:
            raise UserError(
                f"{path}: expected images ({', '.join(SUFFIXES)}) in one folder per "
                "class, found none"
            )
        folders = [f"/{name}".split("/")[-2] or path.name for name in self.names]
        classes = sorted(set(folders))
        index = {name: i for i, name in enumerate(classes)}
        self.labels = np.array([index[f] for f in folders], dtype=np.int64)
        self.class_names = tuple(class_names or classes)
        check_classes(self.labels, len(classes), self.class_names, self.path)
        self.groups: Mapping[str, np.ndarray] = {}
        self.notes: tuple[str, ...] = ()
        self._dtype: np.dtype = np.dtype(np.uint8)
        with _gdal(), self._image(self.names[0]) as image:
            self._dtype = np.dtype(image.dtypes[0])
            if self._dtype == np.float64:
                self._dtype = np.dtype(np.float32)
            self.inputs: tuple[InputSpec, ...] = (self._spec(image),)
        step = max(1, len(self.names) // LOOKED_AT_ON_OPENING)
        with _gdal():
            for name in self.names[::step]:
                with self._image(name) as image:
                    self._check(image, name)

    def _list(self, path: Path) -> list[str]:
        if path.is_dir():
            everything = [p.relative_to(path) for p in path.rglob("*") if p.is_file()]
            names = [p.as_posix() for p in everything]
        else:
            names = self._open_zip().namelist()
        return [
            n
            for n in names
            if n.lower().endswith(SUFFIXES)
            and not n.rsplit("/", 1)[-1].startswith(".")  # macOS puts ._ files in
        ]

    def _open_zip(self) -> zipfile.ZipFile:
        if self._zip is None or self._opened_by != os.getpid():
            try:
                self._zip = zipfile.ZipFile(self.path)
            except (OSError, zipfile.BadZipFile) as cause:
                raise UserError(
                    f"{self.path}: expected a whole zip file, found one that is cut "
                    f"off or damaged ({cause}); copy it again"
                ) from cause
            self._opened_by = os.getpid()
        return self._zip

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_zip": None, "_lock": None}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._lock = threading.Lock()

    def _spec(self, image: Any) -> InputSpec:
        bands = _bands(image.count, self._dtype, image.descriptions)
        return InputSpec(
            "image",
            sensor_of(bands),
            bands,
            image.height,
            image.width,
            image.nodata,
        )

    @contextmanager
    def _image(self, name: str) -> Iterator[Any]:
        """Open one image with rasterio."""
        import rasterio
        from rasterio.io import MemoryFile

        try:
            if os.path.isdir(self.path):
                with rasterio.open(os.path.join(self.path, name)) as image:
                    yield image
                return
            with self._lock:
                content = self._open_zip().read(name)
            with MemoryFile(content) as memory, memory.open() as image:
                yield image
        except (rasterio.errors.RasterioError, zipfile.BadZipFile, OSError) as cause:
            raise UserError(
                f"{self.path}: cannot read the image {name} "
                f"({str(cause).splitlines()[0]}); repair or remove it"
            ) from cause

    def _check(self, image: Any, name: str) -> None:
        spec = self.inputs[0]
        found = (image.height, image.width, image.count)
        if found != spec.shape:
            raise UserError(
                f"{self.path}: expected all images of one size, found "
                f"{_size(spec.shape)} ({self.names[0]}) and {_size(found)} ({name}); "
                "cut or resample them to one size"
            )

    def read(self, rows: np.ndarray, names: Sequence[str]) -> dict[str, np.ndarray]:
        """See `Reader.read`.

        Raises:
            UserError: an image of another size, or one that cannot be read.
        """
        spec = self.inputs[0]
        pixels = np.empty((len(rows), *spec.shape), self._dtype)
        with _gdal():
            for i, row in enumerate(rows):
                name = self.names[row]
                with self._image(name) as image:
                    self._check(image, name)
                    pixels[i] = image.read(out_dtype=self._dtype).transpose(1, 2, 0)
        return {spec.name: pixels}

    def coordinates(self) -> np.ndarray | None:
        """See `Reader.coordinates`; the centres of the images, if georeferenced."""
        from rasterio.warp import transform

        centres = np.empty((len(self.names), 2))
        with _gdal():
            for i, name in enumerate(self.names):
                with self._image(name) as image:
                    if image.crs is None:
                        return None
                    west, south, east, north = image.bounds
                    x, y = (west + east) / 2, (south + north) / 2
                    lon, lat = transform(image.crs, "EPSG:4326", [x], [y])
                centres[i] = lon[0], lat[0]
        return centres


@contextmanager
def _gdal() -> Iterator[None]:
    """GDAL set for many small files, and quiet about pictures without a place."""
    import rasterio
    from rasterio.errors import NotGeoreferencedWarning

    with (
        warnings.catch_warnings(),
        rasterio.Env(GDAL_DISABLE_READDIR_ON_OPEN="EMPTY_DIR", GDAL_PAM_ENABLED="NO"),
    ):
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        yield


def _size(shape: tuple[int, ...]) -> str:
    return f"{shape[0]}×{shape[1]} with {shape[2]} bands"


def _bands(
    count: int, kind: np.dtype, descriptions: Sequence[str | None]
) -> tuple[Band, ...]:
    if all(descriptions):
        return tuple(band(str(name)) for name in descriptions)
    if count == 3 and kind == np.uint8:
        return RGB.bands
    if count == len(EUROSAT_BANDS):
        return EUROSAT_BANDS
    return unknown_bands(count)
