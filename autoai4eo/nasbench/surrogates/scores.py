"""Scores of predictions, with intervals over walks."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from scipy import stats

from autoai4eo.learning import intervals

#: Names of the scores; ``kendall_within`` is the mean over walks of Kendall's tau of
#: the networks of a walk, ``coverage_90`` the share of values in the interval of 90 %
#: of a normal distribution.
SCORES = (
    "kendall_tau",
    "kendall_within",
    "spearman",
    "r2",
    "rmse",
    "mae",
    "coverage_90",
)
_HALF = float(stats.norm.ppf(0.95))
_AT_ONCE = 256  # rows of the matrix of pairs

Predictions = Mapping[str, tuple[np.ndarray, np.ndarray]]


def score_table(
    values: np.ndarray, predictions: Predictions, groups: np.ndarray
) -> pd.DataFrame:
    """Returns a row for each model: name, number of networks, scores with intervals.

    The intervals (95 %, columns ``…_lower`` and ``…_upper``) are percentiles over 1,000
    resamples of the groups, the same for every model; Spearman's ranks are those of all
    networks. Scores that a model does not have are empty: ranks of one that tells no
    two networks apart, ``kendall_within`` without walks.

    Args:
        values: that were to be predicted, (n,).
        predictions: by model, mean and standard deviation, (n,) each.
        groups: of the networks, int (n,); more than 1,000 are joined at random.
    """
    place = np.unique(groups, return_inverse=True)[1]
    if place.max() >= intervals.BLOCKS:
        joined = intervals.blocks(int(place.max()) + 1)[place]
        place = np.unique(joined, return_inverse=True)[1]
    order = np.argsort(place, kind="stable")
    starts = np.flatnonzero(np.r_[True, np.diff(place[order]) > 0])
    rows = []
    for name, (mean, std) in predictions.items():
        scores = _Scores(values[order], mean[order], std[order], place[order], starts)
        row: dict[str, float | str] = {"model": name, "networks": len(values)}
        found = scores.of(scores.table.sum(axis=0)[None])
        resamples = intervals.resampled(scores.table, scores.of)
        for score in SCORES:
            row[score] = float(found[score][0])
            ends = [np.nan, np.nan]
            if np.isfinite(row[score]):
                some = resamples[score]
                ends = intervals.interval(some[np.isfinite(some)])
            row[f"{score}_lower"], row[f"{score}_upper"] = ends
        rows.append(row)
    return pd.DataFrame(rows)


class _Scores:
    """Scores from sums over groups and from how often each group was drawn.

    Attributes:
        table: the sums, then 1 in the column of the group, (groups, sums + groups).
    """

    def __init__(
        self,
        values: np.ndarray,
        mean: np.ndarray,
        std: np.ndarray,
        place: np.ndarray,
        starts: np.ndarray,
    ) -> None:
        self._pairs = _pairs(values, mean, place, starts)
        concordant, *apart = (np.diagonal(one) for one in self._pairs)
        within = _ratio(concordant, np.sqrt(apart[0] * apart[1]))
        is_there = np.isfinite(within)
        error, centred = values - mean, values - values.mean()
        ranks = [stats.rankdata(one) - (len(one) + 1) / 2 for one in (values, mean)]
        of_each = [
            np.ones(len(values)),
            centred,
            centred**2,
            error**2,
            np.abs(error),
            np.abs(error) <= _HALF * std,
            *ranks,
            ranks[0] ** 2,
            ranks[1] ** 2,
            ranks[0] * ranks[1],
        ]
        sums = np.add.reduceat(np.array(of_each, float), starts, axis=1)
        several = [*sums, np.where(is_there, within, 0.0), is_there]
        self.table = np.hstack([np.array(several).T, np.eye(len(starts))])

    def of(self, drawn: np.ndarray) -> dict[str, np.ndarray]:
        """Returns the scores, (m,) each, of sums and counts, (m, sums + groups)."""
        groups = len(self._pairs[0])
        total, *sums = drawn[:, : drawn.shape[1] - groups].T
        value, square, squared, absolute, inside, x, y, xx, yy, xy, tau, walks = sums
        times = drawn[:, -groups:]
        concordant, *apart = (
            np.einsum("mg,gh,mh->m", times, one, times, optimize=True)
            for one in self._pairs
        )
        spread = (xx - x**2 / total) * (yy - y**2 / total)
        return {
            "kendall_tau": _ratio(concordant, np.sqrt(apart[0] * apart[1])),
            "kendall_within": _ratio(tau, walks),
            "spearman": _ratio(xy - x * y / total, np.sqrt(np.maximum(spread, 0))),
            "r2": 1 - _ratio(squared, square - value**2 / total),
            "rmse": np.sqrt(squared / total),
            "mae": absolute / total,
            "coverage_90": inside / total,
        }


def _ratio(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Divides; NaN by 0."""
    return np.divide(one, other, out=np.full(len(one), np.nan), where=other > 1e-300)


def _pairs(
    one: np.ndarray, other: np.ndarray, place: np.ndarray, starts: np.ndarray
) -> list[np.ndarray]:
    """Returns sums over the pairs of each two groups, (groups, groups) each.

    They are concordant less discordant pairs, and pairs not tied in the first or second
    column; Kendall's tau (b) is the first over the root of the product of the others.
    """
    found = [np.zeros((len(starts), len(starts))) for _ in range(3)]
    for i in range(0, len(one), _AT_ONCE):
        rows = slice(i, i + _AT_ONCE)
        signs = [np.sign(x[rows, None] - x) for x in (one, other)]
        some = (signs[0] * signs[1], np.abs(signs[0]), np.abs(signs[1]))
        for total, pairs in zip(found, some, strict=True):
            by_group = np.add.reduceat(pairs, starts, axis=1)
            np.add.at(total, place[rows], by_group)
    return found
