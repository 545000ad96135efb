"""Figures of a fitness landscape, with their sources.

On a closed table, which holds every neighbour of every network, all of them are exact.
Otherwise neighbours that are not recorded are unknown: local optima are those among the
recorded neighbours, and autocorrelations are estimated from recorded random walks.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from scipy import stats

from autoai4eo.nasbench.landscape.networks import Landscape
from autoai4eo.networks.cell import Cell

LAGS = 10
SHARES = (0.05, 0.1, 0.25)  # of the best and worst, for their persistence
_DRAWS = 2000  # of the bootstrap
_DISTRIBUTIONS = ("norm", "skewnorm", "gumbel_l", "gumbel_r", "logistic")


def landscape_figures(landscape: Landscape, seed: int = 0) -> dict[str, Any]:
    """Returns the figures of a landscape by name, for JSON.

    ``fitness_distance_correlation``
        Pearson's correlation of fitness and distance to the nearest best network (Jones
        and Forrest 1995, *Fitness distance correlation as a measure of problem
        difficulty for genetic algorithms*).
    ``first_autocorrelation``, ``autocorrelation``
        of the fitness along a random walk, at distance 1 and at 1, 2, … (Weinberger
        1990, *Correlated and uncorrelated fitness landscapes and how to tell the
        difference*).
    ``correlation_length``
        -1 / ln |first autocorrelation| (Stadler 1996).
    ``ruggedness``
        1 / first autocorrelation, the mean over walks, as the authors of EO HW-NAS
        compute it.
    ``local_optima``
        networks without a better neighbour; ``basins``: from how many networks the
        steepest ascent leads to each.
    ``effective_basins``
        1 / the probability that the ascents from two networks of the table end in one
        optimum: so many basins of equal size would do the same (the birthday problem,
        Caruana and Mullin 1999). It tells nothing of networks that are not recorded.
    ``persistence``
        the share of the best (worst) networks after an epoch that are among the best
        (worst) after the last one.
    ``classes``
        by class of the data: mean, standard deviation, least and most of the recall of
        all networks, and Spearman's correlation of recall and fitness.

    Args:
        landscape: the recorded networks.
        seed: of the bootstrap.
    """
    rng = np.random.default_rng(seed)
    values = landscape.values
    best = int(np.argmax(landscape.fitness))
    return {
        "name": landscape.name,
        "fitness": landscape.fitness_name,
        "networks": len(landscape),
        "closed": landscape.is_closed,
        "minimize": landscape.minimize,
        "mean": float(values.mean()),
        "std": float(values.std(ddof=1)),
        "best": float(values[best]),
        "worst": float(values[np.argmin(landscape.fitness)]),
        "best_network": _record(landscape, best),
        "distributions": _distributions(values),
        "fitness_distance_correlation": _distance_correlation(landscape),
        **_autocorrelations(landscape, rng),
        **_local_optima(landscape),
        "persistence": _persistence(landscape),
        "classes": {n: _of_class(landscape, r) for n, r in landscape.recalls.items()},
        "correlations": _correlations(landscape),
        "fronts": _fronts(landscape),
    }


def _distance_correlation(landscape: Landscape) -> float | None:
    far = landscape.distances
    if far.std() == 0 or landscape.fitness.std() == 0:
        return None
    return float(np.corrcoef(landscape.fitness, far)[0, 1])


def _distributions(fitness: np.ndarray) -> list[dict[str, Any]]:
    """Returns fitted distributions, the most probable first, by Akaike's criterion."""
    found: list[dict[str, Any]] = []
    if fitness.std() == 0:
        return found
    for name in _DISTRIBUTIONS:
        of = getattr(stats, name)
        with np.errstate(all="ignore"):  # on the way; the end is checked
            parameters = of.fit(fitness)
            density = of.logpdf(fitness, *parameters).sum()
        if not np.isfinite(density):
            continue
        found.append(
            {
                "name": name,
                "parameters": [float(value) for value in parameters],
                "aic": float(2 * len(parameters) - 2 * density),
                "ks": float(stats.kstest(fitness, name, parameters).statistic),
            }
        )
    return sorted(found, key=lambda one: float(one["aic"]))


