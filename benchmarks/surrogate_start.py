"""Does it help to begin a search with what a surrogate expects to be good?

    python benchmarks/surrogate_start.py TABLE --choices a,b,c --maximize kappa \
        --minimize latency_ms --known latency_ms,macs

Replays strategies with random starts and with starts by surrogate, whose drawn networks
are part of the budget or not. Prints a table in Markdown, and tests of each start by
surrogate against the random one of the same strategy (Mann–Whitney of the mean share of
the hypervolume over the budget, corrected by Holm for all of these; A12 is the
probability that the start by surrogate is better).
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np
from scipy.stats import mannwhitneyu
from threadpoolctl import threadpool_limits

from autoai4eo.nasbench import read_table, replay
from autoai4eo.nasbench.start import RANDOM, Start, by_surrogate
from autoai4eo.nasbench.summary import curves_of, holm, summary


def main() -> None:
    """Replays, and prints the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("table", type=Path)
    for name in ("choices", "adjacency", "maximize", "minimize", "known"):
        parser.add_argument(f"--{name}", default="")
    parser.add_argument("--tuners", default="random,nsga2,local-search,cost-aware")
    parser.add_argument("--fitted-on", type=int, default=20)
    parser.add_argument("--budget", type=int, default=60)
    parser.add_argument("--seeds", type=int, default=13)
    args = parser.parse_args()
    table = read_table(
        args.table,
        **{
            name: [one for one in getattr(args, name).split(",") if one]
            for name in ("choices", "adjacency", "maximize", "minimize", "known")
        },
    )
    starts: dict[str, Start] = {
        "": RANDOM,
        f"surrogate, {args.fitted_on} charged": by_surrogate(
            table, args.fitted_on, None
        ),
        "surrogate, 0 charged": by_surrogate(table, args.fitted_on, 0),
    }
    begun = time.process_time()
    tuners, seeds = args.tuners.split(","), range(args.seeds)
    queries: dict[str, list[np.ndarray]] = {}
    with threadpool_limits(1):
        # the same for all strategies
        first = {
            label: [Start("given", tuple(start.first(table, seed))) for seed in seeds]
            for label, start in starts.items()
        }
        for tuner in tuners:
            for label, begins in first.items():
                queries[f"{tuner}, {label}".rstrip(", ")] = [
                    replay(table, tuner, seed, args.budget, begins[seed])
                    for seed in seeds
                ]
    found = curves_of(table, queries, args.budget)
    print(f"{len(table):,} networks, {time.process_time() - begun:.0f} CPU seconds\n")
    frame = summary(found, table.objectives).drop(columns=["seeds", "budget"])
    print("| " + " | ".join(frame.columns) + " |")
    print("|---" * len(frame.columns) + "|")
    for row in frame.itertuples(index=False):
        cells = [text if isinstance(text, str) else f"{text:.4g}" for text in row]
        print("| " + " | ".join(c.replace("nan", "") for c in cells) + " |")
    means = {name: of["hv"].mean(axis=1) for name, of in found.items()}
    pairs = [(t, f"{t}, {s}") for t in tuners for s in starts if s]
    tests = [mannwhitneyu(means[other], means[base]) for base, other in pairs]
    p_holm = holm(np.array([test.pvalue for test in tests]))
    print("\n| | mean share | random start | A12 | p (Holm) |\n|---|---|---|---|---|")
    for (base, other), test, p in zip(pairs, tests, p_holm, strict=True):
        a12 = test.statistic / (len(means[other]) * len(means[base]))
        print(
            f"| {other} | {np.median(means[other]):.3f} | {np.median(means[base]):.3f} "
            f"| {a12:.2f} | {p:.2g} |"
        )


if __name__ == "__main__":
    main()
