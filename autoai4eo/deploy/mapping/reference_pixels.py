"""Counts where a map's classes and a reference's values meet."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from autoai4eo.data.masks.mask_file import MaskFile
from autoai4eo.data.scenes.grid import Grid
from autoai4eo.data.scenes.opening import errors_told
from autoai4eo.deploy.mapping.reference_classes import Groups
from autoai4eo.deploy.mapping.strips import strips

#: Values of the reference and classes of the map, both int (n,), for the same places.
Pairs = Iterator[tuple[np.ndarray, np.ndarray]]


def confusion_of(pairs: Pairs, groups: Groups) -> tuple[np.ndarray, Counter[float]]:
    """Counts, rows: reference, columns: map, int64 (groups, groups).

    And the pixels of each value that stands for no class.
    """
    number, left_out = len(groups.names), Counter[float]()
    counts = np.zeros((number, number), np.int64)
    for truth, classes in pairs:
        rows = np.full(truth.shape, -1)
        for value, group in groups.of_truth.items():
            rows[truth == float(value)] = group
        known = (rows >= 0) & (classes > 0)
        values, pixels = np.unique(
            truth[(rows < 0) & (classes > 0)], return_counts=True
        )
        left_out.update(dict(zip(values.tolist(), pixels.tolist(), strict=True)))
        at = rows[known] * number + groups.of_map[classes[known]]
        counts += np.bincount(at, minlength=number**2).reshape(number, number)
    return counts, left_out


def pixels_of(file: MaskFile, out: Path) -> Pairs:
    """Yields the pixels of a raster with data, and the map's classes there."""
    import rasterio
    from rasterio.enums import Resampling
    from rasterio.vrt import WarpedVRT

    grid = file.grid
    with (
        rasterio.open(out) as source,
        WarpedVRT(
            source,
            crs=grid.crs,
            transform=grid.transform,
            height=grid.height,
            width=grid.width,
            resampling=Resampling.nearest,
            nodata=0,
        ) as classes,
        errors_told(file.path),
    ):
        for window in strips(grid.height, grid.width):
            end = window.row_off + window.height
            truth, missing = file.read(window.row_off, end, 0, grid.width)
            yield truth[~missing], classes.read(1, window=window)[~missing]


def covered_by(areas: Any, out: Path) -> Pairs:
    """Yields class numbers of areas, and the map's classes in the pixels they cover."""
    import rasterio
    from rasterio.features import rasterize
    from rasterio.transform import Affine

    from autoai4eo.data.polygons.placing import place

    with rasterio.open(out) as file:
        grid = Grid.of(file)
        placed = place(areas, grid)
        shapes = [
            (geometry, int(areas.classes[row]) + 1)
            for row, geometry in zip(placed.rows, placed.geometries, strict=True)
        ]
        for window in strips(grid.height if shapes else 0, grid.width):
            classes = file.read(1, window=window)
            truth = rasterize(
                shapes,
                out_shape=classes.shape,
                transform=Affine.translation(0, window.row_off),
                dtype="int32",
            )
            yield truth[truth > 0] - 1, classes[truth > 0]
