"""Measures the time to map one square kilometre."""

from __future__ import annotations

import time
from typing import Any

import numpy as np

from autoai4eo.errors import UserError
from autoai4eo.networks.compiled import Pass, compiled_pass
from autoai4eo.networks.dense import NotTranslationEquivariant, dense_classifier
from autoai4eo.networks.device import device_name
from autoai4eo.networks.inputs import input_tensors, random_arrays
from autoai4eo.networks.unpadded import unpadded_period
from autoai4eo.runtimes.timing import TIMED_SHARE, time_passes

PIXEL_M = 10.0  # ground sampling distance of Sentinel-2's finest bands
TILE = 256  # approximate side of a timed tile, in pixels
CELLS = 8  # smallest number of windows along each side of a tile
BATCH = 64  # windows per pass if their work cannot be shared
#: Share of a tile that its neighbours cover, too, where a network pads: Hann's windows
#: of half overlap add up to 1.
TILE_OVERLAP = 0.5
_PIXELS_CPU, _PIXELS_GPU = 2**18, 2**21  # of tiles in one pass


def tiles_at_once(window: tuple[int, int]) -> int:
    """Returns how many tiles of these pixels the device predicts well together."""
    most = _PIXELS_CPU if device_name().startswith("CPU") else _PIXELS_GPU
    return max(1, most // (window[0] * window[1]))


def measure_map_ms_per_km2(
    model: Any, map_step: int | None = None, budget_s: float = 1.0
) -> float:
    """Measures the median time to classify all windows of one square kilometre.

    A pixel is assumed to be 10 m × 10 m, as the finest of Sentinel-2, so a square
    kilometre has (100 / map_step)² windows. If overlapping windows can share their
    work exactly (see `dense_classifier`), tiles of about 256 × 256 random pixels are
    timed, from array to array; otherwise batches of 64 windows. Warm-up and steadiness
    are as in `measure_latency`.

    Of a network with a class for each pixel, batches of tiles are timed, as `map` lays
    them: they overlap by half if the network pads, and not if it does not.

    Args:
        model: a functional or built Sequential classifier of patches of fixed size, or
            of each pixel of tiles.
        map_step: distance from one window of the map to the next, in pixels; not used
            of a network with a class for each pixel.
        budget_s: seconds in total, see `measure_latency`.

    Returns:
        Milliseconds per square kilometre.

    Raises:
        UserError: `map_step` is not positive, the shape of an input is unknown, or the
            Keras backend is neither TensorFlow nor JAX.
    """
    of_pixels = is_of_pixels(model)
    if not of_pixels and (map_step is None or map_step < 1):
        raise UserError(
            f"map_step: expected a step of at least 1 pixel, found {map_step}; give "
            "the pixels from one window of the map to the next"
        )
    deadline = time.perf_counter() + budget_s
    if map_step is None or of_pixels:
        run, pixels = _pass_of_tiles(model)
    else:
        run, windows = _pass(model, map_step)
        pixels = windows * map_step**2
    timing = time_passes(run, deadline, TIMED_SHARE * budget_s)
    return timing.median_ms / (pixels * (PIXEL_M / 1000) ** 2)


def is_of_pixels(model: Any) -> bool:
    """Returns whether a network has a class for each pixel."""
    return len(model.output_shape) == 4


def _pass_of_tiles(model: Any) -> tuple[Pass, int]:
    """Returns the pass to time, and the number of pixels of the map that it gives."""
    height, width = model.output_shape[1:3]
    period = unpadded_period(model)
    steps = [
        max(1, round(n * (1 - TILE_OVERLAP)))
        if period is None
        else n // period * period
        for n in (height, width)
    ]
    number = tiles_at_once(tuple(model.inputs[0].shape[1:3]))
    tiles = random_arrays(input_tensors(model, number))
    return compiled_pass(model, tiles), number * steps[0] * steps[1]


def _pass(model: Any, map_step: int) -> tuple[Pass, int]:
    """Returns the pass to time, and the number of windows that it classifies."""
    try:
        dense = dense_classifier(model, map_step)
    except NotTranslationEquivariant:
        return compiled_pass(model, random_arrays(input_tensors(model, BATCH))), BATCH
    cells = [max(CELLS, (TILE - n) // map_step + 1) for n in dense.window]
    height, width = (
        n + (cell - 1) * map_step for n, cell in zip(dense.window, cells, strict=True)
    )
    shapes = {x.name: (height, width, x.shape[-1]) for x in model.inputs}
    rng = np.random.default_rng(0)
    tile = {name: rng.random((1, *s), "float32") for name, s in shapes.items()}

    def run() -> None:
        dense(tile)

    return run, cells[0] * cells[1]
