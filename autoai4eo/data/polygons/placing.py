"""Places areas on the grid of a scene, whatever their coordinate reference systems."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from autoai4eo.data.polygons.areas import Areas
from autoai4eo.data.scenes.grid import Grid

_STEP = np.linspace(0, 1, 21)  # points along and inside of a scene: reprojected
_MARGIN = 0.5  # of the extent of a scene, around it: windows reach beyond its edge
# A straight edge in one system is curved in another: edges are cut into pieces of 1 km,
# which bend by a few centimetres; long ones into a thousand.
_PIECE_M, _PIECES = 1000.0, 1000
_METRES_PER_DEGREE = 111_000.0


@dataclass(frozen=True)
class Placed:
    """Areas of which some part lies on a scene, in its pixels.

    Attributes:
        rows: which of the areas these are, int64 (n,).
        geometries: shapely, in columns and rows: the pixel (i, j) of the scene covers
            j to j + 1 in x, i to i + 1 in y.
    """

    rows: np.ndarray
    geometries: np.ndarray


def place(areas: Areas, grid: Grid) -> Placed:
    """Returns the areas that lie on a scene, in its pixels."""
    import shapely

    near, shifted = _near(areas, grid)
    if not len(near):
        return Placed(near, shifted)
    moved = shapely.transform(
        _in_pieces(shifted, areas.crs.is_geographic),
        lambda places: _to_pixels(places, areas.crs, grid),
    )
    # reprojection may let an edge touch itself
    broken = ~shapely.is_valid(moved)
    moved[broken] = shapely.make_valid(moved[broken])
    scene = shapely.box(0, 0, grid.width, grid.height)
    on = shapely.intersects(moved, scene) & (shapely.get_dimensions(moved) != 1)
    return Placed(near[on], moved[on])


def extent(areas: Areas, grid: Grid) -> str:
    """Describes where areas and a scene lie, both in longitudes and latitudes."""
    import shapely
    from rasterio.crs import CRS
    from rasterio.warp import transform_bounds

    lonlat = CRS.from_epsg(4326)
    told = []
    of_scene = _transformed(_corners(grid), grid.crs, lonlat)
    there = of_scene[np.isfinite(of_scene).all(axis=1)]
    box = [*there.min(axis=0), *there.max(axis=0)] if len(there) else [np.nan] * 4
    of_areas = transform_bounds(
        areas.crs, lonlat, *shapely.total_bounds(areas.geometries)
    )
    for what, (left, bottom, right, top) in (
        ("the polygons", of_areas),
        ("the scene", box),
    ):
        told.append(
            f"{what} at longitudes {left:.5g} to {right:.5g} and latitudes "
            f"{bottom:.5g} to {top:.5g}"
        )
    return " and ".join(told)


def to_lonlat(columns: np.ndarray, rows: np.ndarray, grid: Grid) -> np.ndarray:
    """Returns longitudes and latitudes (WGS 84) of places in a scene, float64 (n, 2).

    Args:
        columns, rows: in pixels, (n,); the centre of the first pixel is (0.5, 0.5).
        grid: of the scene.
    """
    from rasterio.crs import CRS

    t = grid.transform
    x, y = t.a * columns + t.b * rows + t.c, t.d * columns + t.e * rows + t.f
    return _transformed(np.stack([x, y], axis=1), grid.crs, CRS.from_epsg(4326))


def _near(areas: Areas, grid: Grid) -> tuple[np.ndarray, np.ndarray]:
    """Returns which areas may lie on a scene, and what of them lies around it.

    Longitudes are counted as around the scene: an area at 181° is found at -179°, too.
    """
    import shapely

    around = _transformed(_corners(grid), grid.crs, areas.crs)
    around = around[np.isfinite(around).all(axis=1)]
    none = np.empty(0, np.int64), np.empty(0, object)
    if not len(around):
        return none
    shifts, middle = [0.0], around[0, 0]
    if areas.crs.is_geographic:
        around[:, 0] = _wrapped(around[:, 0], middle)
        shifts += [-360.0, 360.0, -720.0, 720.0]
    (left, bottom), (right, top) = around.min(axis=0), around.max(axis=0)
    margin = _MARGIN * max(right - left, top - bottom)
    if areas.crs.is_geographic and right - left > 180:  # a pole is on the scene
        margin = _MARGIN * (top - bottom)
        left, right = middle - 180 + margin, middle + 180 - margin
        bottom, top = (bottom, 90.0) if top > 0 else (-90.0, top)
    window = (left - margin, bottom - margin, right + margin, top + margin)
    rows: list[np.ndarray] = []
    found: list[np.ndarray] = []
    for shift in shifts:
        moved = areas.geometries
        if shift:
            moved = shapely.transform(moved, lambda p, s=shift: p + np.array([s, 0.0]))
        box = shapely.box(*window)
        here = np.flatnonzero(shapely.intersects(moved, box))
        rows.append(here)
        inside = shapely.contains(box, moved[here])
        found.append(
            np.where(inside, moved[here], shapely.intersection(moved[here], box))
        )
    order = np.argsort(np.concatenate(rows), kind="stable")
    return np.concatenate(rows)[order], np.concatenate(found)[order]


def _in_pieces(geometries: np.ndarray, degrees: bool) -> np.ndarray:
    """Cuts long edges, so that they bend as they do on the Earth."""
    import shapely

    bounds = shapely.bounds(geometries)
    longest = np.maximum(bounds[:, 2] - bounds[:, 0], bounds[:, 3] - bounds[:, 1])
    piece = _PIECE_M / (_METRES_PER_DEGREE if degrees else 1.0)
    lengths = np.maximum(piece, longest / _PIECES)
    return np.asarray(shapely.segmentize(geometries, lengths))


def _to_pixels(places: np.ndarray, crs: Any, grid: Grid) -> np.ndarray:
    """Converts coordinates (n, 2) to columns and rows of a scene."""
    plain = np.array(places)
    if crs.is_geographic:  # PROJ refuses longitudes far beyond 360
        plain[:, 0] = _wrapped(plain[:, 0], 0.0)
    there = _transformed(plain, crs, grid.crs)
    t = grid.transform
    if grid.crs.is_geographic:
        middle = t.a * grid.width / 2 + t.b * grid.height / 2 + t.c
        if crs.is_geographic:  # as many turns around the Earth as before
            near = _wrapped(there[:, 0], places[:, 0])
            there[:, 0] = near + 360 * np.round((middle - near.mean()) / 360)
        else:
            there[:, 0] = _wrapped(there[:, 0], middle)
    back = ~t
    x, y = there[:, 0], there[:, 1]
    return np.stack(
        [back.a * x + back.b * y + back.c, back.d * x + back.e * y + back.f], axis=1
    )


def _wrapped(longitudes: np.ndarray, middle: np.ndarray | float) -> np.ndarray:
    """Returns longitudes at most 180 degrees west or east of a middle."""
    return np.asarray(middle + (longitudes - middle + 180) % 360 - 180)


def _transformed(places: np.ndarray, crs: Any, other: Any) -> np.ndarray:
    """Converts coordinates (n, 2) between coordinate reference systems."""
    from rasterio.warp import transform

    if crs == other:
        return np.array(places, np.float64)
    x, y = transform(crs, other, places[:, 0].tolist(), places[:, 1].tolist())
    return np.stack([np.asarray(x, np.float64), np.asarray(y, np.float64)], axis=1)


def _corners(grid: Grid) -> np.ndarray:
    """Returns coordinates of points all over a scene, (441, 2)."""
    columns, rows = np.meshgrid(_STEP * grid.width, _STEP * grid.height)
    t, c, r = grid.transform, columns.ravel(), rows.ravel()
    return np.stack([t.a * c + t.b * r + t.c, t.d * c + t.e * r + t.f], axis=1)
