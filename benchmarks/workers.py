"""What worker processes cost: true latency, memory, time outside of training.

    python benchmarks/workers.py latency
    python benchmarks/workers.py memory --trials 60
    python benchmarks/workers.py overhead --trials 1000

`latency`: networks measured on an idle machine, beside two training processes that
pause for it, and beside two that do not. `memory`: resident memory of the worker of a
search, by trial. `overhead`: seconds that a worker spends on a trial outside of its
training when so many trials are in the storage.
"""

from __future__ import annotations

import argparse
import contextlib
import multiprocessing
import os
import signal
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import keras
import numpy as np

import autoai4eo as ae
from autoai4eo.search.workers.measurement_lock import MeasurementLock
from autoai4eo.search.workers.yielding import YieldToMeasurements

ROUNDS = 7
POLITE = "beside two that pause"


def network(width: int) -> keras.Model:
    """A small network for patches of 32 × 32 pixels and 10 bands."""
    inputs = keras.Input((32, 32, 10))
    x = inputs
    for stage in range(3):
        x = keras.layers.Conv2D(width * 2**stage, 3, 2, "same", activation="relu")(x)
        x = keras.layers.Conv2D(width * 2**stage, 3, 1, "same", activation="relu")(x)
    x = keras.layers.GlobalAveragePooling2D()(x)
    return keras.Model(inputs, keras.layers.Dense(17, activation="softmax")(x))


class Begun(keras.callbacks.Callback):
    """Tells that a training is on its way."""

    def __init__(self, event: Any) -> None:
        super().__init__()
        self.event = event

    def on_train_batch_end(self, batch: int, logs: object = None) -> None:
        """After every batch."""
        self.event.set()


def train_for_ever(gives_way: bool, begun: Any) -> None:
    """Keeps this process busy."""
    model = network(32)
    model.compile("adam", "sparse_categorical_crossentropy")
    x = np.zeros((2000, 32, 32, 10), "float32")
    y = np.zeros(2000, int)
    quiet = MeasurementLock()
    callbacks = [Begun(begun), *([YieldToMeasurements(quiet)] if gives_way else [])]
    with quiet.training() if gives_way else contextlib.nullcontext():
        model.fit(x, y, epochs=10_000, verbose=0, callbacks=callbacks)


def latency() -> None:
    """Medians of seven rounds, each of all three situations: no drift counts."""
    models = {width: network(width) for width in (8, 32, 64)}
    quiet = MeasurementLock()
    context = multiprocessing.get_context("spawn")
    busy: dict[str, list[Any]] = {"idle": [], POLITE: [], "that do not": []}
    for name in (POLITE, "that do not"):
        for _ in range(2):
            begun = context.Event()
            process = context.Process(
                target=train_for_ever, args=(name == POLITE, begun), daemon=True
            )
            process.start()
            begun.wait()
            busy[name].append(process)
            os.kill(process.pid or 0, signal.SIGSTOP)
    found: dict[tuple[str, int], list[float]] = {}
    for _ in range(ROUNDS):
        for name, processes in busy.items():
            for process in processes:
                os.kill(process.pid, signal.SIGCONT)
            time.sleep(1)
            for width, model in models.items():
                # those that are stopped hold the lock
                with quiet.exclusive() if name == POLITE else contextlib.nullcontext():
                    cost = ae.profile(model)
                assert cost.latency_ms is not None
                found.setdefault((name, width), []).append(cost.latency_ms)
            for process in processes:
                os.kill(process.pid, signal.SIGSTOP)
    for process in busy[POLITE] + busy["that do not"]:
        process.kill()
    for name in busy:
        shown = "   ".join(
            f"{np.median(found[name, w]):.3f} ms "
            f"(× {np.median(found[name, w]) / np.median(found['idle', w]):.2f})"
            for w in models
        )
        print(f"{name:28s} {shown}")


def _data(samples: int) -> Any:
    rng = np.random.default_rng(0)
    pixels = rng.random((samples, 32, 32, 10), "float32")
    return ae.open_dataset({"sen2": pixels}, labels=np.arange(samples) % 5)


