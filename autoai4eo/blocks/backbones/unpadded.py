"""Trunks for maps: without padding, with a total stride that divides the map step.

They compute the same features at every position of a window, so that overlapping
windows share the work, see `autoai4eo.networks.dense`.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import replace

from autoai4eo.blocks.backbones.units import Unit, chain_macs
from autoai4eo.errors import UserError

#: Least number of features of a trunk along each axis.
FEWEST = 3


def common_size(name: str, sizes: Iterable[Sequence[int]]) -> tuple[int, int]:
    """Returns height and width of all inputs of a trunk for maps.

    Raises:
        UserError: their sizes differ, or are too small for any such trunk.
    """
    found = sorted({(height, width) for height, width in sizes})
    shown = ", ".join(f"{height}×{width}" for height, width in found)
    if len(found) > 1:
        raise UserError(
            f"{name}: expected inputs of one size for maps (map_step), got {shown} "
            "pixels; resample them, or leave one out"
        )
    if min(found[0]) < FEWEST:
        raise UserError(
            f"{name}: expected patches of at least {FEWEST}×{FEWEST} pixels for maps "
            f"(map_step), got {shown}; give larger patches"
        )
    return found[0]


def total_strides(map_step: int, side: int) -> list[int]:
    """Returns the divisors of the map step that leave enough of `side` pixels."""
    return [d for d in range(1, side // FEWEST + 1) if map_step % d == 0]


def spread(total: int, places: int) -> list[int]:
    """Splits `total` into a product of strides, the largest first.

    For example 10 is 5 × 2 × 1 in three places.
    """
    strides = [1] * places
    for prime in _primes(total):
        strides[strides.index(min(strides))] *= prime
    return sorted(strides, reverse=True)


def fitted(units: Sequence[Unit], side: int) -> list[Unit]:
    """Returns the units without padding, with kernels as large as the pixels allow.

    Each keeps its kernel if at least `FEWEST` features remain after all following
    strides; otherwise it gets the next smaller one of the same parity, or 1×1. So every
    choice can be built.

    Args:
        units: units with padding.
        side: pixels along the shorter axis, at least `FEWEST` times all strides.
    """
    found: list[Unit] = []
    for i, unit in enumerate(units):
        later = math.prod(u.strides for u in units[i + 1 :])
        for kernel in (*range(unit.kernel_size, 1, -2), 1):
            fit = replace(unit, kernel_size=kernel, padding="valid")
            left, _ = fit.size(side, side)
            if left // later >= FEWEST:
                break
        found.append(fit)
        side = left
    return found


def affordable(
    units: Sequence[Unit],
    size: tuple[int, int],
    channels: int,
    factors: Sequence[int],
    max_macs: int,
) -> tuple[int, list[Unit], int]:
    """Finds the first factor to average pixels by with which the units are affordable.

    Args:
        units: units with padding.
        size: height and width of their input.
        channels: of their input.
        factors: in the order in which they are tried.
        max_macs: most multiply-adds for one sample.

    Returns:
        The factor, the units fitted to the averaged input, and their multiply-adds; if
        no factor is enough, those of the last one.
    """
    for factor in factors:
        height, width = (n // factor for n in size)
        fit = fitted(units, min(height, width))
        macs = chain_macs(fit, height, width, channels)
        if macs <= max_macs:
            break
    return factor, fit, macs


def _primes(number: int) -> list[int]:
    """Returns the prime factors, the largest first."""
    found, factor = [], 2
    while number > 1:
        while number % factor == 0:
            found.append(factor)
            number //= factor
        factor += 1
    return found[::-1]
