"""Where the pixels of a mask lie on the grid of its scene."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from autoai4eo.data.scenes.grid import Grid, is_on_earth
from autoai4eo.errors import UserError

_EDGE = np.linspace(0, 1, 21)  # places along a scene that a mask must cover
_COVERED = 0.9  # of them, in another coordinate reference system: it turns the edges


def is_same(mask: Grid, scene: Grid, path: Path, name: str) -> bool:
    """Whether a mask has the pixels of its scene, or has to be resampled.

    Without a coordinate reference system in one of them, equal sizes mean equal pixels.

    Args:
        mask, scene: their grids.
        path: of the mask.
        name: of the scene.

    Raises:
        UserError: the mask does not cover the scene to a pixel (in another coordinate
            reference system nine tenths of it), or has another size and no place.
    """
    if mask.holds(scene):
        return True
    sizes = (mask.height, mask.width), (scene.height, scene.width)
    if not (is_on_earth(mask.crs) and is_on_earth(scene.crs)):
        if sizes[0] == sizes[1]:
            return True
        raise UserError(
            f"{path}: expected a mask of {scene.height} × {scene.width} pixels as "
            f"{name} has, found {mask.height} × {mask.width} and no coordinate "
            "reference system to resample by; georeference both, or resample the mask"
        )
    rows, columns = np.meshgrid(
        scene.height * _EDGE, scene.width * _EDGE, indexing="ij"
    )
    row, column = places(mask, scene, rows.ravel(), columns.ravel())
    # a pixel of the coarser of the two
    near = max(1.0, scene.metres() / mask.metres())
    inside = (row >= -near) & (row <= mask.height + near)
    inside &= (column >= -near) & (column <= mask.width + near)
    if inside.mean() < (1.0 if mask.crs == scene.crs else _COVERED):
        raise UserError(
            f"{path}: expected a mask that covers its scene {name}, "
            f"{_box(scene, scene.crs)} ({scene.crs}), found one of "
            f"{_box(mask, scene.crs)}: it lies elsewhere, or is shifted; correct its "
            "georeference"
        )
    return False


def places(
    mask: Grid, scene: Grid, rows: np.ndarray, columns: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Returns where places of a scene lie in a mask, in its pixels.

    Args:
        mask, scene: their grids.
        rows, columns: in the scene, (n,); the centre of the first pixel is (0.5, 0.5).

    Returns:
        Rows and columns in the mask, float64 (n,), NaN where there is no place.
    """
    from rasterio.warp import transform

    x, y = _affine(scene.transform, columns, rows)
    if mask.crs != scene.crs:
        x, y = (np.array(one) for one in transform(scene.crs, mask.crs, x, y))
    with np.errstate(invalid="ignore"):
        column, row = _affine(~mask.transform, x, y)
    column[~np.isfinite(column)] = np.nan
    row[~np.isfinite(row)] = np.nan
    return row, column


def _affine(t: Any, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return t.a * x + t.b * y + t.c, t.d * x + t.e * y + t.f


def _box(grid: Grid, crs: Any) -> str:
    """The box of a grid in a coordinate reference system, for people."""
    from rasterio.transform import array_bounds
    from rasterio.warp import transform_bounds

    box = array_bounds(grid.height, grid.width, grid.transform)
    if grid.crs != crs:
        box = transform_bounds(grid.crs, crs, *box)
    left, bottom, right, top = (f"{number:.7g}" for number in box)
    return f"x {left} to {right}, y {bottom} to {top}"
