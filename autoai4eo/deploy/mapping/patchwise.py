"""Predicts for the windows of a tile: window by window, or densely."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from autoai4eo.data.scenes.scene import Scene
from autoai4eo.deploy.mapping.in_runtime import Converter, check_agreement
from autoai4eo.deploy.mapping.layers import MapKind
from autoai4eo.deploy.mapping.sampling import Sample, sampled_windows, samples
from autoai4eo.deploy.mapping.windows import WindowGrid, windows
from autoai4eo.deploy.predictors.base import Predictor
from autoai4eo.errors import UserError
from autoai4eo.networks.dense import (
    DenseClassifier,
    NotTranslationEquivariant,
    dense_classifier,
)
from autoai4eo.networks.device import device_name

BATCH_CPU, BATCH_GPU = 64, 512  # larger ones do not fit into a CPU's caches

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
    converter: Converter | None = None,
) -> Forward:
    """Chooses how a tile is computed: window by window, or densely.

    What need not be exact is compared on the first scene with the model's own
    prediction, window by window.

    Args:
        predictor: for windows.
        scenes: of the map.
        grid: of the map.
        kind: of the map; it decides whether two predictions agree.
        dense, min_agreement, verbose: see `map_scene`.
        converter: runs networks in another runtime; None: the predictor's own.

    Raises:
        UserError: `dense` is True and the network does not allow dense inference, the
            runtime cannot run the network, or too few windows agree.
    """
    exact = exact_windows(predictor, grid)
    trunk = _trunk(predictor, grid, dense)
    if converter is None and (trunk is None or (trunk.exact and trunk.phases == 1)):
        return exact if trunk is None else dense_windows(trunk, grid)
    sampled = list(samples(predictor, scenes[0], grid))
    if trunk is not None:
        found = dense_windows(trunk, grid, converter, [pixels for pixels, _ in sampled])
    else:
        assert converter is not None
        of_scene = sampled_windows(sampled, grid)
        found = exact_windows(converter.predictor(predictor, of_scene), grid)
    agreement, number = _agreement(found, exact, sampled, kind)
    if not number:
        return found  # no window is valid
    share = f"{agreement:.1%} of {number:,} windows of this scene"
    how = None if converter is None else converter.how
    check_agreement(how, agreement, share, min_agreement, verbose)
    return found


def _trunk(
    predictor: Predictor, grid: WindowGrid, dense: bool | None
) -> DenseClassifier | None:
    """Returns a network for whole tiles; None: windows are computed one by one."""
    if dense is False or (dense is None and grid.stride >= min(grid.window)):
        return None
    try:
        if predictor.network is None:
            raise NotTranslationEquivariant(f"{predictor.path} is not a Keras network")
        trunk = dense_classifier(predictor.network, grid.stride, exact=dense is None)
    except NotTranslationEquivariant as why:
        if dense is None:
            return None
        raise UserError(
            "dense: expected a network that can be run over a whole tile, found that "
            f"{why}; leave --dense out"
        ) from None
    # otherwise the trunk would run once per phase, which may take longer
    return trunk if dense or trunk.phases == 1 else None


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
    trunk: DenseClassifier,
    grid: WindowGrid,
    converter: Converter | None = None,
    tiles: Sequence[dict[str, np.ndarray]] = (),
) -> Forward:
    """Returns a function that computes once the features that windows share.

    A trunk that runs several times for a tile is run by Keras also with a converter.

    Args:
        trunk: the network for whole tiles.
        grid: of the map.
        converter: runs it in another runtime.
        tiles: of the scene, (h, w, bands) by input, for int8.
    """

    def padded(pixels: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        # a tile of another size would compile the network again
        more = {
            name: [(0, n - m) for n, m in zip(grid.tile_size, of.shape, strict=False)]
            for name, of in pixels.items()
        }
        return {n: np.pad(of, [*more[n], (0, 0)])[None] for n, of in pixels.items()}

    cells = None
    if converter is not None and trunk.phases == 1:
        whole = [padded(pixels) for pixels in tiles]
        cells = converter.tile(
            trunk.of_tile(*grid.tile_size),
            {n: np.concatenate([one[n] for one in whole]) for n in whole[0]}
            if whole
            else {},
        )

    def forward(pixels: dict[str, np.ndarray], wanted: np.ndarray) -> np.ndarray:
        rows, columns = np.nonzero(wanted)
        if cells is not None:
            found = cells(padded(pixels))
            return found.reshape(*grid.per_tile, -1)[rows, columns]
        return np.asarray(trunk(padded(pixels)))[0, rows, columns]

    return forward


def _agreement(
    one: Forward, other: Forward, sampled: Sequence[Sample], kind: MapKind
) -> tuple[float, int]:
    """Returns the share of sampled windows that agree, and the number sampled."""
    outputs = [
        [forward(pixels, sample) for forward in (one, other)]
        for pixels, sample in sampled
    ]
    if not outputs:
        return 0.0, 0
    found, expected = (np.concatenate(each) for each in zip(*outputs, strict=True))
    same = kind.same(found, expected)
    return float(same.mean()), len(same)
