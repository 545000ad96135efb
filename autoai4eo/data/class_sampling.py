"""Draws tiles so that rare classes are seen: repeat factor sampling.

Gupta, Dollár and Girshick 2019, "LVIS", doi:10.1109/CVPR.2019.00550, section 4.2: a
class that occurs in the share f of the tiles has the factor max(1, √(t / f)), and a
tile the largest factor of the classes that occur in it.
"""

from __future__ import annotations

import numpy as np

#: A class that occurs in fewer tiles than this share, t, is drawn more often.
RARE = 0.25


def repeat_factors(class_pixels: np.ndarray) -> np.ndarray:
    """Returns how often each tile is drawn beside one without rare classes, (N,).

    Args:
        class_pixels: of each class in each tile, int64 (N, classes).
    """
    occurs = class_pixels > 0
    share = occurs.mean(axis=0)
    factor = np.maximum(1.0, np.sqrt(RARE / np.maximum(share, 1 / len(occurs))))
    return np.asarray(np.where(occurs, factor, 1.0).max(axis=1, initial=1.0))


def drawn_times(factors: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Returns how often each of N tiles is drawn in an epoch of N, int64 (N,).

    A tile is drawn in proportion to its factor, to the whole number above or below
    (systematic resampling), so that with equal factors each is drawn once.

    Args:
        factors: above 0, (N,).
        rng: of this epoch.
    """
    order = rng.permutation(len(factors))
    ends = np.cumsum(factors[order]) * (len(factors) / factors.sum())
    # the numbers start + 0, 1, …, N - 1 that lie below each end
    below = np.ceil(np.round(ends - rng.uniform(0.25, 0.75), 9)).astype(np.int64)
    below[-1] = len(factors)
    times = np.empty(len(factors), np.int64)
    times[order] = np.diff(below, prepend=0)
    return times
