"""Whether radar bands are decibels or intensity: files rarely say it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from autoai4eo.data.sensors import Band

#: Largest share of intensities below zero, caused by fill values, interpolation or
#: noise removal; decibels have more.
NEGATIVE_SHARE = 0.05


def radar_bands(
    bands: tuple[Band, ...], below_zero: Callable[[int], float | None], name: str
) -> tuple[tuple[Band, ...], list[str]]:
    """Returns the bands, VV and VH as intensity unless enough values are below zero.

    Args:
        bands: of an input.
        below_zero: returns the share of negative values in a sample of the finite
            values of a band, by its position; None without finite values.
        name: of the input.

    Returns:
        The bands, and a note on those taken for intensity or without values.
    """
    shares = {i: below_zero(i) for i, b in enumerate(bands) if b.quantity == "decibel"}
    unknown = [bands[i].name for i, share in shares.items() if share is None]
    positive = {
        i: share
        for i, share in shares.items()
        if share is not None and share <= NEGATIVE_SHARE
    }
    notes = []
    if unknown:
        have = "has" if len(unknown) == 1 else "have"
        notes.append(
            f"{name}: {' and '.join(unknown)} {have} no finite value; decibels are "
            "assumed, not intensity"
        )
    if positive:
        called = [bands[i].name for i in positive]
        are, their = ("is", "its") if len(called) == 1 else ("are", "their")
        notes.append(
            f"{name}: {' and '.join(called)} {are} taken for intensity, not decibels: "
            f"{1 - np.mean(list(positive.values())):.0%} of {their} values are not "
            "below zero"
        )
    found = tuple(
        Band(b.name, b.wavelength, "intensity") if i in positive else b
        for i, b in enumerate(bands)
    )
    return found, notes
