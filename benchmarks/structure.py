"""Do figures of a network's structure, or of its gradients, improve `cost-aware`?

    python benchmarks/structure.py ../shared/data forecast [--splits 40]
    python benchmarks/structure.py ../shared/data search [--seeds 20]

On the two grids of 144 networks and the 450 cells of EO HW-NAS, adds further features
to those that the surrogate of `cost-aware` has: the structure of the network, see
`network_structure`; neural graph features of the cells (Kadlecová et al. 2024,
arXiv:2404.16551); and, of the grids, the four scores of the untrained network on 32
training patches. `forecast` fits the surrogate on 16, 32 and 64 random networks and
forecasts the others; `search` replays `cost-aware`. Writes eo_hw_nas.csv here.
"""

from __future__ import annotations

import argparse
import itertools
import math
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pandas as pd
from eo_hw_nas import table as records
from grid import CHOICES, network, parts
from network_structure import graph_features, structure, structure_of_cells
from scipy.stats import kendalltau
from threadpoolctl import threadpool_limits

from autoai4eo.learning.zero_cost import SCORES, zero_cost_scores
from autoai4eo.nasbench import Table, read_table, replay
from autoai4eo.nasbench.measures import Measures
from autoai4eo.networks.canonical import padded
from autoai4eo.search.strategies.surrogate import Surrogate, standardised

HERE = Path(__file__).parent
DATA = {"eurosat": "eurosat_rgb/EuroSAT_RGB.zip", "so2sat": "so2sat_layout/training.h5"}
SIZES = (16, 32, 64)
TODAY = "today"


def of_grid(data: Path, name: str) -> tuple[np.ndarray, np.ndarray]:
    """Returns the structure and the scores of the untrained networks of a grid."""
    rows = pd.read_csv(HERE / f"{name}_grid.csv").to_dict("records")
    training, _ = parts(data / DATA[name])
    (pixels,) = training.read(np.arange(len(training))).values()
    few = np.sort(np.random.default_rng(0).permutation(len(training))[:32])
    axes = (0, 1, 2)
    batch = ((pixels[few] - pixels.mean(axes)) / pixels.std(axes)).astype("float32")
    labels = np.eye(training.num_classes, dtype="float32")[training.labels[few]]
    figures, scores = [], []
    for row in rows:
        keras.backend.clear_session()
        keras.utils.set_random_seed(0)
        chosen: dict[str, Any] = {name: row[name] for name in CHOICES}
        model = network(batch.shape[1:], row["classes"], **chosen)
        figures.append(list(structure(model).values()))
        score = zero_cost_scores(
            model, {model.inputs[0].name: batch}, labels, crossentropy
        )
        scores.append([score[name] for name in SCORES])
    found = np.array(scores)
    return np.array(figures), np.sign(found) * np.log1p(np.abs(found))


def crossentropy(targets: Any, output: Any) -> Any:
    """Returns the mean loss."""
    return keras.ops.mean(keras.losses.categorical_crossentropy(targets, output))


def tables(data: Path) -> Iterator[tuple[str, dict[str, Table]]]:
    """Yields each table with today's features and with others."""
    for name in DATA:
        table = read_table(
            HERE / f"{name}_grid.csv",
            maximize=["kappa"],
            minimize=["latency_ms"],
            choices=list(CHOICES),
            known=["latency_ms", "macs", "params"],
        )
        figures, scores = of_grid(data, name)
        yield (
            name,
            {
                TODAY: table,
                "with structure": described(table, table.described, figures),
                "structure alone": described(table, figures),
                "with zero-cost scores": described(table, table.described, scores),
            },
        )
    path = Path("eo_hw_nas.csv")
    records(data / "eo_hw_nas").to_csv(path, index=False)
    table = read_table(
        path,
        maximize=["val_macro"],
        minimize=["latency_ms"],
        adjacency=["cell", "operations"],
        known=["latency_ms", "params"],
    )
    assert table.cells is not None
    graphs = padded(table.cells)
    yield (
        path.stem,
        {
            TODAY: table,
            "with structure": described(
                table, table.described, structure_of_cells(*graphs)
            ),
            "structure alone": described(table, structure_of_cells(*graphs)),
            "neural graph features alone": described(table, graph_features(*graphs)),
        },
    )


