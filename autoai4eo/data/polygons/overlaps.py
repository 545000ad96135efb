"""Polygons of different classes that overlap: the smaller wins, or neither."""

from __future__ import annotations

import numpy as np


def without_overlaps(
    geometries: np.ndarray, classes: np.ndarray, drop: bool
) -> tuple[np.ndarray, np.ndarray]:
    """Takes away what polygons share with polygons of another class.

    Of two polygons the smaller keeps what they share (of equal ones the earlier).

    Args:
        geometries: polygons and points of one plane, object (N,).
        classes: of each, (N,).
        drop: whether neither keeps what they share.

    Returns:
        The geometries, and the pairs that overlap, int64 (pairs, 2).
    """
    import shapely

    pairs = _pairs(geometries, classes)
    if not len(pairs):
        return geometries, pairs
    rank = np.empty(len(geometries), np.int64)
    rank[by_size(geometries)] = np.arange(len(geometries))
    found = geometries.copy()
    for row in np.unique(pairs):
        others = np.concatenate(
            [pairs[pairs[:, 0] == row, 1], pairs[pairs[:, 1] == row, 0]]
        )
        if not drop:
            others = others[rank[others] < rank[row]]
        if len(others):
            shared = shapely.union_all(geometries[others])
            found[row] = shapely.difference(geometries[row], shared)
    return found, pairs


def by_size(geometries: np.ndarray) -> np.ndarray:
    """Returns the order of geometries from small to large; equal ones as they are."""
    import shapely

    return np.argsort(shapely.area(geometries), kind="stable")


def _pairs(geometries: np.ndarray, classes: np.ndarray) -> np.ndarray:
    """Returns the pairs of different classes that share an area."""
    import shapely

    tree = shapely.STRtree(geometries)
    one, other = tree.query(geometries, predicate="intersects")
    some = (one < other) & (classes[one] != classes[other])
    one, other = one[some], other[some]
    shared = shapely.area(shapely.intersection(geometries[one], geometries[other])) > 0
    pairs = np.stack([one, other], axis=1)[shared]
    return np.asarray(pairs[np.lexsort((pairs[:, 1], pairs[:, 0]))], np.int64)
