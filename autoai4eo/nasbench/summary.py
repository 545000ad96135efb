"""Scores of the searches on a table, and tests of their differences."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from scipy.stats import mannwhitneyu

from autoai4eo.learning.objectives import Objective
from autoai4eo.nasbench.measures import FRONT_MEASURES, Measures
from autoai4eo.nasbench.recorded import Table

SHARES = (90, 95, 99)
LOOKED_AT = (50, 100)

#: By strategy and seed, the indices in the table that were trained, in order.
Queries = Mapping[str, Sequence[np.ndarray]]
#: The same, by (strategy, seed); some may be missing.
Searches = dict[tuple[str, int], np.ndarray]
#: By strategy and measure, its values after each training, (seeds, budget).
Curves = Mapping[str, Mapping[str, np.ndarray]]


def results(table: Table, queries: Queries, budget: int) -> dict[str, pd.DataFrame]:
    """Returns the tables of a simulation: summary, queries, curves, differences."""
    found = curves_of(table, queries, budget)
    searches = {
        (name, seed): run
        for name, runs in queries.items()
        for seed, run in enumerate(runs)
    }
    return {
        "summary": summary(found, table.objectives),
        "queries": queries_of(table, searches),
        "curves": curves(found),
        "differences": differences(found),
    }


def curves_of(table: Table, queries: Queries, budget: int) -> Curves:
    """Returns the measures of all searches, see `Measures`."""
    measures = Measures(table)
    found: dict[str, dict[str, np.ndarray]] = {}
    for name, runs in queries.items():
        each = [measures.after_each(run, budget) for run in runs]
        found[name] = {what: np.array([one[what] for one in each]) for what in each[0]}
    return found


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


def summary(found: Curves, objectives: Sequence[Objective]) -> pd.DataFrame:
    """Returns a row per strategy; figures are medians over the seeds.

    ``to_90``, ``to_95``, ``to_99``
        trainings until so many per cent of the attainable hypervolume; NaN where the
        median search did not get there.
    ``hv_at_50``, ``hv_at_100``
        the share of the hypervolume after so many trainings; NaN beyond the budget.
    ``hv``, ``igd_plus``, ``pareto_distance``, ``best_OBJECTIVE``
        after the whole budget, see `Measures`.
    """
    rows = []
    for name, of in found.items():
        shares = of["hv"]
        seeds, budget = shares.shape
        row: dict[str, object] = {"strategy": name, "seeds": seeds, "budget": budget}
        for share in SHARES:
            enough = shares >= share / 100 - 1e-12
            first = np.where(enough.any(axis=1), enough.argmax(axis=1) + 1.0, np.inf)
            median = float(np.median(first))
            row[f"to_{share}"] = median if np.isfinite(median) else np.nan
        for n in LOOKED_AT:
            known = n <= budget
            row[f"hv_at_{n}"] = np.median(shares[:, n - 1]) if known else np.nan
        for what in FRONT_MEASURES:
            row[what] = np.median(of[what][:, -1])
        for objective in objectives:
            row[f"best_{objective.name}"] = np.median(of[objective.name][:, -1])
        rows.append(row)
    return pd.DataFrame(rows)


def curves(found: Curves) -> pd.DataFrame:
    """Returns quartiles over the seeds, by strategy and number of trainings ``n``.

    They are of the measures of the front (``hv``, ``igd_plus``, ``pareto_distance``)
    and of each objective's best so far, see `Measures`.
    """
    frames = [
        pd.DataFrame(
            {
                "strategy": name,
                "n": np.arange(1, of["hv"].shape[1] + 1),
                **{
                    f"{what}_{label}": np.percentile(values, share, axis=0)
                    for what, values in of.items()
                    for label, share in (("q25", 25), ("median", 50), ("q75", 75))
                },
            }
        )
        for name, of in found.items()
    ]
    return pd.concat(frames, ignore_index=True)


def differences(found: Curves) -> pd.DataFrame:
    """Tests for each pair of strategies whether their mean shares differ.

    Two-sided Mann–Whitney tests over the seeds; ``p_holm`` is corrected for the number
    of pairs (Holm 1979). ``a12`` is the size of the effect (Vargha and Delaney 2000):
    the probability that a search of the first strategy has the larger mean share; of
    equal ones half counts.
    """
    means = {name: of["hv"].mean(axis=1) for name, of in found.items()}
    rows = []
    for a, b in itertools.combinations(means, 2):
        test = mannwhitneyu(means[a], means[b])
        rows.append(
            {
                "strategy": a,
                "other": b,
                "mean_share": np.median(means[a]),
                "other_mean_share": np.median(means[b]),
                "a12": float(test.statistic) / (len(means[a]) * len(means[b])),
                "p": float(test.pvalue),
            }
        )
    columns = ["strategy", "other", "mean_share", "other_mean_share", "a12", "p"]
    frame = pd.DataFrame(rows, columns=columns)
    return frame.assign(p_holm=holm(frame["p"].to_numpy(float)))


def holm(p: np.ndarray) -> np.ndarray:
    """Corrects p values for their number, by Holm's step-down method."""
    order = np.argsort(p)
    factors = len(p) - np.arange(len(p))
    corrected = np.empty(len(p))
    corrected[order] = np.maximum.accumulate(np.minimum(p[order] * factors, 1.0))
    return corrected
