"""Times passes until their median is steady."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

WARM_UP = 3  # passes that allocate, tune and fill caches; not counted
MIN_RUNS = 10  # fewer say nothing about steadiness
LEAST_RUNS = 3  # timed even where they outlast the budget
TIMED_SHARE = 0.2  # of the budget, given to timed passes whatever preparing took
STEADY = 0.02  # relative difference of the medians of both halves


@dataclass(frozen=True)
class Timing:
    """Times of passes.

    Attributes:
        median_ms: their median, in milliseconds.
        p95_ms: their 95th percentile.
        spread_ms: how far the median of another measurement may lie from this one:
            half of the difference between the largest and the smallest median of five
            successive parts of the passes.
        runs: how many passes were timed.
    """

    median_ms: float
    p95_ms: float
    spread_ms: float
    runs: int


def time_passes(run: Callable[[], None], deadline: float, at_least_s: float) -> Timing:
    """Warms up, then times passes; see `timed`."""
    for _ in range(WARM_UP):
        run()
    seconds = timed(run, deadline, at_least_s)
    medians = [np.median(part) for part in np.array_split(seconds, 5) if len(part)]
    return Timing(
        median_ms=1000 * float(np.median(seconds)),
        p95_ms=1000 * float(np.percentile(seconds, 95)),
        spread_ms=1000 * float(max(medians) - min(medians)) / 2,
        runs=len(seconds),
    )


def timed(run: Callable[[], None], deadline: float, at_least_s: float) -> list[float]:
    """Seconds of each pass, until their median is steady or the deadline is past.

    The median is steady after at least ten passes, when the medians of their first and
    second half lie within 2 % of each other. At least three passes are timed.

    Args:
        run: one pass; the device is done when it returns.
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