def described(table: Table, *features: np.ndarray) -> Table:
    """Returns the table with other features; its costs are features, too."""
    return replace(table, described=np.hstack(features))


def forecast(name: str, of: dict[str, Table], splits: int) -> None:
    """Prints Kendall's correlation on the other networks, and the difference."""
    print(f"\n| {name} | " + " | ".join(f"{n} trained" for n in SIZES) + " |")
    print("|" + "---|" * (1 + len(SIZES)), flush=True)
    base = None
    for what, table in of.items():
        features = standardised(np.hstack([table.described, np.log(table.known)]))
        goal = -table.figures[:, 0]
        found = np.empty((len(SIZES), splits, 2))
        for (i, size), split in itertools.product(enumerate(SIZES), range(splits)):
            order = np.random.default_rng((0, size, split)).permutation(len(table))
            known, others = order[:size], order[size:]
            expected = Surrogate(features[known], goal[known]).forecast(
                features[others]
            )
            guess = expected.zero + np.exp(expected.mean)
            off = np.square(guess - goal[others]).mean() / goal[others].var()
            ranks = kendalltau(expected.mean, goal[others]).statistic
            found[i, split] = np.nan_to_num(ranks), 1 - off
        base = found if base is None else base
        gain = found[..., 0] - base[..., 0]
        cells = [
            f"{ranks:.3f} ({mean:+.3f} ± {error:.3f}); {r2:.2f}"
            for ranks, mean, error, r2 in zip(
                found[..., 0].mean(axis=1),
                gain.mean(axis=1),
                gain.std(axis=1, ddof=1) / math.sqrt(splits),
                np.median(found[..., 1], axis=1),
                strict=True,
            )
        ]
        print(f"| {what} | " + " | ".join(cells) + " |", flush=True)


def search(name: str, of: dict[str, Table], seeds: int, budget: int) -> None:
    """Prints the share of the hypervolume that `cost-aware` reaches."""
    print(f"\n| {name} | to 90 % | 95 % | 99 % | mean share | less today |")
    print("|" + "---|" * 6, flush=True)
    base = None
    for what, table in of.items():
        measures = Measures(table)
        shares = np.array(
            [
                measures.after_each(
                    replay(table, "cost-aware", 100 + s, budget), budget
                )["hv"]
                for s in range(seeds)
            ]
        )
        base = shares if base is None else base
        reached = [
            np.median([np.argmax(s >= q) + 1 if s[-1] >= q else np.inf for s in shares])
            for q in (0.9, 0.95, 0.99)
        ]
        gain = shares.mean(axis=1) - base.mean(axis=1)
        cells = ["" if np.isinf(n) else f"{n:g}" for n in reached]
        error = gain.std(ddof=1) / math.sqrt(seeds)
        print(
            f"| {what} | {' | '.join(cells)} | {shares.mean():.3f} "
            f"| {gain.mean():+.3f} ± {error:.3f} |",
            flush=True,
        )


def main() -> None:
    """Forecasts, or searches."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("what", choices=["forecast", "search"])
    parser.add_argument("--splits", type=int, default=40)
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--budget", type=int, default=40)
    args = parser.parse_args()
    for name, of in tables(args.data):
        if args.what == "forecast":
            forecast(name, of, args.splits)
        else:
            search(name, of, args.seeds, args.budget)


if __name__ == "__main__":
    os.environ["TF_NUM_INTRAOP_THREADS"] = os.environ["TF_NUM_INTEROP_THREADS"] = "1"
    with threadpool_limits(1):
        main()
