"""Measures the time to map one square kilometre."""

from __future__ import annotations

import time
from typing import Any

import numpy as np

from autoai4eo.errors import UserError
from autoai4eo.networks.compiled import Pass, compiled_pass
from autoai4eo.networks.dense import NotTranslationEquivariant, dense_classifier
from autoai4eo.networks.inputs import input_tensors, random_arrays
from autoai4eo.runtimes.timing import TIMED_SHARE, time_passes

PIXEL_M = 10.0  # ground sampling distance of Sentinel-2's finest bands
TILE = 256  # approximate side of a timed tile, in pixels
CELLS = 8  # smallest number of windows along each side of a tile
BATCH = 64  # windows per pass if their work cannot be shared


def measure_map_ms_per_km2(model: Any, map_step: int, budget_s: float = 1.0) -> float:
    """Measures the median time to classify all windows of one square kilometre.

    A pixel is assumed to be 10 m × 10 m, as the finest of Sentinel-2, so a square
    kilometre has (100 / map_step)² windows. If overlapping windows can share their
    work exactly (see `dense_classifier`), tiles of about 256 × 256 random pixels are
    timed, from array to array; otherwise batches of 64 windows. Warm-up and steadiness
    are as in `measure_latency`.

    Args:
        model: a functional or built Sequential classifier of patches of fixed size.
        map_step: distance from one window of the map to the next, in pixels.
        budget_s: seconds in total, see `measure_latency`.

    Returns:
        Milliseconds per square kilometre.

    Raises:
        UserError: `map_step` is not positive, the shape of an input is unknown, or the
            Keras backend is neither TensorFlow nor JAX.
    """
    if map_step < 1:
        raise UserError(
            f"map_step: expected a step of at least 1 pixel, found {map_step}; give "
            "the pixels from one window of the map to the next"
        )
    deadline = time.perf_counter() + budget_s
    run, windows = _pass(model, map_step)
    timing = time_passes(run, deadline, TIMED_SHARE * budget_s)
    km2 = windows * (map_step * PIXEL_M / 1000) ** 2
    return timing.median_ms / km2


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
