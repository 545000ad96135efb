"""Scores of predictions, with intervals over walks."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from scipy import stats

from autoai4eo.learning.intervals import RESAMPLES, interval

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

Predictions = Mapping[str, tuple[np.ndarray, np.ndarray]]


def score_table(
    values: np.ndarray, predictions: Predictions, groups: np.ndarray
) -> pd.DataFrame:
    """Returns a row for each model: name, number of networks, scores with intervals.

    The intervals (95 %, columns ``…_lower`` and ``…_upper``) are percentiles over 1,000
    resamples of the groups, the same for every model. Scores that a model does not
    have are empty: ranks of one that tells no two networks apart, ``kendall_within``
    without walks.

    Args:
        values: that were to be predicted, (n,).
        predictions: by model, mean and standard deviation, (n,) each.
        groups: of the networks, int (n,).
    """
    members = [np.flatnonzero(groups == one) for one in np.unique(groups)]
    rng = np.random.default_rng(0)
    drawn = rng.integers(0, len(members), (RESAMPLES, len(members)))
    rows = []
    for name, (mean, std) in predictions.items():
        within = np.array([_tau(values[some], mean[some]) for some in members])
        row: dict[str, float | str] = {"model": name, "networks": len(values)}
        found = _scores(values, mean, std, within)
        several = []
        for chosen in drawn:
            some = np.concatenate([members[i] for i in chosen])
            several.append(_scores(values[some], mean[some], std[some], within[chosen]))
        for score in SCORES:
            row[score] = found[score]
            resamples = np.array([one[score] for one in several])
            ends = [np.nan, np.nan]
            if np.isfinite(found[score]):
                ends = interval(resamples[np.isfinite(resamples)])
            row[f"{score}_lower"], row[f"{score}_upper"] = ends
        rows.append(row)
    return pd.DataFrame(rows)


def _scores(
    values: np.ndarray, mean: np.ndarray, std: np.ndarray, within: np.ndarray
) -> dict[str, float]:
    error = values - mean
    spread = np.square(values - values.mean()).mean()
    squared = np.square(error).mean()
    some = within[np.isfinite(within)]
    return {
        "kendall_tau": _tau(values, mean),
        "kendall_within": float(some.mean()) if len(some) else np.nan,
        "spearman": _spearman(values, mean),
        "r2": float(1 - squared / spread) if spread > 0 else np.nan,
        "rmse": float(np.sqrt(squared)),
        "mae": float(np.abs(error).mean()),
        "coverage_90": float((np.abs(error) <= _HALF * std).mean()),
    }


def _tau(one: np.ndarray, other: np.ndarray) -> float:
    if len(one) < 3 or np.ptp(one) == 0 or np.ptp(other) == 0:
        return np.nan
    return float(stats.kendalltau(one, other).statistic)


def _spearman(one: np.ndarray, other: np.ndarray) -> float:
    if len(one) < 3 or np.ptp(one) == 0 or np.ptp(other) == 0:
        return np.nan
    return float(np.corrcoef(stats.rankdata(one), stats.rankdata(other))[0, 1])
