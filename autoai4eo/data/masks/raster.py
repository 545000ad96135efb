"""A raster file of a mask, read on the grid of its scene."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

import numpy as np

from autoai4eo.data.masks.alignment import is_same, places
from autoai4eo.data.masks.colour_values import as_values, is_coloured
from autoai4eo.data.masks.raster_names import colours_in, names_of
from autoai4eo.data.masks.values import MISSING, OUTSIDE, as_whole
from autoai4eo.data.scenes.grid import Grid
from autoai4eo.data.scenes.masks import alpha_bands, declared_missing
from autoai4eo.data.scenes.opening import opened, told
from autoai4eo.errors import UserError


class MaskRaster:
    """A mask; a context manager.

    Attributes:
        names: by value, as the file names the classes; None: it does not.
        colours: red, green and blue by value, as the file's table has them; or {}.
        resampled: whether it lies on another grid than its scene.
        is_coloured: whether its values are colours, see
            `autoai4eo.data.masks.colour_values`.

    Args:
        path: of the file, which has one band, or red, green and blue.
        scene: the grid of its scene.
        scene_name: of the scene, for messages.
        allow_remote: see `autoai4eo.data.scenes.scene.Scene`.

    Raises:
        UserError: it cannot be read, has other bands, or see `is_same`.
    """

    def __init__(
        self, path: Path, scene: Grid, scene_name: str, allow_remote: bool = False
    ) -> None:
        self._path = path
        self._scene = scene
        self._open = ExitStack()
        try:
            self._source = self._open.enter_context(
                opened(path, vrt=True, allow_remote=allow_remote)
            )
            self._alpha = alpha_bands(self._source)
            self._bands = [i for i in self._source.indexes if i not in self._alpha]
            self.is_coloured = is_coloured(self._source, self._bands)
            if len(self._bands) != 1 and not self.is_coloured:
                raise UserError(
                    f"{path}: expected a mask of one band of class numbers, or of red, "
                    f"green and blue as bytes, found {len(self._bands)} bands of "
                    f"{self._source.dtypes[0]}; write the classes as numbers"
                )
            self._grid = Grid.of(self._source)
            self.resampled = not is_same(self._grid, scene, path, scene_name)
            self.names = None if self.is_coloured else names_of(path, self._source)
            self.colours = colours_in(self._source)
        except BaseException:
            self._open.close()
            raise

    def __enter__(self) -> MaskRaster:
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    def read(self, top: int, left: int, height: int, width: int) -> np.ndarray:
        """Reads a window of the scene, whole numbers (height, width).

        Of a mask on another grid each pixel takes the value of the mask's pixel in
        which its centre lies (nearest neighbour). Without data, and outside of the
        mask, it is `MISSING`, outside of the scene `OUTSIDE`.
        """
        inside = [
            np.clip([first, first + number], 0, size)
            for first, number, size in (
                (top, height, self._scene.height),
                (left, width, self._scene.width),
            )
        ]
        (first_row, end_row), (first_column, end_column) = inside
        found = np.full((height, width), OUTSIDE, np.int32)
        values = self._of_scene(first_row, end_row, first_column, end_column)
        found[
            first_row - top : end_row - top, first_column - left : end_column - left
        ] = values
        return found

    def _of_scene(self, top: int, bottom: int, left: int, right: int) -> np.ndarray:
        if not self.resampled:
            return self._stored(top, bottom, left, right)
        rows, columns = np.meshgrid(
            np.arange(top, bottom) + 0.5, np.arange(left, right) + 0.5, indexing="ij"
        )
        found = np.full(rows.size, MISSING, np.int32)
        row, column = places(self._grid, self._scene, rows.ravel(), columns.ravel())
        inside = (row >= 0) & (row < self._grid.height)
        inside &= (column >= 0) & (column < self._grid.width)
        if inside.any():
            at = np.floor([row[inside], column[inside]]).astype(np.int64)
            first, end = at.min(axis=1), at.max(axis=1) + 1
            stored = self._stored(first[0], end[0], first[1], end[1])
            found[inside] = stored[at[0] - first[0], at[1] - first[1]]
        return found.reshape(rows.shape)

    def _stored(self, top: int, bottom: int, left: int, right: int) -> np.ndarray:
        """Values of a window of the file, `MISSING` without data."""
        window = ((int(top), int(bottom)), (int(left), int(right)))
        bands = self._bands
        with told(self._path):
            raw = self._source.read(bands, window=window)
            if raw.dtype.kind not in "iuf":
                raise UserError(
                    f"{self._path}: expected a mask of class numbers, found {raw.dtype}"
                )
            missing = declared_missing(self._source, raw, bands, self._alpha, window)
        if self.is_coloured:
            return np.where(missing.all(axis=0), MISSING, as_values(raw))
        values = raw[0].astype(np.float64) if raw.dtype.kind == "f" else raw[0]
        if raw.dtype.kind == "f":  # nodata need not be whole
            values[missing[0]] = np.nan
        else:  # nor fit into 32 bits
            values = np.where(missing[0], 0, values)
        whole = as_whole(values, str(self._path))
        return np.where(missing[0], MISSING, whole.astype(np.int32))
