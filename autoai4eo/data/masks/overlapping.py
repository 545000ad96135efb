"""Tiles of scenes that overlap: pixels that count once, and pixels in two parts."""

from __future__ import annotations

import numpy as np

from autoai4eo.data.dataset import Dataset
from autoai4eo.data.masks.pixel_sets import PixelSets


def each_pixel_once(dataset: Dataset) -> Dataset:
    """Returns tiles of scenes to judge a network on: no pixel counts twice.

    Of tiles that overlap, those whose first row and column are multiples of the tile's
    size come first, then those of which one is, from the last to the first; a tile
    counts what no tile before it has, and is left out if that is nothing. Pixels of
    two scenes are two, also of one place. Other data are returned as they are.
    """
    places = dataset.places
    if dataset.target.kind != "mask" or places is None or places.once:
        return dataset
    height, width = dataset.target.shape
    shifted = (places.first % (height, width) != 0).sum(axis=1)
    order = np.lexsort((-places.first[:, 1], -places.first[:, 0], shifted))
    scenes = places.scenes.astype(str)
    repeated, kept = PixelSets((height, width)), np.ones(len(dataset), bool)
    for scene in np.unique(scenes):
        mine = order[scenes[order] == scene]
        seen = _Canvas(places.first[mine], (height, width))
        for i in mine.tolist():
            here = seen.at(places.first[i])
            kept[i] = not here.all()
            if kept[i]:
                repeated.put(i, here)
            here[:] = True
    found = dataset.with_ignored(repeated)
    return found.subset(kept & (found.known | ~dataset.known))


def share_pixels(dataset: Dataset, other: Dataset) -> np.ndarray:
    """Returns which tiles of scenes share ground with those of other data, bool (N,).

    So do tiles of one place in scenes of two dates.

    Args:
        dataset, other: both of tiles of one size that know their `Dataset.places`.
    """
    mine, theirs = dataset.places, other.places
    assert mine is not None and theirs is not None
    height, width, _ = dataset.inputs[0].shape
    found = np.zeros(len(dataset), bool)
    names, others = mine.grounds.astype(str), theirs.grounds.astype(str)
    for ground in np.intersect1d(names, others):
        rows, first = np.flatnonzero(names == ground), theirs.first[others == ground]
        every = np.concatenate([mine.first[rows], first])
        seen = _Canvas(every, (height, width))
        for place in first:
            seen.at(place)[:] = True
        for row in rows.tolist():
            found[row] = seen.at(mine.first[row]).any()
    return found


class _Canvas:
    """A bool for each pixel that tiles of one scene cover."""

    def __init__(self, first: np.ndarray, tile: tuple[int, int]) -> None:
        self._origin = first.min(axis=0)  # a window may begin outside of its scene
        self._tile = tile
        self._pixels = np.zeros(first.max(axis=0) - self._origin + tile, bool)

    def at(self, place: np.ndarray) -> np.ndarray:
        """A view of the pixels of the tile at a place."""
        top, left = (place - self._origin).tolist()
        height, width = self._tile
        return self._pixels[top : top + height, left : left + width]
