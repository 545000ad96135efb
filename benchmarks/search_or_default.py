"""A search against the same computing time spent on the default network.

    python benchmarks/search_or_default.py train ../shared/data/so2sat_layout \
        benchmarks/search_or_default.csv [--trials 10] [--epochs 10]
    python benchmarks/search_or_default.py show benchmarks/search_or_default.csv

`train` trains on training.h5: the default network for ten epochs with several seeds,
and four and eight times as long, and searches by `random` and `cost-aware` of ten
networks for ten epochs each, of at most 12 million multiply-adds. Validation kappa
chooses; the kappa on testing.h5, with its interval by parent, is the score. Time is CPU
seconds (user and system) of the process, which other work on the machine changes
little: a search pays for all that it does, the default network only for its trainings.
Whole jobs are written, each when it ended; the same command goes on with what is
missing.

`show` prints what the best so far by validation scores after so much time.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import ClassVar

import keras
import numpy as np
import pandas as pd

BATCH = 32
MACS = 12e6  # at most, about twice the default network's
DEFAULT = "default"
ORDERS = 1000  # of the default network's trainings


def jobs(trials: int, epochs: int) -> list[tuple[str, int, int, int]]:
    """Method, seed, epochs and networks of each."""
    return [
        *((DEFAULT, seed, epochs, 1) for seed in range(8)),
        (DEFAULT, 0, 4 * epochs, 1),
        ("cost-aware", 0, epochs, trials),
        ("random", 0, epochs, trials),
        (DEFAULT, 0, 8 * epochs, 1),
        ("cost-aware", 1, epochs, trials),
        (DEFAULT, 1, 4 * epochs, 1),
        ("random", 1, epochs, trials),
    ]


class Clock(keras.callbacks.Callback):
    """CPU seconds of the last training of this process."""

    seconds: ClassVar[float] = 0.0

    def on_train_begin(self, logs: object = None) -> None:
        """Starts."""
        self.begun = time.process_time()

    def on_train_end(self, logs: object = None) -> None:
        """Stops."""
        Clock.seconds = time.process_time() - self.begun


def job(
    data: Path, method: str, seed: int, epochs: int, networks: int
) -> list[dict[str, object]]:
    """A row for each network that was trained."""
    import autoai4eo as ae
    from autoai4eo.data.statistics import cached_statistics
    from autoai4eo.learning import evaluation
    from autoai4eo.learning.training import Training
    from autoai4eo.search.settings import SearchSettings
    from autoai4eo.search.tuner import Tuner
    from autoai4eo.search.workers.progress import Progress
    from autoai4eo.tasks.auto_model import AUGMENTATION
    from autoai4eo.tasks.configuration import configure

    train, validation, testing = (
        ae.open_dataset(data / f"{part}.h5")
        for part in ("training", "validation", "testing")
    )
    training = Training(
        train,
        validation,
        epochs=epochs,
        batch_size=BATCH,
        callbacks=(Clock(),),
        augmentation=AUGMENTATION,
    )
    rows: list[dict[str, object]] = []
    with tempfile.TemporaryDirectory() as folder:
        graph = ae.So2SatClassifier()._graph(train)
        statistics = cached_statistics(train, Path(folder) / "statistics.json")
        configure(graph, train, statistics, None)
        settings = SearchSettings(
            objective="val_cohen_kappa",
            constraints={"macs": MACS},
            max_trials=networks + 1,  # else a finalist would be trained on
            # it begins with the default network
            tuner="cost-aware" if method == DEFAULT else method,
            seed=seed,
        )
        run = Path(folder) / "run"
        run.mkdir()
        tuner = Tuner(graph, settings, run)
        tuner.open(training)
        progress = Progress(lambda message: None, tuner.objectives[0])
        spent = 0.0
        while len(rows) < networks:
            begun = time.process_time()
            tuner.work(training, progress, candidates=1)
            spent += time.process_time() - begun
            trial = tuner.study.trials[-1]
            if not trial.values:
                continue  # failed, or trained before: the next one pays for it
            model = keras.models.load_model(
                run / "trials" / str(trial.number) / "model.keras"
            )
            found = evaluation.evaluate(model, testing)
            low, high = found["intervals"]["cohen_kappa"]
            rows.append(
                {
                    "method": method,
                    "seed": seed,
                    "epochs": epochs,
                    "n": len(rows) + 1,
                    "cpu_s": round(Clock.seconds if method == DEFAULT else spent, 2),
                    "validation_kappa": round(trial.values[0], 4),
                    "kappa": round(found["cohen_kappa"], 4),
                    "lower": round(low, 4),
                    "upper": round(high, 4),
                    "params": trial.user_attrs["cost"]["params"],
                    "macs": trial.user_attrs["cost"]["macs"],
                    "learning_rate": trial.user_attrs["hyperparameters"][
                        "learning_rate"
                    ],
                }
            )
            spent = 0.0
    return rows


def train(data: Path, out: Path, trials: int, epochs: int) -> None:
    """Does the jobs that the table does not have yet, each in a process of its own."""
    for pool_of in ("INTRAOP", "INTEROP"):
        os.environ[f"TF_NUM_{pool_of}_THREADS"] = "1"  # idle threads spin
    known = pd.read_csv(out) if out.is_file() else pd.DataFrame(columns=["method"])
    keys = ["method", "seed", "epochs"]
    done = set(known[keys].itertuples(index=False, name=None)) if len(known) else set()
    with ProcessPoolExecutor(
        1, multiprocessing.get_context("spawn"), max_tasks_per_child=1
    ) as pool:
        for one in jobs(trials, epochs):
            if one[:3] in done:
                continue
            rows = pd.DataFrame(pool.submit(job, data, *one).result())
            rows.to_csv(out, mode="a", header=not out.is_file(), index=False)
            print(rows.to_string(), flush=True)


def chosen(runs: pd.DataFrame, seconds: float) -> tuple[float, float]:
    """The kappas (validation, testing) of the best by validation after so long.

    Args:
        runs: trainings in their order.
        seconds: of CPU; NaN where no training ended in them.
    """
    ended = runs[runs["cpu_s"].cumsum() <= seconds]
    if not len(ended):
        return np.nan, np.nan
    best = ended.loc[ended["validation_kappa"].idxmax()]
    return best["validation_kappa"], best["kappa"]


def show(path: Path) -> None:
    """Prints a line for each budget, then the long trainings."""
    table = pd.read_csv(path)
    default = table["method"] == DEFAULT
    epochs = table["epochs"].min()
    short = table[default & (table["epochs"] == epochs)]
    searches = table[~default].groupby(["method", "seed"], sort=False)
    rng = np.random.default_rng(0)
    orders = [short.iloc[rng.permutation(len(short))] for _ in range(ORDERS)]
    ends = [run["cpu_s"].sum() for _, run in searches]
    every = short["cpu_s"].sum()
    print(f"best by validation: its kappa in validation / testing; {every:.0f} s")
    print(f"are all {len(short)} trainings of the default network")
    names = [f"{method} {seed}" for (method, seed), _ in searches]
    print("| CPU s | " + " | ".join([DEFAULT, *names]) + " |")
    print("|" + "---|" * (2 + len(names)))
    for seconds in np.arange(100, max(ends, default=every) + 100, 100):
        found = np.array([chosen(order, seconds) for order in orders])
        low, high = np.percentile(found[:, 1], (10, 90))
        mean = found.mean(axis=0)
        cells = [f"{mean[0]:.3f} / {mean[1]:.3f} ({low:.3f} to {high:.3f})"]
        for _, run in searches:
            validation, testing = chosen(run, seconds)
            cells.append(f"{validation:.3f} / {testing:.3f}")
        print(f"| {seconds:.0f} | " + " | ".join(cells) + " |")
    print()
    print("| default, epochs | seed | CPU s | validation | testing |")
    print("|---|---|---|---|---|")
    for row in table[default & (table["epochs"] > epochs)].itertuples():
        print(
            f"| {row.epochs} | {row.seed} | {row.cpu_s:.0f} "
            f"| {row.validation_kappa:.3f} "
            f"| {row.kappa:.3f} ({row.lower:.3f} to {row.upper:.3f}) |"
        )


def main() -> None:
    """Trains, or shows."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    what = parser.add_subparsers(dest="job", required=True)
    training = what.add_parser("train")
    training.add_argument("data", type=Path)
    training.add_argument("out", type=Path)
    training.add_argument("--trials", type=int, default=10)
    training.add_argument("--epochs", type=int, default=10)
    what.add_parser("show").add_argument("table", type=Path)
    args = parser.parse_args()
    if args.job == "train":
        train(args.data, args.out, args.trials, args.epochs)
    else:
        show(args.table)


if __name__ == "__main__":
    main()
