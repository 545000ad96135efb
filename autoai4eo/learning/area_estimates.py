"""Accuracy and areas of a map, estimated from a sample that is stratified by the map.

Olofsson et al. 2014, "Good practices for estimating area and assessing accuracy of land
change", Remote Sensing of Environment 148, doi:10.1016/j.rse.2014.02.015. The numbers
of equations are those of the paper.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from autoai4eo.learning.confusion import ratio

_NORMAL = 1.96  # standard errors on each side of a 95 % interval


@dataclass(frozen=True)
class Estimates:
    """Estimates with standard errors; NaN where the sample does not tell them.

    Accuracy and areas are NaN where no sample of map and reference agrees: both speak
    of different classes then. All are NaN where the reference has one class only.

    Attributes:
        shares: of the area by the class of the map (rows) and of the reference
            (columns), float64 (classes, classes), eq. 4.
        accuracy: overall, and its standard error.
        users: user's accuracy (precision) of each class, (2, classes), and its errors.
        producers: producer's accuracy (recall) of each class, likewise.
        areas: of each class of the reference, likewise, in the units of the map's.
        covered: share of the map whose classes have at least two samples; the estimates
            are of this part.
    """

    shares: np.ndarray
    accuracy: tuple[float, float]
    users: np.ndarray
    producers: np.ndarray
    areas: np.ndarray
    covered: float


def area_estimates(confusion: np.ndarray, mapped: np.ndarray) -> Estimates:
    """Returns stratified estimates; the classes of the map are the strata.

    They are unbiased for a random or systematic sample, within classes or of the whole
    map. Standard errors hold for samples that are independent of each other: neighbours
    are not, and then the true errors are larger.

    Args:
        confusion: counts of samples, rows: reference, columns: map, (classes, classes).
        mapped: area of each class of the map, (classes,), in any unit.
    """
    counts = np.asarray(confusion, float).T  # as in the paper, rows are the map's
    number = counts.sum(axis=1)
    sampled = number > 1
    area = float(mapped[sampled].sum())
    # a sum in another order is not quite the same
    whole = sampled[np.asarray(mapped) > 0].all()
    covered = 1.0 if whole else float(ratio(np.array(area), mapped.sum()))
    weights = np.where(sampled, mapped, 0) / (area or 1)
    within = ratio(counts, number[:, None])
    shares = weights[:, None] * within
    # variance of each share within its stratum
    spread = ratio(within * (1 - within), np.maximum(number - 1, 0)[:, None])
    right = np.diagonal(shares)
    of_map, of_truth = shares.sum(axis=1), shares.sum(axis=0)
    own = np.diagonal(spread)
    overall = np.sqrt((weights**2 * own).sum())  # eq. 5
    users = np.where(sampled, np.diagonal(within), np.nan)
    producers = np.where(of_truth > 0, ratio(right, of_truth), np.nan)
    # eq. 7; areas instead of numbers of pixels, in both of which the total cancels
    of_others = (weights[:, None] ** 2 * spread).sum(axis=0) - weights**2 * own
    variance = weights**2 * (1 - producers) ** 2 * own + producers**2 * of_others
    producers_error = np.where(of_truth > 0, np.sqrt(variance) / of_truth, np.nan)
    one_class = (counts.sum(axis=0) > 0).sum() < 2
    if one_class or not right.any():
        overall, of_truth = np.nan, np.full(len(of_truth), np.nan)
    if one_class:
        users = producers = of_truth
    area_error = np.sqrt((weights[:, None] ** 2 * spread).sum(axis=0))  # eq. 10
    return Estimates(
        shares,
        (float(right.sum()), float(overall)),
        np.stack([users, np.where(sampled, np.sqrt(own), np.nan)]),  # eq. 6
        np.stack([producers, producers_error]),
        np.stack([of_truth, area_error]) * area,
        covered if of_map.any() else 0.0,
    )


def told_estimates(
    found: Estimates, mapped: np.ndarray, classes: Sequence[str]
) -> dict[str, Any]:
    """Returns the estimates for JSON, each with its error and its 95 % interval.

    Args:
        found: of areas in km².
        mapped: area of each class of the map, in km², (classes,).
        classes: names.
    """
    return {
        "overall_accuracy": _told(*found.accuracy),
        "covered": found.covered,
        "per_class": {
            name: {
                "users_accuracy": _told(*found.users[:, i]),
                "producers_accuracy": _told(*found.producers[:, i]),
                "area_km2": _told(*found.areas[:, i]),
                "mapped_km2": float(mapped[i]),
            }
            for i, name in enumerate(classes)
        },
        "shares": found.shares.tolist(),
    }


def _told(value: float, error: float) -> dict[str, Any] | None:
    if not (np.isfinite(value) and np.isfinite(error)):
        return None
    half = _NORMAL * error
    return {
        "value": float(value),
        "standard_error": float(error),
        "interval_95": [float(value - half), float(value + half)],
    }
