"""Predicts for the windows of a tile: window by window, or densely."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import keras
import numpy as np

from autoai4eo.data.scenes.scene import Scene
from autoai4eo.deploy.mapping.layers import MapKind
from autoai4eo.deploy.mapping.sampling import samples
from autoai4eo.deploy.mapping.windows import WindowGrid, windows
from autoai4eo.deploy.predictors.base import Predictor
from autoai4eo.errors import UserError
from autoai4eo.networks.dense import (
    DenseClassifier,
    NotTranslationEquivariant,
    dense_classifier,
)
from autoai4eo.networks.device import device_name
from autoai4eo.runtimes.base import Run

BATCH_CPU, BATCH_GPU = 64, 512  # larger ones do not fit into a CPU's caches

#: Converts a network to a runtime.
Convert = Callable[[keras.Model], Run]
#: Takes the pixels of a tile, (h, w, bands) by input, and which windows to predict,
#: bool (rows, columns); returns their outputs, float32 (n, outputs).
Forward = Callable[[dict[str, np.ndarray], np.ndarray], np.ndarray]


def forward_of(
    predictor: Predictor,
    scenes: Sequence[Scene],
    grid: WindowGrid,
    kind: MapKind,
    dense: bool | None,
    min_agreement: float,
    verbose: int,
    convert: Convert | None = None,
) -> Forward:
    """Chooses how a tile is computed: window by window, or densely.

    Args:
        predictor: for windows.
        scenes: of the map; dense inference is tested on the first.
        grid: of the map.
        kind: of the map; it decides whether two predictions agree.
        dense, min_agreement, verbose: see `map_scene`.
        convert: converts a network to another runtime; None: Keras runs it.

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
        return dense_windows(trunk, grid, convert)
    if dense is None:
        return exact  # the trunk would run once per phase, which may take longer
    found = dense_windows(trunk, grid, convert)
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


def dense_windows(
    trunk: DenseClassifier, grid: WindowGrid, convert: Convert | None = None
) -> Forward:
    """Returns a function that computes once the features that windows share.

    A trunk that runs several times for a tile is run by Keras also with `convert`.
    """
    size = grid.tile_size
    cells = None
    if convert is not None and trunk.phases == 1:
        cells = convert(trunk.of_tile(*size))

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
        if cells is not None:
            return cells(whole).reshape(*grid.per_tile, -1)[rows, columns]
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
    outputs = [
        [forward(pixels, sample) for forward in (one, other)]
        for pixels, sample in samples(predictor, scene, grid)
    ]
    if not outputs:
        return 0.0, 0
    dense, exact = (np.concatenate(each) for each in zip(*outputs, strict=True))
    same = kind.same(dense, exact)
    return float(same.mean()), len(same)
