"""The labels of a reference on the grid of a map, as small as a picture."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from autoai4eo.data.masks.alignment import places
from autoai4eo.data.masks.mask_file import MaskFile
from autoai4eo.data.scenes.grid import Grid
from autoai4eo.deploy.mapping.reference_classes import Groups


def small_grid(path: Path, size: int) -> Grid:
    """Returns the grid of a raster with no more than `size` pixels per edge."""
    import rasterio

    with rasterio.open(path) as file:
        grid = Grid.of(file)
    factor = max(1.0, max(grid.height, grid.width) / size)
    height, width = (max(1, round(n / factor)) for n in (grid.height, grid.width))
    scaled = grid.transform.scale(grid.width / width, grid.height / height)
    return Grid(grid.crs, grid.transform @ scaled, height, width)


def of_raster(file: MaskFile, grid: Grid) -> tuple[np.ndarray, np.ndarray]:
    """Returns the values of a raster on a grid (nearest), and where it has some.

    Args:
        file: of labels.
        grid: to read it on.
    """
    columns = np.arange(grid.width) + 0.5
    rows = []
    for row in np.arange(grid.height) + 0.5:  # few rows of a large file at once
        at = places(file.grid, grid, np.full(grid.width, row), columns)
        rows.append(file.at(*at))
    values, missing = (np.stack(some) for some in zip(*rows, strict=True))
    return values, ~missing


def of_areas(areas: Any, grid: Grid) -> tuple[np.ndarray, np.ndarray]:
    """Returns the class numbers of areas on a grid, and the pixels they cover."""
    from rasterio.features import rasterize

    from autoai4eo.data.polygons.placing import place

    placed = place(areas, grid)
    shapes = [
        (geometry, int(areas.classes[row]) + 1)
        for row, geometry in zip(placed.rows, placed.geometries, strict=True)
    ]
    shape = (grid.height, grid.width)
    found = rasterize(shapes, out_shape=shape, dtype="int32") if shapes else None
    numbers = np.zeros(shape, np.int32) if found is None else found
    return numbers - 1, numbers > 0


@dataclass(frozen=True)
class ReferencePicture:
    """A reference on the grid of a map.

    Attributes:
        labels: 0: none; from 1: the map's classes, and after them those of `others`.
        others: names of what stands for several of the map's classes, such as ``rest``.
    """

    labels: np.ndarray
    others: tuple[str, ...]


def as_classes(
    values: np.ndarray, known: np.ndarray, groups: Groups
) -> ReferencePicture:
    """Returns what each value stands for."""
    labels = np.zeros(values.shape, np.int64)
    others: list[str] = []
    for value, group in groups.of_truth.items():
        members = np.flatnonzero(groups.of_map[1:] == group)
        name = groups.names[group]
        if len(members) > 1 and name not in others:
            others.append(name)
        number = members[0]
        if len(members) > 1:
            number = len(groups.of_map) - 1 + others.index(name)
        labels[known & (values == float(value))] = 1 + number
    return ReferencePicture(labels, tuple(others))
