"""How many pixels of a map each class has, and how large their area is."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from autoai4eo.data.scenes.grid import Grid, is_on_earth
from autoai4eo.deploy.mapping.pixel_areas import pixel_areas
from autoai4eo.deploy.mapping.strips import strips


@dataclass(frozen=True)
class Shares:
    """The classes of a map.

    Attributes:
        pixels: of each class, int64 (classes,).
        areas: of each class in km², float64 (classes,), see `pixel_areas`; None: the
            map has no place on the Earth.
    """

    pixels: np.ndarray
    areas: np.ndarray | None

    @property
    def shares(self) -> np.ndarray:
        """Share of each class in the pixels that have one, float64 (classes,)."""
        return np.asarray(self.pixels / max(1, self.pixels.sum()))


def class_shares(path: Path, classes: int) -> Shares:
    """Counts the classes of a map; reads it in strips.

    Args:
        path: of a map, classes from 1, nodata 0.
        classes: how many there are.
    """
    import rasterio

    pixels, areas = np.zeros(classes, np.int64), np.zeros(classes)
    with rasterio.open(path) as file:
        grid = Grid.of(file)
        placed = is_on_earth(grid.crs)
        for window in strips(grid.height, grid.width):
            found = file.read(1, window=window).ravel()
            pixels += np.bincount(found, minlength=classes + 1)[1 : classes + 1]
            if placed:
                last = window.row_off + window.height
                size = pixel_areas(grid, window.row_off, last).ravel() / 1e6
                counted = np.bincount(found, weights=size, minlength=classes + 1)
                areas += counted[1 : classes + 1]
    return Shares(pixels, areas if placed else None)
