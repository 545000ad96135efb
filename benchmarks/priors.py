"""Does an earlier search help a new one, and what does a misleading one cost?

    python benchmarks/priors.py [--seeds 20] [--minimize latency_ms]

Replays `cost-aware` on each grid of 144 networks: without a prior; with the other grid,
trained on other data, as prior; with that grid's kappas permuted, other ones for each
seed; and with its own kappas and noise of 0.3 of their standard deviation, as a prior
that ranks networks nearly as the search does. Prints median trainings to a share of the
attainable hypervolume (with one objective: of the range), the mean share over the
budget and its paired difference to no prior with a 95 % interval over seeds.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
from threadpoolctl import threadpool_limits

from autoai4eo.nasbench import Table, read_table, replay
from autoai4eo.nasbench.measures import Measures
from autoai4eo.search.strategies.prior import Prior

HERE = Path(__file__).parent
CHOICES = ["first_map", "width", "stages", "blocks", "unit", "kernel"]
KNOWN = ["latency_ms", "macs", "params"]
GRIDS = ("eurosat", "so2sat")


def grid(name: str, minimize: list[str]) -> Table:
    """Reads a grid."""
    return read_table(
        HERE / f"{name}_grid.csv",
        maximize=["kappa"],
        minimize=minimize,
        choices=CHOICES,
        known=KNOWN,
    )


def prior(table: Table, kappas: np.ndarray) -> list[Prior]:
    """Returns the networks of a table with these kappas as a prior."""
    return [Prior("prior", list(table.values), {"kappa": -kappas})]


def as_it_is(kappas: np.ndarray, seed: int) -> np.ndarray:
    """Returns the same for every seed."""
    return kappas


def permuted(kappas: np.ndarray, seed: int) -> np.ndarray:
    """Returns kappas that belong to other networks."""
    return np.random.default_rng(seed).permutation(kappas)


def main() -> None:
    """Replays, and prints a table for each grid."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--budget", type=int, default=40)
    parser.add_argument("--minimize", action="append", default=[])
    args = parser.parse_args()
    for name, other in (GRIDS, GRIDS[::-1]):
        table, source = grid(name, args.minimize), grid(other, args.minimize)
        own, theirs = table.figures[:, 0], source.figures[:, 0]
        noise = np.random.default_rng(0).normal(0, 0.3 * own.std(), len(own))

        of: dict[str, tuple[Table, Callable[[int], np.ndarray]] | None] = {
            "no prior": None,
            f"{other}": (source, partial(as_it_is, theirs)),
            f"{other}, permuted": (source, partial(permuted, theirs)),
            f"{name} with noise": (table, partial(as_it_is, own + noise)),
        }
        shares = {
            what: searched(table, given, args.seeds, args.budget)
            for what, given in of.items()
        }
        show(name, shares)


def searched(
    table: Table,
    given: tuple[Table, Callable[[int], np.ndarray]] | None,
    seeds: int,
    budget: int,
) -> np.ndarray:
    """Returns the share after each training, (seeds, budget)."""
    measures, found = Measures(table), []
    for seed in range(seeds):
        priors = [] if given is None else prior(given[0], given[1](seed))
        trained = replay(replace(table, priors=priors), "cost-aware", seed, budget)
        found.append(measures.after_each(trained, budget)["hv"])
    return np.array(found)


def show(name: str, shares: dict[str, np.ndarray]) -> None:
    """Prints the table of a grid."""
    print(f"\n| {name}, prior: | to 90 % | 95 % | 99 % | after 5 | mean | less none |")
    print("|" + "---|" * 7)
    base = next(iter(shares.values())).mean(axis=1)
    rng = np.random.default_rng(0)
    for what, of in shares.items():
        reached = [
            np.median(
                [np.argmax(one >= q) + 1 if one[-1] >= q else np.inf for one in of]
            )
            for q in (0.9, 0.95, 0.99)
        ]
        cells = ["" if np.isinf(n) else f"{n:g}" for n in reached]
        gain = of.mean(axis=1) - base
        drawn = gain[rng.integers(len(gain), size=(2000, len(gain)))].mean(axis=1)
        low, high = np.quantile(drawn, (0.025, 0.975))
        print(
            f"| {what} | {' | '.join(cells)} | {of[:, 4].mean():.3f} | {of.mean():.3f} "
            f"| {gain.mean():+.3f} [{low:+.3f}, {high:+.3f}] |",
            flush=True,
        )


if __name__ == "__main__":
    with threadpool_limits(1):
        main()
