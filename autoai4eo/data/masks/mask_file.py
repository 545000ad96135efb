"""An open raster of classes: numbers, or colours that are classes."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np

from autoai4eo.data.masks.colour_values import as_values, is_coloured
from autoai4eo.data.masks.raster_names import colours_in, names_of
from autoai4eo.data.masks.values import as_whole
from autoai4eo.data.scenes.grid import Grid
from autoai4eo.data.scenes.masks import alpha_bands, declared_missing
from autoai4eo.data.scenes.opening import errors_told
from autoai4eo.errors import UserError
from autoai4eo.text import counted

#: Endings of the files beside a raster: statistics, overviews and a mask.
_BESIDE = (".aux.xml", ".ovr", ".msk", ".msk.ovr")


class MaskFile:
    """The stored values of a mask, or of labels that a map is held against.

    Attributes:
        path: of the file.
        grid: of its pixels.
        names: by value, as the file names the classes; None: it does not.
        colours: red, green and blue by value, as the file's table has them; or {}.
        is_coloured: whether its values are colours, see
            `autoai4eo.data.masks.colour_values`.

    Args:
        path: of the file, which has one band, or red, green and blue; beside alpha.
        source: the same, open.

    Raises:
        UserError: it has other bands, its compression blurs values, or see `Grid.of`.
    """

    def __init__(self, path: Path, source: Any) -> None:
        _check_lossless(path, source)
        self.path = path
        self._source = source
        self._alpha = alpha_bands(source)
        self._bands = [i for i in source.indexes if i not in self._alpha]
        self.is_coloured = is_coloured(source, self._bands)
        if len(self._bands) != 1 and not self.is_coloured:
            raise UserError(
                f"{path}: expected a mask of one band of class numbers, or of red, "
                f"green and blue as bytes, found "
                f"{counted(len(self._bands), 'band')} of {source.dtypes[0]}; write "
                "the classes as numbers; if this is an image, give images and masks "
                "the other way round"
            )
        self.grid = Grid.of(source)
        self.names = None if self.is_coloured else names_of(path, source)
        self.colours = colours_in(source)

    def read(
        self, top: int, bottom: int, left: int, right: int
    ) -> tuple[np.ndarray, np.ndarray]:
        """Reads a window of the file: rows from top to bottom, columns left to right.

        Returns:
            Values, int32 (rows, columns), and where there are none, bool.

        Raises:
            UserError: they are no class numbers.
        """
        window = ((int(top), int(bottom)), (int(left), int(right)))
        bands = self._bands
        with errors_told(self.path):
            raw = self._source.read(bands, window=window)
            if raw.dtype.kind not in "iuf":
                raise UserError(
                    f"{self.path}: expected a mask of class numbers, found {raw.dtype}"
                )
            missing = declared_missing(self._source, raw, bands, self._alpha, window)
        if self.is_coloured:
            return as_values(raw), np.asarray(missing.all(axis=0))
        # nodata need not be whole, nor fit into 32 bits
        values = np.where(missing[0], 0, raw[0])
        return as_whole(values, str(self.path)).astype(np.int32), missing[0]

    def at(self, row: np.ndarray, column: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Reads the pixels in which places lie.

        Args:
            row, column: in pixels, (n,); see `autoai4eo.data.masks.alignment.places`.

        Returns:
            Values, int32 (n,), and where there are none: without data, or outside.
        """
        found, missing = np.zeros(len(row), np.int32), np.ones(len(row), bool)
        inside = (row >= 0) & (row < self.grid.height)
        inside &= (column >= 0) & (column < self.grid.width)
        if inside.any():
            at = np.floor([row[inside], column[inside]]).astype(np.int64)
            first, end = at.min(axis=1), at.max(axis=1) + 1
            stored, none = self.read(first[0], end[0], first[1], end[1])
            there = at[0] - first[0], at[1] - first[1]
            found[inside], missing[inside] = stored[there], none[there]
        return found, missing


def _check_lossless(path: Path, source: Any) -> None:
    """Refuses JPEG and other lossy compression, also inside of a GeoTIFF or VRT."""
    with errors_told(path):
        blurred = _lossy(source, set())
    if blurred:
        raise UserError(
            f"{path}: expected a lossless mask such as GeoTIFF or PNG, found "
            f"{blurred}, which blurs class numbers; export the mask anew from its "
            "source, as a GeoTIFF with deflate compression"
        )


def _lossy(source: Any, seen: set[str]) -> str | None:
    """Returns what blurs the values of an open file, or of one that a VRT shows.

    Args:
        source: the file.
        seen: files of VRTs that were looked at; new ones are added.
    """
    import rasterio

    stored = source.tags(ns="IMAGE_STRUCTURE")
    how = str(stored.get("COMPRESSION") or source.driver)
    error = float(stored.get("MAX_Z_ERROR", 0))
    # LERC keeps whole numbers that may differ by less than 1, if stored as integers
    blurs = error > 0 if source.dtypes[0].startswith("float") else error >= 1
    if blurs or stored.get("COMPRESSION_REVERSIBILITY") == "LOSSY":
        return f"lossy {how}"
    if "JPEG" in how.split():
        return how
    own, *shown = source.files if source.driver == "VRT" else [""]
    beside = [f"{own}{ending}" for ending in _BESIDE]
    for name in shown:
        if name in beside or name in seen or not os.path.isfile(name):
            continue
        seen.add(name)
        with rasterio.open(name) as file:  # as GDAL itself does when it reads the VRT
            if found := _lossy(file, seen):
                return found if file.driver == "VRT" else f"{found} in {name}"
    return None
