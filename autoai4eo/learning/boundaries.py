"""Boundaries of the classes in masks, and whether prediction and truth agree on them.

Csurka et al. 2013, *What is a good evaluation measure for semantic segmentation?*
(BMVC), compare contours within a tolerance. A boundary pixel of a class has a direct
neighbour (above, below, left or right) of another class. Pixels whose class is unknown
are left out of truth and prediction, and the edge of a tile is no boundary.
"""

from __future__ import annotations

import numpy as np

#: Largest distance in pixels, between centres, at which two boundary pixels agree.
TOLERANCE = 2
_NONE = -1  # the class where there is no boundary


def boundary_sums(
    truth: np.ndarray, predicted: np.ndarray, known: np.ndarray, classes: int
) -> np.ndarray:
    """Counts boundary pixels of each class in each mask, int64 (n, 4, classes).

    Args:
        truth, predicted: class numbers, (n, H, W).
        known: whether the truth of a pixel is known, bool (n, H, W).
        classes: their number.

    Returns:
        Of each class: boundary pixels of the prediction; those of them that have one of
        the truth, of the same class, within `TOLERANCE`; boundary pixels of the truth;
        those of them that have one of the prediction.
    """
    true, found = (_boundary(mask, known) for mask in (truth, predicted))
    parts = [
        _counted(found, classes),
        _counted(np.where(_near(found, true), found, _NONE), classes),
        _counted(true, classes),
        _counted(np.where(_near(true, found), true, _NONE), classes),
    ]
    return np.stack(parts, axis=1)


def _boundary(mask: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Returns the class of each boundary pixel, int16 (n, H, W); -1 elsewhere."""
    on = np.zeros(mask.shape, bool)
    for axis in (1, 2):
        first, second = _neighbours(axis)
        differ = (mask[first] != mask[second]) & known[first] & known[second]
        on[first] |= differ
        on[second] |= differ
    return np.where(on, mask, _NONE).astype(np.int16)


def _neighbours(axis: int) -> tuple[tuple[slice, ...], tuple[slice, ...]]:
    """Returns the places of pixels, and of their next neighbours along an axis."""
    before, after = [slice(None)] * 3, [slice(None)] * 3
    before[axis], after[axis] = slice(None, -1), slice(1, None)
    return tuple(before), tuple(after)


def _near(own: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Returns whether others have the class of a pixel close by, bool (n, H, W)."""
    height, width = own.shape[1:]
    reach = TOLERANCE
    padded = np.pad(others, ((0, 0), *2 * [(reach, reach)]), constant_values=_NONE)
    hit = np.zeros(own.shape, bool)
    for y in range(-reach, reach + 1):
        for x in range(-reach, reach + 1):
            if x * x + y * y <= reach**2:
                top, left = reach + y, reach + x
                hit |= padded[:, top : top + height, left : left + width] == own
    return hit & (own != _NONE)


def _counted(boundary: np.ndarray, classes: int) -> np.ndarray:
    """Returns the boundary pixels of each class in each mask, (n, classes)."""
    sample, *_ = place = np.nonzero(boundary != _NONE)
    cells = sample * classes + boundary[place]
    counts = np.bincount(cells, minlength=len(boundary) * classes)
    return counts.reshape(len(boundary), classes)
