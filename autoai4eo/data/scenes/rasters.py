"""Files of one grid, read by windows of their own or of another grid."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from autoai4eo.data.scenes import opening
from autoai4eo.data.scenes.grid import Grid
from autoai4eo.data.scenes.masks import QUALITY, alpha_bands, declared_missing
from autoai4eo.data.scenes.opening import errors_told, errors_told_in_threads
from autoai4eo.data.sensors import band
from autoai4eo.data.units import RADAR
from autoai4eo.errors import UserError

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

    @property
    def is_signed(self) -> bool:
        """Whether its numbers are signed integers."""
        return np.dtype(self.source.dtypes[self.number - 1]).kind == "i"


def zero_kind(name: str) -> str:
    """``"optical"`` or ``"radar"``: 0 may mean no data; ``""``: it is a value."""
    quantity = band(name).quantity
    if quantity == "reflectance":
        return "optical"
    return "radar" if quantity in RADAR else ""


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
    In radar it does where all radar bands that are read are exactly 0, as SNAP writes
    the border of Sentinel-1; 0 dB in a single band of signed integers is a measurement.
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
        with errors_told(self.slots[names[0]].path):
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
        kinds = np.array([zero_kind(name) for name in names])

        def load(source: Any) -> None:
            mine = [i for i, n in enumerate(names) if self.slots[n].source is source]
            indexes = [self.slots[names[i]].number for i in mine]
            with errors_told_in_threads(self.slots[names[mine[0]]].path):
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
                if kinds[i]:
                    zeros[i] = (raw[at] == 0) & ~missing[at]
                with np.errstate(over="ignore"):
                    values[i] = raw[at]
                if raw.dtype.kind == "f":
                    values[i][~np.isfinite(values[i])] = np.nan
                if names[i] not in QUALITY and missing[at].any():
                    values[i][missing[at]] = np.nan

        sources = list(dict.fromkeys(self.slots[name].source for name in names))
        if min(opening.THREADS, len(sources)) == 1:
            for source in sources:
                load(source)
        else:
            with ThreadPoolExecutor(opening.THREADS) as readers:
                list(readers.map(load, sources))
        if zeros.any():
            every &= kinds == "optical"
            for kind in ("optical", "radar"):
                mine = kinds == kind
                dark = (zeros | np.isnan(values))[mine].all(axis=0)
                zeros[mine] &= every[mine, None, None] | dark
            radar = np.flatnonzero(kinds == "radar")
            if len(radar) == 1 and self.slots[names[radar[0]]].is_signed:
                zeros[radar] = False
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
