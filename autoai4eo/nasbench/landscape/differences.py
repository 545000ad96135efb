"""Tests whether two landscapes of the same networks differ, such as a surrogate's."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from autoai4eo.learning.intervals import RESAMPLES, interval
from autoai4eo.nasbench.landscape.figures import lagged, pooled
from autoai4eo.nasbench.landscape.networks import Landscape, key_of

#: A figure from values and distances, (n,) each, and from rows, or rows by walk.
_Figure = Callable[[np.ndarray, np.ndarray, Any], float]


def landscape_differences(
    one: Landscape, other: Landscape, seed: int = 0
) -> dict[str, Any] | None:
    """Returns how a second landscape differs from the first, for JSON.

    ``figures``
        by name, ``values`` of both, ``difference`` (second less first) and its
        ``interval`` (95 %): percentiles over resamples of walks, the same for both, or
        of networks where there are no walks. Distances are to the best networks of the
        whole table; autocorrelations are those along the recorded walks.
    ``kolmogorov_smirnov``
        the largest distance of both distributions of the fitness, and how probable one
        as large is if the tables could be exchanged walk by walk (a permutation test:
        values of the same networks, and of one walk, are not independent).

    Args:
        one, other: landscapes.
        seed: of the resamples and permutations.

    Returns:
        None if the networks or the fitness are not the same.
    """
    places = {key_of(network): i for i, network in enumerate(other.architectures)}
    keys = [key_of(network) for network in one.architectures]
    same = len(keys) == len(places) and places.keys() == set(keys)
    if not same or one.fitness_name != other.fitness_name:
        return None
    order = np.array([places[key] for key in keys])
    values = np.array([one.values, other.values[order]])
    tables = [(values[0], one.distances), (values[1], other.distances[order])]
    walks = [rows for rows in one.walks if (values[:, rows].std(axis=1) > 0).all()]
    group = _groups(one)
    ways: list[tuple[dict[str, _Figure], int, Callable[[np.ndarray], Any]]]
    ways = [(_BY_ROWS, int(group.max()) + 1, _rows_of(group))]
    if walks:
        ways.append((_BY_WALK, len(walks), lambda drawn: [walks[i] for i in drawn]))
    rng = np.random.default_rng(seed)
    found: dict[str, dict[str, Any]] = {}
    for names, size, some in ways:
        drawn = rng.integers(0, size, (RESAMPLES, size))
        for name, figure in names.items():
            both = [figure(*table, some(np.arange(size))) for table in tables]
            if not np.isfinite(both).all():
                continue
            resamples = np.array(
                [[figure(*table, some(chosen)) for table in tables] for chosen in drawn]
            )
            change = resamples[:, 1] - resamples[:, 0]
            found[name] = {
                "values": [float(value) for value in both],
                "difference": float(both[1] - both[0]),
                "interval": interval(change[np.isfinite(change)]),
            }
    return {
        "resampled": "walks" if one.walks else "networks",
        "figures": found,
        "kolmogorov_smirnov": _kolmogorov_smirnov(values, group, rng),
    }


def _groups(landscape: Landscape) -> np.ndarray:
    """Returns the walk of each network, int (n,); one on no walk is its own group."""
    group = np.full(len(landscape), -1)
    for number, rows in enumerate(landscape.walks):
        group[rows] = number
    alone = group < 0
    group[alone] = len(landscape.walks) + np.arange(alone.sum())
    return group


def _rows_of(group: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
    """Returns what gives the networks of drawn groups, repeated as these are."""
    size = int(group.max()) + 1
    every = np.arange(len(group))
    return lambda drawn: np.repeat(every, np.bincount(drawn, minlength=size)[group])


def _distance_correlation(
    values: np.ndarray, far: np.ndarray, rows: np.ndarray
) -> float:
    if np.ptp(values[rows]) == 0 or np.ptp(far[rows]) == 0:
        return np.nan
    return float(np.corrcoef(values[rows], far[rows])[0, 1])


_BY_ROWS: dict[str, _Figure] = {
    "mean": lambda values, _, rows: float(values[rows].mean()),
    "std": lambda values, _, rows: float(values[rows].std(ddof=1)),
    "fitness_distance_correlation": _distance_correlation,
}
_BY_WALK: dict[str, _Figure] = {
    "first_autocorrelation": lambda values, _, walks: float(
        np.mean([lagged(values[rows], 1) for rows in walks])
    ),
    "first_autocorrelation_pooled": lambda values, _, walks: pooled(
        [values[rows] for rows in walks], 1
    ),
}


def _kolmogorov_smirnov(
    values: np.ndarray, group: np.ndarray, rng: np.random.Generator
) -> dict[str, float]:
    """Tests two tables of values, (2, n), by exchanging them group by group."""
    size, every = values.shape[1], values.ravel()
    order = np.argsort(every, kind="stable")
    last = np.r_[np.diff(every[order]) > 0, True]  # of equal values
    sign = np.repeat([1.0, -1.0], size)[order]
    of = np.tile(group, 2)[order]

    def statistic(signs: np.ndarray) -> float:
        return float(np.abs(np.cumsum(signs)[last]).max() / size)

    found = statistic(sign)
    as_large = sum(
        statistic(sign * rng.choice([1.0, -1.0], group.max() + 1)[of]) >= found - 1e-12
        for _ in range(RESAMPLES)
    )
    return {"statistic": found, "p_value": (1 + as_large) / (1 + RESAMPLES)}
