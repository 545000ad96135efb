"""Scenes and their masks in files, for the tests."""

import numpy as np
import rasterio
from rasterio import Affine
from scenes import UTM, digits, write_scene

SIZE = 20
HOW = {"tile": 8}


def classes(height=SIZE, width=SIZE, seed=0):
    """Classes 0 to 2 in patches of 5 pixels, uint8 (height, width)."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, 3, (-(-height // 5), -(-width // 5)))
    return coarse.repeat(5, 0).repeat(5, 1)[:height, :width].astype(np.uint8)


def moved(columns=0, rows=0, size=1.0):
    """The transform of a grid that is shifted by pixels, or has other ones."""
    x, y = UTM.c + columns * UTM.a, UTM.f + rows * UTM.e
    return Affine(UTM.a * size, 0, x, 0, UTM.e * size, y)


def write_mask(path, mask, *, colours=None, tags=None, **how):
    write_scene(path, mask[..., None], None, **how)
    if tags:
        with rasterio.open(path, "r+") as file:
            file.update_tags(1, **tags)
    return path


def pair(folder, name="a", mask_name=None, seed=0, mask=None, **how):
    """A scene and its mask in the folders ``x`` and ``y``."""
    write_scene(folder / "x" / f"{name}.tif", digits(SIZE, SIZE, seed=seed))
    found = classes(seed=seed) if mask is None else mask
    write_mask(folder / "y" / f"{mask_name or name}.tif", found, **how)
    return folder / "x", folder / "y"


def whole(dataset, rows, size=SIZE, tile=8):
    """The mask of a scene put together of its tiles; -9 where no tile has it."""
    found = np.full((size, size), -9)
    for row, tile_mask in zip(rows, dataset.read_targets(rows), strict=True):
        words = dataset.names[row].split()
        top, left = int(words[-3]), int(words[-1])
        known = tile_mask >= 0
        found[top : top + tile, left : left + tile][known] = tile_mask[known]
    return found
