"""A layer of a map that counts, in each pixel, the bands unlike the training data."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from autoai4eo.data.scenes.scene import Scene
from autoai4eo.data.unlike import outside
from autoai4eo.deploy.mapping.geotiff import map_file
from autoai4eo.deploy.mapping.tile_grid import TileGrid
from autoai4eo.deploy.mapping.windows import WindowGrid
from autoai4eo.deploy.predictors.base import Predictor

UNLIKE = "unlike"  # name of the layer
BAND = "bands unlike the training data"
_NODATA = 255
_EDGE = 1024  # pixels of the scene along the edge of what is read at once


def write_unlike(
    path: Path,
    predictor: Predictor,
    scenes: Sequence[Scene],
    grid: WindowGrid | TileGrid,
    verbose: int,
) -> None:
    """Writes the layer, uint8: 0 where all bands are as in the training data.

    A band counts where the mean of its pixels in a map pixel is outside of the training
    data's 2nd to 98th percentile. Of several scenes, the one with more such bands
    counts. Nodata is 255.

    Args:
        path: of the layer.
        predictor: with statistics of its training data.
        scenes: of the map, as they are mapped.
        grid: of the map.
        verbose: 0: prints nothing.

    Raises:
        UserError: a scene cannot be read.
        OSError: the layer cannot be written.
    """
    coarse = scenes[0].grid.coarser(grid.stride)
    edge = max(1, _EDGE // grid.stride)
    known = some = 0
    with map_file(path, coarse, "uint8", _NODATA, (BAND,), average=False) as file:
        file.tag(
            {
                "MODEL": predictor.path,
                "UNLIKE": "bands whose mean is outside of the training data's 2nd to "
                "98th percentile",
            }
        )
        for row in range(0, coarse.height, edge):
            for column in range(0, coarse.width, edge):
                rows = min(edge, coarse.height - row)
                columns = min(edge, coarse.width - column)
                place = (row, column, rows, columns)
                each = [_count(predictor, s, place, grid.stride) for s in scenes]
                # -1 where a scene has no data
                found = np.max(each, axis=0)
                known += int((found >= 0).sum())
                some += int((found > 0).sum())
                values = np.where(found < 0, _NODATA, found).astype(np.uint8)
                file.write(values, row, column)
    if verbose and known:
        print(
            f"{some / known:.1%} of the map's pixels are unlike the training data in "
            "one band or more"
        )


def _count(
    predictor: Predictor, scene: Scene, place: tuple[int, int, int, int], stride: int
) -> np.ndarray:
    """Returns the number of bands that are unlike, int (rows, columns); -1: no data.

    Args:
        predictor: with statistics of its training data.
        scene: that is mapped.
        place: first row and column, and number of rows and columns, of map pixels.
        stride: pixels of the scene along the edge of one.
    """
    row, column, rows, columns = place
    window = (row * stride, column * stride, rows * stride, columns * stride)
    pixels, valid = scene.read(*window, predictor.bands)

    def sums(values: np.ndarray) -> np.ndarray:
        cells = values.reshape(rows, stride, columns, stride)
        return np.asarray(cells.sum(axis=(1, 3), dtype=np.float64))

    number = sums(valid)
    found = np.where(number > 0, 0, -1)
    typical, seen = predictor.typical_by_band, set()
    for key, names in predictor.bands.items():
        for i, name in enumerate(names):
            if name not in typical or name in seen:
                continue
            seen.add(name)
            mean = sums(np.where(valid, pixels[key][..., i], 0)) / np.maximum(number, 1)
            found += outside(mean, typical[name]) & (number > 0)
    return found
