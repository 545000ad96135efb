"""The area of a grid's pixels."""

from __future__ import annotations

import numpy as np

from autoai4eo.data.scenes.grid import Grid

_A, _F = 6_378_137.0, 1 / 298.257223563  # metres; of the WGS 84 ellipsoid


def pixel_areas(grid: Grid, first: int, last: int) -> np.ndarray:
    """Returns the area of each pixel of some rows, in square metres.

    In a geographic CRS it is that on the WGS 84 ellipsoid, from the radii of curvature
    at the pixel's centre (Snyder 1987, "Map projections: a working manual", equations
    4-18 and 4-20); in a projected CRS that of the projection's plane.

    Args:
        grid: with a CRS on the Earth.
        first: row of the first pixels.
        last: row after the last.

    Returns:
        float64 (rows, columns).
    """
    t = grid.transform
    size = abs(t.a * t.e - t.b * t.d)
    if not grid.crs.is_geographic:
        square = size * grid.crs.linear_units_factor[1] ** 2
        return np.full((last - first, grid.width), square)
    rows = np.arange(first, last)[:, None] + 0.5
    columns = np.arange(grid.width) + 0.5
    phi = np.radians(t.d * columns + t.e * rows + t.f)
    flat = _F * (2 - _F)  # the eccentricity squared
    bend = 1 - flat * np.sin(phi) ** 2
    square_radian = _A**2 * (1 - flat) * np.cos(phi) / bend**2
    return np.asarray(np.radians(1) ** 2 * size * square_radian)
