"""A strategy with one objective against the exact expectation of random search.

    python benchmarks/one_objective.py TABLE.csv --maximize kappa \
        --choices first_map,width,stages,blocks,unit,kernel \
        --known latency_ms,macs,params --seeds 40 --first 100

Printed are the median trainings to 90, 95 and 99 % of the way from the table's worst to
its best; those of random search: the median of the best of n networks drawn without
replacement, computed and not drawn; and, after the strategy's first four trainings, its
mean best less the expectation of going on at random from the same four, with the
standard error.
"""

from __future__ import annotations

import argparse
import multiprocessing
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.special import comb
from threadpoolctl import threadpool_limits

from autoai4eo.nasbench import read_table, replay
from autoai4eo.nasbench.measures import scaled

SHARES = (0.9, 0.95, 0.99)
START = 4


def search(table: pd.DataFrame, strategy: str, budget: int, seed: int) -> np.ndarray:
    """The rows that one search trained, in turn."""
    threadpool_limits(1)
    return replay(table, strategy, seed, budget)


def chance(left: np.ndarray, n: int) -> np.ndarray:
    """The probability that the best of n of these sorted values is each of them."""
    place = np.arange(1, len(left) + 1)
    return np.diff(comb(place, n) / comb(len(left), n), prepend=0)


def main() -> None:
    """See above."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("table", type=Path)
    parser.add_argument("--maximize", required=True)
    parser.add_argument("--choices", default="")
    parser.add_argument("--adjacency", default="")
    parser.add_argument("--known", default="")
    parser.add_argument("--strategy", default="cost-aware")
    parser.add_argument("--budget", type=int, default=40)
    parser.add_argument("--seeds", type=int, default=9)
    parser.add_argument("--first", type=int, default=0)
    asked = parser.parse_args()
    columns = {
        name: [c for c in getattr(asked, name).split(",") if c]
        for name in ("choices", "adjacency", "known")
    }
    table = read_table(asked.table, maximize=[asked.maximize], minimize=[], **columns)
    value = 1 - scaled(table)[:, 0]
    seeds = range(asked.first, asked.first + asked.seeds)
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(mp_context=context) as pool:
        one = partial(search, table, asked.strategy, asked.budget)
        rows = list(pool.map(one, seeds))
    best = np.array([np.maximum.accumulate(value[r]) for r in rows])

    def to(share: float, curves: np.ndarray) -> float:
        there = curves >= share - 1e-12
        first = np.where(there.any(axis=1), there.argmax(axis=1) + 1.0, np.inf)
        return float(np.median(first))

    ordered = np.sort(value)
    medians = [
        ordered[np.searchsorted(np.cumsum(chance(ordered, n)), 0.5)]
        for n in range(1, asked.budget + 1)
    ]
    exact = np.array(medians)[None]
    print(asked.strategy, *(f"{share:.0%}: {to(share, best):g}" for share in SHARES))
    print("random    ", *(f"{share:.0%}: {to(share, exact):g}" for share in SHARES))
    for n in range(START + 1, min(26, asked.budget + 1), 2):
        more = []
        for row, curve in zip(rows, best, strict=True):
            left = np.sort(np.delete(value, row[:START]))
            expected = chance(left, n - START) @ np.maximum(left, curve[START - 1])
            more.append(curve[n - 1] - expected)
        error = np.std(more) / len(more) ** 0.5
        print(f"after {n}: {np.mean(more):+.3f} ± {error:.3f}")


if __name__ == "__main__":
    main()
