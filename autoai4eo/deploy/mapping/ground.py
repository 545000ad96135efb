"""Where a grid lies on the ground: sizes in metres, the way to the north."""

from __future__ import annotations

import numpy as np

from autoai4eo.data.scenes.grid import Grid

_A, _F = 6_378_137.0, 1 / 298.257223563  # metres; of the WGS 84 ellipsoid
_STEP = 1e-3  # degrees, about 100 m


def _metres(latitude: float) -> np.ndarray:
    """Metres of a degree to the east and to the north (Snyder 1987, 4-18 and 4-20)."""
    phi = np.radians(latitude)
    flat = _F * (2 - _F)
    bend = 1 - flat * np.sin(phi) ** 2
    east = _A / np.sqrt(bend) * np.cos(phi)
    north = _A * (1 - flat) / bend**1.5
    return np.radians(1) * np.array([east, north])


def _centre(grid: Grid) -> tuple[float, float, np.ndarray]:
    """Longitude and latitude of the centre, and the transform, (3, 3)."""
    from rasterio.warp import transform

    t = np.array(grid.transform).reshape(3, 3)
    x, y, _ = t @ [grid.width / 2, grid.height / 2, 1]
    (longitude,), (latitude,) = transform(grid.crs, "EPSG:4326", [x], [y])
    return longitude, latitude, t


def pixel_metres(grid: Grid) -> tuple[float, float]:
    """Returns height and width of the pixel at the centre, in metres on the ground.

    Args:
        grid: with a CRS on the Earth.
    """
    from rasterio.warp import transform

    longitude, latitude, t = _centre(grid)
    column, row = grid.width / 2, grid.height / 2
    places = t @ [[column, column + 1], [row + 1, row], [1, 1]]
    x, y = transform(grid.crs, "EPSG:4326", *places[:2].tolist())
    degrees = np.array([x, y]).T - [longitude, latitude]
    down, across = np.linalg.norm(degrees * _metres(latitude), axis=1)
    return float(down), float(across)


def north_of(grid: Grid) -> float:
    """Returns the way to the north at the centre: degrees from up, clockwise.

    Args:
        grid: with a CRS on the Earth.
    """
    from rasterio.warp import transform

    longitude, latitude, t = _centre(grid)
    x, y = transform(
        "EPSG:4326", grid.crs, [longitude] * 2, [latitude, latitude + _STEP]
    )
    columns, rows, _ = np.linalg.inv(t) @ [x, y, [1, 1]]
    down, across = pixel_metres(grid)
    right, up = np.diff(columns)[0] * across, -np.diff(rows)[0] * down
    return float(np.degrees(np.arctan2(right, up)))
