"""Checks whether values have the units of the training data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from autoai4eo.data.sensors import band

RADAR = ("decibel", "intensity", "complex", "covariance")
_TIMES = 10.0  # factor to the training data that means another unit
_NARROW = 100.0  # times as narrow as the training data
_DECIBELS = (20.0, 4.0)  # times as narrow, and as wide, of decibels
_LEAST = 1e-4  # of the 98th percentile: smaller values count as this
# Bands in another order, see `misfit`. Between real data of different places these find
# no order that is not there, and a reversed one where the bands are unlike enough.
_BETTER = 0.35  # by which a band must fit better
_GOOD = (1.0, 1.5)  # and how well, positive bands and others
_SHARE = 0.85  # of the misfit of the order that is told
_CLOSE = 0.2  # misfit of an order that fits all bands
_CLOSE_SHARE = 0.5  # of the misfit of the order that is told
_CLOSE_GAIN = 0.1  # and by how much smaller it is: bands may be alike
_LISTED = 3  # bands whose figures a sentence lists

Values = Mapping[str, np.ndarray]


@dataclass(frozen=True)
class Typical:
    """Statistics of one band of the training data, as in statistics.json.

    Attributes:
        mean, std: over all pixels.
        p2, p98: 2nd and 98th percentiles.
    """

    mean: float
    std: float
    p2: float
    p98: float


def typical_of(told: Mapping[str, Any]) -> tuple[Typical, ...]:
    """Returns the statistics of each band of an input; the percentiles suffice.

    Args:
        told: by name of a statistic, a value for each band, as in statistics.json.
    """
    p2, p98 = np.array(told["p2"], float), np.array(told["p98"], float)
    mean = np.array(told.get("mean", (p2 + p98) / 2), float)
    std = np.array(told.get("std", (p98 - p2) / 4), float)
    return tuple(
        Typical(*map(float, band)) for band in zip(mean, std, p2, p98, strict=True)
    )


def differs(values: np.ndarray, typical: Typical) -> bool:
    """Returns whether a band's values have other units than the training data's.

    Decibels differ if 98 % of the values are positive, or the median is outside of the
    training data's range by more than its width. Other values differ if the median has
    the other sign, is 10 standard deviations below the mean, or is above ten times the
    training data's 98th percentile, or if the values' 98th percentile is below a tenth
    of the training data's 2nd. All differ if their spread (2nd to 98th percentile) is
    10 times as wide (decibels: 4 times), or 100 times as narrow (decibels: 20 times)
    but not 0. Another landscape may cause smaller differences.

    Args:
        values: (n,) finite, as the network would read them.
        typical: statistics of the training data.
    """
    if not len(values):
        return False
    p2, median, p98 = np.percentile(values, (2, 50, 98))
    spread, usual = p98 - p2, max(typical.p98 - typical.p2, 1e-12)
    logarithmic = typical.mean < -typical.std
    narrow, wide = _DECIBELS if logarithmic else (_NARROW, _TIMES)
    if spread > wide * usual or 0 < spread < usual / narrow:
        return True
    if typical.mean < 0 and typical.p2 < 0:  # decibels
        far = not typical.p2 - usual <= median <= typical.p98 + usual
        return bool(p2 >= 0 or far)
    if typical.p98 <= 0:
        return False
    lowest = typical.p2 if typical.p2 > 0 else typical.mean / 10
    return bool(
        (median < 0 and typical.p2 >= 0)
        or median < typical.mean - 10 * typical.std
        or median > _TIMES * typical.p98
        or p98 < lowest / _TIMES
    )


def misfit(values: np.ndarray, typical: Typical) -> float:
    """Returns how unlike the training data's a band's distribution is; 0 if alike.

    The mean difference of the median and the 98th percentile: of their natural
    logarithms if the training data are positive, else in its standard deviations. What
    is darkest tells little: a sea in a corner makes it another.

    Args:
        values: (n,) finite, not empty.
        typical: statistics of the training data.
    """
    found = np.percentile(values, (50, 98))
    wanted = np.array([_middle(typical), typical.p98])
    if typical.mean > 0 and typical.p2 >= 0 and typical.p98 > 0:
        least = typical.p98 * _LEAST
        ratios = np.maximum(found, least) / np.maximum(wanted, least)
        return float(np.abs(np.log(ratios)).mean())
    return float(np.abs(found - wanted).mean() / max(typical.std, 1e-12))


def _middle(typical: Typical) -> float:
    """Returns roughly the median; the mean is far above it in radar intensity."""
    if typical.p2 > 0 and typical.std > typical.mean:
        return float(np.sqrt(typical.p2 * typical.p98))
    return typical.mean


def other_order(values: Values, typical: Mapping[str, Typical]) -> str:
    """Returns which bands seem to be interchanged, such as "VV is like VH", or "".

    The order that fits the training data best must be much better than the one that is
    told, for two bands or more or on the whole, and must fit them well. Bands are
    compared only with bands of the same quantity. Bands whose values are alike cannot
    be told apart: no answer does not mean that the order is right.

    Args:
        values: of each band, (n,) finite, as the network would read them.
        typical: statistics of the same bands of the training data.
    """
    from scipy.optimize import linear_sum_assignment

    moved = []
    names = [name for name in typical if len(values[name])]
    for kind in dict.fromkeys(band(name).quantity for name in names):
        some = [name for name in names if band(name).quantity == kind]
        unlike = np.array([[misfit(values[a], typical[b]) for b in some] for a in some])
        here, there = linear_sum_assignment(unlike)
        best, told = unlike[here, there].mean(), unlike.trace() / len(some)
        if best > told * _SHARE:
            continue
        all_fit = best <= min(_CLOSE, told * _CLOSE_SHARE, told - _CLOSE_GAIN)
        for i, j in zip(here.tolist(), there.tolist(), strict=True):
            gain = unlike[i, i] - unlike[i, j]
            well = _GOOD[int(typical[some[j]].mean <= 0)]
            if (all_fit and i != j) or (gain >= _BETTER and unlike[i, j] <= well):
                moved.append(f"{some[i]} is like {some[j]}")
    return ", ".join(moved) if len(moved) > 1 else ""


def not_only_dark(
    wrong: Sequence[str],
    names: Sequence[str],
    values: Values,
    typical: Mapping[str, Typical],
) -> list[str]:
    """Removes dark bands, as of a sea, unless all bands are wrong and dark."""
    dark = [
        n
        for n in wrong
        if typical[n].mean > 0
        and 0 <= np.median(values[n]) < typical[n].mean
        and np.percentile(values[n], 98) > typical[n].mean / 3000
    ]
    if set(dark) != set(names):
        return [n for n in wrong if n not in dark]
    return list(wrong)


def listed(names: Sequence[str], values: Values, typical: Mapping[str, Typical]) -> str:
    """Returns medians of bands beside the training data, of at most three bands."""
    more = f" and {len(names) - _LISTED} more" if len(names) > _LISTED else ""
    return (
        ", ".join(
            f"{n} (median {np.median(values[n]):.4g}; training data: mean "
            f"{typical[n].mean:.4g}, mostly {typical[n].p2:.4g} to "
            f"{typical[n].p98:.4g})"
            for n in names[:_LISTED]
        )
        + more
    )
