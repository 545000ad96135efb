"""Latency in the runtimes: does one rank networks as another does?

    python benchmarks/runtimes.py --networks 50 --out runtimes.csv    # 25 min
    python benchmarks/runtimes.py --summarise runtimes.csv

`space`: random networks of the So2Sat search space. `grid`: networks of
`so2sat_grid.csv`, whose kappa is recorded there. Each network is measured twice in each
runtime, at batch size 1 and 64, the runtimes in turn. The summary shows how well a
runtime repeats itself and how well runtimes, MACs, parameters and the number of layers
agree (Spearman and Kendall), and what a front costs that was chosen by TensorFlow's
latency: the share of the hypervolume that it loses where the networks run in another
runtime.
"""

from __future__ import annotations

import argparse
import os
from contextlib import ExitStack
from itertools import combinations
from pathlib import Path
from typing import Any

import keras
import keras_tuner
import numpy as np
import pandas as pd
from grid import CHOICES, network
from scipy.stats import kendalltau, spearmanr

import autoai4eo as ae
from autoai4eo.cost.instrument import Instrument
from autoai4eo.data.sensors import band
from autoai4eo.errors import UserError
from autoai4eo.runs.pareto import hypervolume, on_front
from autoai4eo.search.space.graph import Graph

BANDS = ["B02", "B03", "B04", "B05", "B06", "B07", "B08", "B8A", "B11", "B12"]
BATCHES, ROUNDS, SECONDS = (1, 64), (1, 2), 0.3
WAYS = {
    "tensorflow": ("tensorflow", "float32"),
    "onnx": ("onnx", "float32"),
    "litert": ("litert", "float32"),
    "litert-int8": ("litert", "int8"),
    "openvino": ("openvino", "float32"),
}


class Random(keras_tuner.HyperParameters):
    """Chooses each hyperparameter at random."""

    def __init__(self, rng: np.random.Generator) -> None:
        super().__init__()
        self.rng = rng

    def Choice(self, name: str, values: Any, *args: Any, **kwargs: Any) -> Any:
        """One of the values, the same in every call of a name."""
        full = self._get_name(name)
        if full not in self.values:
            self.values[full] = values[int(self.rng.integers(len(values)))]
        return super().Choice(name, values, *args, **kwargs)


def of_space(number: int) -> list[tuple[dict[str, Any], keras.Model]]:
    """So many different networks of the search space of So2Sat's Sentinel-2 patches."""
    node = ae.ImageInput("sen2")
    node.shape, node.bands = (32, 32, 10), tuple(band(name) for name in BANDS)
    node.mean, node.std = [0.1] * 10, [0.05] * 10
    head = ae.blocks.PooledHead()
    head.shape = (17,)
    graph = Graph(inputs=[node], outputs=[head(ae.blocks.EOImageBlock()(node))])
    graph.loss = "categorical_crossentropy"
    rng = np.random.default_rng(0)
    found: list[tuple[dict[str, str], Any]] = []
    met: set[int] = set()
    while len(found) < number:
        model = graph.build(Random(rng))
        if model.count_params() not in met:
            met.add(model.count_params())
            found.append(({"space": "space"}, model))
    return found


def of_grid(number: int) -> list[tuple[dict[str, Any], keras.Model]]:
    """So many networks of the grid, with their kappa; weights are drawn anew."""
    table = pd.read_csv(Path(__file__).with_name("so2sat_grid.csv"))
    found = []
    for row in table.sample(number, random_state=0).to_dict("records"):
        shape = (row["pixels"], row["pixels"], row["bands"])
        choices = {name: row[name] for name in CHOICES}
        model = network(shape, row["classes"], **choices)
        found.append(({"space": "grid", "kappa": row["kappa"]}, model))
    return found


def measured(model: keras.Model) -> list[dict[str, Any]]:
    """A row for each runtime, batch size and round."""
    rows = []
    with ExitStack() as stack:
        ready = {
            way: stack.enter_context(Instrument(*runtime).prepared(model))
            for way, runtime in WAYS.items()
        }
        for round_ in ROUNDS:
            for batch_size in BATCHES:
                for way, instance in ready.items():
                    found = instance.latency(batch_size, SECONDS)
                    rows.append(
                        {
                            "runtime": way,
                            "batch": batch_size,
                            "round": round_,
                            "ms": found.median_ms,
                            "spread_ms": found.spread_ms,
                        }
                    )
    return rows