def _autocorrelations(landscape: Landscape, rng: np.random.Generator) -> dict[str, Any]:
    if landscape.is_closed:
        found = _exact(landscape)
        first = found[0] if found else None
        return {
            "autocorrelation": found,
            "first_autocorrelation": first,
            "correlation_length": _length(first),
            "ruggedness": None if not first else 1 / first,
        }
    walks = [landscape.fitness[rows] for rows in landscape.walks]
    walks = [values for values in walks if values.std() > 0]
    if not walks:
        nothing = ("first_autocorrelation", "correlation_length", "ruggedness")
        return {"autocorrelation": [], **dict.fromkeys(nothing)}
    most = min(LAGS, min(map(len, walks)) - 1)
    lags = range(1, most + 1)
    each = np.array([[lagged(values, lag) for lag in lags] for values in walks])
    around_all = [pooled(walks, lag) for lag in lags]
    drawn = rng.integers(0, len(walks), (_DRAWS, len(walks)))
    spread = np.quantile(each[drawn].mean(axis=1), (0.025, 0.975), axis=0)
    first, length = float(each[:, 0].mean()), float(np.mean([len(w) for w in walks]))
    return {
        "autocorrelation": each.mean(axis=0).tolist(),
        "autocorrelation_interval": spread.T.tolist(),
        "autocorrelation_pooled": around_all,
        "first_autocorrelation": first,
        "first_autocorrelation_by_walk": each[:, 0].tolist(),
        "first_autocorrelation_bias": _bias(first, length),
        "correlation_length": _length(first),
        "correlation_length_pooled": _length(around_all[0]),
        "ruggedness": 1 / first if first else None,
        "walks": len(walks),
        "steps": length,
    }


def _bias(first: float, length: float) -> float | None:
    """Returns the mean error of a first autocorrelation on walks of so many steps.

    Where a process of the first order has φ, walks of n steps show φ - (1 + 4 φ) / n,
    since their mean is estimated, too (Marriott and Pope 1954). None for walks of so
    few steps that this is of no use.
    """
    if length < 10:
        return None
    real = (first + 1 / length) / (1 - 4 / length)
    return -(1 + 4 * real) / length


def _exact(landscape: Landscape) -> list[float]:
    """Returns the autocorrelations of an endless random walk on a closed table."""
    adjacency, fitness = landscape.adjacency, landscape.fitness
    degree = adjacency.sum(axis=1)
    if not degree.all():
        return []
    weight = degree / degree.sum()  # how often the walk is at each network
    centred = fitness - (weight * fitness).sum()
    variance = (weight * centred**2).sum()
    if variance == 0:
        return []
    found, after = [], centred
    for _ in range(LAGS):
        after = (adjacency @ after) / degree
        found.append(float((weight * centred * after).sum() / variance))
    return found


def lagged(values: np.ndarray, lag: int) -> float:
    """Returns the autocorrelation of a walk around its own mean."""
    centred = values - values.mean()
    return float((centred[lag:] * centred[:-lag]).sum() / (centred**2).sum())


def pooled(walks: list[np.ndarray], lag: int) -> float:
    """Returns the autocorrelation around the mean of all walks."""
    every = np.concatenate(walks)
    mean, variance = every.mean(), every.var()
    products = [(one[lag:] - mean) * (one[:-lag] - mean) for one in walks]
    return float(np.concatenate(products).mean() / variance)


def _length(first: float | None) -> float | None:
    if not first or abs(first) >= 1:
        return None
    return float(-1 / math.log(abs(first)))


def _local_optima(landscape: Landscape) -> dict[str, Any]:
    fitness, ends = landscape.fitness, _ascents(landscape)
    optima, sizes = np.unique(ends, return_counts=True)
    order = np.argsort(-fitness[optima], kind="stable")
    found = {
        "local_optima": len(optima),
        "effective_basins": float(1 / np.square(sizes / len(ends)).sum()),
        "basins": sizes[order].tolist(),
        "local_optima_fitness": landscape.values[optima][order].tolist(),
    }
    return found


