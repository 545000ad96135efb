"""Areas of different classes at one place: one of them counts, or none.

Of polygons that overlap it is the smaller, of points on one pixel the first.
"""

from __future__ import annotations

import numpy as np

_POINT = 0  # shapely's number of this type


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


def without_contradictions(
    geometries: np.ndarray, classes: np.ndarray, drop: bool
) -> tuple[np.ndarray, int]:
    """Empties points that lie on one pixel with a point of another class.

    Their windows would be the same. The first point keeps the pixel.

    Args:
        geometries: polygons and points, in pixels, object (N,).
        classes: of each, (N,).
        drop: whether no point keeps the pixel.

    Returns:
        The geometries, and the number of pixels with points of different classes.
    """
    import shapely

    points = np.flatnonzero(shapely.get_type_id(geometries) == _POINT)
    places = np.floor(shapely.get_coordinates(geometries[points])).astype(np.int64)
    _, first, pixel = np.unique(places, axis=0, return_index=True, return_inverse=True)
    other = classes[points] != classes[points][first[pixel]]
    contradicted = np.unique(pixel[other])
    if not len(contradicted):
        return geometries, 0
    found = geometries.copy()
    lost = np.isin(pixel, contradicted) if drop else other
    found[points[lost]] = shapely.Point()
    return found, len(contradicted)


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
