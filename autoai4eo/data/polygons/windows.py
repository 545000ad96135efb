"""Chooses the windows of a scene that have the class of a polygon or point."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from autoai4eo.data.polygons.overlaps import by_size
from autoai4eo.data.scenes.window_places import first_pixel

_AT_ONCE = 100_000  # windows that are compared with a polygon


@dataclass(frozen=True)
class Windows:
    """Windows of a scene, in the order of their rows, then columns.

    Attributes:
        places: row and column of the first pixel of each, int64 (n, 2); negative where
            it reaches beyond the scene.
        owners: the polygon or point that each belongs to, int64 (n,).
    """

    places: np.ndarray
    owners: np.ndarray

    def __len__(self) -> int:
        return len(self.owners)


@dataclass(frozen=True)
class WindowRule:
    """Which windows are taken.

    Attributes:
        size: height and width of a window, in pixels of the scene.
        stride: pixels from window to window.
        min_share: the share of a window, above 0 and up to 1, that one polygon must
            cover; None: the centre of the window must lie in it.
    """

    size: int
    stride: int
    min_share: float | None = None


def choose(geometries: np.ndarray, shape: tuple[int, int], rule: WindowRule) -> Windows:
    """Returns the windows of a scene that belong to a polygon or point.

    Windows lie on the grid of a map of the same stride; that of a point is centred on
    its pixel. A window belongs to one polygon: by centre to the smallest, by share to
    the one that covers most of it (of equal ones the smallest, then the first).

    Args:
        geometries: in pixels of the scene, see `Placed`.
        shape: height and width of the scene.
        rule: which windows are taken.
    """
    places, owners, shares = [], [], []
    for i, geometry in enumerate(geometries):
        if geometry.is_empty:
            continue
        if geometry.geom_type == "Point":
            of_one = _of_point(geometry, shape, rule)
            covered = np.ones(len(of_one))
        else:
            of_one, covered = _of_polygon(geometry, shape, rule)
        places.append(of_one)
        owners.append(np.full(len(of_one), i, np.int64))
        shares.append(covered)
    if not places:
        return Windows(np.empty((0, 2), np.int64), np.empty(0, np.int64))
    place, owner = np.concatenate(places), np.concatenate(owners)
    rank = np.empty(len(geometries), np.int64)
    rank[by_size(geometries)] = np.arange(len(geometries))
    order = np.lexsort((rank[owner], -np.concatenate(shares), place[:, 1], place[:, 0]))
    place, owner = place[order], owner[order]
    first = np.ones(len(place), bool)
    first[1:] = (place[1:] != place[:-1]).any(axis=1)
    return Windows(place[first], owner[first])


def _of_point(geometry: object, shape: tuple[int, int], rule: WindowRule) -> np.ndarray:
    x, y = geometry.x, geometry.y  # type: ignore[attr-defined]
    row, column = int(np.floor(y)), int(np.floor(x))
    if not (0 <= row < shape[0] and 0 <= column < shape[1]):
        return np.empty((0, 2), np.int64)
    return np.array([[row - rule.size // 2, column - rule.size // 2]], np.int64)


def _of_polygon(
    geometry: object, shape: tuple[int, int], rule: WindowRule
) -> tuple[np.ndarray, np.ndarray]:
    """Returns the windows of a polygon, and the share that it covers of each."""
    import shapely

    left, top, right, bottom = shapely.bounds(geometry)
    reach = 0 if rule.min_share is None else rule.size / 2
    rows = _cells(top - reach, bottom + reach, shape[0], rule)
    columns = _cells(left - reach, right + reach, shape[1], rule)
    shapely.prepare(geometry)
    places, shares = [np.empty((0, 2), np.int64)], [np.empty(0)]
    step = max(1, _AT_ONCE // max(1, len(columns)))
    for start in range(0, len(rows) if len(columns) else 0, step):
        grid = np.meshgrid(rows[start : start + step], columns, indexing="ij")
        place = np.stack([each.ravel() for each in grid], axis=1)
        if rule.min_share is None:
            y, x = (place + rule.size / 2).T
            share = shapely.intersects_xy(geometry, x, y).astype(float)
            least = 1.0
        else:
            share, least = _share(geometry, place, rule.size), rule.min_share
        places.append(place[share >= least])
        shares.append(share[share >= least])
    if rule.min_share is None:  # a centre is in a polygon, or it is not
        return np.concatenate(places), np.ones(sum(map(len, shares)))
    return np.concatenate(places), np.concatenate(shares)


def _cells(low: float, high: float, length: int, rule: WindowRule) -> np.ndarray:
    """Returns where windows begin whose centres lie between two coordinates."""
    number = -(-length // rule.stride)
    first = int(np.clip(np.floor(low / rule.stride) - 1, 0, number))
    end = int(np.clip(np.ceil(high / rule.stride) + 1, 0, number))
    starts = [first_pixel(i, rule.stride, rule.size) for i in range(first, end)]
    return np.array(starts, np.int64)


def _share(geometry: object, places: np.ndarray, size: int) -> np.ndarray:
    """Returns the share of each window that a polygon covers, float64 (n,).

    Rounded to 1e-9, so that a window that is covered to a half is.
    """
    import shapely

    top, left = places.T.astype(float)
    boxes = shapely.box(left, top, left + size, top + size)
    share = shapely.contains(geometry, boxes).astype(float)
    cut = np.flatnonzero((share == 0) & shapely.intersects(geometry, boxes))
    share[cut] = shapely.area(shapely.intersection(geometry, boxes[cut])) / size**2
    return np.round(share, 9)


def sharing_pixels(windows: Windows, size: int) -> np.ndarray:
    """Returns the owners whose windows share pixels with those of another owner."""
    import shapely

    owners = np.unique(windows.owners)
    union = np.empty(len(owners), object)
    for i, owner in enumerate(owners):
        top, left = windows.places[windows.owners == owner].T.astype(float)
        union[i] = shapely.union_all(shapely.box(left, top, left + size, top + size))
    one, other = shapely.STRtree(union).query(union, predicate="intersects")
    one, other = one[one != other], other[one != other]
    shared = shapely.area(shapely.intersection(union[one], union[other])) > 0
    return np.asarray(owners[np.unique(one[shared])])
