"""Turns numbered areas of a raster into polygons whose common edges stay common."""

from __future__ import annotations

from typing import Any

import numpy as np


def strip_polygons(
    labels: np.ndarray,
    values: np.ndarray,
    wanted: np.ndarray,
    tolerance: float,
    first: int,
) -> dict[int, Any]:
    """Returns the polygon of each area with a class, by its number.

    Simplified areas have no gaps between them and do not overlap: an edge that two
    share is simplified once (Visvalingam and Whyatt 1993, "Line generalisation by
    repeated elimination of points", as `shapely.coverage_simplify` does it). The
    strip's own edges stay as they are, so that the next strip's polygons join exactly.

    Args:
        labels: number of the area of each pixel, int32 (rows, columns), from 0.
        values: the class of each area; 0 for none.
        wanted: which areas are returned.
        tolerance: of the simplification, in pixels; 0: none.
        first: the first row, in the map.

    Returns:
        Polygons in columns and rows of the map.
    """
    import shapely
    from rasterio.features import shapes

    returned = wanted & (values > 0)
    # all areas matter where edges are simplified, also those left out
    mask = None if tolerance else returned[labels]
    numbers, made = [], []
    for shape, number in shapes(labels, mask=mask, connectivity=4):
        outer, *holes = shape["coordinates"]
        made.append(shapely.Polygon(outer, holes))
        numbers.append(int(number))
    polygons = np.array(made, object)
    if tolerance and len(polygons):
        noded = _with_junctions(polygons, labels)
        polygons = shapely.coverage_simplify(noded, tolerance, simplify_boundary=False)
    polygons = shapely.transform(polygons, lambda xy: xy + np.array([0, first]))
    pairs = zip(numbers, polygons, strict=True)
    return {number: one for number, one in pairs if returned[number]}


def _with_junctions(polygons: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Returns polygons that also have vertices where others meet along their edges.

    Without them an edge is not known to be common: GDAL writes corners alone.
    """
    import shapely

    rows, columns = labels.shape
    around = np.full((rows + 2, columns + 2), -1, labels.dtype)
    around[1:-1, 1:-1] = labels
    across = around[:, 1:] != around[:, :-1]  # an edge between two columns
    down = around[1:] != around[:-1]  # an edge between two rows
    ends = across[1:].astype(np.int8) + across[:-1] + down[:, 1:] + down[:, :-1]
    upright = across[1:] & across[:-1]
    level = down[:, 1:] & down[:, :-1]
    vertex = (ends > 2) | ~(upright | level)  # (rows + 1, columns + 1)
    rings, of_polygon = shapely.get_rings(polygons, return_index=True)
    # a vertex at each pixel, of which those that matter stay
    points, of_ring = shapely.get_coordinates(
        shapely.segmentize(rings, 1.0), return_index=True
    )
    column, row = np.rint(points).astype(int).T
    kept = vertex[row, column]
    # GDAL's rings begin at a corner, so their first and last points stay
    closed = shapely.linearrings(points[kept], indices=of_ring[kept])
    return np.asarray(shapely.polygons(closed, indices=of_polygon))