def measure(number: int, spaces: list[str], out: Path) -> None:
    """Writes the measurements of all networks; rerun to resume."""
    done = set() if not out.exists() else set(pd.read_csv(out)["network"])
    for i, (about, model) in enumerate([*of_space(number), *of_grid(number)]):
        if i in done or about["space"] not in spaces:
            continue
        cost = ae.profile(model, latency=False)
        about |= {"network": i, "macs": cost.macs, "params": cost.params}
        about |= {"layers": len(model.layers)}
        try:
            rows = pd.DataFrame([{**about, **row} for row in measured(model)])
        except UserError as error:
            print(i, error, flush=True)
            continue
        header = ["space", "kappa", *[n for n in rows if n not in ("space", "kappa")]]
        rows = rows.reindex(columns=header)
        rows.to_csv(out, mode="a", header=not out.exists(), index=False)
        print(
            i, dict(zip(rows["runtime"], rows["ms"].round(3), strict=False)), flush=True
        )


def summarise(out: Path) -> None:
    """Prints the tables of benchmarks/README.md."""
    table = pd.read_csv(out)
    for space, batch in [(s, b) for s in ("space", "grid") for b in BATCHES]:
        here = table[(table["space"] == space) & (table["batch"] == batch)]
        if here.empty:
            continue
        wide = here.pivot(index="network", columns=["runtime", "round"], values="ms")
        facts = here.groupby("network")[["macs", "params", "layers"]].first()
        print(f"\n{space}, batch size {batch}, {len(wide)} networks")
        for way in WAYS:
            again = spearmanr(wide[way, 1], wide[way, 2]).statistic
            ratio = (wide["tensorflow", 1] / wide[way, 1]).median()
            print(f"  {way}: repeats itself {again:.2f}; tensorflow / it {ratio:.2f}")
        ranks = {way: wide[way].mean(axis=1) for way in WAYS} | dict(facts.items())
        for a, b in combinations(ranks, 2):
            rho = spearmanr(ranks[a], ranks[b]).statistic
            tau = kendalltau(ranks[a], ranks[b]).statistic
            print(f"  {a} and {b}: Spearman {rho:.2f}, Kendall {tau:.2f}")
    for batch in BATCHES:
        here = table[(table["space"] == "grid") & (table["batch"] == batch)]
        if here.empty:
            continue
        ms = here.pivot_table(index="network", columns="runtime", values="ms")
        kappa = here.groupby("network")["kappa"].first()
        for way in WAYS:
            lost = loss_of(
                kappa.to_numpy(), ms["tensorflow"].to_numpy(), ms[way].to_numpy()
            )
            print(f"front by tensorflow, batch {batch}, run in {way}: {lost:.1%} lost")


def loss_of(kappa: np.ndarray, chosen_by: np.ndarray, run_in: np.ndarray) -> float:
    """The share of the hypervolume that is lost by choosing by another latency."""
    logs = np.log(run_in)
    reference = np.array([0.0, logs.max() + 0.1 * np.ptp(logs)])
    true = np.stack([-kappa, logs], axis=1)
    chosen = on_front(np.stack([-kappa, chosen_by], axis=1))
    return 1 - hypervolume(true[chosen], reference) / hypervolume(true, reference)


def main() -> None:
    """See above."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--networks", type=int, default=50)
    parser.add_argument("--spaces", default="space,grid")
    parser.add_argument("--out", type=Path, default=Path("runtimes.csv"))
    parser.add_argument("--summarise", type=Path)
    asked = parser.parse_args()
    if asked.summarise is None:
        print(f"load at the beginning: {os.getloadavg()[0]:.1f}")
        measure(asked.networks, asked.spaces.split(","), asked.out)
        print(f"load at the end: {os.getloadavg()[0]:.1f}")
    summarise(asked.summarise or asked.out)


if __name__ == "__main__":
    main()
