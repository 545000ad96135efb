"""Values of masks as files store them, and how often each occurs."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from autoai4eo.errors import UserError

#: A stored value below 0 means an unknown class; this is the one for missing pixels.
MISSING = -1
#: Of pixels of a tile outside of its scene, or that another tile has already.
OUTSIDE = -(2**31)
#: Of pixels with a class in the mask and no data in one of the inputs.
NO_DATA = OUTSIDE + 1
MOST_VALUES = 1000  # more different values are measurements, not classes
_LARGEST = 2**31
_WHAT = "class numbers"


def as_whole(values: np.ndarray, name: str) -> np.ndarray:
    """Returns the values of masks as whole numbers; NaN and masked become `MISSING`.

    Args:
        values: of any shape; whole numbers, or fractions that are whole.
        name: of the mask, for messages.

    Raises:
        UserError: there are other values, such as 0.5.
    """
    masked = np.ma.getmaskarray(values) if np.ma.isMaskedArray(values) else None
    values = np.ma.getdata(values)
    if values.dtype.kind not in "biuf":
        raise UserError(
            f"{name}: expected masks of class numbers, found {values.dtype}; write "
            "whole numbers"
        )
    if values.dtype.kind == "b":
        values = values.astype(np.uint8)
    if values.dtype.kind == "f":
        values = _whole(values, name)
    elif values.dtype.itemsize > 2:
        _check_range(values, name)
        values = values.astype(np.int32, copy=False)
    if masked is not None and masked.any():
        values = np.where(masked, MISSING, values.astype(np.int32))
    return values


def _whole(values: np.ndarray, name: str) -> np.ndarray:
    known = ~np.isnan(values)
    odd = known & (values != np.rint(values))
    if odd.any():
        raise UserError(
            f"{name}: expected masks of class numbers, found fractions such as "
            f"{values[odd][0]:g}; write whole numbers, or open what is to be "
            "predicted as a number with --task value"
        )
    _check_range(values[known], name)
    return np.where(known, values, MISSING).astype(np.int32)


def _check_range(values: np.ndarray, name: str) -> None:
    if values.size and (values.max() >= _LARGEST or values.min() < -_LARGEST):
        large = values.max() if values.max() >= _LARGEST else values.min()
        raise UserError(
            f"{name}: expected masks of class numbers, found {large:.15g}, which is "
            "beyond 32 bits; declare it as nodata, or write it anew"
        )


@dataclass(frozen=True)
class Survey:
    """How often each value occurs in each of N masks.

    Attributes:
        values: that occur, increasing, int64 (V,).
        pixels: with each value, int64 (N, V).
    """

    values: np.ndarray
    pixels: np.ndarray


def survey(
    masks: Iterable[np.ndarray], name: str, most: int = MOST_VALUES, what: str = _WHAT
) -> Survey:
    """Counts the values of masks, one mask after the other.

    Args:
        masks: whole numbers, see `as_whole`; each of any shape.
        name: of the data, for messages.
        most: different values that there may be.
        what: was expected, and is counted, for messages.

    Raises:
        UserError: there are more different values.
    """
    each = []
    seen: set[int] = set()
    for mask in masks:
        values, counts = _counts(mask)
        each.append((values, counts))
        seen.update(values.tolist())
        if len(seen) > most:
            raise UserError(
                f"{name}: expected masks of {what}, found more than {most:,} different "
                "values; are these images, or ids of objects?"
            )
    values = np.array(sorted(seen), np.int64)
    pixels = np.zeros((len(each), len(values)), np.int64)
    for row, (some, counts) in enumerate(each):
        pixels[row, np.searchsorted(values, some)] = counts
    return Survey(values, pixels)


def _counts(mask: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    if mask.dtype.kind == "u" and mask.dtype.itemsize <= 2:  # faster than sorting
        counts = np.bincount(mask.ravel())
        values = np.flatnonzero(counts)
        return values, counts[values]
    return np.unique(mask, return_counts=True)