def _ascents(landscape: Landscape) -> np.ndarray:
    """Returns the local optimum that the steepest ascent from each network reaches."""
    adjacency, fitness = landscape.adjacency, landscape.fitness
    after = np.arange(len(landscape))
    for i in range(len(landscape)):
        near = adjacency.indices[adjacency.indptr[i] : adjacency.indptr[i + 1]]
        if len(near) and fitness[near].max() > fitness[i]:
            after[i] = near[np.argmax(fitness[near])]
    while (after[after] != after).any():
        after = after[after]
    return after


def _persistence(landscape: Landscape) -> list[dict[str, Any]]:
    epochs = sorted(landscape.by_epoch)
    if len(epochs) < 2:
        return []
    last = landscape.by_epoch[epochs[-1]]
    found = []
    for epoch in epochs[:-1]:
        values = landscape.by_epoch[epoch]
        row: dict[str, Any] = {
            "epoch": epoch,
            "kendall_tau": _tau(values, last),
        }
        for share in SHARES:
            count = max(1, round(share * len(values)))
            for name, sign in (("best", -1), ("worst", 1)):
                some = [
                    set(np.argsort(sign * one, kind="stable")[:count].tolist())
                    for one in (values, last)
                ]
                row[f"{name}_{share:g}"] = len(some[0] & some[1]) / count
        found.append(row)
    return found


def _of_class(landscape: Landscape, recall: np.ndarray) -> dict[str, float | None]:
    varied = recall.std() > 0 and landscape.fitness.std() > 0
    return {
        "mean": float(recall.mean()),
        "std": float(recall.std(ddof=1)),
        "least": float(recall.min()),
        "most": float(recall.max()),
        "correlation": float(stats.spearmanr(recall, landscape.fitness).statistic)
        if varied
        else None,
    }


def _tau(one: np.ndarray, other: np.ndarray) -> float | None:
    if one.std() == 0 or other.std() == 0:
        return None
    return float(stats.kendalltau(one, other).statistic)


def _record(landscape: Landscape, place: int) -> dict[str, Any]:
    """Returns the architecture of a network, for JSON."""
    one = landscape.architectures[place]
    if isinstance(one, Cell):
        return {"id": one.id, **one.record()}
    return {
        name: value.item() if isinstance(value, np.generic) else value
        for name, value in one.items()
    }


def _correlations(landscape: Landscape) -> dict[str, dict[str, float]]:
    """Returns Spearman's correlation of each two columns."""
    columns = {landscape.fitness_name: landscape.values, **landscape.figures}
    ranks = {name: stats.rankdata(values) for name, values in columns.items()}
    if len(ranks) < 2 or landscape.fitness.std() == 0:
        return {}
    table = np.corrcoef(list(ranks.values()))
    return {
        name: dict(zip(ranks, map(float, row), strict=True))
        for name, row in zip(ranks, table, strict=True)
    }


def _fronts(landscape: Landscape) -> dict[str, dict[str, Any]]:
    """Returns the Pareto front of fitness and each cost: less of it is better."""
    found = {}
    for name in cost_names(landscape):
        places = front(landscape.fitness, landscape.figures[name])
        found[name] = {
            "size": len(places),
            "rows": places.tolist(),
            "networks": [_record(landscape, int(place)) for place in places],
            name: landscape.figures[name][places].tolist(),
            landscape.fitness_name: landscape.values[places].tolist(),
        }
    return found


def cost_names(landscape: Landscape) -> list[str]:
    """Returns the columns that are costs, by name."""
    costs = ("params", "macs", "flops", "size_bytes", "latency_ms", "train_seconds")
    return [name for name in costs if name in landscape.figures]


def front(fitness: np.ndarray, cost: np.ndarray) -> np.ndarray:
    """Returns the networks that none surpasses in both, the cheapest first."""
    order = np.lexsort((-fitness, cost))
    best = np.maximum.accumulate(fitness[order])
    first = np.r_[True, best[1:] > best[:-1]]
    return order[first]
