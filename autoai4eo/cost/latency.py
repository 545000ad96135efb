"""How long one forward pass takes on this machine, by measurement."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import numpy as np

from autoai4eo.errors import UserError
from autoai4eo.networks.compiled import Pass, compiled_pass
from autoai4eo.networks.device import (
    device_name,
    forget_peak_memory,
    peak_memory_bytes,
)
from autoai4eo.networks.inputs import InputShapes, input_tensors, random_arrays

WARM_UP = 3  # passes that allocate, tune and fill caches; not counted
MIN_RUNS = 10  # fewer say nothing about steadiness
LEAST_RUNS = 3  # timed even where they outlast the budget
TIMED_SHARE = 0.2  # of the budget, given to timed passes whatever compilation took
STEADY = 0.02  # relative difference of the medians of both halves


@dataclass(frozen=True)
class Latency:
    """Time of one forward pass of the compiled inference function.

    Attributes:
        median_ms: median of all timed passes, in milliseconds.
        p95_ms: their 95th percentile, in milliseconds.
        device: the device's name.
        batch_size: samples in a pass.
        runs: number of timed passes.
        peak_memory_bytes: most memory in use on the device, None where it does not
            tell (CPU).
    """

    median_ms: float
    p95_ms: float
    device: str
    batch_size: int
    runs: int
    peak_memory_bytes: int | None


def measure_latency(
    model: Any,
    batch_size: int = 1,
    budget_s: float = 1.0,
    *,
    input_shapes: InputShapes | None = None,
) -> Latency:
    """Times forward passes of the compiled inference function on random input.

    The device is waited for in every pass; compilation and three warm-up passes are
    not timed. Passes are repeated until the median is steady, which is after at least
    ten passes, when the medians of their first and second half lie within 2 % of each
    other; or until the budget is spent. In any case at least three passes and a fifth
    of the budget are timed.

    Args:
        model: a functional or built Sequential Keras model.
        batch_size: samples in a pass.
        budget_s: seconds for all of it, compilation and warm-up included; a network
            that takes longer to compile overruns it.
        input_shapes: input name -> shape without batch, where the model leaves
            height or width open.

    Raises:
        UserError: `batch_size` or `budget_s` is not positive, the model fixes another
            batch size, an input's shape is not known, or the Keras backend is neither
            TensorFlow nor JAX.
    """
    if batch_size < 1 or budget_s <= 0:
        raise UserError(
            f"expected a positive batch_size and budget_s, found {batch_size} and "
            f"{budget_s}; give at least 1 sample and some seconds"
        )
    tensors = input_tensors(model, batch_size, input_shapes)
    if tensors[0].shape[0] != batch_size:
        raise UserError(
            f"expected batch size {tensors[0].shape[0]}, which the model fixes, found "
            f"{batch_size}; measure with that, or build the model with an open one"
        )
    deadline = time.perf_counter() + budget_s
    forget_peak_memory()
    run = compiled_pass(model, random_arrays(tensors))
    for _ in range(WARM_UP):
        run()
    seconds = timed(run, deadline, TIMED_SHARE * budget_s)
    return Latency(
        median_ms=1000 * float(np.median(seconds)),
        p95_ms=1000 * float(np.percentile(seconds, 95)),
        device=device_name(),
        batch_size=batch_size,
        runs=len(seconds),
        peak_memory_bytes=peak_memory_bytes(),
    )


def timed(run: Pass, deadline: float, at_least_s: float) -> list[float]:
    """Seconds of each pass, until their median is steady or the deadline is past.

    Args:
        run: one pass; the device has been waited for when it returns.
        deadline: of `time.perf_counter`.
        at_least_s: for which passes are timed in any case.
    """
    seconds: list[float] = []
    begin = time.perf_counter()
    while True:
        start = time.perf_counter()
        run()
        end = time.perf_counter()
        seconds.append(end - start)
        runs = len(seconds)
        if runs < LEAST_RUNS or end - begin < at_least_s:
            continue
        # Looked at every tenth pass: a median costs as much as a small network.
        if end >= deadline or (runs % MIN_RUNS == 0 and _steady(seconds)):
            return seconds


def _steady(seconds: list[float]) -> bool:
    half = len(seconds) // 2
    first, second = np.median(seconds[:half]), np.median(seconds[half:])
    return bool(abs(first - second) <= STEADY * min(first, second))
