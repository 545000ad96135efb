"""A raster file of a mask, read on the grid of its scene."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

import numpy as np

from autoai4eo.data.masks.alignment import is_same, places
from autoai4eo.data.masks.mask_file import MaskFile
from autoai4eo.data.masks.values import MISSING, OUTSIDE
from autoai4eo.data.scenes.grid import Grid
from autoai4eo.data.scenes.opening import opened


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
        self._scene = scene
        self._open = ExitStack()
        try:
            source = self._open.enter_context(
                opened(path, vrt=True, allow_remote=allow_remote)
            )
            self._file = MaskFile(path, source)
            self.resampled = not is_same(self._file.grid, scene, path, scene_name)
        except BaseException:
            self._open.close()
            raise
        self.names, self.colours = self._file.names, self._file.colours
        self.is_coloured = self._file.is_coloured

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
            values, missing = self._file.read(top, bottom, left, right)
            return np.where(missing, MISSING, values)
        rows, columns = np.meshgrid(
            np.arange(top, bottom) + 0.5, np.arange(left, right) + 0.5, indexing="ij"
        )
        at = places(self._file.grid, self._scene, rows.ravel(), columns.ravel())
        values, missing = self._file.at(*at)
        return np.where(missing, MISSING, values).reshape(rows.shape)
