"""Some windows of a scene, on which two ways of computing are compared."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from autoai4eo.data.scenes.scene import Scene
from autoai4eo.deploy.mapping.windows import Tile, WindowGrid, valid_cells, windows
from autoai4eo.deploy.predictors.base import Predictor

_TILES, _WINDOWS = 3, 300

#: Pixels of a tile by input, (h, w, bands), and a mask of windows, (rows, columns).
Sample = tuple[dict[str, np.ndarray], np.ndarray]


def read(
    scene: Scene, tile: Tile, predictor: Predictor
) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Reads pixels of a tile by input, (h, w, bands), and which are valid, (h, w)."""
    return scene.read(tile.top, tile.left, tile.height, tile.width, predictor.bands)


def samples(predictor: Predictor, scene: Scene, grid: WindowGrid) -> Iterator[Sample]:
    """Yields a few tiles, and which of their windows are sampled."""
    rng = np.random.default_rng(0)
    tiles = list(grid.tiles())
    found = 0
    for i in rng.permutation(len(tiles)):
        pixels, valid = read(scene, tiles[i], predictor)
        wanted = valid_cells(valid, grid.window, grid.stride)
        if wanted.any():
            few = rng.permutation(np.flatnonzero(wanted))[:_WINDOWS]
            sample = np.zeros_like(wanted)
            sample.flat[few] = True
            yield pixels, sample
            found += 1
        if found == _TILES:
            break


def sampled_windows(
    sampled: Sequence[Sample], grid: WindowGrid
) -> dict[str, np.ndarray]:
    """Returns the sampled windows, (n, height, width, bands) by input; {} for none."""
    several = [
        {
            name: windows(values, grid.window, grid.stride)[sample]
            for name, values in pixels.items()
        }
        for pixels, sample in sampled
    ]
    return {
        name: np.concatenate([one[name] for one in several])
        for name in (several[0] if several else ())
    }
