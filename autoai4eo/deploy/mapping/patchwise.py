"""Predicts for the windows of a tile: window by window, or densely."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from autoai4eo.data.scenes.scene import Scene
from autoai4eo.deploy.mapping.layers import MapKind
from autoai4eo.deploy.mapping.windows import Tile, WindowGrid, valid_cells, windows
from autoai4eo.deploy.predictors.base import Predictor
from autoai4eo.errors import UserError
from autoai4eo.networks.dense import (
    DenseClassifier,
    NotTranslationEquivariant,
    dense_classifier,
)
from autoai4eo.networks.device import device_name

BATCH_CPU, BATCH_GPU = 64, 512  # larger ones do not fit into a CPU's caches
_SAMPLED_TILES, _SAMPLED_WINDOWS = 3, 300

#: Takes the pixels of a tile, (h, w, bands) by input, and which windows to predict,
#: bool (rows, columns); returns their outputs, float32 (n, outputs).
Forward = Callable[[dict[str, np.ndarray], np.ndarray], np.ndarray]


def read(
    scene: Scene, tile: Tile, predictor: Predictor
) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Reads pixels of a tile by input, (h, w, bands), and which are valid, (h, w)."""
    return scene.read(tile.top, tile.left, tile.height, tile.width, predictor.bands)


def forward_of(
    predictor: Predictor,
    scenes: Sequence[Scene],
    grid: WindowGrid,
    kind: MapKind,
    dense: bool | None,
    min_agreement: float,
    verbose: int,
) -> Forward:
    """Chooses how a tile is computed: window by window, or densely.

    Args:
        predictor: for windows.
        scenes: of the map; dense inference is tested on the first.
        grid: of the map.
        kind: of the map; it decides whether two predictions agree.
        dense, min_agreement, verbose: see `map_scene`.

    Raises:
        UserError: `dense` is True and the network does not allow dense inference, or
            too few windows agree with windows computed one by one.
    """
    exact = exact_windows(predictor, grid)
    if dense is False or (dense is None and grid.stride >= min(grid.window)):
        return exact
    try:
        if predictor.network is None:
            raise NotTranslationEquivariant(f"{predictor.path} is not a Keras network")
        trunk = dense_classifier(predictor.network, grid.stride, exact=dense is None)
    except NotTranslationEquivariant as why:
        if dense is None:
            return exact
        raise UserError(
            "dense: expected a network that can be run over a whole tile, found that "
            f"{why}; leave --dense out"
        ) from None
    if trunk.exact and trunk.phases == 1:
        return dense_windows(trunk, grid)
    if dense is None:
        return exact  # the trunk would run once per phase, which may take longer
    found = dense_windows(trunk, grid)
    agreement, number = _agreement(found, exact, predictor, scenes[0], grid, kind)
    share = f"{agreement:.1%} of {number:,} windows of this scene"
    if agreement < min_agreement:
        raise UserError(
            f"dense: expected agreement with exact windows on {min_agreement:.1%}, "
            f"found {share}; leave --dense out, or lower --min-agreement"
        )
    if verbose:
        print(f"dense inference agrees with exact windows on {share}")
    return found


def exact_windows(predictor: Predictor, grid: WindowGrid) -> Forward:
    """Returns a function that computes window by window, in batches of one size."""
    size = BATCH_CPU if device_name().startswith("CPU") else BATCH_GPU

    def forward(pixels: dict[str, np.ndarray], wanted: np.ndarray) -> np.ndarray:
        views = {
            name: windows(values, grid.window, grid.stride)
            for name, values in pixels.items()
        }
        rows, columns = np.nonzero(wanted)
        found = []
        for start in range(0, len(rows), size):
            some = slice(start, start + size)
            # padded: a batch of another size would compile the network again
            lacking = max(0, start + size - len(rows))
            at = tuple(np.pad(i[some], (0, lacking), "edge") for i in (rows, columns))
            batch = {name: view[at] for name, view in views.items()}
            found.append(predictor.predict(batch)[: size - lacking])
        return np.concatenate(found)

    return forward


def dense_windows(trunk: DenseClassifier, grid: WindowGrid) -> Forward:
    """Returns a function that computes once the features that windows share."""
    size = [
        (n - 1) * grid.stride + w
        for n, w in zip(grid.per_tile, grid.window, strict=True)
    ]

    def forward(pixels: dict[str, np.ndarray], wanted: np.ndarray) -> np.ndarray:
        # padded: a tile of another size would compile the network again
        whole = {
            name: np.pad(
                values,
                [
                    *((0, n - m) for n, m in zip(size, values.shape, strict=False)),
                    (0, 0),
                ],
            )[None]
            for name, values in pixels.items()
        }
        rows, columns = np.nonzero(wanted)
        return np.asarray(trunk(whole))[0, rows, columns]

    return forward


def _agreement(
    one: Forward,
    other: Forward,
    predictor: Predictor,
    scene: Scene,
    grid: WindowGrid,
    kind: MapKind,
) -> tuple[float, int]:
    """Returns the share of sampled windows that agree, and the number sampled."""
    rng = np.random.default_rng(0)
    tiles = list(grid.tiles())
    outputs: list[list[np.ndarray]] = []
    for i in rng.permutation(len(tiles)):
        pixels, valid = read(scene, tiles[i], predictor)
        wanted = valid_cells(valid, grid.window, grid.stride)
        if wanted.any():
            possible = np.flatnonzero(wanted)
            few = rng.permutation(possible)[:_SAMPLED_WINDOWS]
            sample = np.zeros_like(wanted)
            sample.flat[few] = True
            outputs.append([forward(pixels, sample) for forward in (one, other)])
        if len(outputs) == _SAMPLED_TILES:
            break
    if not outputs:
        return 0.0, 0
    dense, exact = (np.concatenate(each) for each in zip(*outputs, strict=True))
    same = kind.same(dense, exact)
    return float(same.mean()), len(same)
