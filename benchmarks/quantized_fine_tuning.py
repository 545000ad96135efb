"""Does fine-tuning with simulated int8 help, and more than as much further training?

    python benchmarks/quantized_fine_tuning.py train so2sat \
        ../shared/data/so2sat_layout benchmarks/quantized_fine_tuning.csv
    python benchmarks/quantized_fine_tuning.py train eurosat \
        ../shared/data/eurosat_rgb/EuroSAT_RGB.zip benchmarks/quantized_fine_tuning.csv
    python benchmarks/quantized_fine_tuning.py show benchmarks/quantized_fine_tuning.csv

Networks of the search space (0: the default one; 1: its like of inverted residual
units; then random ones of at most 12 million multiply-adds) are trained, and quantised
to int8 as they are; then trained three epochs more from the same weights: as `fit
--fine-tune-quantized 3` does, and in the same way in float32 (*control*). Both keep the
epoch that is best in LiteRT int8 on the validation data, or the network as it was. The
scores are on test data that chose nothing. A network's rows are written when they are
known; the same command goes on.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import keras
import keras_tuner
import numpy as np
import pandas as pd
from runtimes import Random

import autoai4eo as ae
from autoai4eo.cost import profile
from autoai4eo.data.dataset import Dataset
from autoai4eo.data.splits import sample, split
from autoai4eo.data.statistics import cached_statistics
from autoai4eo.files import in_one_step
from autoai4eo.learning import evaluation
from autoai4eo.learning.callbacks import BestEpoch
from autoai4eo.learning.objectives import DEFAULTS
from autoai4eo.learning.training import Training
from autoai4eo.networks.fake_quantized import fake_quantized
from autoai4eo.search.space.graph import Graph, build
from autoai4eo.search.trials.fine_tuning import fine_tune
from autoai4eo.search.trials.instruments import some
from autoai4eo.search.trials.quantized import quantized_metrics
from autoai4eo.tasks.auto_model import AUGMENTATION
from autoai4eo.tasks.configuration import configure

EPOCHS, FURTHER, BATCH, MACS = 10, 3, 32, 12e6
DATA = ("so2sat", "eurosat")
EUROSAT = (1000, 500, 2000)  # patches for training, validation and testing
KAPPA = DEFAULTS["class"]
RUNTIMES = ("litert", "onnx")
METHODS: dict[str, Callable[[keras.Model], keras.Model] | None] = {
    "none": None,
    "control": lambda network: network,
    "fine-tuned": fake_quantized,
}


def parts(name: str, path: Path) -> tuple[Dataset, Dataset, Dataset]:
    """Training, validation and test data."""
    if name == "so2sat":
        found = [path / f"{p}.h5" for p in ("training", "validation", "testing")]
        train, validation, test = map(ae.open_dataset, found)
    else:
        number = sum(EUROSAT)
        whole = sample(ae.open_dataset(path), number, seed=0)
        shares = tuple(n / number for n in EUROSAT)
        train, validation, test = split(whole, shares, seed=0)
    return train, validation, test


def settings_of(graph: Graph, steps: int | None) -> Iterator[dict[str, Any]]:
    """See above; the defaults and the second one first."""
    hp = keras_tuner.HyperParameters()
    build(graph, hp, 0, steps)
    yield dict(hp.values)
    families = [p.name for p in hp.space if "inverted" in getattr(p, "values", ())]
    yield {**hp.values, **dict.fromkeys(families, "inverted")}
    rng = np.random.default_rng(0)
    while True:
        hp = Random(rng)
        model = build(graph, hp, 0, steps)
        if profile(model, latency=False).macs <= MACS:
            yield {**hp.values, "learning_rate": 3e-3, "weight_decay": 1e-2}


def train(name: str, path: Path, out: Path, networks: int, seeds: int) -> None:
    """Trains every network with every seed that the table does not have yet."""
    data, validation, test = parts(name, path)
    training = Training(
        data,
        validation,
        epochs=EPOCHS,
        batch_size=BATCH,
        augmentation=AUGMENTATION,
    )
    head = ae.So2SatClassifier if name == "so2sat" else ae.ImageClassifier
    with tempfile.TemporaryDirectory() as folder:
        graph = head(directory=folder)._graph(data)
        statistics = cached_statistics(data, Path(folder) / "statistics.json")
        configure(graph, data, statistics, None)
        choices = settings_of(graph, training.steps)
        values = [next(choices) for _ in range(networks)]
        for seed in range(seeds):
            for number in range(networks):
                known = pd.read_csv(out) if out.is_file() else pd.DataFrame()
                key = {"data": name, "network": number, "seed": seed}
                if len(known) and list(key.values()) in known[[*key]].values.tolist():
                    continue
                hp = keras_tuner.HyperParameters()
                hp.values = dict(values[number])
                network = build(graph, hp, seed, training.steps)
                file = Path(folder) / "network.keras"
                training.run(network, seed, [BestEpoch(file, KAPPA)])
                rate = hp.values["learning_rate"]
                rows = compare(network, training, test, rate, seed)
                found = pd.DataFrame([{**key, **row} for row in rows])
                with in_one_step(out) as new:
                    pd.concat([known, found]).to_csv(new, index=False)
                print(found.to_string(), flush=True)


def compare(
    network: keras.Model, training: Training, test: Dataset, rate: float, seed: int
) -> list[dict[str, Any]]:
    """A row for each method and runtime."""
    patches, weights = some(training.train), network.get_weights()
    about = {name: {"runtime": name, "precision": "int8"} for name in RUNTIMES}

    def judge(name: str, of: Dataset, network: keras.Model) -> dict[str, float]:
        return quantized_metrics(network, about[name], patches, of, False)

    rows = []
    for method, rounding in METHODS.items():
        network.set_weights(weights)
        begun, epoch = time.monotonic(), 0
        if rounding is not None:
            assert training.validation is not None
            in_litert = partial(judge, "litert", training.validation)
            best = fine_tune(
                *(network, training, FURTHER, rate, seed + 1, in_litert, [KAPPA]),
                rounding=rounding,
            )
            epoch = best.epoch + 1
        seconds = time.monotonic() - begun
        outputs = evaluation.outputs(network, test, BATCH)
        plain = evaluation.score(test, outputs)["cohen_kappa"]
        for name in RUNTIMES:
            rows.append(
                {
                    "macs": profile(network, latency=False).macs,
                    "method": method,
                    "runtime": name,
                    "float32": plain,
                    "int8": judge(name, test, network)[KAPPA.name],
                    "best_epoch": epoch,
                    "seconds": round(seconds, 1),
                }
            )
    return rows


def show(path: Path) -> None:
    """Prints means, and differences in pairs with their standard error."""
    table = pd.read_csv(path)
    pair = ["data", "runtime", "network", "seed"]
    wide = table.pivot(index=pair, columns="method", values=["float32", "int8"])
    print(wide["int8"].assign(float32=wide["float32"]["none"]).round(3).to_string())
    figures = pd.DataFrame(
        {
            "float32": wide["float32"]["none"],
            "int8": wide["int8"]["none"],
            "control float32": wide["float32"]["control"],
            "control int8": wide["int8"]["control"],
            "fine-tuned float32": wide["float32"]["fine-tuned"],
            "fine-tuned int8": wide["int8"]["fine-tuned"],
            "loss": wide["float32"]["none"] - wide["int8"]["none"],
            "gain": wide["int8"]["fine-tuned"] - wide["int8"]["none"],
            "gain of control": wide["int8"]["control"] - wide["int8"]["none"],
            "more than control": wide["int8"]["fine-tuned"] - wide["int8"]["control"],
        }
    )
    by = figures.groupby(["data", "runtime"])
    print(by.mean().round(4).T.to_string(), "\nstandard errors:")
    print(by.sem().round(4).T.to_string(), f"\n{by.size().to_string()}")


def main() -> None:
    """See above."""
    parser = argparse.ArgumentParser(description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    trains = commands.add_parser("train")
    trains.add_argument("name", choices=DATA)
    trains.add_argument("data", type=Path)
    trains.add_argument("table", type=Path)
    trains.add_argument("--networks", type=int, default=3)
    trains.add_argument("--seeds", type=int, default=3)
    commands.add_parser("show").add_argument("table", type=Path)
    given = parser.parse_args()
    if given.command == "show":
        show(given.table)
    else:
        train(given.name, given.data, given.table, given.networks, given.seeds)


if __name__ == "__main__":
    main()
