"""From the pixels of a tile to the probabilities of its cells."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from autoai4eo.data.scenes.scene import Scene
from autoai4eo.deploy.mapping.windows import Tile, WindowGrid, valid_cells, windows
from autoai4eo.deploy.predictors.base import Classifier
from autoai4eo.errors import UserError
from autoai4eo.networks.dense import (
    DenseClassifier,
    NotTranslationEquivariant,
    dense_classifier,
)
from autoai4eo.networks.device import device_name

BATCH_CPU, BATCH_GPU = 64, 512  # larger ones do not fit into a CPU's caches
_SAMPLED_TILES, _SAMPLED_WINDOWS = 3, 300

#: From the pixels of a tile, (h, w, bands) by input, and the cells wanted of it, bool
#: (rows, columns), to the probabilities of these, float32 (n, classes).
Forward = Callable[[dict[str, np.ndarray], np.ndarray], np.ndarray]


def read(
    scene: Scene, tile: Tile, classifier: Classifier
) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Pixels of a tile by input, and which of them have data."""
    return scene.read(tile.top, tile.left, tile.height, tile.width, classifier.bands)


def forward_of(
    classifier: Classifier,
    scenes: Sequence[Scene],
    cells: WindowGrid,
    dense: bool | None,
    min_agreement: float,
    verbose: int,
) -> Forward:
    """How a tile is computed: by exact windows, or with their common work shared.

    Args:
        classifier: of windows.
        scenes: of the map; sharing is tried on the first.
        cells: of the map.
        dense, min_agreement, verbose: see `map_scene`.

    Raises:
        UserError: sharing is asked for and not possible, or agrees with too few.
    """
    exact = exact_windows(classifier, cells)
    if dense is False or (dense is None and cells.stride >= min(cells.window)):
        return exact
    try:
        if classifier.network is None:
            raise NotTranslationEquivariant(f"{classifier.path} is not a Keras network")
        trunk = dense_classifier(classifier.network, cells.stride, exact=dense is None)
    except NotTranslationEquivariant as why:
        if dense is None:
            return exact
        raise UserError(
            f"dense: expected a network whose work windows can share, found that {why};"
            " leave --dense out"
        ) from None
    if trunk.exact and trunk.phases == 1:
        return dense_windows(trunk, cells)
    if dense is None:
        return exact  # so many runs of the trunk may take longer
    found = dense_windows(trunk, cells)
    agreement, number = _agreement(found, exact, classifier, scenes[0], cells)
    told = f"{agreement:.1%} of {number:,} windows of this scene"
    if agreement < min_agreement:
        raise UserError(
            f"dense: expected agreement with exact windows on {min_agreement:.1%}, "
            f"found {told}; leave --dense out, or lower --min-agreement"
        )
    if verbose:
        print(f"sharing agrees with exact windows on {told}")
    return found


def exact_windows(classifier: Classifier, cells: WindowGrid) -> Forward:
    """Every window by itself, in batches of one size."""
    size = BATCH_CPU if device_name().startswith("CPU") else BATCH_GPU

    def forward(pixels: dict[str, np.ndarray], wanted: np.ndarray) -> np.ndarray:
        views = {
            name: windows(values, cells.window, cells.stride)
            for name, values in pixels.items()
        }
        rows, columns = np.nonzero(wanted)
        found = []
        for start in range(0, len(rows), size):
            some = slice(start, start + size)
            # every batch of one size, or the network is compiled anew
            lacking = max(0, start + size - len(rows))
            at = tuple(np.pad(i[some], (0, lacking), "edge") for i in (rows, columns))
            batch = {name: view[at] for name, view in views.items()}
            found.append(classifier.predict(batch)[: size - lacking])
        return np.concatenate(found)

    return forward


def dense_windows(trunk: DenseClassifier, cells: WindowGrid) -> Forward:
    """A tile at once, with the work shared that its windows have in common."""
    size = [
        (n - 1) * cells.stride + w
        for n, w in zip(cells.per_tile, cells.window, strict=True)
    ]

    def forward(pixels: dict[str, np.ndarray], wanted: np.ndarray) -> np.ndarray:
        # every tile of one size, or the network is compiled anew
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
    classifier: Classifier,
    scene: Scene,
    cells: WindowGrid,
) -> tuple[float, int]:
    """The share of sampled windows of a scene that get the same class, and how many."""
    rng = np.random.default_rng(0)
    tiles = list(cells.tiles())
    equal: list[np.ndarray] = []
    for i in rng.permutation(len(tiles)):
        pixels, valid = read(scene, tiles[i], classifier)
        wanted = valid_cells(valid, cells.window, cells.stride)
        if wanted.any():
            there = np.flatnonzero(wanted)
            few = rng.permutation(there)[:_SAMPLED_WINDOWS]
            sample = np.zeros_like(wanted)
            sample.flat[few] = True
            classes = [f(pixels, sample).argmax(axis=-1) for f in (one, other)]
            equal.append(classes[0] == classes[1])
        if len(equal) == _SAMPLED_TILES:
            break
    together = np.concatenate(equal) if equal else np.zeros(0, bool)
    return (float(together.mean()) if len(together) else 0.0), len(together)
