"""Scores of the searches on a table, and tests of their differences."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from scipy.stats import mannwhitneyu

from autoai4eo.nasbench.recorded import Table
from autoai4eo.runs.pareto import hypervolume, minimised

SHARES = (90, 95, 99)
LOOKED_AT = (50, 100)

#: By strategy and seed, the indices in the table that were trained, in order.
Queries = Mapping[str, Sequence[np.ndarray]]
#: The same, by (strategy, seed); some may be missing.
Searches = dict[tuple[str, int], np.ndarray]


def results(table: Table, queries: Queries, budget: int) -> dict[str, pd.DataFrame]:
    """Returns the tables of a simulation: summary, queries, curves, differences."""
    return {
        "summary": summary(table, queries, budget),
        "queries": queries_of(
            table,
            {
                (name, seed): run
                for name, runs in queries.items()
                for seed, run in enumerate(runs)
            },
        ),
        "curves": curves(table, queries, budget),
        "differences": differences(table, queries, budget),
    }


def queries_of(table: Table, searches: Searches) -> pd.DataFrame:
    """Returns a row per training: strategy, seed, ``n`` from 1, row in the file."""
    return pd.DataFrame(
        [
            (name, seed, n, table.rows[place])
            for (name, seed), run in searches.items()
            for n, place in enumerate(run, start=1)
        ],
        columns=["strategy", "seed", "n", "row"],
    )


def scaled(table: Table) -> np.ndarray:
    """Returns objectives (n, objectives), scaled: 0 is the table's best, 1 its worst.

    Objectives in `Table.logarithmic` are scaled after taking the logarithm.
    """
    figures = table.figures.copy()
    for i, objective in enumerate(table.objectives):
        if objective.name in table.logarithmic:
            figures[:, i] = np.log(figures[:, i])
    figures = minimised(figures, table.objectives)
    low, high = figures.min(axis=0), figures.max(axis=0)
    return (figures - low) / np.where(high > low, high - low, 1.0)


def reached(points: np.ndarray, trained: np.ndarray, budget: int) -> np.ndarray:
    """Returns the share of the attainable hypervolume after each training, (budget,).

    The reference point is the worst value of each objective; with one objective the
    share is the distance from the worst. After an early end the share stays constant.

    Args:
        points: from `scaled`.
        trained: indices in the table, in order.
        budget: length of the curve.
    """
    worst = np.ones(points.shape[1])
    shares = np.empty(len(trained))
    front = np.empty((0, points.shape[1]))
    volume = 0.0
    for i, point in enumerate(points[trained]):
        if not (front <= point).all(axis=1).any():
            front = np.vstack([front[~(point <= front).all(axis=1)], point])
            volume = hypervolume(front, worst)
        shares[i] = volume
    attainable = hypervolume(points, worst)
    shares = shares / attainable if attainable > 0 else np.ones(len(trained))
    return np.pad(shares, (0, budget - len(trained)), mode="edge")


def summary(table: Table, queries: Queries, budget: int) -> pd.DataFrame:
    """Returns a row per strategy: trainings to 90, 95, 99 %, shares after 50, 100.

    All are medians over the seeds; NaN where the median search did not get there.
    """
    points = scaled(table)
    rows = []
    for name, runs in queries.items():
        shares = np.array([reached(points, run, budget) for run in runs])
        row: dict[str, object] = {"strategy": name, "seeds": len(runs)}
        row["budget"] = budget
        for share in SHARES:
            enough = shares >= share / 100 - 1e-12
            first = np.where(enough.any(axis=1), enough.argmax(axis=1) + 1.0, np.inf)
            median = float(np.median(first))
            row[f"to_{share}"] = median if np.isfinite(median) else np.nan
        for n in LOOKED_AT:
            known = n <= budget
            row[f"hv_at_{n}"] = np.median(shares[:, n - 1]) if known else np.nan
        rows.append(row)
    return pd.DataFrame(rows)


def curves(table: Table, queries: Queries, budget: int) -> pd.DataFrame:
    """Returns quartiles over the seeds, by strategy and number of trainings ``n``.

    They are of the share of the hypervolume (``hv``) and of each objective's best so
    far.
    """
    points = scaled(table)
    frames = []
    for name, runs in queries.items():
        found = {"hv": np.array([reached(points, run, budget) for run in runs])}
        for i, objective in enumerate(table.objectives):
            best = np.maximum if objective.direction == "max" else np.minimum
            found[objective.name] = np.array(
                [
                    np.pad(
                        best.accumulate(table.figures[run, i]),
                        (0, budget - len(run)),
                        mode="edge",
                    )
                    for run in runs
                ]
            )
        frames.append(
            pd.DataFrame(
                {
                    "strategy": name,
                    "n": np.arange(1, budget + 1),
                    **{
                        f"{what}_{label}": np.percentile(values, share, axis=0)
                        for what, values in found.items()
                        for label, share in (("q25", 25), ("median", 50), ("q75", 75))
                    },
                }
            )
        )
    return pd.concat(frames, ignore_index=True)


def differences(table: Table, queries: Queries, budget: int) -> pd.DataFrame:
    """Tests for each pair of strategies whether their mean shares differ.

    Two-sided Mann–Whitney tests over the seeds; ``p_holm`` is corrected for the number
    of pairs (Holm 1979).
    """
    points = scaled(table)
    means = {
        name: [float(reached(points, run, budget).mean()) for run in runs]
        for name, runs in queries.items()
    }
    rows = [
        {
            "strategy": a,
            "other": b,
            "mean_share": np.median(means[a]),
            "other_mean_share": np.median(means[b]),
            "p": float(mannwhitneyu(means[a], means[b]).pvalue),
        }
        for a, b in itertools.combinations(means, 2)
    ]
    frame = pd.DataFrame(
        rows, columns=["strategy", "other", "mean_share", "other_mean_share", "p"]
    )
    return frame.assign(p_holm=holm(frame["p"].to_numpy(float)))


def holm(p: np.ndarray) -> np.ndarray:
    """Corrects p values for their number, by Holm's step-down method."""
    order = np.argsort(p)
    factors = len(p) - np.arange(len(p))
    corrected = np.empty(len(p))
    corrected[order] = np.maximum.accumulate(np.minimum(p[order] * factors, 1.0))
    return corrected
