"""Files of one grid, read by windows of their own or of another grid."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

import numpy as np

from autoai4eo.data.raster_files import (
    check_all_beside,
    check_blocks,
    check_tags,
    check_text,
    gdal_name,
    open_raster,
)
from autoai4eo.data.scenes.grid import Grid
from autoai4eo.data.scenes.masks import QUALITY, alpha_bands, declared_missing
from autoai4eo.data.scenes.vrts import check_vrt, is_vrt
from autoai4eo.data.sensors import band
from autoai4eo.errors import UserError

#: Threads that read files, and that decode blocks of a file.
THREADS = min(
    4,
    len(os.sched_getaffinity(0))
    if hasattr(os, "sched_getaffinity")
    else os.cpu_count() or 1,
)
_EDGE = np.linspace(0, 1, 21)  # points along and inside of a window: reprojected


class Slot(NamedTuple):
    """Where a band lies: an open file of that path, and its number there, from 1."""

    path: Path
    source: Any
    number: int

    @property
    def zero_is_none(self) -> bool:
        """Whether its numbers are whole and no nodata value is declared."""
        kind = np.dtype(self.source.dtypes[self.number - 1]).kind
        return kind in "iu" and self.source.nodatavals[self.number - 1] is None


class Pixels(NamedTuple):
    """Bands in a window.

    Attributes:
        values: float32 (bands, h, w) as they are stored, NaN where there are no data.
        zeros: bool (bands, h, w), which of the missing are so because they are 0.
    """

    values: np.ndarray
    zeros: np.ndarray


@dataclass(frozen=True)
class Rasters:
    """Bands whose pixels lie alike, in one file or several.

    In reflectance 0 means that there are no data: where it is stored in whole numbers
    without a nodata value, in each band by itself, as ESA writes Sentinel-2; else where
    all reflectance bands that are read are exactly 0: a dark sea is 0 in some bands.
    """

    grid: Grid
    slots: Mapping[str, Slot]

    def read(self, names: Sequence[str], target: Grid, window: Any) -> Pixels:
        """Some of the bands in a window of the target's grid.

        Where that is another grid, they are resampled (bilinear, of the pixels that
        have data; quality bands by nearest neighbour). Where the nearest pixel has no
        data there are none.

        Args:
            names: of the bands.
            target: a grid.
            window: ((first row, end), (first column, end)) of it.
        """
        if target.holds(self.grid):
            return self._native(names, window)
        (top, bottom), (left, right) = window
        shape = (len(names), bottom - top, right - left)
        outside = Pixels(np.full(shape, np.nan, np.float32), np.zeros(shape, bool))
        with told(self.slots[names[0]].path):
            mine = self._window(target, window)
            if mine is None:
                return outside
            pixels = self._native(names, mine)
            return self._resampled(names, pixels, mine, target, window, outside)

    def _native(self, names: Sequence[str], window: Any) -> Pixels:
        """Some of the bands in a window of this grid; a thread for each file."""
        (top, bottom), (left, right) = window
        shape = (len(names), bottom - top, right - left)
        values, zeros = np.empty(shape, np.float32), np.zeros(shape, bool)
        every = np.array([self.slots[name].zero_is_none for name in names])
        optical = np.array([band(name).quantity == "reflectance" for name in names])

        def load(source: Any) -> None:
            mine = [i for i, n in enumerate(names) if self.slots[n].source is source]
            indexes = [self.slots[names[i]].number for i in mine]
            with _told_errors(self.slots[names[mine[0]]].path):
                raw = source.read(indexes, window=window)
                if raw.dtype.kind == "c":
                    raise UserError(
                        f"{self.slots[names[mine[0]]].path}: expected real numbers, "
                        f"found {raw.dtype}; write amplitude, intensity or decibels"
                    )
                missing = declared_missing(
                    source, raw, indexes, self._alpha(source), window
                )
            for at, i in enumerate(mine):
                if optical[i]:
                    zeros[i] = (raw[at] == 0) & ~missing[at]
                with np.errstate(over="ignore"):
                    values[i] = raw[at]
                if raw.dtype.kind == "f":
                    values[i][~np.isfinite(values[i])] = np.nan
                if names[i] not in QUALITY and missing[at].any():
                    values[i][missing[at]] = np.nan

        sources = list(dict.fromkeys(self.slots[name].source for name in names))
        if min(THREADS, len(sources)) == 1:
            for source in sources:
                load(source)
        else:
            with ThreadPoolExecutor(THREADS) as readers:
                list(readers.map(load, sources))
        if zeros.any():
            dark = (zeros | np.isnan(values))[optical].all(axis=0)
            zeros &= every[:, None, None] | dark
            values[zeros] = np.nan
        return Pixels(values, zeros)

    def _alpha(self, source: Any) -> list[int]:
        """A file's alpha bands, but for one that was named a band of a sensor."""
        named = {slot.number for slot in self.slots.values() if slot.source is source}
        return [index for index in alpha_bands(source) if index not in named]

    def _window(self, target: Grid, window: Any) -> Any:
        """The window here that covers one there and what is interpolated from."""
        from rasterio.warp import transform

        (top, bottom), (left, right) = window
        rows, columns = top + (bottom - top) * _EDGE, left + (right - left) * _EDGE
        there = np.stack(np.meshgrid(columns, rows), axis=-1).reshape(-1, 2)
        x, y = _coordinates(target.transform, there)
        if target.crs != self.grid.crs:
            x, y = map(np.array, transform(target.crs, self.grid.crs, x, y))
        finite = np.isfinite(x) & np.isfinite(y)
        if self.grid.crs is not None and self.grid.crs.is_geographic:
            x, y = self._around(x, y, finite)
        here = _coordinates(~self.grid.transform, np.stack([x, y], axis=1)[finite])
        found = []
        sizes = (self.grid.height, self.grid.width)
        for places, size in zip(here[::-1], sizes, strict=True):
            if not len(places):
                return None
            margin = 2 + int(max(1.0, 1 / self._zoom(target)))
            first = max(0, int(np.floor(places.min())) - margin)
            end = min(size, int(np.ceil(places.max())) + margin)
            if first >= end:
                return None
            found.append((first, end))
        return tuple(found)

    def _around(
        self, x: np.ndarray, y: np.ndarray, finite: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Longitudes as this grid counts them; where a pole is near all of them."""
        t = self.grid.transform
        centre = np.array([[self.grid.width / 2, self.grid.height / 2]])
        middle = _coordinates(t, centre)[0][0]
        x = middle + (x - middle + 180) % 360 - 180
        if not finite.any():
            return x, y
        reach = np.ptp(y[finite]) / 10  # between two of the points
        if np.abs(y[finite]).max() + reach < 90:
            return x, y
        pole = np.copysign(90, y[finite][np.abs(y[finite]).argmax()])
        x, y = x.copy(), y.copy()
        first = np.flatnonzero(finite)[:2]
        x[first], y[first] = [middle - 180, middle + 180][: len(first)], pole
        return x, y

    def _zoom(self, target: Grid) -> float:
        """How many of the target's pixels one of these spans, at most 1."""
        zoom = self.grid.metres() / target.metres()
        return zoom if zoom < 0.95 else 1.0

    def _resampled(
        self,
        names: Sequence[str],
        pixels: Pixels,
        mine: Any,
        target: Grid,
        window: Any,
        outside: Pixels,
    ) -> Pixels:
        from rasterio.enums import Resampling
        from rasterio.warp import reproject

        how = {
            "src_transform": _moved(self.grid.transform, mine),
            "src_crs": self.grid.crs,
            "dst_transform": _moved(target.transform, window),
            "dst_crs": target.crs,
        }
        found, zeros = outside
        classes = np.array([name in QUALITY for name in names])
        for some, kind in ((~classes, Resampling.bilinear), (classes, 0)):
            if some.any():
                resampled = found[some]
                reproject(
                    pixels.values[some],
                    resampled,
                    **how,
                    src_nodata=np.nan,
                    dst_nodata=np.nan,
                    resampling=kind,
                    UNIFIED_SRC_NODATA="NO",  # each band has pixels of its own
                    # else they are told from each window anew, and windows differ
                    XSCALE=self._zoom(target),
                    YSCALE=self._zoom(target),
                )
                found[some] = resampled
        missing = np.isnan(pixels.values)
        if missing.any():
            nearest = np.zeros(found.shape, np.uint8)
            codes = missing.astype(np.uint8) + pixels.zeros
            reproject(codes, nearest, **how, resampling=Resampling.nearest)
            found[nearest > 0] = np.nan
            zeros = nearest == 2
        return Pixels(found, zeros)


def _coordinates(t: Any, places: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """An affine transform of places (n, 2)."""
    x, y = places[:, 0], places[:, 1]
    return t.a * x + t.b * y + t.c, t.d * x + t.e * y + t.f


def _moved(t: Any, window: Any) -> Any:
    """The transform of a window."""
    (top, _), (left, _) = window
    x, y = _coordinates(t, np.array([[left, top]]))
    return type(t)(t.a, t.b, float(x[0]), t.d, t.e, float(y[0]))


@contextmanager
def told(path: Path) -> Iterator[None]:
    """Turns errors of rasterio into one line; no program in a VRT is run."""
    import rasterio

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", rasterio.errors.NotGeoreferencedWarning)
        with _told_errors(path):
            yield


@contextmanager
def _told_errors(path: Path) -> Iterator[None]:
    """As `told`, for several threads; `warnings.catch_warnings` is not safe in them."""
    import rasterio
    from rasterio._err import CPLE_BaseError  # GDAL's own, which rasterio lets through

    options = {"GDAL_VRT_ENABLE_PYTHON": "NO", "GDAL_NUM_THREADS": THREADS}
    try:
        with rasterio.Env(**options):
            yield
    except UnicodeError as cause:
        raise UserError(
            f"{path}: expected a name in UTF-8, which GDAL can open, found one of other"
            " bytes; rename it"
        ) from cause
    except (rasterio.errors.RasterioError, CPLE_BaseError) as cause:
        text = str(cause.__cause__ or cause).splitlines()[0]
        raise UserError(
            f"{gdal_name(path)}: expected a raster that can be read, found one that is "
            f"cut off, damaged or something else ({text}); copy it again"
        ) from cause


@contextmanager
def opened(path: Path, vrt: bool, allow_remote: bool) -> Iterator[Any]:
    """An open file of a scene.

    Args:
        path: of a file, or what GDAL calls it.
        vrt: whether it may be a VRT: the user named it, and no folder.
        allow_remote: see `Scene`.

    Raises:
        UserError: it cannot be read, may name other files, or has too large blocks.
    """
    import rasterio

    name = gdal_name(path)
    local = os.path.isfile(path)
    if local:
        check_all_beside(path)
    if local and is_vrt(path):
        if not vrt:
            raise UserError(
                f"{path}: expected a GeoTIFF or JPEG 2000 in the folder of a scene, "
                "found a VRT, which may name other files; give the VRT itself"
            )
        check_vrt(path, allow_remote)
    with ExitStack() as stack:
        with told(path):
            if allow_remote:
                source = rasterio.open(name)
            elif local and is_vrt(path):
                source = rasterio.open(name, driver="VRT")
            elif local:
                source = open_raster(os.path.abspath(path))
            elif not vrt:  # in a zip file, whose members were looked at
                source = open_raster(name)
            else:
                # what lies beside it there, such as a mask, may name other files
                alone = rasterio.Env(GDAL_DISABLE_READDIR_ON_OPEN="EMPTY_DIR")
                suffix = PurePosixPath(name.partition("?")[0]).suffix.lower()
                driver = "JP2OpenJPEG" if suffix == ".jp2" else "GTiff"
                with alone:
                    source = rasterio.open(name, driver=driver)
            stack.enter_context(source)
        check_blocks(name, source)
        check_text(name, source)
        if not allow_remote:
            check_tags(name, source)
        yield source
