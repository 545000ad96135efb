"""Average precision from histograms of scores, and its resamples of groups.

The scores of each class are counted in bins on the scale of the logit, which resolves
the small scores of rare classes. Equal scores, and those of one bin, go together.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.sparse import csr_array

from autoai4eo.learning.intervals import draws

BINS, _LOGIT = 2000, 10.0


def histogram(truth: Any, output: Any, xp: Any) -> Any:
    """Returns histograms of scores, (2·classes·bins,), the highest scores first.

    The first half is of all samples, the second of those with the class.

    Args:
        truth, output: labels of 0 and 1, and probabilities, (n, classes).
        xp: `keras.ops`.
    """
    classes = truth.shape[-1]
    bins = _bins(output, xp)
    place = xp.reshape(
        xp.cast(bins, "int32") + np.arange(classes, dtype="int32") * BINS, (-1,)
    )
    has = xp.reshape(truth, (-1,))
    weights = xp.stack([xp.ones_like(has), has])
    counts = [xp.segment_sum(weights[i], place, classes * BINS) for i in range(2)]
    return xp.concatenate(counts)


def mean_of_histogram(sums: Any, classes: int, xp: Any) -> Any:
    """Returns the mean average precision over the classes that samples have.

    Args:
        sums: from `histogram`.
        classes: number of classes.
        xp: `numpy` or `keras.ops`.
    """
    counts = xp.reshape(sums, (2, classes, BINS))
    present = xp.where(xp.sum(counts[1], axis=-1) > 0, 1.0, 0.0)
    total = xp.sum(present * each_of_histogram(counts, xp))
    return total / xp.maximum(xp.sum(present), 1.0)


def each_of_histogram(counts: Any, xp: Any = np) -> Any:
    """Returns average precision (classes,) from histograms (2, classes, bins)."""
    return _each(counts[0], counts[1], xp)


class RankedScores:
    """Keeps the rank of each score, to compute average precision of resamples."""

    def __init__(self) -> None:
        self._kept: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []

    def add(self, truth: np.ndarray, output: np.ndarray, group: np.ndarray) -> None:
        """Adds n samples, see `autoai4eo.learning.task.Scorer.add`."""
        bins = _bins(output.astype("float32"), np).astype(np.int16)
        self._kept.append((bins, truth > 0, group))

    def resampled(self) -> np.ndarray:
        """Returns the mean average precision of 1,000 resamples of groups, (1000,).

        The resamples are those of `autoai4eo.learning.intervals.resampled`. The mean is
        over the classes that the samples have; one that a resample lacks counts with
        the average precision of all samples, as in other means over the classes.
        """
        bins, has, groups = (np.concatenate(p) for p in zip(*self._kept, strict=True))
        present = np.flatnonzero(has.any(axis=0))
        names, group = np.unique(groups, return_inverse=True)
        tables = [_by_group(bins[:, i], has[:, i], group, len(names)) for i in present]
        everything = np.ones((1, len(names)))
        whole = [_drawn(everything, *table)[0] for table in tables]
        found = [
            np.mean(
                [
                    np.where(np.isnan(one), of_all, one)
                    for table, of_all in zip(tables, whole, strict=True)
                    for one in [_drawn(counts, *table)]
                ]
                or np.zeros((1, len(counts))),
                axis=0,
            )
            for counts in draws(len(names))
        ]
        return np.concatenate(found)


def _by_group(
    bins: np.ndarray, has: np.ndarray, group: np.ndarray, groups: int
) -> tuple[Any, Any]:
    """Returns histograms of one class, (groups, bins), of all and of those with it."""
    occupied, place = np.unique(bins, return_inverse=True)
    shape = (groups, len(occupied))
    every = csr_array((np.ones(len(bins)), (group, place)), shape)
    return every, csr_array((np.ones(has.sum()), (group[has], place[has])), shape)


def _drawn(counts: np.ndarray, every: Any, having: Any) -> np.ndarray:
    """Returns average precision, (n,), of groups that are drawn so often (n, groups).

    It is NaN where no drawn sample has the class.
    """
    of_class = counts @ having
    found = _each(counts @ every, of_class, np)
    return np.where(of_class.any(axis=-1), found, np.nan)


def _each(every: Any, having: Any, xp: Any) -> Any:
    """Returns average precision (…) of histograms (…, bins), highest scores first."""
    found, taken = xp.cumsum(having, axis=-1), xp.cumsum(every, axis=-1)
    positive = xp.maximum(xp.sum(having, axis=-1, keepdims=True), 1.0)
    return xp.sum(having / positive * found / xp.maximum(taken, 1.0), axis=-1)


def _bins(output: Any, xp: Any) -> Any:
    """Returns the bin of each probability, from 0 for the highest.

    NaN is the lowest: it reaches no threshold.
    """
    score = xp.clip(xp.nan_to_num(output, nan=0.0), 1e-6, 1 - 1e-6)
    logit = xp.log(score) - xp.log1p(-score)
    return xp.clip(xp.floor((1 - logit / _LOGIT) * BINS / 2), 0, BINS - 1)
