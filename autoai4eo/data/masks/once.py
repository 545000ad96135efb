"""Tiles that overlap: each pixel of a scene counts in one of them."""

from __future__ import annotations

import numpy as np

from autoai4eo.data.dataset import Dataset
from autoai4eo.data.masks.pixel_sets import PixelSets


def each_pixel_once(dataset: Dataset) -> Dataset:
    """Returns tiles of scenes to judge a network on: no pixel counts twice.

    Of tiles that overlap, those whose first row and column are multiples of the tile's
    size come first, then those of which one is, from the last to the first; a tile
    counts what no tile before it has, and is left out if that is nothing. Other data
    are returned as they are.
    """
    places = dataset.places
    if dataset.target.kind != "mask" or places is None:
        return dataset
    height, width = dataset.target.shape
    if dataset.opened.get("tile_stride", 0) in (None, height):
        return dataset  # their reader ignores what tiles repeat
    shifted = (places.first % (height, width) != 0).sum(axis=1)
    order = np.lexsort((-places.first[:, 1], -places.first[:, 0], shifted))
    scenes = places.scenes.astype(str)
    repeated, kept = PixelSets((height, width)), np.ones(len(dataset), bool)
    for scene in np.unique(scenes):
        mine = order[scenes[order] == scene]
        last = places.first[mine].max(axis=0)
        seen = np.zeros((last[0] + height, last[1] + width), bool)
        for i in mine.tolist():
            top, left = places.first[i].tolist()
            here = seen[top : top + height, left : left + width]
            kept[i] = not here.all()
            if kept[i]:
                repeated.put(i, here)
            here[:] = True
    found = dataset.with_ignored(repeated)
    return found.subset(kept & (found.known | ~dataset.known))