def memory(trials: int) -> None:
    """Peak resident memory of the worker, by trial."""
    peaks: dict[int, float] = {}
    with tempfile.TemporaryDirectory() as folder:
        classifier = ae.ImageClassifier(
            directory=folder, project_name="run", tuner="random", max_trials=trials
        )
        run, over = Path(folder) / "run", threading.Event()

        def watch() -> None:
            while not over.wait(0.2):
                done = len(list(run.glob("trials/*")))
                used = max(map(_resident, _workers()), default=0.0)
                peaks[done] = max(peaks.get(done, 0.0), used)

        watcher = threading.Thread(target=watch)
        watcher.start()
        classifier.fit(_data(200), validation_data=_data(50), epochs=1, verbose=0)
        over.set()
        watcher.join()
    numbers = sorted(n for n in peaks if n)
    for first in range(0, len(numbers), 10):
        ten = numbers[first : first + 10]
        print(f"trials {ten[0]} to {ten[-1]}: {max(peaks[n] for n in ten):.0f} MB")


def _workers() -> list[Path]:
    return [
        path
        for path in Path("/proc").glob("[0-9]*")
        if b"autoai4eo.search.workers.process" in _read(path / "cmdline")
    ]


def _resident(process: Path) -> float:
    lines = _read(process / "status").decode().splitlines()
    return sum(float(line.split()[1]) for line in lines if "VmRSS" in line) / 1024


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""  # it ended meanwhile


def overhead(trials: int) -> None:
    """Seconds outside of training for ten trials after so many, each strategy."""
    import optuna
    from optuna.trial import TrialState, create_trial

    from autoai4eo.learning.objectives import parse_objectives
    from autoai4eo.learning.training import Training
    from autoai4eo.search.settings import SearchSettings
    from autoai4eo.search.tuner import Tuner
    from autoai4eo.search.workers.progress import Progress
    from autoai4eo.tasks.configuration import configure

    for strategy in ("cost-aware", "random", "tpe"):
        with tempfile.TemporaryDirectory() as folder:
            train = _data(64)
            classifier = ae.ImageClassifier()
            from autoai4eo.data.statistics import cached_statistics

            (Path(folder) / "run").mkdir()
            graph = classifier._graph(train)
            statistics = cached_statistics(train, Path(folder) / "statistics.json")
            configure(graph, train, statistics, None)
            settings = SearchSettings(
                objective=["val_cohen_kappa", "latency_ms"],
                max_trials=trials + 100,
                tuner=strategy,
                constraints={"params": 200_000},
            )
            tuner = Tuner(graph, settings, Path(folder) / "run")
            training = Training(train, train, epochs=1)
            tuner.open(training)
            rng = np.random.default_rng(0)
            sampler: Any = tuner.study.sampler
            candidates = sampler.setting.candidates
            drawn = candidates.draw(trials, rng)
            costs = ("params", "trainable_params", "macs", "flops", "size_bytes")
            for i, values in enumerate(drawn):
                cost = dict.fromkeys(costs, float(rng.lognormal(10)))
                latency = float(rng.lognormal())
                cost |= {"latency_ms": latency, "latency_batch_size": 1}
                tuner.study.add_trial(
                    create_trial(
                        state=TrialState.COMPLETE,
                        values=[float(rng.random()), latency],
                        user_attrs={
                            "hyperparameters": values,
                            "cost": {**cost, "device": "none"},
                            "fingerprint": f"{i}",
                            "metrics": {},
                            "best_epoch": 0,
                        },
                    )
                )
            progress = Progress(lambda message: None, parse_objectives("val_loss")[0])
            spent = []
            for _ in range(10):
                begin = time.monotonic()
                tuner.work(training, progress, candidates=1)
                seconds = time.monotonic() - begin
                last = tuner.study.get_trials(deepcopy=False)[-1]
                spent.append(seconds - last.user_attrs.get("train_seconds", 0.0))
            optuna.logging.set_verbosity(optuna.logging.ERROR)
            print(
                f"{strategy}: median {np.median(spent):.1f} s, first {spent[0]:.1f} s, "
                f"at most {max(spent):.1f} s"
            )


def main() -> None:
    """One of the three."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("what", choices=["latency", "memory", "overhead"])
    parser.add_argument("--trials", type=int, default=60)
    args = parser.parse_args()
    if args.what == "latency":
        latency()
    else:
        {"memory": memory, "overhead": overhead}[args.what](args.trials)


if __name__ == "__main__":
    main()
